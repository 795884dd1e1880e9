"""How long a spiking network takes to learn one image, side by side with the alternatives.

    python benchmarks/spiking.py            # some ten minutes; --quick: about a minute

In one run, on one processor, with learning on (784-H-10, trials of 100 ms, steps of 1 ms):

- apical: the trial form of ``models/spiking_dfa.py``, its online form, and the trial form through
  Brian2's own synapses (``dense=False``); whole wall time of ``Simulator.run`` over blocks of
  2,000 trials, files in and out included;
- device `lockstep`: the trial form in batches of 128 (see `batches.py`, too);
- a plain Brian2 script (`plain_brian2.py`) and a hand-written C++ loop of the same equations
  (`loop.cpp`); the time of their loops alone;
- with ``--rival snntorch``: backpropagation through time in batches (`rival_snntorch.py`).

All take turns (A B C A B C ...), and ratios are formed within each turn. Compiling is never part
of a time. Then: where apical's time goes, what it costs as the network and its input grow, and what
a second network compiles. Writes ``results/spiking.json`` and ``figures/spiking_cost.png``.
"""

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import report
from contestants import (
    BLOCK,
    Apical,
    Contestant,
    Lockstep,
    Loop,
    PlainBrian2,
    SnnTorch,
    Trials,
    exchanged,
    load_images,
    network,
    pinned,
)
from report import console, summary

from apical import Network, simulate

TRIAL, ONLINE, BRIAN2 = "apical, trial form", "apical, online form", "apical, dense=False"
PLAIN, LOOP, LOOP_ONLINE = "plain Brian2 script", "C++ loop, trial form", "C++ loop, online form"
TABLE, TABLE_ONLINE = f"{LOOP}, tabulated", f"{LOOP_ONLINE}, tabulated"
LOCKSTEP = "apical, lockstep, batch 128"
SNNTORCH = "snnTorch, BPTT, batch 128"
FORMS = ("trial", "online")

# What a code object does, by the end of its name.
PARTS = {
    "delivery of spikes": "_delivery",
    "thresholds": "_thresholder",
    "spike tables": "_table",
    "resets": "_resetter",
    "state of neurons": "_stateupdater",
    "learning": "_learning",
    "start of steps and trials": "_run_regularly",
    "counts": "_counter",
}
EVERY_STEP = ("_delivery", "_thresholder", "_table", "_resetter", "_stateupdater")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    hidden: tuple[int, ...]
    trials: int
    repeats: int
    sizes: tuple[int, ...] = (100, 200, 500, 1000, 2000)
    totals: tuple[float, ...] = (30.0, 50.0, 100.0, 200.0, 300.0)
    cost_trials: int = 1000
    cost_repeats: int = 3
    profiled: tuple[str, ...] = FORMS
    all_costs: bool = True


def turns(contestants: Mapping[str, Contestant], repeats: int, what: str) -> dict[str, Any]:
    """Compile all, time them in turn, and return times and their ratios to the first."""
    for name, contestant in contestants.items():
        with console.status(f"{what}: {name}: compiling"):
            contestant.prepare()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    with pinned():
        for turn in range(repeats):
            for name, contestant in contestants.items():
                with console.status(f"{what}: turn {turn + 1} of {repeats}: {name}"):
                    times[name].append(contestant.time())
    first = next(iter(times.values()))
    return {
        name: {
            "ms_per_trial": summary(values),
            "ratio": summary([a / b for a, b in zip(values, first, strict=True)]),
            "compile_seconds": contestants[name].compile_seconds,
            "spikes_per_trial": contestants[name].spikes,
        }
        for name, values in times.items()
    }


def side_by_side(trials: Trials, size: Size, rival: Callable[..., Contestant] | None) -> list[Any]:
    """Time all contestants at every size asked for."""
    found = []
    for hidden in size.hidden:
        contestants: dict[str, Contestant] = {
            TRIAL: Apical(trials, hidden),
            ONLINE: Apical(trials, hidden, form="online"),
            BRIAN2: Apical(trials, hidden, dense=False),
            LOCKSTEP: Lockstep(trials, hidden),
            PLAIN: PlainBrian2(trials, hidden),
            LOOP: Loop(trials, hidden),
            LOOP_ONLINE: Loop(trials, hidden, form="online"),
            TABLE: Loop(trials, hidden, tabulated=True),
            TABLE_ONLINE: Loop(trials, hidden, form="online", tabulated=True),
        }
        if rival:
            contestants[SNNTORCH] = rival(trials, hidden)
        rows = turns(contestants, size.repeats, f"784-{hidden}-10")
        report.comparison_table(hidden, rows, TRIAL)
        found.append({"hidden": hidden, "contestants": rows})
    return found


def agreement(trials: Trials, hidden: int) -> list[dict[str, Any]]:
    """Say how far apical and the loop are apart after a few trials from the same start.

    Spikes are all or none: once rounding has moved one, the two runs differ for good.
    """
    rows = []
    for form in FORMS:
        apical, loop = Apical(trials, hidden, form=form), Loop(trials, hidden, form=form)
        apical.prepare()
        loop.prepare()
        for n in (1, 10):
            apical.simulator.state = apical.start
            for block in trials.blocks(n):
                apical.simulator.run(block)
            loop.run(n)
            ours = apical.simulator.weights("stimulus_to_hidden")
            change = np.abs(ours - apical.start["stimulus_to_hidden.w"]).max()
            rows.append(
                {
                    "hidden": hidden,
                    "form": form,
                    "trials": n,
                    "difference": float(np.abs(ours - loop.learned()).max()),
                    "change": float(change),
                }
            )
    report.agreement_table(rows)
    return rows


def profiles(trials: Trials, size: Size, compared: Sequence[Any]) -> list[dict[str, Any]]:
    """Say where the time goes: parts of the program, its files, and the rest.

    Every code object carries the cost of reading the clock twice a step. It is taken to be the
    smallest time among the objects that act in every step, and subtracted from all of these.
    """
    rows = []
    for result in compared:
        for form in size.profiled:
            name = TRIAL if form == "trial" else ONLINE
            whole = 1e3 * result["contestants"][name]["ms_per_trial"]["median"]
            rows.append({"hidden": result["hidden"], "form": form, "whole_us": whole})
    for row in rows:
        with console.status(f"profile: 784-{row['hidden']}-10, {row['form']} form"):
            row |= _profile(trials, row["hidden"], row["form"], row["whole_us"])
    report.profile_table(rows)
    return rows


def _profile(trials: Trials, hidden: int, form: str, whole: float) -> dict[str, Any]:
    measured = Apical(trials, hidden, form=form, profile=True)
    plain = Apical(trials, hidden, form=form)
    measured.prepare()
    plain.prepare()
    before = dict(measured.simulator.profile_seconds)
    with pinned():
        measured.time()
        files = float(np.median([plain.time_of_one() for _ in range(5)]))
    seconds: dict[str, float] = {}
    for name, total in measured.simulator.profile_seconds.items():
        short = re.sub(r"_codeobject(_\d+)?$", "", name)
        seconds[short] = seconds.get(short, 0.0) + total - before.get(name, 0.0)
    us = {name: 1e6 * s / measured.n for name, s in seconds.items()}
    clock = min(t for name, t in us.items() if name.endswith(EVERY_STEP))
    net = {
        name: t - clock
        if name.endswith(EVERY_STEP)
        or (form == "online" and name.endswith("_learning"))
        or ("_run_regularly" in name and t > clock)
        else t
        for name, t in us.items()
    }
    net = {name: max(t, 0.0) for name, t in sorted(net.items(), key=lambda item: -item[1])}
    parts = {part: sum(t for name, t in net.items() if end in name) for part, end in PARTS.items()}
    parts["files, and starting the program"] = 1e3 * files / BLOCK
    parts["the rest: loop, calls, clocks"] = whole - sum(parts.values())
    return {"us_per_trial": parts, "code_objects_us": net, "clock_us": clock}


def costs(trials: Trials, size: Size) -> dict[str, list[dict[str, Any]]]:
    """Time a trial against the number of hidden neurons, and of input spikes."""
    n = min(size.cost_trials, trials.n)

    def measure(hidden: int, total: float, what: str) -> list[dict[str, Any]]:
        contestants = {
            TRIAL: Apical(trials, hidden, n, total),
            ONLINE: Apical(trials, hidden, n, total, form="online"),
            PLAIN: PlainBrian2(trials, hidden, n, total),
            LOOP: Loop(trials, hidden, n, total),
            LOOP_ONLINE: Loop(trials, hidden, n, total, form="online"),
        }
        if not size.all_costs:
            contestants = {name: contestants[name] for name in (TRIAL, LOOP)}
        rows = turns(contestants, size.cost_repeats, what)
        where = {"hidden": hidden, "input_spikes": 10 * total}
        return [{"name": name, **where, **row} for name, row in rows.items()]

    by_size = [r for h in size.sizes for r in measure(h, 100.0, f"cost: {h} hidden")]
    first = size.hidden[0]
    by_input = [r for t in size.totals for r in measure(first, t, f"cost: {10 * t:.0f} spikes")]
    return {"hidden": by_size, "input": by_input}


def compiles(trials: Trials, hidden: int) -> list[dict[str, Any]]:
    """Count the programs that a second network makes compile."""
    data = trials.data
    block = next(trials.blocks(1))
    base = network(data, hidden, "trial")
    faster = [replace(p, tau_m=15.0, tau_s=4.0) for p in base.populations if hasattr(p, "tau_s")]
    others: dict[str, Network] = {
        "the same network again": network(data, hidden, "trial"),
        "another seed": network(data, hidden, "trial", seed=1),
        "other learning rates": network(data, hidden, "trial", eta_hidden=1e-5, eta_output=3e-4),
        "other time constants": exchanged(base, *faster),
        "half the input spikes": network(data, hidden, "trial", total=50.0),
        "another number of hidden neurons": network(data, hidden + 1, "trial"),
    }
    simulate(base, capacity=BLOCK).run(block)
    rows = []
    for change, net in others.items():
        with console.status(f"compile counts: {change}"):
            started = time.perf_counter()
            simulator = simulate(net, capacity=BLOCK)
            simulator.run(block)
            seconds = time.perf_counter() - started
        compiled = int(simulator.compile_seconds > 0)
        rows.append({"change": change, "compiled": compiled, "seconds": seconds})
    report.compile_table(rows)
    return rows


def targets(compared: Sequence[Any]) -> list[dict[str, Any]]:
    """Hold the measured ratios against what was aimed at."""
    rows = []
    for result in compared:
        ratio = {name: row["ratio"] for name, row in result["contestants"].items()}
        slower = summary([1 / r for r in ratio[LOOP]["all"]])
        size = f"784-{result['hidden']}-10"
        rows += [
            {
                "target": f"{size}: at least 3 times the trials/s of the plain script",
                "measured": ratio[PLAIN],
                "met": ratio[PLAIN]["median"] >= 3,
            },
            {
                "target": f"{size}: at most 2 times the time of the C++ loop",
                "measured": slower,
                "met": slower["median"] <= 2,
            },
        ]
    report.target_table(rows)
    return rows


def _numbers(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter("give whole numbers, for instance 200,500") from None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--hidden", default="200,500", callback=_numbers, help="Sizes to compare.")
@click.option("--trials", default=5000, show_default=True, help="Trials of one timed run.")
@click.option("--repeats", default=5, show_default=True, help="Turns.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of MNIST's IDX files.")
@click.option("--rival", type=click.Choice(["snntorch"]), help="Also time another library.")
@click.option("--rival-python", default=sys.executable, help="Python that has that library.")
@click.option("--quick", is_flag=True, help="Few trials, one small network: does it work?")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(__file__).parent,
    help="Folder for results/ and figures/.",
)
def main(
    hidden: tuple[int, ...],
    trials: int,
    repeats: int,
    data_dir: Path | None,
    rival: str | None,
    rival_python: str,
    quick: bool,
    out: Path,
) -> None:
    """Time learning in a spiking network, side by side with the alternatives."""
    size = Size(hidden, trials, repeats)
    if quick:
        size = Size((100,), 1000, 2, (50, 100), (50.0, 100.0), 500, 1, ("trial",), False)
    other = (lambda *a: SnnTorch(*a, python=rival_python)) if rival else None
    data = load_images(data_dir)
    with tempfile.TemporaryDirectory(prefix="apical-benchmark-") as folder:
        # An empty cache, so that every program is compiled once in this run, and that is timed.
        os.environ["APICAL_CACHE_DIR"] = f"{folder}/cache"
        shown = Trials(data, min(size.trials, len(data.train)), Path(folder)).write()
        results: dict[str, Any] = {
            "machine": report.machine(),
            "settings": {
                "data": data.name,
                "trials": shown.n,
                "repeats": size.repeats,
                "quick": quick,
                "block": BLOCK,
                "trial_ms": 100,
                "dt_ms": 1,
                "threads": 1,
            },
        }
        for key, value in {**results["machine"], **results["settings"]}.items():
            console.print(f"[dim]{key.replace('_', ' ')}:[/] {value}", highlight=False)
        results["side_by_side"] = side_by_side(shown, size, other)
        results["targets"] = targets(results["side_by_side"])
        results["agreement"] = [r for h in size.hidden for r in agreement(shown, h)]
        results["profile"] = profiles(shown, size, results["side_by_side"])
        results["compiles"] = compiles(shown, size.hidden[0])
        results["cost"] = costs(shown, size)
    file, figure = out / "results" / "spiking.json", out / "figures" / "spiking_cost.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(results, indent=1) + "\n")
    report.cost_figure(results["cost"], figure)
    console.print(f"Written: {file} and {figure}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
