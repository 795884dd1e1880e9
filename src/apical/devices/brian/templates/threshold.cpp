{# USES_VARIABLES { N } #}
{# As Brian2's, in two passes: the first tests 64 neurons at a time without a branch, so that the
   compiler can use vectors; the second looks only where there was a spike. #}
{% extends 'common_group.cpp' %}
{% block maincode %}
    // scalar code
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    constexpr size_t _full = N / 64, _words = (N + 63) / 64;
    uint64_t _spikes[_words];
    for (size_t _word = 0; _word < _full; _word++)
    {
        alignas(64) unsigned char _above[64];
        #pragma GCC ivdep
        for (size_t _bit = 0; _bit < 64; _bit++)
        {
            const size_t _idx = 64 * _word + _bit;
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            _above[_bit] = _cond ? 255 : 0;
        }
        _spikes[_word] = _bits(_above);
    }
    if (_words > _full)
    {
        uint64_t _rest = 0;
        #pragma GCC ivdep
        for (size_t _bit = 0; _bit < N % 64; _bit++)
        {
            const size_t _idx = 64 * _full + _bit;
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            _rest |= (uint64_t)(_cond ? 1 : 0) << _bit;
        }
        _spikes[_full] = _rest;
    }
    long _count = 0;
    int32_t _neurons[64];
    for (size_t _start = 0; _start < _words; _start += 64)
    {
        uint64_t _some = 0;  // which of the next 64 words are not empty
        for (size_t _word = _start; _word < _words && _word < _start + 64; _word++)
            _some |= (uint64_t)(_spikes[_word] != 0) << (_word - _start);
        for (; _some; _some &= _some - 1)
        {
            const size_t _word = _start + __builtin_ctzll(_some);
            for (size_t _bit = 0; _bit < 64; _bit++) _neurons[_bit] = 64 * _word + _bit;
            _count = _append(_spikes[_word], _neurons, {{_eventspace}}, _count);
        }
    }
    {% if _uses_refractory %}
    for (long _event = 0; _event < _count; _event++)
    {
        const size_t _idx = {{_eventspace}}[_event];
        {{not_refractory}}[_idx] = false;
        {{lastspike}}[_idx] = {{t}};
    }
    {% endif %}
    {{_eventspace}}[N] = _count;
{% endblock %}

{% block after_code %}
{% set _eventspace = get_array_name(eventspace_variable) %}
{{_eventspace}}[N] = 0;
{% endblock %}

{% block extra_headers %}
#include <cstring>
{% include 'bits.cpp' %}
{% endblock %}
