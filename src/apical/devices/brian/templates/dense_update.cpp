{# USES_VARIABLES { _synaptic_pre, _synaptic_post } #}
{# The change of every weight of a dense projection. Rows whose presynaptic signal `skip` is zero
   would not change and are left out. With `taught`, columns of neurons that no feedback has just
   reached keep their weights (unless the rule says so itself), and nothing at all is done where it
   reached none. A row whose variables `rests` are zero keeps them at zero until one of the presynaptic
   variables `wakes` is not: it sleeps, and is left out. What is zero is looked up only where `wakes`
   are, as at the start of a trial. It goes by strips of 64 columns: what a rule makes of the postsynaptic neuron's
   signals is then worked out once for all rows, since the compiler sees that copies of them do not
   change while weights do. #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    {% if taught %}
    int _any = 0;
    for (size_t _target = 0; _target < {{n_post}}; _target++)
        _any |= {{get_array_name(taught)}}[_target] != 0;
    if (_any)
    {% endif %}
    {
        // scalar code
        const size_t _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        size_t _sources[{{n_pre}}], _rows = 0;
        {% if wakes %}
        static bool _asleep[{{n_pre}}];
        {% endif %}
        for (size_t _source = 0; _source < {{n_pre}}; _source++)
        {
            _sources[_rows] = _source;
            {% if wakes %}
            _asleep[_source] &= {% for variable in wakes %}{{get_array_name(variable)}}[_source] == 0{{" && " if not loop.last}}{% endfor %};
            _rows += !_asleep[_source];
            {% else %}
            _rows += {% if skip %}{{get_array_name(skip)}}[_source] != 0{% else %}1{% endif %};
            {% endif %}
        }
        {% for width, first, last in ((64, 0, n_post // 64 * 64), (n_post % 64, n_post // 64 * 64, n_post)) if first < last %}
        for (size_t _first = {{first}}; _first < {{last}}; _first += {{width}})
        {
            {% set code = namespace(lines=vector_code|autoindent) %}
            {% for variable in columns(variables, variable_indices) %}
            {% set array = get_array_name(variable) %}
            {{c_data_type(variable.dtype)}} _column_{{loop.index}}[{{width}}];
            for (size_t _lane = 0; _lane < {{width}}; _lane++) _column_{{loop.index}}[_lane] = {{array}}[_first + _lane];
            {% set code.lines = code.lines|replace(array ~ '[_postsynaptic_idx]', '_column_' ~ loop.index ~ '[_lane]') %}
            {% endfor %}
            for (size_t _row = 0; _row < _rows; _row++)
            {
                const size_t _source = _sources[_row];
                #pragma GCC ivdep
                for (size_t _lane = 0; _lane < {{width}}; _lane++)
                {
                    const size_t _target = _first + _lane;
                    {% if taught and not vanishes %}
                    if ({{get_array_name(taught)}}[_target] == 0) continue;
                    {% endif %}
                    const size_t _idx = _source * {{n_post}} + _target;
                    const size_t _vectorisation_idx = _idx;
                    {{code.lines|replace(get_array_name(variables['_synaptic_post']) ~ '[_idx]', '_target')|replace(get_array_name(variables['_synaptic_pre']) ~ '[_idx]', '_source')}}
                }
            }
        }
        {% endfor %}
        {% if wakes %}
        for (size_t _row = 0; _row < _rows; _row++)
        {
            const size_t _source = _sources[_row];
            if ({% for variable in wakes %}{{get_array_name(variable)}}[_source] != 0{{" || " if not loop.last}}{% endfor %}) continue;
            bool _any = false;
            {% for variable in rests %}
            for (size_t _target = 0; _target < {{n_post}}; _target++)
                _any |= {{get_array_name(variable)}}[_source * {{n_post}} + _target] != 0;
            {% endfor %}
            _asleep[_source] = !_any;
        }
        {% endif %}
    }
{% endblock %}
