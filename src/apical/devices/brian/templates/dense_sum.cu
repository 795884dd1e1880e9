{# USES_VARIABLES { N, _synaptic_pre, _synaptic_post } #}
{# What arrives of a graded signal: one thread for each postsynaptic neuron adds up its column of the
   weight matrix, presynaptic neurons in their order, so that equal inputs give equal bits. #}
{% extends 'common_group.cu' %}
{% set _threads = 64 %}

{% block kernel %}
__global__ void _run_kernel_{{codeobj_name}}(
    int _N,
    ///// KERNEL_PARAMETERS /////
    %KERNEL_PARAMETERS%
    )
{
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

    {{c_data_type(total.dtype)}} _total = 0;
    for (int _source = 0; _source < {{n_pre}}; _source++)
    {
        const int _idx = _source * {{n_post}} + _target;
        _vectorisation_idx = _idx;
        ///// vector_code /////
        {{vector_code|autoindent|replace(get_array_name(variables['_synaptic_pre']) ~ '[_idx]', '_source')}}
        if (_sent != 0) _total += {{get_array_name(weights)}}[_idx] * _sent;
    }
    {{get_array_name(total)}}[_target] = _total;
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
