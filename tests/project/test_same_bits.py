"""The list of runs that tell whether bits changed covers what there is, and tells it."""

import numpy as np
import pytest
import same_bits

from apical import LIF, Stimulus


def test_the_list_has_every_device_encoder_and_wiring() -> None:
    assert len(same_bits.RUNS) == 30
    networks = [describe() for _, describe, _ in same_bits.RUNS.values()]
    devices = {device for device, _, _ in same_bits.RUNS.values()}
    assert devices == {"array", "runtime", "cpp_standalone"}  # those that run on any machine
    shown = {type(p.encoder).__name__ for n in networks for p in n.populations
             if isinstance(p, Stimulus)}  # fmt: skip
    assert shown == {"Regular", "Poisson", "Escape", "Latency", "Graded"}
    pathways = {network.feedback.name for network in networks if network.feedback}
    assert len(pathways) >= 5
    assert {p.rule.when for n in networks for p in n.plastic if p.rule} == {
        "trial",
        "feedback",
        "spike",
        "post",
    }


@pytest.mark.slow
def test_runs_repeat_their_bits_and_a_change_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: same_bits.digest(name) for name in ("rates dfa", "dfa")}
    assert same_bits.compare(before, {n: same_bits.digest(n) for n in before}) == []
    monkeypatch.setitem(
        same_bits.RUNS,
        "dfa",
        ("runtime", lambda: same_bits.spiking(neuron={"v_start": np.nextafter(0.5, 1)}), {}),
    )
    assert LIF("h", 1, v_start=0.5).v_start == 0.5
    assert same_bits.compare(before, {n: same_bits.digest(n) for n in before}) == ["dfa"]
