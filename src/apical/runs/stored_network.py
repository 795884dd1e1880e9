"""A network as data, written and read back: `network.json` of a run and its arrays, or one file.

A network is rebuilt from its populations, projections, rules and feedback as they were when the run
began, hypotheses applied, so that nobody's script is imported. What data cannot hold, classes of
other packages and of a user's own, is said in the file.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from apical._base.private_paths import bare
from apical._base.reading import UnreadableError, json_object, read_arrays
from apical._base.whole_files import file_at, write_whole
from apical.devices.simulator import NETWORK, SEED
from apical.errors import RunError, brief
from apical.feedback.pathways import FeedbackPathway
from apical.network.description import Network
from apical.neurons.base import Population
from apical.projections.projection import Projection
from apical.runs.plain_data import Reader, UnheldError, Writer, failing
from apical.scripts.models import ModelAbout

FORMAT, VERSION = "apical network", 1
_BESIDES = ("output", "populations", "projections", "feedback", "places", "named", "_known")
"""Fields of a network that are not its parameters."""

T = TypeVar("T")


@dataclass(frozen=True)
class StoredNetwork:
    """A network as data, with what is told of its model.

    Parameters
    ----------
    model
        Its model; the script is not needed.
    network
        The network; None where data cannot hold it.
    lacks
        What data cannot hold, and why; empty if they hold everything.
    """

    model: ModelAbout
    network: Network | None
    lacks: tuple[str, ...] = ()


def as_data(network: Network, model: ModelAbout) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the content of ``network.json``, and the arrays that go with it.

    Parameters
    ----------
    network
        The network of a run, with its hypotheses applied.
    model
        What is told of its model.
    """
    populations = {p.name: p for p in network.populations}
    projections = {p.name: p for p in network.projections}
    writer, lacks = Writer(populations, projections), list[str]()

    def held(what: str, write: Callable[[Any], dict[str, Any]], part: Any) -> Any:
        try:
            return write(part)
        except UnheldError as error:
            lacks.append(f"{what}: {error}")
            return None

    pathway = network.feedback
    stored = {
        "parameters": held("the network", writer.mapped, _parameters(network)),
        "populations": [
            held(f"population {p.name!r}", writer.made, p) for p in network.populations
        ],
        "equations": {p.name: _equations(p) for p in network.populations},
        "projections": [
            held(f"projection {p.name!r}", writer.made, p) for p in network.projections
        ],
        "feedback": pathway
        and {
            "name": pathway.name,
            "source": pathway.source,
            "projections": [p.name for p in pathway.projections],
            "relays": [[p.name, writer.value(p.carries)] for p in pathway.relays],
        },
        "places": dict(network.places),
    }
    about = {
        "path": bare(str(model.path)),
        "sha256": model.sha256,
        "doc": model.doc,
        "defaults": dict(model.defaults),
    }
    content = {
        "format": FORMAT,
        "version": VERSION,
        "lacks": lacks,
        "model": about,
        "network": None if lacks else stored,
    }
    return content, {} if lacks else writer.arrays


def from_data(
    content: Mapping[str, Any], arrays: Mapping[str, np.ndarray], path: Path
) -> StoredNetwork:
    """Return what `as_data` wrote; nothing is imported.

    Parameters
    ----------
    content, arrays
        What it returned.
    path
        The file, for messages.

    Raises
    ------
    RunError
        If the data are damaged, or of a newer version.
    """
    if content.get("format") != FORMAT:
        raise RunError(f"{path} is damaged: it is no {FORMAT}.")
    if content.get("version") != VERSION:
        raise RunError(
            f"{path} has version {str(content.get('version'))[:20]} of the format; this version of "
            f"apical reads version {VERSION}. Use the version that wrote it."
        )
    try:
        about, stored = content["model"], content["network"]
        model = ModelAbout(
            Path(about["path"]), str(about["sha256"]), str(about["doc"]), dict(about["defaults"])
        )
        network = None if stored is None else _Rebuilding(stored, arrays).network()
        lacks = tuple(map(str, content["lacks"]))
        if (network is None) is not bool(lacks):
            raise ValueError("it does not say what data cannot hold")
    except failing() as error:
        said = " ".join(str(error).split())[:200]
        raise RunError(f"{path} is damaged: {type(error).__name__}: {said}.") from None
    return StoredNetwork(model, network, lacks)


def save(network: Network, path: Path) -> Path:
    """Write a network into one file, as data, and return its path; see `Network.save`.

    Parameters
    ----------
    network
        The network.
    path
        The file; the ending .npz is added to a name without one.

    Raises
    ------
    RunError
        If data cannot hold the network, or the file cannot be written.
    """
    with reading_or_writing(path):
        path = file_at(path, ".npz")
    content, arrays = as_data(network, ModelAbout(Path(""), "", "", {}))
    if content["lacks"]:
        raise RunError(
            f"The network cannot be saved as data: {brief(content['lacks'][0])}. Keep the script "
            "that describes it, and save the state of its simulator.",
            object="Network",
        )
    entries: dict[str, Any] = {NETWORK: np.array(json.dumps(content)), **arrays}
    with reading_or_writing(path):
        return write_whole(path, lambda file: np.savez(file, **entries))


def load(path: Path) -> Network:
    """Return a network that `save` wrote; nothing is imported or executed.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    RunError
        If it cannot be read, is damaged, or is of a newer version.
    """
    if not path.exists():
        raise RunError(f"{brief(str(path))} does not exist; Network.save writes it.")
    with reading_or_writing(path):
        arrays = read_arrays(path)
        if NETWORK not in arrays:
            held = "the state of a simulator" if SEED in arrays else "something else"
            raise RunError(
                f"{brief(str(path))} holds {held}, no network; Network.save writes one, and "
                "Simulator.load takes a state over.",
                object="Network",
            )
        text = arrays.pop(NETWORK)
        content = json_object(str(text), path)
    network = from_data(content, arrays, path).network
    if network is None:
        raise RunError(f"{path} is damaged: it holds no network.")
    return network


@contextmanager
def reading_or_writing(path: Path) -> Iterator[None]:
    """Raise `RunError` for what goes wrong with a file."""
    try:
        yield
    except UnreadableError as error:
        raise RunError(str(error)) from None
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise RunError(f"{brief(str(path))} cannot be read or written: {said}.") from None


def _parameters(network: Network) -> dict[str, Any]:
    named = {f.name: getattr(network, f.name) for f in fields(network) if f.name not in _BESIDES}
    return named | {"output": network.named}


def _equations(population: Population) -> dict[str, Any]:
    """Return the text of a population's model: for readers, and to see whether it changed since."""
    model = population.described
    shown = {f.name: getattr(model, f.name) for f in fields(model)}
    return {name: text for name, text in shown.items() if isinstance(text, str) and text}


class _Rebuilding:
    """A network while it is made from data: what others refer to is made first."""

    def __init__(self, stored: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self._stored = stored
        self._reader = Reader(arrays, self._population, self._projection)
        self._populations: dict[str, Population] = {}
        self._projections: dict[str, Projection] = {}

    def network(self) -> Network:
        """Return the network."""
        stored = self._stored
        given = {k: self._reader.value(v) for k, v in stored["parameters"].items()}
        network = Network(**given)
        network.populations = [self._population(data["name"]) for data in stored["populations"]]
        for population in network.populations:
            if _equations(population) != stored["equations"][population.name]:
                raise ValueError(
                    f"the equations of population {population.name!r} are no longer those of this "
                    "version of apical; use the version that wrote it"
                )
        network.projections = [self._projection(data["name"]) for data in stored["projections"]]
        if stored["feedback"] is not None:
            network.feedback = self._feedback(stored["feedback"])
        network.places = {str(name): str(place) for name, place in stored["places"].items()}
        return network

    def _feedback(self, stored: Mapping[str, Any]) -> FeedbackPathway:
        return FeedbackPathway(
            stored["name"],
            tuple(self._projection(name) for name in stored["projections"]),
            stored["source"],
            tuple(
                replace(self._projection(name), carries=self._reader.value(carries))
                for name, carries in stored["relays"]
            ),
        )

    def _population(self, name: str) -> Population:
        return self._once("populations", Population, self._populations, name)  # type: ignore[type-abstract]

    def _projection(self, name: str) -> Projection:
        return self._once("projections", Projection, self._projections, name)

    def _once(self, those: str, kind: type[T], made: dict[str, T], name: str) -> T:
        if name not in made:
            (data,) = (data for data in self._stored[those] if data["name"] == name)
            found = self._reader.made(data)
            if not isinstance(found, kind):
                raise TypeError(f"{name!r} is no {kind.__name__}")
            made[name] = found
        return made[name]
