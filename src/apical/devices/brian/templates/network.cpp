{# The loop over time steps. Unlike Brian2's it asks for no processor time at every step, finds
   the objects that are due without a search, and holds clocks to be equal within a small part
   of a time step: Brian2's bound of 1e-14 s is less than the rounding of times over 64 s.
   All memory begins at a cache line, so that no vector need lie across two, and large arrays, as
   the tables of a block are, get large pages where Linux has them: most of a short program's time
   would go into its first touch of each small one. #}
{% macro cpp_file() %}
#include "network.h"
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

void* operator new(std::size_t bytes)
{
    const std::size_t page = 1 << 21, unit = bytes < page ? 64 : page;
    void* memory = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
    if (!memory) throw std::bad_alloc();
#ifdef __linux__
    if (unit == page) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

double Network::_last_run_time = 0.0;
double Network::_last_run_completed_fraction = 0.0;
bool Network::_globally_stopped = false;
bool Network::_globally_running = false;

Network::Network() : t(0.0) {}

void Network::clear()
{
    objects.clear();
    clocks.clear();
}

void Network::add(Clock* clock, codeobj_func func)
{
    size_t number = 0;
    while (number < clocks.size() && clocks[number] != clock) number++;
    if (number == clocks.size()) clocks.push_back(clock);
    objects.push_back(std::make_pair(number, func));
}

void Network::run(const double duration, void (*report_func)(const double, const double, const double, const double), const double report_period)
{
    const auto start = std::chrono::steady_clock::now();
    const double t_start = t, t_end = t + duration;
    for (Clock* clock : clocks) clock->set_interval(t_start, t_end);
    std::vector<char> due(clocks.size());
    std::vector< std::vector<codeobj_func> > own(clocks.size());
    for (const auto& object : objects)
        if (object.second) own[object.first].push_back(object.second);
    bool did_stop = false;

    _globally_running = true;
    _globally_stopped = false;
    while (!clocks.empty())
    {
        Clock* first = clocks[0];
        for (Clock* clock : clocks)
            if (clock->t[0] < first->t[0] - 1e-4 * first->dt[0]) first = clock;
        if (!first->running()) break;
        if (_globally_stopped) { did_stop = true; break; }
        t = first->t[0];
        size_t number = 0, last = 0;
        for (size_t k = 0; k < clocks.size(); k++)
        {
            due[k] = std::fabs(clocks[k]->t[0] - t) <= 1e-4 * first->dt[0];
            if (due[k]) { number++; last = k; }
        }
        if (number == 1)
            for (const codeobj_func act : own[last]) act();
        else
            for (const auto& object : objects)
                if (due[object.first] && object.second) object.second();
        for (size_t k = 0; k < clocks.size(); k++)
            if (due[k]) clocks[k]->tick();
    }
    _globally_running = false;
    if (!did_stop) t = t_end;
    _last_run_time = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    _last_run_completed_fraction = duration > 0 ? (t - t_start) / duration : 1.0;
    if (report_func) report_func(_last_run_time, _last_run_completed_fraction, t_start, duration);
}
{% endmacro %}

{% macro h_file() %}
#ifndef _BRIAN_NETWORK_H
#define _BRIAN_NETWORK_H

#include <utility>
#include <vector>
#include "brianlib/clocks.h"

typedef void (*codeobj_func)();

class Network
{
    std::vector<Clock*> clocks;
public:
    std::vector< std::pair< size_t, codeobj_func > > objects;
    double t;
    static double _last_run_time;
    static double _last_run_completed_fraction;
    static bool _globally_stopped;
    static bool _globally_running;

    Network();
    void clear();
    void add(Clock* clock, codeobj_func func);
    void run(const double duration, void (*report_func)(const double, const double, const double, const double), const double report_period);
};

#endif
{% endmacro %}
