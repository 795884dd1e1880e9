"""Steady state of a mini-batch: forward pass, feedback, and the arrays of all signals."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from apical.devices.arrays.batch_norm import Normal, Normaliser
from apical.devices.arrays.crossing import Crossing, Source
from apical.devices.arrays.expression_program import Factor, Formula
from apical.devices.arrays.library import Array, Call, Library, Workspace
from apical.devices.arrays.random import Chance, Streams
from apical.devices.arrays.recurrence import Member, check_loops, settled
from apical.devices.arrays.storage import Storage
from apical.errors import DeviceError
from apical.language.expressions import parse
from apical.network.description import Network
from apical.network.order import feedback_order, forward_order
from apical.network.stimuli import columns
from apical.neurons.base import OPEN, Population
from apical.neurons.error import TOLD
from apical.neurons.rate import GATE, NUDGED
from apical.plasticity.rules import ELIGIBILITY

DELTA = "gain * teach"
"""The signal ``delta``, named like the equal factor of a rule."""


class Batch:
    """The signals of batches of one size, and the calls that compute them, in order.

    Parameters
    ----------
    n_trials
        Number of trials.
    learns
        Whether dropout is active.
    measured
        Whether batch normalisation uses the mean and variance of the batch, not running ones.
    """

    def __init__(self, n_trials: int, learns: bool, measured: bool) -> None:
        self.n_trials, self.learns, self.measured = n_trials, learns, measured
        self.normals: dict[str, Normal] = {}
        """Normalised drives by name of population."""
        self.signals: dict[tuple[str, str], Array] = {}
        """Arrays by name of population and signal, shape (n_trials, n)."""
        self.calls: list[Call] = []
        self.values: Any = None
        """Array of the stimuli, shape (n_trials, n_inputs)."""
        self.shown: Any = None
        """Array of the targets of the error neurons, shape (n_trials, n_outputs)."""
        self.loss: Any = None
        """Array of the loss that a `Reward` receives, shape (n_trials, 1)."""


class Settling:
    """Plans the computation of the steady state of a network.

    Parameters
    ----------
    network
        The network.
    library
        Array library.
    weights
        Weights by name of projection; their content is modified elsewhere, and read here.
    storages
        How they lie in memory.
    streams
        Random streams.
    room
        Workspace of signals; one of its own by default.
    """

    def __init__(
        self,
        network: Network,
        library: Library,
        weights: Mapping[str, Array],
        storages: Mapping[str, Storage],
        streams: Streams,
        room: Workspace | None = None,
    ) -> None:
        self.library, self._network = library, network
        self.room = self._room = room or Workspace(library)
        """Arrays of its signals."""
        self._operations = library.operations
        self._chance = Chance(library, self._room, streams)
        self._loops, self._columns = check_loops(network), columns(network)
        self._forward = [p for p in forward_order(network) if p.role != "bias"]
        self._feedback = feedback_order(network)
        self._crossing = self._crossed(weights, storages)
        self.normalisers = {
            p.name: Normaliser(p.name, p.norm, p.size, library, self._room)
            for p in network.populations
            if p.norm
        }

    def _crossed(self, weights: Mapping[str, Array], storages: Mapping[str, Storage]) -> Crossing:
        """Return how signals are transmitted."""
        return Crossing(self._network, self.library, weights, storages)

    def look_again(self) -> bool:
        """Detect the transmission of the current weights; return whether to plan again."""
        return self._crossing.look_again()

    def forward(self, n_trials: int, *, taught: bool, learns: bool, measured: bool) -> Batch:
        """Plan the forward pass: the activity of every population.

        Parameters
        ----------
        n_trials
            Number of trials in a batch.
        taught
            Whether error neurons receive a target; otherwise they are inactive.
        learns, measured
            As in `Batch`; in training, running means and variances are updated.
        """
        batch = Batch(n_trials, learns, measured)
        loops = {group[-1].name: group for group in self._loops}
        inside = {p.name for group in self._loops for p in group}
        for population in self._forward:
            if population.name in inside:  # together, at the last of them
                if population.name in loops:
                    self._settle(batch, loops[population.name])
            else:
                self._act(batch, population, taught)
        return batch

    def _act(self, batch: Batch, population: Population, taught: bool) -> None:
        """Plan the activity of a population that is in no recurrent loop."""
        place = population.name, "x"
        if population.role == "stimulus":
            y = self._shown(batch, population)
            batch.signals[place] = self._kept(batch, population, y)
        elif population.role == "neurons":
            y = self._respond(batch, population)
            batch.signals[place] = self._kept(batch, population, y)
        elif population.is_told and taught:
            told = batch.shown = self._room(("", "shown"), (batch.n_trials, population.size))
            if population.role == "error":
                drive = self._sum(batch, population, "drive")
                values = {"shown": told, "drive": drive}
                told = self._formed(batch, place, population.comparison, values)
            batch.signals[place] = told
        elif population.role == "reward" and taught:
            batch.signals[place] = self._rewarded(batch, population)

    def _shown(self, batch: Batch, stimulus: Population) -> Array:
        """Return the array that a stimulus shows: all values of a trial, or its columns of them."""
        shape, name = (batch.n_trials, stimulus.size), stimulus.name
        shown = self._room(((name, "x"), "shown"), shape)
        if len(self._columns) == 1:
            batch.values = shown
            return shown
        if batch.values is None:
            n_values = sum(place.stop - place.start for place in self._columns.values())
            batch.values = self._room(("", "values"), (batch.n_trials, n_values))
        own = batch.values[:, self._columns[name]]
        batch.calls.append(partial(self._operations[ast.UAdd], own, out=shown))
        return shown

    def _settle(self, batch: Batch, loop: Sequence[Population]) -> None:
        """Plan the fixed point of a recurrent loop: its populations drive each other."""
        for population in loop:
            shape = batch.n_trials, population.size
            batch.signals[population.name, "x"] = self._room((population.name, "held"), shape)
        before, batch.calls = batch.calls, []
        members = []
        for population in loop:
            x, y = batch.signals[population.name, "x"], self._respond(batch, population)
            moved = self._room((population.name, "moved"), tuple(x.shape))
            members.append(Member(population, x, y, moved))
        respond, batch.calls = batch.calls, before
        batch.calls.append(settled(members, respond, self.library))

    def noise(self, n_trials: int, fires: Population, heard: Iterable[Population]) -> Batch:
        """Plan the responses to spontaneous noise of one population, without a stimulus.

        Parameters
        ----------
        n_trials
            Number of trials in a batch.
        fires
            The population that fires noise, independent of its input.
        heard
            Populations to plan, with those in between; others are left out.
        """
        batch = Batch(n_trials, learns=False, measured=False)
        shape = n_trials, fires.size
        fired = self._chance.normal(batch.calls, fires.name, "noise", shape, fires.noise)
        text, values = self._gated(batch, fires, "fired")
        if values:
            fired = self._formed(batch, (fires.name, "open"), text, {"fired": fired, **values})
        batch.signals[fires.name, "x"] = fired
        between = self._upstream(heard, fires)
        for population in self._forward:
            if population.role == "neurons" and population.name in between:
                batch.signals[population.name, "x"] = self._respond(batch, population)
        return batch

    def teach(self, batch: Batch) -> None:
        """Plan the feedback pass: ``teach`` of every population that receives feedback."""
        for population in self._feedback:
            self._hear(batch, population)

    def _hear(self, batch: Batch, population: Population) -> None:
        """Plan ``teach`` of a population."""
        name = population.name
        heard = batch.signals[name, "teach"] = self._sum(batch, population, "teach")
        if population.plateau:
            values = {"arrives": heard, "arrived": self._sum(batch, population, "before")}
            heard = self._formed(batch, (name, "plateaus"), population.dendrite, values)
            batch.signals[name, "teach"] = heard
        if batch.learns and population.teach_noise:
            self._blur(batch, population, heard)
        for pre, carried, carry in self._crossing.onto[name, "teach"]:
            if pre is population:
                batch.calls.append(carry(self.signal(batch, pre, carried), heard, True))
                batch.signals.pop((name, DELTA), None)  # it was of a part

    def signal(self, batch: Batch, population: Population, name: str) -> Array:
        """Return the array of a signal, shape (n_trials, n), or one that broadcasts to it."""
        name = DELTA if name == "delta" else name
        found = batch.signals.get((population.name, name))
        if found is not None:
            return found
        if population.role == "bias":
            found = self.library.full(1.0, (batch.n_trials, 1))
        elif name == "told" and (population.name, "x") in batch.signals:
            assert population.keeps  # without it there is no such signal
            values = {"x": batch.signals[population.name, "x"]}
            told = TOLD[population.keeps]
            found = self._formed(batch, (population.name, name), told, values)
        elif name == NUDGED:
            values = {key: self.signal(batch, population, key) for key in ("x", "teach")}
            found = self._formed(batch, (population.name, name), population.moved, values)
        elif name in ("gain", "slope"):
            found = self._gain(batch, population, name)
        elif name == DELTA:
            slope, values = self._slope(batch, population)
            values["teach"] = self.signal(batch, population, "teach")
            found = self._formed(batch, (population.name, name), f"({slope})*teach", values)
            if population.name in batch.normals:
                normaliser = self.normalisers[population.name]
                found = normaliser.backward(batch.calls, found, batch.normals[population.name])
        else:
            found = self.library.full(0.0, (batch.n_trials, population.size))  # no feedback
        batch.signals[population.name, name] = found
        return found

    def factor(self, batch: Batch, population: Population, factor: Factor) -> Array:
        """Return the array of a neural factor of a rule, shape (n_trials, n)."""
        known = batch.signals.get((population.name, factor.key))
        if known is not None:
            return known
        if factor.key == DELTA:
            return self.signal(batch, population, DELTA)
        if population.name in batch.normals and "gain" in factor.signals.values():
            raise DeviceError(
                f"A rule reads gain_post of {population.name!r} in {factor.key!r}, but with batch "
                "normalisation a trial's gain depends on other trials; write 'gain_post * "
                "teach_post' or 'delta_post', or read slope_post."
            )
        shape, key = (batch.n_trials, population.size), (population.name, factor.key)
        values = {
            name: self.signal(batch, population, signal) for name, signal in factor.signals.items()
        }
        found, calls = factor.formula.bound(values, key, shape)
        batch.calls += calls
        if tuple(found.shape) != shape:
            whole = self._room(key, shape)
            batch.calls.append(partial(self._operations[ast.UAdd], found, out=whole))
            found = whole
        batch.signals[key] = found
        return found

    def _formed(
        self, batch: Batch, place: tuple[str, str], text: str, values: Mapping[str, Array]
    ) -> Array:
        """Plan a signal that is an expression of others, and return its array."""
        shape = max((tuple(value.shape) for value in values.values()), key=len)
        formula = Formula(parse(text), self.library, self._room)
        found, calls = formula.bound(values, place, shape)
        batch.calls += calls
        return found

    def _slope(self, batch: Batch, population: Population) -> tuple[str, dict[str, Array]]:
        """Return the expression of an activation's slope, 0 under dropout, and what it reads."""
        name, signals, slope = population.name, batch.signals, population.slope
        values = {"x": signals[name, "x"], "drive": signals[name, "drive"]}
        if (name, "awake") in signals:
            values |= {"x": signals[name, "y"], "awake": signals[name, "awake"]}
            slope = f"awake*({slope})"
        if (name, GATE) in signals:
            values[GATE] = signals[name, GATE]
        if population.gated:
            values["silence"] = signals[name, "silence"]
            slope = f"{OPEN}*({slope})"
        return slope, values

    def _gain(self, batch: Batch, population: Population, name: str) -> Array:
        """Plan the gain: the slope of the response, with all other trials held constant."""
        text, values = self._slope(batch, population)
        if name == "gain" and population.name in batch.normals:
            at = batch.normals[population.name]
            text = f"({text})*scale/deviation"
            values |= {"scale": at.scale, "deviation": at.deviation}
        return self._formed(batch, (population.name, name), text, values)

    def _normalise(self, batch: Batch, population: Population, drive: Array) -> Array:
        """Plan the batch-normalised drive of a population, and return its array."""
        name = population.name
        scale, shift = (
            self._sum(batch, population, target, empty)
            for target, empty in (("scale", 1), ("shift", 0))
        )
        at = batch.normals[name] = self.normalisers[name].forward(
            batch.calls, drive, scale, shift, measured=batch.measured, keeps=batch.learns
        )
        batch.signals[name, "normal"] = at.normal
        return at.drive

    def _respond(self, batch: Batch, population: Population) -> Array:
        """Plan the activation function of a population, and return the array of its activity."""
        name = population.name
        drive = self._sum(batch, population, "drive")
        if population.norm:
            drive = self._normalise(batch, population, drive)
        batch.signals[name, "drive"] = drive
        if population.explores and batch.learns:
            self._explore(batch, population, drive)
        if not population.is_softmax:
            assert population.curve  # as `settles` says
            if population.has_gates:
                self._open(batch, population, drive)
            text, values = self._gated(batch, population, population.response)
            if (name, GATE) in batch.signals:
                values[GATE] = batch.signals[name, GATE]
            return self._formed(batch, (name, "y"), text, {"drive": drive, **values})
        y = self._room((name, "y"), tuple(drive.shape))
        batch.calls.append(self.library.softmax(drive, y))
        return y

    def _open(self, batch: Batch, population: Population, drive: Array) -> None:
        """Plan the gates of vectorised units, common to the components of each."""
        gates = self._room((population.name, GATE), tuple(drive.shape))
        vectors = self.library.array(self._network.gating(population))
        batch.calls.append(self.library.gate(drive, vectors, gates))
        batch.signals[population.name, GATE] = gates

    def _gated(
        self, batch: Batch, population: Population, text: str
    ) -> tuple[str, dict[str, Array]]:
        """Return the expression of an activity, 0 where neurons are silenced, and what it reads."""
        if not population.gated:
            return text, {}
        silence = self._sum(batch, population, "silence")
        batch.signals[population.name, "silence"] = silence
        return f"{OPEN}*({text})", {"silence": silence}

    def _explore(self, batch: Batch, population: Population, drive: Array) -> None:
        """Plan node perturbation: noise added to the drive, and its eligibility."""
        shape, name, size = tuple(drive.shape), population.name, population.explores
        known = self._chance.normal(batch.calls, name, ELIGIBILITY, shape, 1 / size)
        noise, variance = self._room((name, "explored"), shape), self.library.number(size * size)
        batch.calls.append(partial(self._operations[ast.Mult], known, variance, out=noise))
        batch.calls.append(self._crossing.put(noise, drive, True))
        batch.signals[name, ELIGIBILITY] = known

    def _rewarded(self, batch: Batch, reward: Population) -> Array:
        """Plan the reward: the improvement of the loss over the trial without noise."""
        name, shape = reward.name, (batch.n_trials, 1)
        batch.loss = self._sum(batch, reward, "drive")
        if not batch.learns:
            return self.library.full(0.0, shape)
        values = {"drive": batch.loss, "before": self._room((name, "before"), shape)}
        return self._formed(batch, (name, "x"), "before - drive", values)

    def remember(self, batch: Batch, reward: Population) -> None:
        """Store the loss without noise, as baseline for the same trials with noise."""
        before = self._room((reward.name, "before"), (batch.n_trials, 1))
        self._crossing.put(batch.loss, before, False)()

    def _kept(self, batch: Batch, population: Population, y: Array) -> Array:
        """Plan dropout of the activities `y`, and return their array."""
        unreliable = population.unreliable
        if not unreliable or not batch.learns:
            return y
        shape, name = tuple(y.shape), population.name
        awake = self._chance.awake(batch.calls, name, "awake", shape, unreliable)
        batch.signals[name, "awake"], batch.signals[name, "y"] = awake, y
        return self._formed(batch, (name, "x"), "awake*y", {"awake": awake, "y": y})

    def _upstream(self, heard: Iterable[Population], fires: Population) -> set[str]:
        """Return the names of populations and of those that drive them, up to what fires."""
        found, open_ones = set[str](), list(heard)
        while open_ones:
            population = open_ones.pop()
            if population.name not in {fires.name, *found}:
                found.add(population.name)
                open_ones += [pre for pre, _, _ in self._crossing.onto[population.name, "drive"]]
        return found

    def _blur(self, batch: Batch, population: Population, heard: Array) -> None:
        """Plan noise that every dendrite adds to its feedback."""
        shape, size = tuple(heard.shape), population.teach_noise
        stray = self._chance.normal(batch.calls, population.name, "stray", shape, size)
        batch.calls.append(self._crossing.put(stray, heard, True))

    def _bring(self, batch: Batch, target: str, source: Source, total: Array, add: bool) -> None:
        """Plan what a source writes or adds to the sum at an input, the `target`."""
        pre, carried, carry = source
        batch.calls.append(carry(self.signal(batch, pre, carried), total, add))

    def _sum(self, batch: Batch, population: Population, target: str, empty: float = 0) -> Array:
        """Plan the sum at an input, without the population's own feedback; `empty` for none."""
        name, is_empty = population.name, True
        total = self._room((name, target), (batch.n_trials, population.size))
        for pre, carried, carry in self._crossing.onto[name, target]:
            if pre is not population or target == "drive":
                self._bring(batch, target, (pre, carried, carry), total, not is_empty)
                is_empty = False
        if is_empty:
            batch.calls.append(self._crossing.put(self.library.number(empty), total, False))
        return total
