"""What a script does with a simulator: cheats are named, honest scripts pass."""

from typing import Any

import networks
import pytest
import rate_networks
from cheats import HONEST, RATES, SPIKES, Case

from apical.locality_check.synapses import disturb
from apical.plausibility import Scorecard


def card(case: Case, **options: Any) -> Scorecard:
    net = case.network()
    block = (networks if net.is_spiking else rate_networks).trials(4)
    assert block.labels is not None
    options = {"devices": ["runtime" if net.is_spiking else "array"], "each": 2, **options}
    return disturb(net, block.values, block.labels, make=case.make, **options)


def check(case: Case, found: Scorecard) -> None:
    faults = [f for f in found.faults if f.aspect in case.aspects]
    assert faults, str(found)
    assert any(case.said in f.reason for f in faults), str(found)


@pytest.mark.parametrize("case", RATES.values(), ids=RATES.keys())
def test_scripts_that_cheat_with_rates(case: Case) -> None:
    check(case, card(case))


@pytest.mark.slow
@pytest.mark.parametrize("case", SPIKES.values(), ids=SPIKES.keys())
def test_scripts_that_cheat_with_spikes(case: Case) -> None:
    check(case, card(case))


@pytest.mark.slow
@pytest.mark.parametrize("case", HONEST.values(), ids=HONEST.keys())
def test_honest_scripts_pass(case: Case) -> None:
    found = card(case)
    assert found.is_local and not found.about_level("doubtful"), str(found)
