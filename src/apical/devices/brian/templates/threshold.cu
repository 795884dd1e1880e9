{# USES_VARIABLES { N } #}
{# Which neurons spiked: their number, and in any order which they are. The number is set to 0 by a
   memset on the device and counted by atomics in one launch. Brian2CUDA's also fills what is not a
   spike with -1, in a launch of its own; nothing here reads that. #}
{% extends 'common_group.cu' %}
{% set _events = get_array_name(eventspace_variable) %}
{% set _array = get_array_name(eventspace_variable, access_data=False) %}

{% block kernel_maincode %}
    ///// scalar_code /////
    {{scalar_code|autoindent}}
    {
        ///// vector_code /////
        {{vector_code|autoindent}}
        if (_cond)
        {
            {{_events}}[atomicAdd(&{{_events}}[_N], 1)] = _idx;
            {% if _uses_refractory %}
            {{not_refractory}}[_idx] = false;
            {{lastspike}}[_idx] = {{t}};
            {% endif %}
        }
    }
{% endblock %}

{% block extra_kernel_call %}
    CUDA_SAFE_CALL(
            cudaMemsetAsync(dev{{_array}}[current_idx{{_array}}] + _N, 0, sizeof(int32_t))
            );
{% endblock %}
