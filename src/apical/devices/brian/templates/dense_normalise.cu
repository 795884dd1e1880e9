{# USES_VARIABLES { N, _synaptic_pre, _synaptic_post } #}
{# Scales the weights onto every postsynaptic neuron so that their absolute values sum to `total`;
   columns of zeros stay. Only where a trial learns. One thread for each postsynaptic neuron adds up
   its column, presynaptic neurons in their order, so that equal weights give equal bits. #}
{% extends 'common_group.cu' %}
{% set _threads = 64 %}

{% block kernel %}
__global__ void _run_kernel_{{codeobj_name}}(
    int _N,
    ///// KERNEL_PARAMETERS /////
    %KERNEL_PARAMETERS%
    )
{
    {% set w = get_array_name(weights) %}
    using namespace brian;

    const int _target = blockIdx.x * blockDim.x + threadIdx.x;
    if (_target >= {{n_post}}) return;
    int _vectorisation_idx = -1;

    ///// KERNEL_CONSTANTS /////
    %KERNEL_CONSTANTS%

    ///// kernel_lines /////
    {{kernel_lines|autoindent}}

    ///// scalar_code /////
    {{scalar_code|autoindent}}

    const int _idx = _target;
    _vectorisation_idx = _idx;
    ///// vector_code /////
    {{vector_code|autoindent}}
    if (_learns == 0) return;

    {{c_data_type(weights.dtype)}} _factor = 0;
    for (int _source = 0; _source < {{n_pre}}; _source++)
        _factor += fabs({{w}}[_source * {{n_post}} + _target]);
    _factor = _factor > 0 ? {{get_array_name(total)}}[0] / _factor : 1;
    for (int _source = 0; _source < {{n_pre}}; _source++)
        {{w}}[_source * {{n_post}} + _target] *= _factor;
}
{% endblock %}

{% block prepare_kernel %}
{% endblock %}

{% block kernel_call %}
    _run_kernel_{{codeobj_name}}<<<{{(n_post + _threads - 1) // _threads}}, {{_threads}}>>>(
            _N,
            ///// HOST_PARAMETERS /////
            %HOST_PARAMETERS%
        );

    CUDA_CHECK_ERROR("_run_kernel_{{codeobj_name}}");
{% endblock %}
