"""Contracts by kind, and test cases for the objects that a package registers."""

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from apical._base.registry import Registry
from apical.data.registry import SOURCES
from apical.devices import DEVICES, Device
from apical.errors import ApicalError, ParameterError
from apical.export import EXPORTERS
from apical.feedback import WIRINGS
from apical.hypotheses import HYPOTHESES
from apical.network.description import Network
from apical.neurons.base import POPULATIONS
from apical.neurons.encoding import ENCODERS
from apical.projections.connectivity import CONNECTIVITIES
from apical.recordings.formats import FORMATS
from apical.runs.measures import MEASURES

COMPILED = "APICAL_TEST_COMPILED"
"""Environment variable; if it is set, suites also run on devices that compile programs."""

KINDS: dict[str, Registry[Any] | None] = {
    "population": POPULATIONS,
    "encoder": ENCODERS,
    "connectivity": CONNECTIVITIES,
    "rule": None,
    "wiring": WIRINGS,
    "hypothesis": HYPOTHESES,
    "data source": SOURCES,
    "device": DEVICES,
    "measure": MEASURES,
    "exporter": EXPORTERS,
    "recording format": FORMATS,
}
"""Kinds that have contracts, and their registries; rules are passed directly, not registered."""

Check = Callable[[Any], None]

_FOUND: dict[str, list["Contract"]] = {kind: [] for kind in KINDS}


@dataclass(frozen=True)
class Contract:
    """Contract: a property that every object of a kind must have.

    Parameters
    ----------
    kind
        The kind.
    name
        Name, for instance in the identifier of a test.
    about
        The property, in one line.
    check
        Given an object of the kind, raises `AssertionError` if it violates the contract.

    Examples
    --------
    >>> from apical.testing import contracts
    >>> contract = contracts("rule")[1]
    >>> contract.name
    'the_scorecard_finds_it_local'
    >>> contract.about
    'The scorecard of a network that learns by it finds nothing that is not local.'
    """

    kind: str
    name: str
    about: str
    check: Check


@dataclass(frozen=True)
class Case:
    """Test case: a registered object and a contract; call it to check.

    Examples
    --------
    >>> from apical import rules
    >>> from apical.testing import Case, contracts
    >>> case = Case("hebb", contracts("rule")[0])
    >>> str(case)
    'rule-hebb-says_where_it_comes_from'
    """

    name: str
    contract: Contract

    def __call__(self) -> None:
        """Raise `AssertionError` if the contract does not hold."""
        registry = KINDS[self.contract.kind]
        if registry is not None:
            self.contract.check(registry[self.name])

    def __str__(self) -> str:
        kind = self.contract.kind.replace(" ", "_")
        return f"{kind}-{self.name}-{self.contract.name}"


def contract(kind: str) -> Callable[[Check], Check]:
    """Return a decorator that registers a function as a contract of a kind.

    Parameters
    ----------
    kind
        The kind, as in `contracts`.

    Examples
    --------
    >>> from apical.testing import contracts
    >>> [found.name for found in contracts("exporter")]  # doctest: +NORMALIZE_WHITESPACE
    ['says_what_it_is', 'writes_something_whole', 'overwrites_nothing_unasked',
    'loses_neither_spikes_nor_signals', 'comes_back_as_it_was']
    """

    def declared(check: Check) -> Check:
        about = (check.__doc__ or "").partition("\n")[0]
        _FOUND[kind].append(Contract(kind, check.__name__, about, check))
        return check

    return declared


def contracts(kind: str) -> tuple[Contract, ...]:
    """Return the contracts of a kind.

    Parameters
    ----------
    kind
        ``"population"``, ``"encoder"``, ``"connectivity"``, ``"rule"``, ``"wiring"``,
        ``"hypothesis"``, ``"data source"``, ``"device"``, ``"measure"``, ``"exporter"`` or
        ``"recording format"``.

    Raises
    ------
    ParameterError
        If there are none of that kind.

    Examples
    --------
    >>> from apical.testing import contracts
    >>> [contract.name for contract in contracts("encoder")]  # doctest: +NORMALIZE_WHITESPACE
    ['says_what_it_is', 'drives_with_finite_numbers', 'a_table_needs_nothing_but_the_neuron',
    'the_same_state_gives_the_same_bits']
    >>> contracts("synapse")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: There are no contracts of kind 'synapse'; there ...
    """
    if kind not in KINDS:
        raise ParameterError(
            f"There are no contracts of kind {kind!r}; there are those of {', '.join(KINDS)}.",
            object="apical.testing",
            parameter="kind",
        )
    registry = KINDS[kind]
    plural = f"{kind}s" if registry is None else registry.plural.replace(" ", "_")
    importlib.import_module(f"apical.testing.of_{plural}")
    return tuple(_FOUND[kind])


def hold(kind: str, value: Any) -> None:
    """Check one object against all contracts of its kind.

    Parameters
    ----------
    kind, value
        As in `contracts`, and the object: for populations and encoders the class. Devices,
        hypotheses, data sources and exporters are looked up by name, so they have to be
        registered.

    Raises
    ------
    AssertionError
        At the first contract that it violates.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.testing import hold
    >>> unsourced = ap.LearningRule("mine", "eta * x_pre * x_post", {"eta": 0.1})
    >>> hold("rule", unsourced)
    Traceback (most recent call last):
        ...
    AssertionError: Rule 'mine' needs a source.
    """
    for one in contracts(kind):
        one.check(value)


def cases(package: str) -> list[Case]:
    """Return test cases: each contract of each object that a package registers by entry points.

    Parameters
    ----------
    package
        Name of an installed distribution.

    Raises
    ------
    ParameterError
        If it registers no objects that have contracts.

    Examples
    --------
    >>> from apical.testing import cases
    >>> cases("numpy")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Package 'numpy' registers nothing that has ...
    """
    found = []
    for kind, registry in KINDS.items():
        points = entry_points(group=registry.group) if registry is not None else ()
        for point in points:
            if point.dist is not None and point.dist.name == package:
                found += [Case(point.name, one) for one in contracts(kind)]
    if not found:
        groups = ", ".join(registry.group for registry in KINDS.values() if registry is not None)
        raise ParameterError(
            f"Package {package!r} registers nothing that has contracts; is it installed, with "
            f"entry points in {groups}?",
            object="apical.testing",
            parameter="package",
        )
    return found


def expect(holds: Any, sentence: str) -> None:
    """Raise `AssertionError` with a sentence unless a condition holds.

    Parameters
    ----------
    holds
        The condition.
    sentence
        What must hold.

    Examples
    --------
    >>> from apical.testing import expect
    >>> expect(2 > 1, "two is more than one")
    >>> expect(1 > 2, "one is more than two")
    Traceback (most recent call last):
        ...
    AssertionError: one is more than two
    """
    if not holds:
        raise AssertionError(sentence)


def claiming(network: Network) -> list[Device]:
    """Return the devices that claim to run a network: those that do not refuse it.

    Devices that compile programs are omitted unless `COMPILED` is set in the environment; they must
    then be usable on this machine.

    Parameters
    ----------
    network
        The network.

    Examples
    --------
    >>> from apical.testing.contracts import claiming
    >>> from apical.testing.references import rates
    >>> "array" in [device.name for device in claiming(rates())]
    True
    """
    found = []
    for device in DEVICES.values():
        if device.is_joint:  # it runs under mpiexec alone
            continue
        if device.compiles and not os.environ.get(COMPILED):
            continue
        try:
            device.require(network, device.options())
        except ApicalError:
            continue
        found.append(device)
    return found
