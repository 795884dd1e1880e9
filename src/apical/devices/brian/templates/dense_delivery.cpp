{# USES_VARIABLES { _synaptic_pre, _synaptic_post } #}
{# Statements for all synapses of the neurons that have just spiked, of a dense projection. It goes by
   strips of columns whose postsynaptic variables are copied, so that they stay in registers while
   spike after spike is added, in the order of the spikes as without strips; statements that draw
   random numbers go row by row, which is the order in which they are drawn. #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const int32_t* _events = {{get_array_name(spikespace)}};
    const size_t _num_events = _events[{{n_pre}}];
    if (_num_events > 0)
    {
        // scalar code
        const size_t _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        {% set wide = strip or n_post %}
        {% for width, first, last in ((wide, 0, n_post // wide * wide), (n_post % wide, n_post // wide * wide, n_post)) if first < last %}
        for (size_t _first = {{first}}; _first < {{last}}; _first += {{width}})
        {
            {% set code = namespace(lines=vector_code|autoindent) %}
            {% for variable in columns(variables, variable_indices) if strip %}
            {% set array = get_array_name(variable) %}
            {{c_data_type(variable.dtype)}} _column_{{loop.index}}[{{width}}];
            for (size_t _lane = 0; _lane < {{width}}; _lane++) _column_{{loop.index}}[_lane] = {{array}}[_first + _lane];
            {% set code.lines = code.lines|replace(array ~ '[_postsynaptic_idx]', '_column_' ~ loop.index ~ '[_lane]') %}
            {% endfor %}
            for (size_t _event = 0; _event < _num_events; _event++)
            {
                const size_t _source = _events[_event];
                asm volatile("");  // else compilers may gather many rows instead of adding one by one
                #pragma GCC ivdep
                for (size_t _lane = 0; _lane < {{width}}; _lane++)
                {
                    const size_t _target = _first + _lane;
                    const size_t _idx = _source * {{n_post}} + _target;
                    const size_t _vectorisation_idx = _idx;
                    {{code.lines|replace(get_array_name(variables['_synaptic_post']) ~ '[_idx]', '_target')|replace(get_array_name(variables['_synaptic_pre']) ~ '[_idx]', '_source')}}
                }
            }
            {% for variable in columns(variables, variable_indices) if strip %}
            {% if not variable.read_only and not variable.constant %}
            for (size_t _lane = 0; _lane < {{width}}; _lane++) {{get_array_name(variable)}}[_first + _lane] = _column_{{loop.index}}[_lane];
            {% endif %}
            {% endfor %}
        }
        {% endfor %}
    }
{% endblock %}
