"""The references of a run: what it used, the source that each part states, and their BibTeX.

From the data of a run directory, or from the description of a model. Nothing is imported by a name
in a file: parts are the package's own classes, and their sources stand in them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from apical._base.bibliography import Reference, cited, references, references_section, unknown
from apical.data.registry import SOURCES
from apical.devices import DEVICES
from apical.hypotheses import HYPOTHESES
from apical.hypotheses.naming import names_in
from apical.network.description import Network
from apical.runs.callbacks import chosen
from apical.runs.directory import bound
from apical.runs.experiment import Experiment, Prepared, read_experiment, read_network
from apical.runs.measures import MEASURES

_TITLES = {
    "FeedbackPathway": "wiring",
    "LearningRule": "rule",
    "UpdateDynamics": "optimiser",
}
"""Classes whose objects are told by their name, and what to call them."""


@dataclass(frozen=True)
class Use:
    """Something that a run or a model uses.

    Parameters
    ----------
    what
        What it is, for instance ``"rule three_factor"``.
    source
        Its references, as text; empty where it states none.
    """

    what: str
    source: str


@dataclass(frozen=True)
class Citations:
    """All that a run or a model uses, with what could not be read.

    Parameters
    ----------
    name
        Of the run or the model.
    version
        Version of apical that ran it.
    uses
        What it uses.
    lacks
        Why parts are missing; empty if none are.
    """

    name: str
    version: str
    uses: tuple[Use, ...]
    lacks: str = ""

    @property
    def entries(self) -> dict[str, tuple[Reference, tuple[str, ...]]]:
        """Entries of the bibliography, by key, each with what refers to it."""
        found: dict[str, list[str]] = {}
        for use in self.uses:
            for entry in cited(use.source):
                found.setdefault(entry.key, []).append(use.what)
        known = references()
        return {key: (known[key], tuple(found[key])) for key in known if key in found}

    @property
    def strangers(self) -> tuple[Use, ...]:
        """Uses whose source, or a part of it, is not in the bibliography."""
        missing = ((use, unknown(use.source)) for use in self.uses if use.source)
        found = [
            Use(use.what, use.source if not cited(use.source) else ", ".join(names))
            for use, names in missing
            if names or not cited(use.source)
        ]
        return tuple(found)

    def bibtex(self) -> str:
        """Return the references as BibTeX; comments say what each is for."""
        known = references()["apical"]
        parts = [
            f"% References of {self.name}, from the bibliography of apical {self.version}.\n",
            f"% apical itself\n{known.bibtex(version=self.version)}",
        ]
        parts += [f"% {'; '.join(what)}\n{entry.bibtex()}" for entry, what in self.entries.values()]
        for number, use in enumerate(self.strangers, 1):
            given = {
                "title": _in_latex(use.source),
                "note": "Not in the bibliography of apical; complete this entry",
            }
            parts.append(f"% {use.what}\n{Reference(f'source{number}', 'misc', given).bibtex()}")
        if self.lacks:
            parts.append(f"% Not listed: {self.lacks}\n")
        return "\n".join(parts)


def citations_of_run(path: Path) -> Citations:
    """Return the references of a run, from the data of its directory; no script is imported.

    Parameters
    ----------
    path
        Directory of the run; it need not be finished.

    Raises
    ------
    RunError
        If there is no run, or a file is damaged.
    """
    config, manifest = bound(path)
    experiment = read_experiment(path)
    stored = read_network(path, manifest)
    network = None if stored is None else stored.network
    library, lacks = str(config.get("library") or ""), ""
    uses = [] if stored is None else [Use(f"model {stored.model.name}", stored.model.doc)]
    uses += _of_experiment(experiment, library, network)
    if network is not None:
        uses += _of_network(network)
    else:
        why = "it is of a version that kept none" if stored is None else "; ".join(stored.lacks)
        lacks = " ".join(
            f"rules and neurons, since the run holds no network as data ({why})".split()
        )
    versions = config.get("versions")
    version = str(versions.get("apical", "")) if isinstance(versions, Mapping) else ""
    return Citations(str(path), version, _once(uses), lacks)


def citations_of_model(prepared: Prepared, version: str, library: str = "") -> Citations:
    """Return the references of a model, as it would run.

    Parameters
    ----------
    prepared
        The experiment with its network.
    version
        Version of apical.
    library
        Array library.
    """
    model = prepared.model
    uses = [
        Use(f"model {model.name}", model.doc),
        *_of_experiment(prepared.experiment, library, prepared.network),
        *_of_network(prepared.network),
    ]
    return Citations(model.name, version, _once(uses))


def _of_experiment(experiment: Experiment, library: str, network: Network | None) -> Iterator[Use]:
    """Yield the data set, the device, hypotheses and measures of an experiment."""
    data = SOURCES.get(experiment.dataset)
    yield Use(f"data set {experiment.dataset}", data.source if data is not None else "")
    device = DEVICES.get(experiment.device or "")
    if device is not None:
        yield Use(f"device {device.name}", device.source)
    if library.startswith("torch"):
        yield Use(f"array library {library}", references()["paszke2019"].short)
    for name in names_in(experiment.hypothesis):
        hypothesis = HYPOTHESES.get(name)
        yield Use(f"hypothesis {name}", hypothesis.source if hypothesis is not None else "")
    measures: tuple[str, ...] = tuple(name for name in experiment.measure if name in MEASURES)
    if network is not None:
        measures = chosen(measures, network, closely=experiment.closely)
    for name in measures:
        yield Use(f"measure {name}", MEASURES[name].source)


def _of_network(network: Network) -> Iterator[Use]:
    """Yield every part of a network that states a source: what it is made of, down to traces."""
    seen: set[int] = set()
    waiting: list[Any] = [network]
    while waiting:
        part = waiting.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Mapping):
            waiting += part.values()
        elif isinstance(part, list | tuple):
            waiting += part
        elif is_dataclass(part) and not isinstance(part, type):
            waiting += (getattr(part, f.name) for f in fields(part))
            yield _use(part)


def _use(part: Any) -> Use:
    """Return what a part of a network is, and the source that it, or its class, states."""
    kind = type(part)
    title = _TITLES.get(kind.__name__)
    stated = getattr(part, "source", "")
    if title is not None and isinstance(stated, str):
        return Use(f"{title} {part.name}", stated)
    return Use(kind.__name__, references_section(kind.__doc__))


def _once(uses: Iterable[Use]) -> tuple[Use, ...]:
    """Return uses without those that state nothing, each once."""
    return tuple(dict.fromkeys(use for use in uses if use.source))


def _in_latex(text: str) -> str:
    """Return text in which nothing is a command of LaTeX."""
    kept = {"\\": "/", "{": "(", "}": ")"}
    plain = "".join(kept.get(letter, letter) for letter in " ".join(text.split()))
    return "".join(f"\\{letter}" if letter in "%&#_$" else letter for letter in plain)
