"""Every wiring x population x encoder x rule becomes a program for a GPU.

No GPU and no compiler are needed. Always all pairs of these are generated; all of them together for
`make test-all`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cuda_programs import (
    assert_lean,
    assert_single,
    code_objects,
    generate,
    kernel,
    needs_brian2cuda,
)
from every_kind import OPTIONS, RATES, SPIKING, Case, covering, rates, spiking

from apical import Network, datasets
from apical.devices.of_brian import SHOW_EVENTS
from apical.scripts import models
from apical.scripts.models import imported

pytestmark = needs_brian2cuda


def some(cases: Sequence[Case], factors: int) -> list[Any]:
    """Return parameters of which those that do not cover the factors are for `make test-all`."""
    always = covering(cases, factors)
    return [
        pytest.param(case, marks=() if case in always else pytest.mark.thorough, id="-".join(case))
        for case in sorted(cases, key=lambda case: case not in always)
    ]


def assert_generated(network: Network, folder: Path) -> None:
    program = generate(network, folder)
    assert len(code_objects(program)) > len(network.populations) + len(network.projections)
    assert_lean(program)
    assert_single(program)


SHOWN = [case for case in SPIKING if case[2] != "events" or "cuda_standalone" in SHOW_EVENTS]


@pytest.mark.parametrize("case", some(SHOWN, 2))
def test_spiking_networks_are_generated(case: Case, tmp_path: Path) -> None:
    assert_generated(spiking(*case), tmp_path)


@pytest.mark.parametrize("case", some(RATES, 1))
def test_networks_of_rates_are_generated(case: Case, tmp_path: Path) -> None:
    assert_generated(rates(*case), tmp_path)


@pytest.mark.parametrize("make", OPTIONS.values(), ids=OPTIONS)
def test_whatever_neurons_and_synapses_may_be_is_generated(
    make: Callable[[], Network], tmp_path: Path
) -> None:
    assert_generated(make(), tmp_path)


def test_rules_at_postsynaptic_spikes_have_a_thread_for_each_sender(tmp_path: Path) -> None:
    sources = code_objects(generate(spiking("none", "LIF", "regular", "stdp"), tmp_path))
    learning = kernel(sources["stimulus_to_hidden_0_learning"])
    assert "if (_source >= 5) return;" in learning and "_num_events = _events[4];" in learning
    assert "_brian_clip(" in learning and "atomic" not in learning.lower()  # one thread for each


def test_sums_of_weights_are_added_up_in_order_and_only_where_a_trial_learns(
    tmp_path: Path,
) -> None:
    sources = code_objects(generate(OPTIONS["a sum"](), tmp_path))
    scaling = kernel(sources["stimulus_to_hidden_normalisation"])
    assert scaling.index("if (_learns == 0) return;") < scaling.index("_factor +=")
    assert "for (int _source = 0; _source < 5; _source++)" in scaling


def test_all_values_meet_in_the_cases_that_always_run() -> None:
    cases = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    assert covering(cases, 1) == [("a", "x"), ("b", "y")] and covering(cases, 2) == cases


def test_the_estimate_counts_what_is_generated(tmp_path: Path) -> None:
    """benchmarks/gpu_estimate.py: launches and bytes of a time step, by hand."""
    path = Path(__file__).parents[2] / "benchmarks" / "gpu_estimate.py"
    counting = imported(path)
    network = models.load("spiking_dfa").describe(datasets.load("digits"), 0, {"hidden": 30})
    spikes = {"stimulus": 3.0, "hidden": 2.0, "output": 0.5, "error": 0.25}
    program = generate(network, tmp_path)
    found = {k.name: k for k in counting.kernels(program, network, spikes)}
    assert len(found) == 4 * 3 + 6 and sum(k.memsets for k in found.values()) == 4
    assert found["stimulus_to_hidden_delivery"].bytes == 3.0 * 30 * (4 + 2 * 4)
    assert found["error_to_hidden_delivery"].bytes == 0.25 * 30 * (4 + 2 * 4)
    assert found["hidden_stateupdater"].bytes == 30 * 4 * (2 + 2), "v and I, read and written"
    assert found["stimulus_stateupdater"].bytes == 64 * 4 * (2 + 1), "the rate is only read"
