{# USES_VARIABLES { _synaptic_pre, _synaptic_post } #}
{# What arrives of a graded signal at every postsynaptic neuron of a dense projection: the sum over
   presynaptic neurons in their order, as in Brian2's loop over synapses. Rows of neurons that send
   nothing are left out. #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    {% set sum, w = get_array_name(total), get_array_name(weights) %}
    // scalar code
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    for (size_t _target = 0; _target < {{n_post}}; _target++) {{sum}}[_target] = 0;
    for (size_t _source = 0; _source < {{n_pre}}; _source++)
    {
        const size_t _idx = _source * {{n_post}};
        const size_t _vectorisation_idx = _idx;
        {{vector_code|autoindent|replace(get_array_name(variables['_synaptic_pre']) ~ '[_idx]', '_source')}}
        if (_sent == 0) continue;
        #pragma GCC ivdep
        for (size_t _target = 0; _target < {{n_post}}; _target++)
            {{sum}}[_target] += {{w}}[_idx + _target] * _sent;
    }
{% endblock %}
