"""Factorial design of a sweep: an experiment, factors with levels, seeds, a baseline."""

import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from apical._base.checking import shown
from apical._base.reading import UnreadableError, read_toml
from apical.devices import check_simulation, usual_options
from apical.errors import ApicalError, DesignError
from apical.runs.callbacks import chosen
from apical.runs.experiment import (
    Experiment,
    describe,
    fingerprint,
    load_data,
    of_simulate,
    settled,
)
from apical.scripts import models
from apical.training.loop import Plan

Level = str | int | float | bool
"""Type of a factor's level."""

KINDS = {
    name: kind
    for name, kind in get_type_hints(Experiment).items()
    if name not in ("seed", "options", "measure")
}
"""Fields of an experiment that can be a factor, and their types."""

COLUMNS = ("run", "status", "error")
"""Columns of the table of results with the status of a run."""

LONGEST_NAME = 150
_KEYS = {"experiment", "factors", "seeds", "baseline"}


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Parameters
    ----------
    id
        Name of its directory, independent of the rest of the sweep.
    levels
        Factor -> level.
    experiment
        The configuration, with its seed.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps import Design
    >>> run = Design(Experiment("rate_dfa"), {"hidden": [10, 20]}).run({"hidden": 20}, seed=3)
    >>> run.levels, run.experiment.seed, run.experiment.options
    ({'hidden': 20}, 3, {'hidden': 20})
    """

    id: str
    levels: Mapping[str, Level]
    experiment: Experiment


@dataclass(frozen=True)
class Design:
    """A full factorial design: every combination of the levels of all factors with every seed.

    Parameters
    ----------
    experiment
        The configuration shared by all runs. Its own seed is ignored.
    factors
        Name -> levels. A factor is a field of `Experiment` or an option of the model.
    seeds
        Seeds of each combination; a number stands for 0, 1, ...
    baseline
        Factor -> level: the control condition. If it names only some factors, comparisons are made
        within each combination of the others.

    Raises
    ------
    DesignError
        If a name is unknown, or a level has the wrong type.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps import Design
    >>> factors = {"wiring": ["bp", "dfa"], "hidden": [10, 100]}
    >>> design = Design(Experiment("rate_dfa"), factors, seeds=3, baseline={"wiring": "bp"})
    >>> design.conditions  # doctest: +NORMALIZE_WHITESPACE
    [{'wiring': 'bp', 'hidden': 10}, {'wiring': 'bp', 'hidden': 100}, {'wiring': 'dfa', 'hidden':
    10}, {'wiring': 'dfa', 'hidden': 100}]
    >>> len(design.runs), design.seed_list
    (12, (0, 1, 2))
    >>> Design(Experiment("rate_dfa"), {"hiden": [10, 20]})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DesignError: Factor 'hiden': needs to be one of model, hypothesis, ...
    """

    experiment: Experiment
    factors: Mapping[str, Sequence[Level]]
    seeds: Sequence[int] | int = 5
    baseline: Mapping[str, Level] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seeds, given = self.seeds, self.factors
        seeds = range(seeds) if isinstance(seeds, int) and not isinstance(seeds, bool) else seeds
        if (
            not isinstance(seeds, Sequence)
            or not seeds
            or len(set(seeds)) < len(seeds)
            or any(isinstance(seed, bool) or not isinstance(seed, int) for seed in seeds)
        ):
            _refuse("seeds", "a number of 1 or more, or different whole numbers", self.seeds)
        if not isinstance(given, Mapping) or not given:
            _refuse("factors", "one factor or more, each with its levels", given)
        factors = {"model": _levels("model", given["model"], str)} if "model" in given else {}
        names = factors.get("model", (self.experiment.model,))
        found = [models.load(str(name)) for name in names]
        _check_options(self.experiment.options, found)
        factors = {
            name: _levels(name, levels, _kind(name, found)) for name, levels in given.items()
        }
        experiment = replace(self.experiment, model=str(found[0].path), seed=seeds[0])
        if "model" in factors:
            factors["model"] = tuple(str(model.path) for model in found)
        baseline = _baseline(self.baseline, factors, found)
        for name, value in (
            ("experiment", experiment),
            ("factors", factors),
            ("seeds", tuple(seeds)),
            ("baseline", baseline),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.seed_list) * math.prod(map(len, self.factors.values()))

    @property
    def seed_list(self) -> tuple[int, ...]:
        """Every seed."""
        return tuple(range(self.seeds) if isinstance(self.seeds, int) else self.seeds)

    @property
    def conditions(self) -> list[dict[str, Level]]:
        """Conditions: every combination of levels, factor -> level."""
        crossed = itertools.product(*self.factors.values())
        return [dict(zip(self.factors, levels, strict=True)) for levels in crossed]

    @property
    def runs(self) -> list[Run]:
        """Every run: all combinations with the first seed, then with the next."""
        return [self.run(levels, seed) for seed in self.seed_list for levels in self.conditions]

    def run(self, levels: Mapping[str, Level], seed: int) -> Run:
        """Return the run of one combination of levels with one seed.

        Parameters
        ----------
        levels
            Factor -> level.
        seed
            The seed.

        Examples
        --------
        >>> from apical.runs.experiment import Experiment
        >>> from apical.sweeps import Design
        >>> design = Design(Experiment("rate_dfa", epochs=2), {"epochs": [2, 4]})
        >>> design.run({"epochs": 4}, seed=0).experiment.epochs
        4
        """
        fields = {name: level for name, level in levels.items() if name in KINDS}
        options = {name: level for name, level in levels.items() if name not in KINDS}
        options = {**self.experiment.options, **options}
        changes: dict[str, Any] = {**fields, "options": options, "seed": seed}
        return Run(_id(levels, seed), dict(levels), replace(self.experiment, **changes))


def read_design(path: Path) -> Design:
    """Read a design from a TOML file.

    It holds ``seeds``, a number or a list; ``baseline``, factor -> level, or nothing; a table
    ``[experiment]`` with fields of `Experiment`, among them ``model``, and ``[experiment.options]``
    with options of the model; and a table ``[factors]`` of lists. Paths are relative to the working
    directory.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    DesignError
        If it cannot be read, or holds anything else.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.sweeps import read_design
    >>> text = '''
    ... seeds = 3
    ... baseline = {wiring = "bp"}
    ... [experiment]
    ... model = "rate_dfa"
    ... epochs = 2
    ... [factors]
    ... wiring = ["bp", "dfa"]
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "experiment.toml"
    ...     size = file.write_text(text)
    ...     design = read_design(file)
    >>> len(design.runs), design.baseline, design.experiment.epochs
    (6, {'wiring': 'bp'}, 2)
    """
    try:
        given = read_toml(path)
    except UnreadableError as error:
        what = "is not TOML" if path.is_file() else "cannot be read"
        raise DesignError(f"{path} {what}: {error.why}; give a TOML file.") from None
    try:
        return _design(given)
    except DesignError as error:
        raise DesignError(f"{path}: {error.message}", object=str(path)) from None


def _design(given: Mapping[str, Any]) -> Design:
    strangers = sorted(set(given) - _KEYS)
    if strangers:
        _refuse(f"{shown(strangers[0])}", f"to be one of {', '.join(sorted(_KEYS))}", strangers[0])
    fields = given.get("experiment")
    if not isinstance(fields, dict) or not isinstance(fields.get("model"), str):
        _refuse("[experiment]", "to be a table with a model", fields)
    kinds = {**KINDS, "options": dict, "measure": list}
    for name in fields:
        if name not in kinds:
            hint = "give seeds beside the tables" if name == "seed" else "see [experiment.options]"
            _refuse(f"[experiment] {name}", f"to be one of {', '.join(kinds)}", name, hint)
    checked = {
        name: _fitting(f"[experiment] {name}", value, kinds[name]) for name, value in fields.items()
    }
    for name in ("dataset", "data_dir"):
        if name == "data_dir" or str(checked.get(name, "")).endswith(".npz"):
            checked[name] = checked.get(name) and str(Path(checked[name]).resolve())
    baseline = given.get("baseline", {})
    return Design(Experiment(**checked), given.get("factors", {}), given.get("seeds", 5), baseline)


def check(design: Design) -> dict[str, str]:
    """Build the network of every condition of a design, to find invalid ones before running.

    Parameters
    ----------
    design
        The design.

    Returns
    -------
    dict
        Checksums of all models and data sets, by description.

    Raises
    ------
    DesignError
        If a condition is invalid; the first one is named.

    Examples
    --------
    >>> from apical.runs.experiment import Experiment
    >>> from apical.sweeps import Design
    >>> from apical.sweeps.design import check
    >>> sums = check(Design(Experiment("rate_dfa"), {"wiring": ["bp", "dfa"]}))
    >>> len(sums)
    2
    >>> check(Design(Experiment("rate_dfa"), {"wiring": ["bp", "dfb"]}))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DesignError: Factor 'wiring': needs one of bp, fa, dfa, ...
    """
    sums: dict[str, str] = {}
    for levels in design.conditions:
        experiment = design.run(levels, design.seed_list[0]).experiment
        try:
            e = experiment
            _check_range(e)
            model = models.load(e.model)
            parts = (e.dataset, e.data_dir, e.scale, e.validation, e.train_trials, e.test_trials)
            key = f"data {json.dumps(parts)}"
            if key not in sums:
                data = load_data(experiment)
                sums[key], last = fingerprint(data), key
            elif key != last:
                data, last = load_data(experiment), key
            sums[f"model {model.path}"] = model.sha256
            network = describe(e, model, data)
            e = settled(e, network)
            options = usual_options(network, str(e.device)) | of_simulate(e, network)
            check_simulation(network, str(e.device), **options)
            chosen(e.measure, network, closely=e.closely)
        except Exception as error:  # also what the script of a model raises
            what, place = f"{type(error).__name__}: {error}", None
            if isinstance(error, ApicalError):
                what, place = error.message, error.place
            named = ", ".join(f"{name} = {level}" for name, level in levels.items())
            raise DesignError(f"A run with {named} is impossible: {what}", place=place) from None
    return sums


def _check_range(experiment: Experiment) -> None:
    Plan(experiment.epochs, experiment.block, experiment.final_rate)
    for name, least in _LEAST.items():
        value = getattr(experiment, name)
        if value is not None and value < least:
            _refuse(name, f"{least} or more", value)


_LEAST = {"batch": 1, "train_trials": 1, "test_trials": 1, "validation": 0}


def _kind(name: str, found: Sequence[models.Model]) -> Any:
    """Return the type of a factor: that of a field, or of the option of every model."""
    if name in COLUMNS:
        _refuse(
            f"Factor {shown(name)}",
            f"a name other than {', '.join(COLUMNS)}",
            name,
            "rename the option",
        )
    for model in found:
        options = {option.name: option for option in model.options}
        if name in KINDS and name in options:
            _refuse(
                f"Factor {shown(name)}",
                "to be one thing",
                f"a field and an option of {model.path}",
                "rename the option",
            )
        if name not in KINDS and name not in options:
            known = f"{', '.join(KINDS)}; and options of {model.name}: {', '.join(options)}"
            hint = "give seeds beside the tables" if name == "seed" else "name one of them"
            _refuse(f"Factor {shown(name)}", f"to be one of {known}", name, hint)
    return KINDS[name] if name in KINDS else _kind_of(name, found[0])


def _kind_of(name: str, model: models.Model) -> Any:
    option = next(option for option in model.options if option.name == name)
    if option.choices:
        return Literal[option.choices]
    return option.kind | None if option.default is None else option.kind


def _check_options(options: Mapping[str, Any], found: Sequence[models.Model]) -> None:
    for model in found:
        known = [option.name for option in model.options]
        for name, value in options.items():
            if name not in known:
                _refuse(
                    f"Option {shown(name)}", f"to be one of {model.name}: {', '.join(known)}", name
                )
            if value is not None:
                _fitting(f"Option {shown(name)}", value, _kind_of(name, model))


def _levels(name: str, levels: Any, kind: Any) -> tuple[Level, ...]:
    where = f"Factor {shown(name)}"
    if not isinstance(levels, Sequence) or isinstance(levels, str) or not len(levels):
        _refuse(where, "a list of one level or more", levels)
    found = [_fitting(where, level, kind) for level in levels]
    if len(set(found)) < len(found):
        _refuse(where, "every level once", levels)
    if name == "dataset":
        found = [str(Path(f).resolve()) if f.endswith(".npz") else f for f in found]
    return tuple(found)


def _baseline(
    given: Any, factors: Mapping[str, Sequence[Level]], found: Sequence[models.Model]
) -> dict[str, Level]:
    if not isinstance(given, Mapping):
        _refuse("baseline", "factor = level, or nothing", given)
    baseline: dict[str, Level] = {}
    for name, level in given.items():
        if name not in factors:
            _refuse("baseline", f"factors among {', '.join(factors)}", name)
        baseline[name] = str(models.load(str(level)).path) if name == "model" else level
        if name != "model":
            baseline[name] = _levels(name, [level], _kind(name, found))[0]
        if baseline[name] not in factors[name]:
            among = ", ".join(map(str, factors[name]))
            _refuse(f"baseline {name}", f"a level among {among}", level)
    return baseline


def _fitting(where: str, value: Any, kind: Any) -> Any:
    """Convert a value to a type; raise if it does not fit."""
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    for one in kinds:
        if get_origin(one) is Literal and isinstance(value, str) and value in get_args(one):
            return value
        if isinstance(value, bool) is not (one is bool):
            continue
        if one is float and isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        if isinstance(one, type) and one is not float and isinstance(value, one):
            return value
    return _refuse(where, " or ".join(_named(one) for one in kinds if one is not NoneType), value)


def _named(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    return {
        int: "whole numbers",
        float: "finite numbers",
        str: "text",
        bool: "true or false",
        dict: "a table",
        list: "a list",
    }[kind]


def _id(levels: Mapping[str, Level], seed: int) -> str:
    """Return a unique name for the directory of a run."""
    parts = {
        name: Path(v).stem if isinstance(v, str) and "/" in v else v for name, v in levels.items()
    }
    text = "_".join(f"{name}={value}" for name, value in [*parts.items(), ("seed", seed)])
    short = re.sub(r"[^\w.=+-]", "-", text, flags=re.ASCII)[:LONGEST_NAME]
    if short != text or parts != dict(levels):
        whole = json.dumps([sorted(levels.items()), seed])
        short += f"_{sha256(whole.encode()).hexdigest()[:8]}"
    return short


def _refuse(where: str, needs: str, got: object, do: str = "change the design") -> NoReturn:
    raise DesignError(f"{where}: needs {needs}, got {shown(got)}; {do}.", object=str(where))
