"""Time NEST's e-prop on the trials of `eprop.py`: a recurrent network that learns in every trial.

Parrots -> recurrent LIF neurons, of which some may adapt -> readout, with e-prop synapses between
them all and learning signals back, after NEST's own tutorials: mean squared error, gradient
descent. Two forms of the rule:

- ``trials``: models ``*_bsshslm_2020``, after Bellec et al. 2020; weights change once a trial, and
  neurons are reset between trials;
- ``spikes``: ``eprop_iaf``, ``eprop_iaf_adapt``, ``eprop_readout`` and ``eprop_synapse``; a weight
  changes whenever its synapse transmits a spike, and time runs on from trial to trial.

Answers the requests of `eprop.py`. Needs nest-simulator, in any Python. One thread. Times are those
of ``nest.Simulate`` alone: neither of building the network, nor of handing spikes to generators,
nor of reading the readout, which are told apart.
"""

import os
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

os.environ.setdefault("PYNEST_QUIET", "1")  # what is printed is an answer

import nest
import numpy as np
from worker import serve

GROUP = 100
"""Trials whose input is handed to NEST at once, as in the tutorial."""
SUFFIX = {"trials": "_bsshslm_2020", "spikes": ""}
OFFSET = {"trials": 4, "spikes": 2}
"""Steps from the onset of a trial to that of its readout: a generator, and delays."""


class Network:
    """The network in NEST.

    Parameters
    ----------
    form
        ``"trials"`` or ``"spikes"``: when weights change.
    task
        Arrays of a file of `eprop.py`: events of trials, labels, weights and constants.
    """

    def __init__(self, form: str, task: dict[str, Any]) -> None:
        self.form, self.task, self.steps, self.trial = form, task, int(task["steps"]), 0
        self.n_inputs, self.n_hidden = task["w_in"].shape
        self.n_classes, self.offset = task["w_out"].shape[1], OFFSET[form]
        nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.FATAL
        nest.set(resolution=1.0, total_num_virtual_procs=1, rng_seed=1, print_time=False)
        if form == "trials":
            nest.set(
                eprop_update_interval=float(self.steps),
                eprop_learning_window=float(self.steps - task["wait"]),
                eprop_reset_neurons_on_update=True,
            )
        self._create()
        self._connect()

    def _model(self, name: str) -> str:
        return f"{name}{SUFFIX[self.form]}"

    def _create(self) -> None:
        task, adapting = self.task, int(self.task["adapting"])
        decay = float(np.exp(-1.0 / task["tau_m"]))
        membrane = {"C_m": 1.0, "E_L": 0.0, "I_e": 0.0, "V_m": 0.0, "tau_m": float(task["tau_m"])}
        lif = {"V_th": 1.0, "t_ref": 0.0, "flush_event_send_interval": float(self.steps)}
        lif |= {"surrogate_gradient_height": 0.3, "surrogate_gradient_width": 1.0}
        lif |= {"surrogate_gradient_function": "piecewise_linear"}
        lif |= {"c_reg": float(task["c_reg"]), "f_target": float(task["f_target"])}
        if self.form == "trials":
            membrane["regular_spike_arrival"] = True
        else:
            membrane["eprop_isi_trace_cutoff"] = float(self.steps)
            lif |= {"kappa": decay, "kappa_reg": decay}
        self.generators = nest.Create("spike_generator", self.n_inputs)
        self.inputs = nest.Create("parrot_neuron", self.n_inputs)
        steady = self.n_hidden - adapting
        self.hidden = nest.Create(self._model("eprop_iaf"), steady, membrane | lif)
        if adapting:
            alif = {"adapt_beta": float(task["adaptation"]), "adapt_tau": float(task["tau_a"])}
            model = self._model("eprop_iaf_adapt")
            self.hidden += nest.Create(model, adapting, membrane | lif | alif)
        self.readout = nest.Create(self._model("eprop_readout"), self.n_classes, membrane)
        self.target = nest.Create("step_rate_generator", self.n_classes)
        self.window = nest.Create("step_rate_generator")
        self.spikes = nest.Create("spike_recorder")
        record = {"interval": 1.0, "record_from": ["readout_signal"]}
        self.meter = nest.Create("multimeter", params=record)

    def _connect(self) -> None:
        task, each = self.task, {"rule": "one_to_one"}
        every = {"rule": "all_to_all", "allow_autapses": True}
        nest.Connect(self.generators, self.inputs, each, {"delay": 1.0})
        for pre, post, weights, eta in self._plastic():
            model = f"eprop_{weights}"
            optimiser = {"type": "gradient_descent", "batch_size": 1, "optimize_each_step": False}
            optimiser |= {"Wmin": -100.0, "Wmax": 100.0, "eta": float(task[eta])}
            nest.CopyModel(self._model("eprop_synapse"), model, {"optimizer": optimiser})
            synapse = {"synapse_model": model, "delay": 1.0, "weight": task[weights].T}
            if self.form == "trials":
                synapse["tau_m_readout"] = float(task["tau_m"])
            nest.Connect(pre, post, every, synapse)
        back = {"synapse_model": self._model("eprop_learning_signal_connection"), "delay": 1.0}
        nest.Connect(self.readout, self.hidden, every, back | {"weight": task["feedback"].T})
        told = {"synapse_model": "rate_connection_delayed", "delay": 1.0}
        nest.Connect(self.target, self.readout, each, told | {"receptor_type": 2})
        if self.form == "spikes":
            nest.Connect(self.window, self.readout, every, told | {"receptor_type": 1})
        nest.Connect(self.hidden, self.spikes, every, {"delay": 1.0})
        nest.Connect(self.meter, self.readout, every, {"delay": 1.0})

    def _plastic(self) -> Iterator[tuple[Any, Any, str, str]]:
        yield self.inputs, self.hidden, "w_in", "eta"
        yield self.hidden, self.hidden, "w_rec", "eta"
        yield self.hidden, self.readout, "w_out", "eta_output"

    def show(self, first: int, last: int) -> None:
        """Hand inputs, targets and windows of learning of the next trials to NEST."""
        task, offsets = self.task, self.task["offsets"][first : last + 1]
        counted = slice(offsets[0], offsets[-1])
        onsets = (self.trial + np.arange(last - first)) * float(self.steps)
        times = np.repeat(onsets, np.diff(offsets)) + task["times"][counted] + 1
        order = np.argsort(task["channels"][counted], kind="stable")
        many = np.bincount(task["channels"][counted], minlength=self.n_inputs)
        trains = np.split(times[order], np.cumsum(many)[:-1])
        self.generators.set([{"spike_times": train} for train in trains])
        right = task["labels"][first:last] == np.arange(self.n_classes)[:, None]
        begin = {"amplitude_times": onsets + self.offset}
        self.target.set([begin | {"amplitude_values": mine.astype(float)} for mine in right])
        opens = np.stack([onsets, onsets + float(task["wait"])], axis=1).ravel() + self.offset
        closed = np.tile([0.0, 1.0], last - first)
        self.window.set({"amplitude_times": opens, "amplitude_values": closed})

    def learn(self, first: int, last: int) -> dict[str, Any]:
        """Learn trials of the file after those learned before, and say how long it took."""
        found: dict[str, Any] = {"seconds": 0.0, "cpu": 0.0, "around": 0.0, "right": 0}
        for start in range(first, last, GROUP):
            stop, began = min(start + GROUP, last), time.process_time()
            self.show(start, stop)
            lasts = (stop - start) * self.steps + (0 if self.trial else self.offset + 1)
            wall, cpu = time.perf_counter(), time.process_time()
            nest.Simulate(float(lasts))
            done = time.process_time()
            found["seconds"] += time.perf_counter() - wall
            found["cpu"] += done - cpu
            right = self.decided(start, stop) == self.task["labels"][start:stop]
            found["right"] += int(right.sum())
            found["around"] += cpu - began + time.process_time() - done
            self.trial += stop - start
        found["hidden"], self.spikes.n_events = self.spikes.n_events, 0
        return found

    def decided(self, first: int, last: int) -> np.ndarray:
        """Return the classes with the largest readout in the windows of the last trials."""
        found, n = self.meter.events, (last - first) * self.steps
        self.meter.n_events = 0
        step = np.round(found["times"]).astype(int) - self.trial * self.steps - self.offset - 1
        seen = (step >= 0) & (step < n)
        neuron = found["senders"][seen] - min(self.readout.tolist())
        signal = np.zeros((n, self.n_classes))
        signal[step[seen], neuron] = found["readout_signal"][seen]
        shown = signal.reshape(last - first, self.steps, self.n_classes)
        return shown[:, int(self.task["wait"]) :].sum(axis=1).argmax(axis=1)

    def trains(self) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and neurons of the spikes of hidden neurons that were not counted yet."""
        found = self.spikes.events
        return np.round(found["times"]).astype(int), found["senders"] - min(self.hidden.tolist())

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights of plastic synapses."""
        found = {}
        for pre, post, name, _ in self._plastic():
            held = nest.GetConnections(pre, post).get(["source", "target", "weight"])
            matrix = np.zeros((len(pre), len(post)))
            source = np.asarray(held["source"]) - min(pre.tolist())
            matrix[source, np.asarray(held["target"]) - min(post.tolist())] = held["weight"]
            found[name] = matrix
        return found


@cache
def network(form: str, file: str) -> Network:
    with np.load(file) as arrays:
        return Network(form, dict(arrays))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Build a network, let it learn trials, or return what it spiked in a trial."""
    if "file" not in request:
        return {"nest": nest.__version__, "threads": nest.local_num_threads}
    began = time.process_time()
    net = network(request["form"], request["file"])
    if "last" not in request:
        return {"cpu": time.process_time() - began, "synapses": nest.num_connections}
    if not request.get("spikes"):
        return net.learn(request["first"], request["last"])
    net.show(request["first"], request["last"])
    nest.Simulate(float((request["last"] - request["first"]) * net.steps + net.offset))
    steps, neurons = net.trains()
    return {"steps": steps.tolist(), "neurons": neurons.tolist()}


if __name__ == "__main__":
    serve(answer)
