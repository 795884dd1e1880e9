{# USES_VARIABLES { N, t_in_timesteps } #}
{# The spikes of a time step as they were given with the block: the number of all spikes in a file,
   and then each as its time step times the number of neurons, plus its neuron, in order. #}
{% extends 'common_group.cpp' %}
{% block maincode %}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    static std::vector<int64_t> _due;
    static size_t _at = 0;
    if (_due.empty())
    {
        std::ifstream _file(brian::results_dir + "{{file}}", std::ios::binary);
        int64_t _n = 0;
        _file.read(reinterpret_cast<char*>(&_n), sizeof _n);
        _due.resize(_n + 1);
        _file.read(reinterpret_cast<char*>(_due.data()), _n * sizeof _n);
        _due[_n] = INT64_MAX;
    }
    const int64_t _begin = (int64_t){{t_in_timesteps}} * N, _end = _begin + N;
    long _count = 0;
    while (_due[_at] < _begin) _at++;
    for (; _due[_at] < _end; _at++) {{_eventspace}}[_count++] = _due[_at] - _begin;
    {{_eventspace}}[N] = _count;
{% endblock %}

{% block after_code %}
{% set _eventspace = get_array_name(eventspace_variable) %}
{{_eventspace}}[N] = 0;
{% endblock %}

{% block extra_headers %}
#include <cstdint>
#include <fstream>
#include <vector>
{% endblock %}
