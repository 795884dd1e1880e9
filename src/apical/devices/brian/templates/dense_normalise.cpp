{# USES_VARIABLES { _synaptic_pre, _synaptic_post } #}
{# Scales the weights onto every postsynaptic neuron of a dense projection, so that their absolute
   values sum to `total`; columns of zeros stay. Only where a trial learns. #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    {% set w = get_array_name(weights) %}
    // scalar code
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {
        const size_t _idx = 0;
        {{vector_code|autoindent}}
        if (_learns != 0)
        {
            {{c_data_type(weights.dtype)}} _sums[{{n_post}}];
            for (size_t _target = 0; _target < {{n_post}}; _target++) _sums[_target] = 0;
            for (size_t _source = 0; _source < {{n_pre}}; _source++)
                for (size_t _target = 0; _target < {{n_post}}; _target++)
                    _sums[_target] += fabs({{w}}[_source * {{n_post}} + _target]);
            for (size_t _target = 0; _target < {{n_post}}; _target++)
                _sums[_target] = _sums[_target] > 0 ? {{get_array_name(total)}}[0] / _sums[_target] : 1;
            for (size_t _source = 0; _source < {{n_pre}}; _source++)
                for (size_t _target = 0; _target < {{n_post}}; _target++)
                    {{w}}[_source * {{n_post}} + _target] *= _sums[_target];
        }
    }
{% endblock %}
