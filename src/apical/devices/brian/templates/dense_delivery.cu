{# USES_VARIABLES { N, _synaptic_pre, _synaptic_post } #}
{# What spikes do: one thread for each postsynaptic neuron, and as many rows of threads as share the
   spikes of this time step among them. How many there were is read on the device, so that the host
   never waits. Several rows add to the same neuron: with atomics, in no fixed order. #}
{% extends 'common_group.cu' %}
{% set _threads, _rows = 128, 16 %}

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

    const int32_t* _events = {{get_array_name(spikespace)}};
    const int _num_events = _events[{{n_pre}}];
    for (int _event = blockIdx.y; _event < _num_events; _event += gridDim.y)
    {
        const int _source = _events[_event];
        const int _idx = _source * {{n_post}} + _target;
        _vectorisation_idx = _idx;
        ///// vector_code /////
        {{vector_code|autoindent|replace(get_array_name(variables['_synaptic_post']) ~ '[_idx]', '_target')|replace(get_array_name(variables['_synaptic_pre']) ~ '[_idx]', '_source')}}
    }
}
{% endblock %}

{% block prepare_kernel %}
{% endblock %}

{% block kernel_call %}
    _run_kernel_{{codeobj_name}}<<<dim3({{(n_post + _threads - 1) // _threads}}, {{[_rows, n_pre]|min}}), {{_threads}}>>>(
            _N,
            ///// HOST_PARAMETERS /////
            %HOST_PARAMETERS%
        );

    CUDA_CHECK_ERROR("_run_kernel_{{codeobj_name}}");
{% endblock %}
