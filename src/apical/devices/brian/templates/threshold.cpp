{# USES_VARIABLES { N } #}
{# As Brian2's, in two passes: the first tests all neurons without a branch, so that the compiler
   can test many at once; the second looks only where there was a spike. #}
{% extends 'common_group.cpp' %}
{% block maincode %}
    // scalar code
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    const size_t _blocks = (N + 7) / 8;
    alignas(64) char _above[8 * _blocks];
    for (size_t _idx = N; _idx < 8 * _blocks; _idx++) _above[_idx] = 0;
    #pragma GCC ivdep
    for (size_t _idx = 0; _idx < N; _idx++)
    {
        const size_t _vectorisation_idx = _idx;
        {{vector_code|autoindent}}
        _above[_idx] = _cond ? 1 : 0;
    }
    long _count = 0;
    for (size_t _block = 0; _block < _blocks; _block++)
    {
        uint64_t _any;
        memcpy(&_any, _above + 8 * _block, 8);
        while (_any)
        {
            // each byte is 0 or 1: the lowest bit that is set is the next neuron
            const size_t _idx = 8 * _block + (__builtin_ctzll(_any) >> 3);
            _any &= _any - 1;
            {{_eventspace}}[_count++] = _idx;
            {% if _uses_refractory %}
            {{not_refractory}}[_idx] = false;
            {{lastspike}}[_idx] = {{t}};
            {% endif %}
        }
    }
    {{_eventspace}}[N] = _count;
{% endblock %}

{% block after_code %}
{% set _eventspace = get_array_name(eventspace_variable) %}
{{_eventspace}}[N] = 0;
{% endblock %}

{% block extra_headers %}
#include <cstring>
{% endblock %}
