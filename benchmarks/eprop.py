"""How long a recurrent network takes to learn a trial by e-prop, side by side with NEST.

    python benchmarks/eprop.py --rival-python PYTHON   # some ten minutes; --quick: a minute

In one run, on one processor, one thread each: 784 inputs, recurrent neurons (half of them adaptive)
and 10 outputs, joined all to all; trials of 100 steps of 1 ms; the same spikes of MNIST images, the
same initial weights, the same thresholds, time constants and surrogate gradients:

- apical: ``models/eprop_events.py`` on device ``cpp_standalone``; the whole of ``Simulator.run``,
  files in and out included;
- NEST (`rival_nest.py`): both forms of its e-prop; ``nest.Simulate`` alone.

All take turns (A B C A B C ...) on the same trials, and ratios are formed within each turn. Times
are those of the processor, with child processes, so that what else the machine does counts little.
Then: whether hidden neurons spike alike where nothing is learned, and what was learned on the way.
Writes ``results/eprop.json``.
"""

import json
import resource
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import report
from contestants import load_images, pinned
from report import console, spread, summary
from rich.table import Table
from worker import Worker

import apical as ap
from apical.neurons.encoding import decisions
from apical.scripts import models

MODEL = Path(__file__).parent.parent / "models" / "eprop_events.py"
STEPS, SPIKES, USUAL, TAU, TAU_A, ADAPTATION = 100, 1000, 5.0, 20.0, 200.0, 0.05
"""Steps of 1 ms and input spikes of a trial, spikes of a neuron that homeostasis aims at, and the
constants of neurons."""
OURS = "apical"
FORMS = {"NEST, weights change once a trial": "trials", "NEST, weights change at spikes": "spikes"}
RATES = {"trials": (1e-5, 1e-5), "spikes": (5e-7, 1e-5)}
"""Learning rates of hidden and output neurons in NEST: at 1e-3 and 3e-4 firing rates run away."""
AIM = 20.0


@dataclass
class Task:
    """Events of images, and the network that learns them.

    Parameters
    ----------
    images
        What is shown.
    n
        Number of trials.
    hidden
        Number of hidden neurons.
    """

    images: ap.Dataset
    n: int
    hidden: int
    events: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        rng, pixels = ap.stream(0, "benchmark", "events"), self.images.train.values[: self.n]
        for image in pixels.reshape(self.n, -1):
            chance = image * (SPIKES / STEPS / image.sum(dtype=np.float64))
            steps, channels = np.nonzero(rng.random((STEPS, image.size)) < chance)
            self.events.append((steps.astype(np.float64), channels))
        labels = self.images.train.labels[: self.n]
        shape = {"n_channels": pixels[0].size, "duration": float(STEPS)}
        self.data = ap.Dataset.from_events(self.events, labels, **shape)  # type: ignore[arg-type]
        options = {"hidden": self.hidden, "usual": USUAL, "tau_a": TAU_A}
        self.network = models.load(str(MODEL)).build(self.data, 0, **options)

    def write(self, file: Path, rates: tuple[float, float]) -> None:
        """Write what NEST learns, at learning rates of hidden and of output neurons.

        It adds input after the membrane has decayed, and spikes to the adaptation, where apical
        does so before: weights and adaptation are smaller by one step's decay, so spikes are alike.
        """
        net, decay = self.network, np.exp(-1.0 / TAU)
        learned = {
            "w_in": net.initial_weights("stimulus_to_hidden") * decay,
            "w_rec": net.initial_weights("hidden_to_hidden") * decay,
            "w_out": net.initial_weights("hidden_to_output"),
            "feedback": net.initial_weights("error_to_hidden")[: self.data.n_classes],
        }
        times, channels = (np.concatenate(part) for part in zip(*self.events, strict=True))
        offsets = np.cumsum([0, *(len(steps) for steps, _ in self.events)])
        shown = {"times": times, "channels": channels, "offsets": offsets}
        constants = {"steps": STEPS, "wait": round(STEPS / 3), "adapting": self.hidden // 2}
        constants |= {"adaptation": ADAPTATION * np.exp(-1.0 / TAU_A), "c_reg": 0.0}
        neurons = {"tau_m": TAU, "tau_a": TAU_A, "f_target": 1e3 * USUAL / STEPS}
        learning = dict(zip(("eta", "eta_output"), rates, strict=True))
        labels = self.data.train.labels
        np.savez(file, **learned, **shown, **constants, **neurons, **learning, labels=labels)


class Apical:
    """The package on device `cpp_standalone`."""

    def __init__(self, task: Task, capacity: int) -> None:
        self.task = task
        began = _processor()
        self.simulator = ap.simulate(task.network, "cpp_standalone", capacity=capacity)
        self.simulator.run(self._block(0, 1, learns=False))
        self.cpu = _processor() - began

    def _block(self, first: int, last: int, *, learns: bool = True) -> ap.Block:
        values, labels = self.task.data.train.block(slice(first, last))
        return ap.Block(values, labels, np.full((), float(learns)), first)

    def learn(self, first: int, last: int) -> dict[str, Any]:
        """Decide trials after those learned before, then learn them, and say how long it took.

        Learning acts within a trial, so that decisions while it learns would know the label.
        """
        before = self.simulator.run(self._block(first, last, learns=False)).counts["output"]
        right = decisions(before) == self.task.data.train.labels[first:last]
        block, wall, cpu = self._block(first, last), time.perf_counter(), _processor()
        result = self.simulator.run(block)
        found = {"seconds": time.perf_counter() - wall, "cpu": _processor() - cpu}
        return found | {"right": int(right.sum()), "hidden": float(result.counts["hidden"].sum())}


def _processor() -> float:
    """Return the time of the processor that this process and its children have taken [s]."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


def agreement(task: Task, worker: Worker, file: Path) -> dict[str, float]:
    """Say how many spikes of hidden neurons are the same in a trial, at learning rates of 0."""
    task.write(file, (0.0, 0.0))
    simulator = ap.simulate(task.network, "runtime", dtype="float64", record=["hidden"])
    values, labels = task.data.train.block(slice(0, 1))
    times, neurons = simulator.run(ap.Block(values, labels, np.zeros(()))).spikes["hidden"]
    ours = set(zip(np.rint(times).astype(int).tolist(), neurons.tolist(), strict=True))
    found = worker.ask(form="spikes", file=str(file), first=0, last=1, spikes=True)
    theirs = list(zip(found["steps"], found["neurons"], strict=True))
    late = min(t for t, _ in theirs) - min(t for t, _ in ours)
    shifted = {(t - late, i) for t, i in theirs if t - late < STEPS}
    both = len(ours & shifted)
    return {"ours": len(ours), "theirs": len(shifted), "same": both, "late_steps": late}


def measured(task: Task, workers: Mapping[str, Worker], folder: Path, turns: int) -> dict[str, Any]:
    """Time all in turn; return what each took and learned."""
    per, apical = task.n // turns, Apical(task, task.n // turns)
    files = {form: folder / f"{form}.npz" for form in FORMS.values()}
    set_up = {OURS: {"cpu": apical.cpu}}
    for name, form in FORMS.items():
        task.write(files[form], RATES[form])
        set_up[name] = workers[form].ask(form=form, file=str(files[form]))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in (OURS, *FORMS)}
    for turn in range(turns):
        first, last = turn * per, (turn + 1) * per
        for name, rows in found.items():
            with console.status(f"turn {turn + 1} of {turns}: {name}"):
                rows.append(
                    apical.learn(first, last)
                    if name == OURS
                    else workers[FORMS[name]].ask(
                        form=FORMS[name], file=str(files[FORMS[name]]), first=first, last=last
                    )
                )
    base = [row["cpu"] for row in found[OURS]]
    return {
        name: {
            "cpu_ms_per_trial": summary([1e3 * row["cpu"] / per for row in rows]),
            "wall_ms_per_trial": summary([1e3 * row["seconds"] / per for row in rows]),
            "ratio": summary([row["cpu"] / b for row, b in zip(rows, base, strict=True)]),
            "hidden_spikes_per_trial": [row["hidden"] / per for row in rows],
            "right": [row["right"] / per for row in rows],
            "input_around_ms_per_trial": [1e3 * row.get("around", 0.0) / per for row in rows],
            "set_up_cpu_seconds": set_up[name]["cpu"],
        }
        for name, rows in found.items()
    }


def show(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Print what was measured."""
    table = Table(title="learning a trial by e-prop")
    for column in ("", "processor, ms", "over apical", "spikes, first turn", "right, last turn"):
        table.add_column(column)
    for name, row in rows.items():
        cells = [spread(row["cpu_ms_per_trial"], 2), spread(row["ratio"], 1)]
        cells += [f"{row['hidden_spikes_per_trial'][0]:.0f}", f"{row['right'][-1]:.0%}"]
        table.add_row(name, *cells)
    console.print(table)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rival-python", required=True, help="Python that has nest-simulator.")
@click.option("--hidden", default=200, show_default=True)
@click.option("--trials", default=400, show_default=True, help="Trials that each learns.")
@click.option("--repeats", default=5, show_default=True, help="Turns that they are learned in.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of MNIST's IDX files.")
@click.option("--quick", is_flag=True, help="Few trials of a small network: does it work?")
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent)
def main(
    rival_python: str,
    hidden: int,
    trials: int,
    repeats: int,
    data_dir: Path | None,
    quick: bool,
    out: Path,
) -> None:
    """Time e-prop, side by side with NEST."""
    if quick:
        hidden, trials, repeats = 40, 20, 2
    task = Task(load_images(data_dir), trials, hidden)
    settings = {"data": task.images.name, "hidden": hidden, "trials": trials, "repeats": repeats}
    settings |= {"steps": STEPS, "input_spikes": SPIKES, "threads": 1, "quick": quick}
    with tempfile.TemporaryDirectory(prefix="apical-benchmark-") as folder, pinned():
        workers = {form: Worker(rival_python, "rival_nest.py", 1) for form in FORMS.values()}
        still = Worker(rival_python, "rival_nest.py", 1)
        results: dict[str, Any] = {"machine": report.machine(), "settings": settings}
        results["rival"] = workers["trials"].ask()
        results["contestants"] = measured(task, workers, Path(folder), repeats)
        results["agreement"] = agreement(task, still, Path(folder) / "still.npz")
        for worker in (*workers.values(), still):
            worker.close()
    ratios = {name: row["ratio"]["median"] for name, row in results["contestants"].items()}
    results["met"] = {name: ratios[name] >= AIM for name in FORMS}
    show(results["contestants"])
    console.print(results["agreement"])
    if not quick:
        file = out / "results" / "eprop.json"
        file.write_text(json.dumps(results, indent=1) + "\n")
        console.print(f"Written: {file}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
