"""What this package brings keeps to the contracts that it sets, and what does not is found."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from apical import rules
from apical.devices import DEVICES
from apical.errors import ParameterError
from apical.export import EXPORTERS, Exporter
from apical.feedback import WIRINGS
from apical.neurons.base import POPULATIONS
from apical.neurons.lif import LIF
from apical.runs.measures import MEASURES, Measure
from apical.testing import Case, cases, contracts, hold
from apical.testing.contracts import KINDS

OFTEN = {
    "population": ("LIF", "Rate"),
    "encoder": ("regular", "graded"),
    "wiring": ("dfa", "drtp"),
    "device": ("array",),
    "measure": tuple(MEASURES),
    "exporter": ("csv", "sonata"),
}
"""What is always held to its contracts; all others in slow tests."""
MADE = ("LIF", "ALIF", "ConductanceLIF", "Rate")
"""Populations that are made of a name and a size, and driven."""


def own() -> Iterator[Any]:
    """Yield a case for every object of this package and every contract of its kind."""
    for kind, registry in KINDS.items():
        for name in registry or ():
            if kind == "population" and name not in MADE:
                continue
            if kind == "device" and DEVICES[name].compiles:
                continue
            marks = [] if name in OFTEN[kind] else [pytest.mark.slow]
            for one in contracts(kind):
                case = Case(name, one)
                yield pytest.param(case, marks=marks, id=str(case))


@pytest.mark.parametrize("case", list(own()))
def test_what_the_package_brings(case: Case) -> None:
    case()


@pytest.mark.parametrize("contract", contracts("rule"), ids=lambda one: one.name)
def test_rules(contract: Any) -> None:
    contract.check(rules.three_factor(0.5))


def test_every_kind_has_contracts_that_say_what_holds() -> None:
    for kind in KINDS:
        assert len(contracts(kind)) >= 3
        assert all(one.about.endswith(".") and one.kind == kind for one in contracts(kind))
    with pytest.raises(ParameterError, match="no contracts of kind 'gadget'; there are"):
        contracts("gadget")


def test_every_registered_object_loads_and_is_called_what_it_is() -> None:
    for registry in KINDS.values():
        for name, value in (registry or {}).items():
            assert getattr(value, "name", name) == name
    assert set(POPULATIONS) >= set(MADE)


def test_a_package_that_registers_nothing() -> None:
    with pytest.raises(ParameterError, match="'numpy' registers nothing that has contracts"):
        cases("numpy")


@dataclass(frozen=True)
class Forgets(LIF):
    """Neurons whose threshold is a draw of each step, which no reset puts back."""

    @property
    def model(self) -> Any:
        plain = super().model
        return replace(plain, lasting=("v",))


@pytest.mark.slow
def test_what_breaks_a_contract_is_told() -> None:
    with pytest.raises(AssertionError, match="Forgets on runtime: a trial depends on those before"):
        hold("population", Forgets)
    with pytest.raises(AssertionError, match="Wiring 'bp' is wrong: local=True"):
        hold("wiring", replace(WIRINGS["bp"], local=True))
    restless = Measure("restless", "how often it was asked", lambda look, n=[0]: count(n))
    with pytest.raises(
        AssertionError, match="'restless' returns other numbers when it is repeated"
    ):
        hold("measure", restless)


def count(n: list[int]) -> dict[str, float]:
    n[0] += 1
    return {"times": float(n[0])}


def test_an_exporter_that_loses_spikes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(records: Any, path: Path, metrics: Any) -> None:
        path.write_text(str(len(records)))

    monkeypatch.setitem(EXPORTERS, "counts", Exporter("counts", "how many trials", write, ".txt"))
    with pytest.raises(AssertionError, match="Exporter 'counts' loses spikes"):
        hold("exporter", EXPORTERS["counts"])
