"""The catalogue: the scorecard of every shipped model, beside its accuracy and its cost.

Such tables have been made by hand (Lv et al. 2024, arXiv:2406.16062); here each cell is the worst
level of the lines that `audit` finds. Accuracy and cost are read from ``models/measured.csv``,
which says where each number comes from; `measure` adds to it. What nobody measured stays empty.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from apical import __version__
from apical._base.whole_files import write_whole
from apical.data.datasets import Dataset
from apical.devices import DEVICES, Simulator, recordable, simulate, usual, usual_options
from apical.errors import ApicalError, DataError, RunError
from apical.measures.cost import synaptic_operations
from apical.measures.updates import update_signals
from apical.network.description import Network
from apical.network.stimuli import n_values
from apical.neurons.facts import Aspect, Level
from apical.plausibility import ASPECTS, Scorecard, audit
from apical.plausibility.findings import LEVELS
from apical.records.recording import record
from apical.scripts import models
from apical.scripts.study_networks import STUDIES
from apical.training.loop import train

MEASURED = "measured.csv"
"""File beside the models: their accuracy and cost, and where these numbers come from."""
NOT_MEASURED = "not measured"
CONDITIONS = ("wiring", "variant", "update")
"""Options of models that make other networks, of which each choice has a row."""
EPOCHS, SEEDS, AT_ONCE, RECORDED = 30, (0, 1, 2), 20, 50
"""How `measure` trains: epochs, seeds, and trials of a batch where a device takes batches; and on
how many test samples it counts synaptic operations."""
BATCH = 64
"""Trials of a batch for which networks are judged, as `apical run` trains them."""


@dataclass(frozen=True)
class Entry:
    """A network of a shipped script.

    Parameters
    ----------
    model, condition
        Name of the script, and of its network among others.
    network
        The network; None if it could not be built.
    problem
        Why it could not.

    Examples
    --------
    >>> from apical.scripts.catalogue import Entry
    >>> Entry("rate_dfa", "dfa", None, "the script is missing").problem
    'the script is missing'
    """

    model: str
    condition: str
    network: Network | None
    problem: str = ""


@dataclass(frozen=True)
class Measured:
    """Accuracy and cost of a network, a line of ``measured.csv``.

    Parameters
    ----------
    model, condition
        As in `Entry`.
    accuracy
        Test accuracy [%], learning off, with its standard deviation if there are several seeds;
        empty if it was not measured.
    settings
        Data, epochs, seeds, and what else differs from how the network is described.
    source
        Where the number comes from.
    inference, learning
        Effective synaptic operations of a trial, and those that learning adds; empty if not
        measured.
    cost_settings
        Data, and the samples on which they were counted.

    Examples
    --------
    >>> from apical.scripts.catalogue import Measured
    >>> Measured("rate_dfa", "dfa", accuracy="96.0", source="BENCHMARKS.md").inference
    ''
    """

    model: str
    condition: str
    accuracy: str = ""
    settings: str = ""
    source: str = ""
    inference: str = ""
    learning: str = ""
    cost_settings: str = ""

    def __or__(self, other: "Measured") -> "Measured":
        """Return this with what it lacks taken from another."""
        accuracy, cost = (self if self.settings else other), (self if self.inference else other)
        return Measured(
            self.model,
            self.condition,
            accuracy.accuracy,
            accuracy.settings,
            accuracy.source,
            cost.inference,
            cost.learning,
            cost.cost_settings,
        )


@dataclass(frozen=True)
class Row:
    """A row of the catalogue.

    Parameters
    ----------
    model, condition
        As in `Entry`.
    levels
        Worst level of each aspect of the scorecard.
    is_local
        Whether learning is local; None if the network could not be judged.
    problem
        Why it could not.
    measured
        Its accuracy and cost.
    """

    model: str
    condition: str
    levels: Mapping[Aspect, Level]
    is_local: bool | None
    problem: str
    measured: Measured


# ---- what there is -------------------------------------------------------------------------------


def names() -> list[str]:
    """Return the names of the scripts that have networks to judge.

    Examples
    --------
    >>> from apical.scripts import catalogue
    >>> "rate_dfa" in catalogue.names()
    True
    """
    found = []
    for name, (path, _) in models.available().items():
        try:
            study = models.is_study(path)
        except (SyntaxError, ValueError):
            study = False
        if not study or name in STUDIES or "def catalogue(" in path.read_text():
            found.append(name)
    return found


def entries(name: str, data: Dataset, seed: int = 0) -> list[Entry]:
    """Return the networks of a script.

    Parameters
    ----------
    name
        One of `names`.
    data, seed
        Data set and seed for which they are built.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import catalogue
    >>> data = ap.datasets.load("digits")
    >>> [entry.condition for entry in catalogue.entries("rate_dfa", data)]
    ['bp', 'fa', 'dfa', 'ifa_forward', 'ifa_random', 'drtp', 'gevb', 'two_phases']
    """
    path = models.available()[name][0]
    try:
        if models.is_study(path):
            made = _of_study(name, models.imported(path.resolve()), data, seed)
            return [Entry(name, condition, network) for condition, network in made.items()]
        model = models.load(str(path))
        return [
            _built(model, condition, data, seed) for condition in _conditions(model.options) or [{}]
        ]
    except Exception as error:  # a script of the user's may raise anything
        return [Entry(name, "", None, f"{type(error).__name__}: {error}")]


def _of_study(name: str, script: ModuleType, data: Dataset, seed: int) -> Mapping[str, Network]:
    own = getattr(script, "catalogue", None)
    found: Mapping[str, Network] = (
        own(data, seed) if callable(own) else STUDIES[name](script, data, seed)
    )
    return found


def _conditions(options: Iterable[models.Option]) -> list[dict[str, str]]:
    found = [(o.name, choice) for o in options if o.name in CONDITIONS for choice in o.choices]
    whole = {choice for _, choice in found}
    return [
        {name: choice}
        for name, choice in found
        if not (choice == "ifa" and "ifa_forward" in whole)  # another word for it
    ]


def _built(model: models.Model, chosen: Mapping[str, str], data: Dataset, seed: int) -> Entry:
    condition = " ".join(chosen.values())
    try:
        return Entry(model.name, condition, model.describe(data, seed, chosen))
    except ApicalError as error:
        return Entry(model.name, condition, None, error.message)


# ---- how it is judged ----------------------------------------------------------------------------


def judged(entry: Entry, known: Mapping[tuple[str, str], Measured]) -> Row:
    """Return the row of a network.

    Parameters
    ----------
    entry
        The network.
    known
        What was measured, by script and condition (`read_measured`).

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import catalogue
    >>> data = ap.datasets.load("digits")
    >>> first = catalogue.entries("rate_dfa", data)[0]
    >>> row = catalogue.judged(first, {})
    >>> row.model, row.condition, row.is_local
    ('rate_dfa', 'bp', False)
    """
    key = entry.model, entry.condition
    measured = known.get(key, Measured(*key))
    if entry.network is None:
        return Row(*key, {}, None, entry.problem, measured)
    try:
        card = audit(entry.network, batch=_options(entry.network, BATCH).get("batch", 1))
    except ApicalError as error:
        return Row(*key, {}, None, error.message, measured)
    return Row(*key, worst(card), card.is_local, "", measured)


def worst(card: Scorecard) -> dict[Aspect, Level]:
    """Return the worst level of each aspect of a scorecard.

    Parameters
    ----------
    card
        The scorecard.

    Examples
    --------
    >>> from apical.feedback import WIRINGS
    >>> from apical.plausibility import audit
    >>> from apical.scripts import catalogue
    >>> from apical.testing.references import rates
    >>> levels = catalogue.worst(audit(rates(WIRINGS["bp"])))
    >>> levels["weight transport"], levels["locality"]
    ('not local', 'local')
    """
    found: dict[Aspect, Level] = {}
    for aspect in ASPECTS:
        levels = [LEVELS.index(finding.level) for finding in card.about(aspect)]
        if levels:
            found[aspect] = LEVELS[max(levels)]
    return found


# ---- what was measured ---------------------------------------------------------------------------


def read_measured(path: Path | None = None) -> dict[tuple[str, str], Measured]:
    """Return accuracies and costs by script and condition.

    Parameters
    ----------
    path
        The file; by default that of every folder of models, the first one first.

    Returns
    -------
    dict
        (script, condition) -> what was measured.

    Raises
    ------
    DataError
        If a file has other columns.

    Examples
    --------
    >>> from apical.scripts import catalogue
    >>> known = catalogue.read_measured()
    >>> ("rate_dfa", "dfa") in known
    True
    """
    paths = [path] if path else [folder / MEASURED for folder in models.folders()]
    found: dict[tuple[str, str], Measured] = {}
    for file in (p for p in paths if p.exists()):
        with file.open(newline="") as lines:
            for row in csv.DictReader(lines):
                if set(row) != set(_COLUMNS) or None in row.values():
                    raise DataError(f"{file} needs the columns {', '.join(_COLUMNS)}.")
                found.setdefault((row["model"], row["condition"]), Measured(**row))
    return found


def write_measured(path: Path, known: Mapping[tuple[str, str], Measured]) -> None:
    """Write accuracies and costs, as `read_measured` reads them.

    Parameters
    ----------
    path
        The file.
    known
        What was measured.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from apical.scripts import catalogue
    >>> line = catalogue.Measured("mine", "dfa", accuracy="96.0")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "measured.csv"
    ...     catalogue.write_measured(path, {("mine", "dfa"): line})
    ...     catalogue.read_measured(path)["mine", "dfa"].accuracy
    '96.0'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(vars(known[key]) for key in sorted(known))
    write_whole(path, lambda file: file.write(text.getvalue().encode()))


_COLUMNS = tuple(field.name for field in fields(Measured))


def missing(
    found: Sequence[Entry],
    data: Dataset,
    known: Mapping[tuple[str, str], Measured],
    *,
    spiking: bool,
) -> dict[str, tuple[int, ...]]:
    """Return what `measure` can add: the conditions of a script, and the seeds that are needed.

    Parameters
    ----------
    found
        The networks of the script.
    data
        Training and test samples.
    known
        What was measured.
    spiking
        Whether to train spiking networks too, which are compiled.
    """
    wanted: dict[str, tuple[int, ...]] = {}
    for entry in found:
        key, network = (entry.model, entry.condition), entry.network
        if network is None or not _fits(network, data) or (network.is_spiking and not spiking):
            continue
        line = known.get(key, Measured(*key))
        if not line.settings:
            wanted[entry.condition] = SEEDS
        elif not line.cost_settings:
            wanted[entry.condition] = SEEDS[:1]
    return wanted


def measure(name: str, data: Dataset, wanted: Mapping[str, Sequence[int]]) -> list[Measured]:
    """Train the networks of a script, and measure accuracy and cost with learning off.

    Parameters
    ----------
    name
        One of `names`.
    data
        Training and test samples.
    wanted
        Condition -> seeds to train it with.
    """
    accuracies: dict[str, list[float]] = {}
    costs: dict[str, tuple[float, float]] = {}
    for seed in sorted({seed for seeds in wanted.values() for seed in seeds}):
        for entry in entries(name, data, seed):
            if entry.network is None or seed not in wanted.get(entry.condition, ()):
                continue
            found = accuracies.setdefault(entry.condition, [])
            try:
                simulator, accuracy = _trained(entry.network, data)
            except RunError:  # weights diverged
                found.append(np.nan)
                continue
            found.append(accuracy)
            if entry.condition not in costs:
                costs[entry.condition] = _operations(simulator, data)
    return [
        _measured(name, condition, data, found, costs.get(condition))
        for condition, found in accuracies.items()
    ]


def _fits(network: Network, data: Dataset) -> bool:
    sizes = n_values(network), network.output.size
    return sizes == (data.n_inputs, data.n_classes) and network.target_frames == 1


def _options(network: Network, batch: int) -> dict[str, Any]:
    device = usual(network)
    at_once = {"batch": batch} if DEVICES[device].takes("batch") else {}
    return usual_options(network, device) | at_once


def _trained(network: Network, data: Dataset) -> tuple[Simulator, float]:
    """Return a trained network, and its test accuracy [%]."""
    simulator = simulate(network, usual(network), **_options(network, AT_ONCE))
    history = train(simulator, data, EPOCHS, progress=False)
    return simulator, 100 * history[-1].metrics["test_accuracy"]


def _operations(simulator: Simulator, data: Dataset) -> tuple[float, float]:
    """Return the effective synaptic operations of a trial: of inference, and of learning."""
    network = simulator.network
    seen = recordable(network)
    every = [p.name for p in network.populations if p.role != "bias" and p.name in seen]
    looking = simulate(
        network,
        usual(network),
        record=every,
        traces=update_signals(network),
        **_options(network, AT_ONCE),
    )
    looking.state = simulator.state
    records = record(looking, data.test, np.arange(min(RECORDED, len(data.test))))
    weights = {p.name: simulator.weights(p) for p in network.projections}
    table = synaptic_operations(network, weights, records)
    by_phase = table.groupby("phase")["effective"].sum()
    return float(by_phase.get("inference", 0)), float(by_phase.get("learning", 0))


def _measured(
    name: str,
    condition: str,
    data: Dataset,
    found: Sequence[float],
    cost: tuple[float, float] | None,
) -> Measured:
    seeds = ", ".join(map(str, SEEDS[: len(found)]))
    how = f"{data.name}, {EPOCHS} epochs of batches of {AT_ONCE}"
    settings = f"{how}, seeds {seeds}"
    if not np.isfinite(found).all():
        accuracy, settings = "", f"{settings}: weights diverged"
    else:
        spread = f" +- {np.std(found, ddof=1):.2f}" if len(found) > 1 else ""
        accuracy = f"{np.mean(found):.2f}{spread}"
    source = f"apical check --all --measure (version {__version__})"
    told = Measured(name, condition, accuracy, settings, source)
    if cost is None:
        return told
    counted = f"{how}, seed 0, {min(RECORDED, len(data.test))} test samples"
    inference, learning = (f"{number:.0f}" for number in cost)
    return replace(told, inference=inference, learning=learning, cost_settings=counted)


# ---- how it is shown -----------------------------------------------------------------------------


def columns() -> list[str]:
    """Return the names of the columns of the catalogue.

    Examples
    --------
    >>> from apical.scripts import catalogue
    >>> catalogue.columns()[:3]
    ['model', 'condition', 'local']
    """
    after = ["accuracy [%]", "settings", "source", "operations, inference", "operations, learning"]
    return ["model", "condition", "local", *ASPECTS, *after]


def cells(row: Row) -> list[str]:
    """Return the cells of a row, in the order of `columns`.

    Parameters
    ----------
    row
        The network, judged.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import catalogue
    >>> entries = catalogue.entries("rate_dfa", ap.datasets.load("digits"))
    >>> row = catalogue.judged(entries[2], {})
    >>> dict(zip(catalogue.columns(), catalogue.cells(row)))["condition"]
    'dfa'
    """
    verdict = {True: "yes", False: "no", None: row.problem or "not judged"}[row.is_local]
    of = row.measured
    return [
        row.model,
        row.condition,
        verdict,
        *(row.levels.get(aspect, "") for aspect in ASPECTS),
        of.accuracy or NOT_MEASURED,
        of.settings,
        of.source,
        of.inference or NOT_MEASURED,
        of.learning or NOT_MEASURED,
    ]


def table(rows: Iterable[Row]) -> str:
    """Return the catalogue as CSV.

    Parameters
    ----------
    rows
        The networks, judged.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts import catalogue
    >>> entries = catalogue.entries("rate_dfa", ap.datasets.load("digits"))
    >>> text = catalogue.table([catalogue.judged(entries[2], {})])
    >>> text.splitlines()[1].split(",")[:3]
    ['rate_dfa', 'dfa', 'yes']
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns())
    writer.writerows(cells(row) for row in rows)
    return text.getvalue()


def markdown(rows: Sequence[Row]) -> str:
    """Return the catalogue as a page of Markdown."""
    return "".join(f"{line}\n" for line in _page(rows))


def _page(rows: Sequence[Row]) -> Iterator[str]:
    yield "# Catalogue"
    yield ""
    yield from _INTRODUCTION
    yield ""
    yield _line(columns())
    yield _line(["---"] * len(columns()))
    for row in rows:
        told = cells(row)
        yield _line([f"[{row.model}](../../models/{row.model}.py)", *told[1:]])
    judged = [row for row in rows if row.is_local is not None]
    number = sum(bool(row.is_local) for row in judged)
    yield ""
    yield f"{number} of {len(judged)} networks learn from local information alone."


_INTRODUCTION = """\
<!-- made by: apical check --all --markdown docs/reference/catalogue.md -->

Every network of the scripts in `models/`, and what its learning needs, line by line of
the scorecard (`apical check MODEL` gives the reasons). A cell is the worst level that was found.
Networks are built for digits, as the script describes them; what a script does to a network while
it runs is judged after a run (`apical.plausibility.judge`), not here. Lv et al. 2024
(arXiv:2406.16062) made such a table by hand.

Accuracies are on test samples, with learning off, mean and standard deviation over seeds. The
settings say of which data and after how many epochs: two rows can be compared only where these are
the same. Synaptic operations are those of one trial (effective ones, as in NeuroBench), counted on
digits after training; learning adds those of its own column. What nobody measured is *not
measured*.""".splitlines()


def _line(parts: Iterable[str]) -> str:
    return f"| {' | '.join(part.replace('|', '/') for part in parts)} |"
