{# The whole program around the model that GeNN compiles. Brian2GeNN's own delivers the spikes of a
   time step at the start of the next one, after what the host does there, and knows neither blocks
   nor a state to go on from. Here a time step is what it is on the other devices: what is done at
   its start, neurons, synapses, what is recorded at its end; and what came in is added to the
   neurons at once wherever the host looks. This is for GeNN's CPU back end, whose memory is the
   host's; all-to-all weights lie in it as they do in Brian2. #}
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>
{% for header in header_files %}
#include "{{header}}"
{% endfor %}
#include "magicnetwork_model_CODE/definitions.h"

double Network::_last_run_time = 0.0;
double Network::_last_run_completed_fraction = 0.0;

namespace {

template <typename T> void take(const char* name, T* values, size_t n)
{
    const std::string path = std::string("in.") + name;
    FILE* file = std::fopen(path.c_str(), "rb");
    const size_t got = file ? std::fread(values, sizeof(T), n, file) : 0;
    const bool more = file && std::fgetc(file) != EOF;
    if (file) std::fclose(file);
    if (got == n && !more) return;
    std::fprintf(stderr, "%s does not hold %zu values\n", path.c_str(), n);
    std::exit(3);
}

// What synapses sent to neurons; GeNN itself adds it when the neurons take their next step.
{% for group in groups %}
void arrive_{{group.name}}()
{
    {% for projection in group.arriving %}
    for (int k = 0; k < {{group.size}}; k++) {
        {{projection.variable}}{{group.name}}[k] += inSyn{{projection.name}}[k];
        inSyn{{projection.name}}[k] = 0;
    }
    {% endfor %}
}

{% endfor %}
// Weights lie in Brian2's arrays while the host changes them.
{% for synapses in all_synapses %}
void fetch_{{synapses.name}}()
{
    {% for variable in synapses.variables %}
    std::copy_n({{variable}}{{synapses.name}}, {{synapses.size}}, brian::_dynamic_array_{{synapses.name}}_{{variable}}.begin());
    {% endfor %}
}

void bring_{{synapses.name}}()
{
    {% for variable in synapses.variables %}
    std::copy_n(brian::_dynamic_array_{{synapses.name}}_{{variable}}.begin(), {{synapses.size}}, {{variable}}{{synapses.name}});
    {% endfor %}
}

{% endfor %}
// Neurons have their variables in one place, which Brian2 and GeNN share.
template <typename T> void share(T*& brians, T* genns, size_t n)
{
    std::copy_n(brians, n, genns);
    delete[] brians;
    brians = genns;
}

void tell_time()
{
    brian::_array_defaultclock_t[0] = t;
    brian::_array_defaultclock_timestep[0] = iT;
}

// What the host does at the start of a time step; after the last one only what closes a block.
void start_step(bool closing)
{
    using namespace brian;
    tell_time();
    {% for group in groups %}
    if (closing || iT % {{group.every}} == 0) arrive_{{group.name}}();
    {% endfor %}
    {% for group in groups if counting in group.shared %}
    {{counting}}{{group.name}} = iT % {{counted_from[1]}} >= {{counted_from[0]}};
    {% endfor %}
    {% for act in acts %}
    if ({{"" if act.closes else "!closing && "}}iT % {{act.every}} == 0) {
        {% if act.hears %}
        for (int k = 0; k < {{act.size}}; k++)
            _array_{{act.name}}_heard[k] = _array_{{act.hears}}_{{said}}[k % ({{act.size}} / 2)];
        {% elif act.synapses %}
        fetch_{{act.synapses}}();
        _run_{{act.name}}();
        bring_{{act.synapses}}();
        {% else %}
        _run_{{act.name}}();
        {% endif %}
    }
    {% endfor %}
}

// What is recorded of a time step that has been taken.
void end_step()
{
    {% for group in groups if group.watched %}
    arrive_{{group.name}}();
    {% endfor %}
    {% for name in monitors %}
    _run_{{name}}();
    {% endfor %}
}

}  // namespace

int main(int argc, char* argv[])
{
    if (argc != 3) {
        std::fprintf(stderr, "usage: main STEPS SEED\n");
        return 2;
    }
    const long steps = std::atol(argv[1]);
    std::mt19937_64 seeds(std::strtoull(argv[2], nullptr, 10));
    allocateMem();
    initialize();
    _init_arrays();
    _load_arrays();
    {% for group in groups %}
    {% for variable in group.variables %}
    share(brian::_array_{{group.name}}_{{variable}}, {{variable}}{{group.name}}, {{group.size}});
    {% endfor %}
    {% endfor %}
    rk_seed((unsigned long)(seeds() >> 32), brian::_mersenne_twister_states[0]);
    {
        using namespace brian;
        {{ main_lines | autoindent }}
        {% for item in inputs %}
        take("{{item.name}}", {{item.array}}, {{item.size}});
        {% endfor %}
        {% for group in groups %}
        {% for variable in group.shared %}
        {{variable}}{{group.name}} = _array_{{group.name}}_{{variable}}[0];
        {% endfor %}
        {% if group.draws %}
        for (int k = 0; k < {{group.size}}; k++) _seed{{group.name}}[k] = seeds();
        {% endif %}
        {% endfor %}
        {% for synapses in all_synapses %}
        {% for variable in synapses.shared %}
        {{variable}}{{synapses.name}} = _array_{{synapses.name}}_{{variable}}[0];
        {% endfor %}
        std::fill_n(_hidden_weightmatrix{{synapses.name}}, {{synapses.size}}, 1);
        std::fill_n(inSyn{{synapses.name}}, {{synapses.post_size}}, 0);
        {% if synapses.draws %}
        for (int k = 0; k < {{synapses.size}}; k++) _seed{{synapses.name}}[k] = seeds();
        {% endif %}
        {% endfor %}
    }
    {% for item in all_synapses %}
    bring_{{item.name}}();
    {% endfor %}
    initializeSparse();
    iT = 0;
    t = 0;
    while ((long)iT < steps) {
        start_step(false);
        updateNeurons(t);
        updateSynapses(t);
        end_step();
        iT++;
        t = iT * DT;
    }
    start_step(true);
    {% for item in all_synapses %}
    fetch_{{item.name}}();
    {% endfor %}
    _write_arrays();
    return 0;
}
