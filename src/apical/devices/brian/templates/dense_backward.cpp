{# USES_VARIABLES { _synaptic_pre, _synaptic_post } #}
{# Statements for all synapses onto the neurons that have just spiked, of a dense projection. #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const int32_t* _events = {{get_array_name(spikespace)}};
    const size_t _num_events = _events[{{n_post}}];
    if (_num_events > 0)
    {
        // scalar code
        const size_t _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        for (size_t _event = 0; _event < _num_events; _event++)
        {
            const size_t _target = _events[_event];
            #pragma GCC ivdep
            for (size_t _source = 0; _source < {{n_pre}}; _source++)
            {
                const size_t _idx = _source * {{n_post}} + _target;
                const size_t _vectorisation_idx = _idx;
                {{vector_code|autoindent|replace(get_array_name(variables['_synaptic_post']) ~ '[_idx]', '_target')|replace(get_array_name(variables['_synaptic_pre']) ~ '[_idx]', '_source')}}
            }
        }
    }
{% endblock %}
