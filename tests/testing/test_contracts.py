"""What this package brings keeps to the contracts that it sets, and what does not is found."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apical import LIF, LearningRule, Network, Projection, datasets, hypotheses, rules
from apical.data.registry import SOURCES
from apical.devices import DEVICES
from apical.errors import ParameterError, WiringError
from apical.export import EXPORTERS, Exporter
from apical.feedback import WIRINGS
from apical.neurons.base import POPULATIONS
from apical.runs.measures import MEASURES, Measure
from apical.testing import Case, cases, contracts, hold, of_data_sources
from apical.testing.contracts import KINDS

OFTEN = {
    "population": ("LIF", "Rate"),
    "encoder": ("regular", "graded"),
    "connectivity": (),  # tests/devices/test_sparse_synapses.py has fast ones
    "wiring": ("dfa", "drtp"),
    "hypothesis": ("weights_of_bits", "weight_mirror"),
    "data source": ("digits",),
    "device": ("array",),
    "measure": tuple(MEASURES),
    "exporter": ("csv", "sonata"),
    "recording format": ("nwb", "nix", "neo"),
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
            if kind == "device" and (DEVICES[name].compiles or DEVICES[name].is_joint):
                continue  # tests/devices/test_mpi.py holds the latter to them
            marks = [] if name in OFTEN[kind] else [pytest.mark.slow]
            for one in contracts(kind):
                case = Case(name, one)
                yield pytest.param(case, marks=marks, id=str(case))


@pytest.mark.parametrize("case", list(own()))
def test_what_the_package_brings(case: Case) -> None:
    case()


AVERAGED = LearningRule(
    "averaged",
    "eta * mean",
    {"eta": 0.5, "share": 0.5},
    source="the mean of past products of three factors, as momentum makes it",
    state={"mean": 0.0},
    steps=(("mean", "(1 - share) * mean + share * x_pre * gain_post * teach_post"),),
)


@pytest.mark.parametrize("contract", contracts("rule"), ids=lambda one: one.name)
@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(rule, marks=[] if rule.state == {} else [pytest.mark.slow], id=rule.name)
        for rule in (
            rules.three_factor(0.5),
            rules.consolidated(rules.three_factor(0.5), 0.1),
            AVERAGED,
        )
    ],
)
def test_rules(contract: Any, rule: LearningRule) -> None:
    contract.check(rule)


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


@pytest.fixture
def declared() -> Iterator[Callable[..., Any]]:
    """Return a function that declares a hypothesis for one test, and returns it."""

    def declare(change: Callable[[Network, float], Network], **claims: Any) -> Any:
        def mine(network: Network, *, by: float = 0.0) -> Network:
            """Change something.

            References
            ----------
            This test.
            """
            if not network.populations:
                raise WiringError("Hypothesis 'mine' needs populations.")
            return change(network, by)

        hypotheses.hypothesis(**claims)(mine)
        return hypotheses.HYPOTHESES["mine"]

    yield declare
    if "mine" in hypotheses.HYPOTHESES:
        del hypotheses.HYPOTHESES["mine"]


def longer(network: Network, by: float) -> Network:
    return network.altered(trial=network.trial + by)


def faster(network: Network, by: float) -> Network:
    """Multiply all learning rates, which the scorecard does not know."""

    def changed(projection: Projection) -> Projection:
        rule = projection.rule
        if rule is None:
            return projection
        rates = {name: by * value for name, value in rule.parameters.items()}
        return replace(projection, rule=replace(rule, parameters=rates))

    return network.altered(projection=changed)


@pytest.mark.parametrize(
    ("change", "claims", "message"),
    [
        (lambda network, by: network, {}, "'mine' changes nothing; see example"),
        (
            longer,
            {"example": {"by": 5.0}, "neutral": {"by": 1.0}},
            "neutral, on rates under DFA: the scorecard differs",
        ),
        (
            faster,
            {"example": {"by": 5.0}, "neutral": {"by": 2.0}},
            "neutral, on rates under DFA: something else is learned",
        ),
        (faster, {"example": {"by": 5.0}, "aspects": ("delays",)}, r"in \[\], but declares"),
        (
            lambda network, by: network.altered(seed=network.seed + 1, settle=5.0),
            {},
            "changes the seed of the network",
        ),
        (
            lambda network, by: network.altered(settle=9.0 - len(network.interventions)),
            {},
            "redrawn_feedback.every=2. on .*: the order matters",
        ),
    ],
)
def test_a_hypothesis_that_breaks_a_contract_is_told(
    declared: Any, change: Any, claims: dict[str, Any], message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        hold("hypothesis", declared(change, **claims))


def test_a_hypothesis_keeps_to_its_contracts(declared: Any) -> None:
    def later(network: Network, by: float) -> Network:
        return network.altered(settle=network.settle + by)

    hold("hypothesis", declared(later, example={"by": 5.0}, neutral={"by": 0.0}))


def test_values_of_options_that_a_hypothesis_does_not_have(declared: Any) -> None:
    with pytest.raises(ParameterError, match="'mine' has no option 'too', which its example or"):
        declared(longer, example={"too": 1})


def blobs(scale: float | None, seed: int | None = 0, **changes: Any) -> Any:
    data = datasets.blobs(40, 20, 6, 3, rng=np.random.default_rng(seed))
    data = replace(data, name="mine", licence="MIT")
    given = {"scale": 1.0 if scale is None else scale}
    parts = {name: replace(getattr(data, name), **given) for name in ("train", "test")}
    return replace(data, **parts, **changes)


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda scale: blobs(scale, seed=None), "other samples when it is loaded again"),
        (lambda scale: blobs(None), "ignores the scale 2"),
        (lambda scale: blobs(scale, licence="GPL"), "have another licence"),
        (lambda scale: blobs(scale).subset(train=30), r"tells \(40, 20, 3\) .* has \(30, 20, 3\)"),
        (lambda scale: blobs(scale, n_classes=4, name="mine"), "has .40, 20, 4"),
        (lambda scale: blobs(0.5 * (scale or 1.0)), "training stimuli from .* see scale"),
    ],
)
def test_a_data_source_that_breaks_a_contract_is_told(
    load: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = datasets.Source("mine", "MIT", "here", (), 40, 20, 3, "made", load)
    monkeypatch.setitem(SOURCES, "mine", source)
    of_data_sources._loaded.cache_clear()
    with pytest.raises(AssertionError, match=message):
        hold("data source", source)


def test_a_data_source_whose_file_is_missing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(scale: float | None) -> Any:
        if "APICAL_DATA_DIR" in os.environ:
            open(Path(os.environ["APICAL_DATA_DIR"], "mine.npz")).close()
        return blobs(scale)

    monkeypatch.delenv("APICAL_DATA_DIR", raising=False)
    source = datasets.Source("mine", "MIT", "here", (), 40, 20, 3, "made", load)
    monkeypatch.setitem(SOURCES, "mine", source)
    of_data_sources._loaded.cache_clear()
    with pytest.raises(AssertionError, match="'mine': needs a DataError, got FileNotFoundError"):
        hold("data source", source)


def test_sums_of_downloads_are_asked_for() -> None:
    with pytest.raises(AssertionError, match="'mnist' needs 4 different SHA-256 of 64 hexadecimal"):
        hold("data source", replace(SOURCES["mnist"], sha256=("5",) * 4))
