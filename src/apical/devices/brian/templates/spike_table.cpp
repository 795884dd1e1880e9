{# USES_VARIABLES { N, t_in_timesteps } #}
{# All spikes of a frame, worked out at its first time step by strips of 64 neurons whose variables
   are copied, so that they stay in registers; then those of each time step are read off. The table
   holds only neurons that move: one that has no spike in the first step and is left as it was would
   be left so by every other. #}
{% extends 'common_group.cpp' %}

{% block maincode %}
{% set arrays = own(variables, variable_indices) %}

{% macro copies() %}
    {% for variable in arrays %}
    alignas(64) {{c_data_type(variable.dtype)}} _own_{{loop.index}}[64] = {};
    {% endfor %}
{% endmacro %}
{% macro copied(lane, there, neuron) %}
    {% for variable in arrays %}
    {% set held, mine = get_array_name(variable) ~ '[' ~ neuron ~ ']', '_own_' ~ loop.index ~ '[' ~ lane ~ ']' %}
    {% if not there %}{{mine}} = {{held}};{% elif not variable.constant and not variable.read_only %}{{held}} = {{mine}};{% endif %}
    {% endfor %}
{% endmacro %}
{% macro part(name) %}
    {% set code = namespace(lines=vector_code[name]|autoindent) %}
    {% for variable in arrays %}
    {% set code.lines = code.lines|replace(get_array_name(variable) ~ '[_idx]', '_mine_' ~ loop.index) %}
    {% endfor %}
    {{scalar_code[name]|autoindent}}
    {{code.lines}}
{% endmacro %}
{% macro one_step() %}
    #pragma GCC ivdep
    for (size_t _lane = 0; _lane < 64; _lane++)
    {
        bool _spike;
        {% for variable in arrays %}
        {{c_data_type(variable.dtype)}} _mine_{{loop.index}} = _own_{{loop.index}}[_lane];
        {% endfor %}
        {
            {{part('step')}}
        }
        {
            {{part('threshold')}}
            _spike = _cond;
        }
        if (_spike)
        {
            {{part('reset')}}
        }
        {% for variable in arrays %}
        _own_{{loop.index}}[_lane] = _mine_{{loop.index}};
        {% endfor %}
        _above[_lane] = _spike ? 255 : 0;
    }
{% endmacro %}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    const size_t _vectorisation_idx = -1;
    constexpr size_t _steps = {{steps}}, _most = (N + 63) / 64;
    static uint64_t _table[_steps][_most];
    static int32_t _neurons[64 * _most];
    static size_t _moving;
    const size_t _now = {{t_in_timesteps}} % _steps;
    if (_now == 0)
    {
        _moving = 0;
        std::memset(_table[0], 0, sizeof _table[0]);
        for (size_t _first = 0; _first < N; _first += 64)
        {
            const size_t _lanes = N - _first < 64 ? N - _first : 64;
            alignas(64) unsigned char _above[64];
            {{copies()}}
            for (size_t _lane = 0; _lane < _lanes; _lane++)
            {
                {{copied('_lane', False, '_first + _lane')}}
            }
            {{one_step()}}
            alignas(64) unsigned char _moves[64] = {};
            for (size_t _lane = 0; _lane < _lanes; _lane++)
            {
                const size_t _neuron = _first + _lane;
                const bool _still = !_above[_lane]{% for variable in arrays %} & ({{get_array_name(variable)}}[_neuron] == _own_{{loop.index}}[_lane]){% endfor %};
                _moves[_lane] = _still ? 0 : 255;
            }
            const uint64_t _all = _lanes < 64 ? (1ull << _lanes) - 1 : ~0ull;
            const uint64_t _some = _bits(_moves), _now_spike = _bits(_above) & _all;
            for (uint64_t _left = _now_spike; _left; _left &= _left - 1)
            {
                const size_t _place = _moving + __builtin_popcountll(_some & ((_left & -_left) - 1));
                _table[0][_place / 64] |= 1ull << _place % 64;
            }
            int32_t _names[64];
            for (size_t _lane = 0; _lane < 64; _lane++) _names[_lane] = _first + _lane;
            _moving = _append(_some, _names, _neurons, _moving);
            for (size_t _lane = 0; _lane < _lanes; _lane++)
            {
                {{copied('_lane', True, '_first + _lane')}}
            }
        }
        for (size_t _first = 0; _first < _moving; _first += 64)
        {
            const size_t _lanes = _moving - _first < 64 ? _moving - _first : 64;
            const uint64_t _real = _lanes < 64 ? (1ull << _lanes) - 1 : ~0ull;
            alignas(64) unsigned char _above[64];
            {{copies()}}
            for (size_t _lane = 0; _lane < _lanes; _lane++)
            {
                {{copied('_lane', False, '_neurons[_first + _lane]')}}
            }
            for (size_t _step = 1; _step < _steps; _step++)
            {
                {{one_step()}}
                _table[_step][_first / 64] = _bits(_above) & _real;
            }
            for (size_t _lane = 0; _lane < _lanes; _lane++)
            {
                {{copied('_lane', True, '_neurons[_first + _lane]')}}
            }
        }
    }
    long _count = 0;
    for (size_t _word = 0; 64 * _word < _moving; _word++)
        _count = _append(_table[_now][_word], _neurons + 64 * _word, {{_eventspace}}, _count);
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
