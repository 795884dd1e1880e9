{# USES_VARIABLES { N, _synaptic_pre, _synaptic_post } #}
{# The change of every weight: one thread for each synapse, which alone writes it, so that bounds can
   be held without atomics. Synapses whose presynaptic signal `skip` is zero would not change and are
   left out, as are, with `taught`, those of neurons that no feedback has just reached. #}
{% extends 'common_group.cu' %}
{% set _threads = 256 %}

{% block kernel %}
__global__ void _run_kernel_{{codeobj_name}}(
    int _N,
    ///// KERNEL_PARAMETERS /////
    %KERNEL_PARAMETERS%
    )
{
    using namespace brian;

    const int _idx = blockIdx.x * blockDim.x + threadIdx.x;
    if (_idx >= {{n_pre * n_post}}) return;
    const int _source = _idx / {{n_post}}, _target = _idx - _source * {{n_post}};

    ///// KERNEL_CONSTANTS /////
    %KERNEL_CONSTANTS%

    {% if skip %}
    if ({{get_array_name(skip)}}[_source] == 0) return;
    {% endif %}
    {% if taught %}
    if ({{get_array_name(taught)}}[_target] == 0) return;
    {% endif %}
    int _vectorisation_idx = -1;

    ///// kernel_lines /////
    {{kernel_lines|autoindent}}

    ///// scalar_code /////
    {{scalar_code|autoindent}}

    _vectorisation_idx = _idx;
    {
        ///// vector_code /////
        {{vector_code|autoindent|replace(get_array_name(variables['_synaptic_post']) ~ '[_idx]', '_target')|replace(get_array_name(variables['_synaptic_pre']) ~ '[_idx]', '_source')}}
    }
}
{% endblock %}

{% block prepare_kernel %}
{% endblock %}

{% block kernel_call %}
    _run_kernel_{{codeobj_name}}<<<{{(n_pre * n_post + _threads - 1) // _threads}}, {{_threads}}>>>(
            _N,
            ///// HOST_PARAMETERS /////
            %HOST_PARAMETERS%
        );

    CUDA_CHECK_ERROR("_run_kernel_{{codeobj_name}}");
{% endblock %}
