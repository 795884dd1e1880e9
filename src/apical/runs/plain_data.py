"""Frozen dataclasses of the package as plain data, and back: nothing named in a file is imported.

What may be made from data is a table of classes, `known`, filled from the modules and registries of
the package. There is no import by a name from a file, no ``eval`` and no pickle.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from apical._base.extras import quietly
from apical.errors import ApicalError
from apical.feedback import pathways
from apical.hypotheses import changes, errors
from apical.language import activations
from apical.network import interventions, noise_phase
from apical.neurons import base, batch_norm, encoding, eye_movements
from apical.neurons.base import POPULATIONS, Population
from apical.neurons.encoding import ENCODERS
from apical.plasticity import constraints, optimizers, rules, traces
from apical.projections import connectivity, projection, weights
from apical.projections.connectivity import CONNECTIVITIES
from apical.projections.projection import Projection

MODULES: tuple[ModuleType, ...] = (
    activations,
    base,
    batch_norm,
    changes,
    connectivity,
    constraints,
    encoding,
    errors,
    eye_movements,
    interventions,
    noise_phase,
    optimizers,
    pathways,
    projection,
    rules,
    traces,
    weights,
)
"""Modules whose dataclasses a network is made of, besides registered populations and encoders."""

LATER: Mapping[str, tuple[str, ...]] = {
    "LearningRule": ("state", "steps"),
    "Projection": ("connectivity", "shared"),
    **dict.fromkeys(POPULATIONS, ("positions", "shape")),
}
"""Fields by class that files of earlier versions lack; they mean what is the default."""

_PLAIN = (type(None), bool, int, float, str)
_PACKAGE = __name__.partition(".")[0]


class UnheldError(ValueError):
    """An object that data cannot hold."""


@cache
def known() -> Mapping[str, type]:
    """Return the classes that may be made from data, by name; all of them are of this package."""
    registered = (*POPULATIONS.values(), *ENCODERS.values(), *CONNECTIVITIES.values())
    ours = [kind for kind in registered if kind.__module__.partition(".")[0] == _PACKAGE]
    found: dict[str, Any] = {kind.__name__: kind for kind in ours}
    for module in MODULES:
        for name, kind in vars(module).items():
            is_own = isinstance(kind, type) and kind.__module__ == module.__name__
            if is_own and is_dataclass(kind) and not name.startswith("_"):
                found[name] = kind
    return found


class Writer:
    """Turns objects of a network into plain data, and puts arrays aside.

    Parameters
    ----------
    populations, projections
        Those of the network by name: data refer to them by name.
    """

    def __init__(
        self, populations: Mapping[str, Population], projections: Mapping[str, Projection]
    ) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._populations, self._projections = populations, projections

    def made(self, owner: Any) -> dict[str, Any]:
        """Return a dataclass as its class and its fields.

        Raises
        ------
        UnheldError
            If it, or something in it, is not of this package.
        """
        kind = type(owner)
        if known().get(kind.__name__) is not kind:
            raise UnheldError(f"{kind.__qualname__} of {kind.__module__} is not of this package")
        inside = {f.name: getattr(owner, f.name) for f in fields(kind)}
        return {"class": kind.__name__, **self.mapped(inside)}

    def mapped(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return named values as data."""
        return {name: self.value(value) for name, value in values.items()}

    def value(self, value: Any) -> Any:
        """Return any value as data."""
        if type(value) in _PLAIN:
            return value if not _is_infinite(value) else {"float": repr(value)}
        if isinstance(value, Population):
            return self._named("population", self._populations, value)
        if isinstance(value, Projection):
            return self._named("projection", self._projections, value)
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value)
        if _is_sparse(value):
            i, j = (self._array(part.astype(np.int32)) for part in value.nonzero())
            return {"mask": [i, j, list(value.shape)]}
        if type(value) is tuple:
            return {"tuple": [self.value(item) for item in value]}
        if type(value) is list:
            return [self.value(item) for item in value]
        if isinstance(value, Mapping):
            return {"mapping": [[self.value(k), self.value(v)] for k, v in value.items()]}
        if is_dataclass(value) and not isinstance(value, type):
            return self.made(value)
        kind = type(value)
        raise UnheldError(f"a value of class {kind.__qualname__} of {kind.__module__}")

    def _named(self, what: str, those: Mapping[str, Any], value: Any) -> dict[str, str]:
        if value.name not in those:
            raise UnheldError(f"{what} {value.name!r} is not of the network")
        return {what: value.name}

    def _array(self, value: np.ndarray | np.generic) -> dict[str, str]:
        array = np.asarray(value)
        if array.dtype.hasobject or type(value) not in (np.ndarray, type(array[()])):
            raise UnheldError(f"an array of class {type(value).__qualname__}")
        name = f"array_{len(self.arrays)}"
        self.arrays[name] = array
        return {"array" if isinstance(value, np.ndarray) else "scalar": name}


class Reader:
    """Makes objects of a network from what a `Writer` wrote.

    Parameters
    ----------
    arrays
        Arrays by name.
    population, projection
        What returns the one of a name.
    """

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        population: Callable[[str], Population],
        projection: Callable[[str], Projection],
    ) -> None:
        self._special: dict[str, Callable[[Any], Any]] = {
            "float": _infinite,
            "population": population,
            "projection": projection,
            "array": lambda name: arrays[name],
            "scalar": lambda name: arrays[name][()],
            "mask": self._mask,
            "tuple": lambda items: tuple(self.value(item) for item in items),
            "mapping": lambda pairs: {self.value(k): self.value(v) for k, v in pairs},
        }

    def made(self, data: Mapping[str, Any]) -> Any:
        """Return the dataclass of its class and fields.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the data are none of a `Writer`.
        """
        kind = known()[data["class"]]
        wanted = {f.name for f in fields(kind)}
        given = data.keys() - {"class"}
        lacks = (wanted - given) & {*LATER.get(kind.__name__, ())}
        odd = sorted((wanted ^ given) - lacks)
        if odd:
            raise ValueError(f"{data['class']} has other fields: {', '.join(odd)}")
        return kind(**{name: self.value(data[name]) for name in given})

    def _mask(self, stored: Any) -> Any:
        """Return a mask (`scipy.sparse.coo_array`) from its pairs of neurons and its shape."""
        sparse = quietly("scipy.sparse")  # slow to import, and few networks have a mask

        i, j, shape = stored
        pairs = self.value(i), self.value(j)
        return sparse.coo_array((np.ones(len(pairs[0]), bool), pairs), tuple(shape))

    def value(self, data: Any) -> Any:
        """Return any value from its data."""
        if isinstance(data, list):
            return [self.value(item) for item in data]
        if not isinstance(data, dict):
            return data
        if "class" in data:
            return self.made(data)
        ((what, inner),) = data.items()
        return self._special[what](inner)


def failing() -> tuple[type[Exception], ...]:
    """Return what reading data raises that no `Writer` wrote."""
    return (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        RecursionError,
        ApicalError,
    )


def _is_sparse(value: Any) -> bool:
    """Say whether a value is a sparse matrix, which none is before its module was imported."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(value))


def _is_infinite(value: Any) -> bool:
    return type(value) is float and not np.isfinite(value)


def _infinite(text: str) -> float:
    return {"inf": float("inf"), "-inf": -float("inf"), "nan": float("nan")}[text]
