{# USES_VARIABLES { N, _synaptic_pre, _synaptic_post } #}
{# Statements for all synapses onto the neurons that have just spiked: one thread for each presynaptic
   neuron, and as many rows of threads as share the spikes of this time step among them. A neuron
   spikes once in a step, so one thread alone writes a synapse. #}
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

    const int _source = blockIdx.x * blockDim.x + threadIdx.x;
    if (_source >= {{n_pre}}) return;
    int _vectorisation_idx = -1;

    ///// KERNEL_CONSTANTS /////
    %KERNEL_CONSTANTS%

    ///// kernel_lines /////
    {{kernel_lines|autoindent}}

    ///// scalar_code /////
    {{scalar_code|autoindent}}

    const int32_t* _events = {{get_array_name(spikespace)}};
    const int _num_events = _events[{{n_post}}];
    for (int _event = blockIdx.y; _event < _num_events; _event += gridDim.y)
    {
        const int _target = _events[_event];
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
    _run_kernel_{{codeobj_name}}<<<dim3({{(n_pre + _threads - 1) // _threads}}, {{[_rows, n_post]|min}}), {{_threads}}>>>(
            _N,
            ///// HOST_PARAMETERS /////
            %HOST_PARAMETERS%
        );

    CUDA_CHECK_ERROR("_run_kernel_{{codeobj_name}}");
{% endblock %}
