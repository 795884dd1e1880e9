"""Statements of texts mean the same in process as element by element: a name is no alias."""

from collections.abc import Mapping

import numpy as np
import pytest

from apical import Network, NeuronModel, Neurons, Normal, Stimulus, encoding
from apical.testing.references import made, trials

STEPS = 20
"""Time steps of a trial."""
TEXTS: Mapping[str, tuple[float, float]] = {
    "tmp = v; tmp += 1; y = tmp": (2, 3),
    "tmp = v; v += 1; y = tmp": (3, 2),
    "tmp = (v); tmp *= 3; y = tmp": (2, 6),
    "tmp = v + 0; tmp -= 1; y = 1*tmp": (2, 1),  # Brian2 makes of it what stands above
    "one = v; other = one; other += 1; y = other - one": (2, 1),
    "y = v; y += 1": (2, 3),
    "y = v; v += 1; z = v; z *= 2": (3, 2),
}
"""Statements, and v and y after they ran once with v = 2."""


def state_after(text: str, place: str, device: str) -> tuple[np.ndarray, np.ndarray]:
    """Return v and y of neurons that run some statements at a place, after one trial."""
    threshold = {"threshold": "count_down < 1"} if place == "reset" else {}
    clock = "count_down = 100" if place == "reset" else ""
    model = NeuronModel(
        "drive : 1\nv : 1\ny : 1\nz : 1\ncount_down : 1",
        initial={"v": 2.0},
        **threshold,
        **{place: "; ".join(filter(None, (text, clock)))},
    )
    net = Network(seed=0, trial=float(STEPS), output="h")
    x = net.add(Stimulus("x", 6, encoding.Regular(200.0, free_running=False)))
    h = net.add(Neurons("h", 3, model, {"drive": "drive"}, ("v", "y")))
    net.connect(x, h, weights=Normal(1.0))
    with made(net, device) as simulator:
        simulator.run(trials(n=1))
        return simulator.state["h.v"], simulator.state["h.y"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("place", ["at_trial", "at_frame", "reset"])
def test_a_name_is_a_value_of_its_own(text: str, place: str) -> None:
    v, y = state_after(text, place, "runtime")
    assert (v.tolist(), y.tolist()) == tuple([value] * 3 for value in TEXTS[text])


@pytest.mark.parametrize("text", TEXTS)
def test_in_every_time_step_as_in_a_batch(text: str) -> None:
    one, other = (state_after(text, "at_step", device) for device in ("runtime", "lockstep"))
    np.testing.assert_array_equal(one, other)
    moved = TEXTS[text][0] - 2
    assert (one[0] == 2 + moved * STEPS).all()
