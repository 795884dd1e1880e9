{# USES_VARIABLES { _synaptic_pre, _synaptic_post } #}
{# The change of every weight of a dense projection. Rows whose presynaptic signal `skip` is zero
   would not change and are left out. With `taught`, columns of neurons that no feedback has just
   reached keep their weights (unless the rule says so itself), and nothing at all is done where it reached none. #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    {% if taught %}
    bool _any = false;
    for (size_t _target = 0; _target < {{n_post}}; _target++)
        _any |= {{get_array_name(taught)}}[_target] != 0;
    if (_any)
    {% endif %}
    {
    // scalar code
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    for (size_t _source = 0; _source < {{n_pre}}; _source++)
    {
        {% if skip %}
        if ({{get_array_name(skip)}}[_source] == 0) continue;
        {% endif %}
        #pragma GCC ivdep
        for (size_t _target = 0; _target < {{n_post}}; _target++)
        {
            {% if taught and not vanishes %}
            if ({{get_array_name(taught)}}[_target] == 0) continue;
            {% endif %}
            const size_t _idx = _source * {{n_post}} + _target;
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent|replace(get_array_name(variables['_synaptic_post']) ~ '[_idx]', '_target')|replace(get_array_name(variables['_synaptic_pre']) ~ '[_idx]', '_source')}}
        }
    }
    }
{% endblock %}
