"""Labels that distinguish runs in a report, and the command that repeats a run."""

import shlex
from collections.abc import Sequence
from dataclasses import fields
from hashlib import sha256
from typing import Any

from apical._base.private_paths import bare
from apical.devices import DEVICES
from apical.runs.experiment import Experiment
from apical.runs.open import TrainedRun
from apical.scripts import models

_FLAGS = ("closely",)
_APART = ("model", "options", "seed", "device", "batch")


def settings(run: TrainedRun) -> dict[str, Any]:
    """Return the settings that distinguish a run from others, the seed last.

    Parameters
    ----------
    run
        A finished run.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.report import naming
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.open import open_run
    >>> from apical.runs.run import run
    >>> plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = run(plan, Path(folder) / "run", progress=False, draw=False)
    ...     found = open_run(Path(folder) / "run")
    >>> list(naming.settings(found))[-1], naming.labels([found])
    ('seed', ['run'])
    >>> naming.command(found)  # doctest: +NORMALIZE_WHITESPACE
    'apical run rate_dfa --scale 16.0 --train-trials 100 --test-trials 50 --epochs 1 --device array
    --seed 0 --batch 64'
    """
    experiment = run.prepared.experiment
    known = {"model": run.prepared.model.name, **experiment.options}
    known |= {
        f.name: bare(getattr(experiment, f.name))
        for f in fields(Experiment)
        if f.name not in ("model", "options", "seed")
    }
    return {**known, "seed": experiment.seed}


def labels(runs: Sequence[TrainedRun]) -> list[str]:
    """Return a label for each run, made of the settings that differ, in their order.

    Parameters
    ----------
    runs
        Finished runs.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.report import naming
    >>> from apical.runs.experiment import Experiment
    >>> from apical.runs.open import open_run
    >>> from apical.runs.run import run
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for seed in (0, 1):
    ...         plan = Experiment("rate_dfa", train_trials=100, test_trials=50, epochs=1, seed=seed)
    ...         summary = run(plan, Path(folder) / str(seed), progress=False, draw=False)
    ...     runs = [open_run(Path(folder) / str(seed)) for seed in (0, 1)]
    >>> naming.labels(runs), [len(members) for members in naming.groups(runs).values()]
    (['seed 0', 'seed 1'], [2])
    """
    return _told_apart([settings(run) for run in runs], [run.name for run in runs])


def groups(runs: Sequence[TrainedRun]) -> dict[str, list[TrainedRun]]:
    """Group runs that differ only in their seed, under a label for each group."""
    keys = [tuple((k, str(v)) for k, v in settings(r).items() if k != "seed") for r in runs]
    together: dict[Any, list[TrainedRun]] = {}
    for key, run in zip(keys, runs, strict=True):
        together.setdefault(key, []).append(run)
    firsts = [
        {k: v for k, v in settings(members[0]).items() if k != "seed"}
        for members in together.values()
    ]
    names = _told_apart(firsts, [members[0].prepared.model.name for members in together.values()])
    return dict(zip(names, together.values(), strict=True))


def _told_apart(known: Sequence[dict[str, Any]], otherwise: Sequence[str]) -> list[str]:
    keys = list(dict.fromkeys(key for one in known for key in one))
    differ = [key for key in keys if len({str(one.get(key)) for one in known}) > 1]
    found = []
    for one, name in zip(known, otherwise, strict=True):
        words = [_word(key, one[key]) for key in differ if one.get(key) is not None]
        found.append(", ".join(words) or name)
    return [name if found.count(name) == 1 else f"{name} ({k + 1})" for k, name in enumerate(found)]


def _word(key: str, value: Any) -> str:
    if key == "wiring":
        return str(value).upper()
    return str(value) if key in ("model", "dataset", "device") else f"{key} {value}"


def command(run: TrainedRun) -> str:
    """Return the command that repeats a run."""
    experiment, model = run.prepared.experiment, run.prepared.model
    known = models.available().get(model.name)
    by_name = known is not None and sha256(known[0].read_bytes()).hexdigest() == model.sha256
    words = ["apical", "run", model.name if by_name else bare(str(model.path))]
    given: dict[str, Any] = {
        f.name: getattr(experiment, f.name)
        for f in fields(Experiment)
        if f.name not in _APART and getattr(experiment, f.name) != f.default
    }
    given |= {k: v for k, v in experiment.options.items() if v != model.defaults.get(k)}
    given |= {"device": experiment.device, "seed": experiment.seed}
    if DEVICES[str(experiment.device)].takes("batch"):
        given["batch"] = experiment.batch
        given |= {k: v for k, v in run.config.items() if k == "library"}
    if bare(experiment.data_dir) != experiment.data_dir:
        del given["data_dir"]  # a folder of the machine that it ran on
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if name in _FLAGS and value else [flag, str(bare(value))]
    return shlex.join(words)
