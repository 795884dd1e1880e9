"""Every hypothesis with every lesion, in both orders: both do what they say, or one refuses."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import apical as ap
from apical import hypotheses
from apical.errors import ApicalError, WiringError
from apical.feedback import WIRINGS
from apical.hypotheses import HYPOTHESES
from apical.network.interventions import Intervention
from apical.network.lesions import cut, silenced, stimulated
from apical.testing.of_hypotheses import _alike
from apical.testing.references import rates, spiking
from apical.training.presentation import learned, presented

Lesion = Callable[[ap.Network], ap.Network]

AFTER, UNTIL, TRIALS = 4, 8, 12


def hidden_feedback(net: ap.Network) -> str:
    assert net.feedback
    return next(p.name for p in net.feedback.projections if p.post is not net.output)


def hidden(net: ap.Network) -> str:
    return next(p.post.name for p in net.forward)


LESIONS: dict[str, Lesion] = {
    "cut": lambda n: cut(n, hidden_feedback(n), share=0.5, after=AFTER, until=UNTIL),
    "cut for good": lambda n: cut(n, hidden_feedback(n), share=0.5, after=AFTER),
    "lost": lambda n: hypotheses.lost_error_neurons(n, share=0.4, after=AFTER),
    "silenced": lambda n: silenced(n, hidden(n), share=0.5, after=AFTER, until=UNTIL),
    "stimulated": lambda n: stimulated(n, hidden(n), strength=0.5, after=AFTER, until=UNTIL),
    "redrawn": lambda n: hypotheses.redrawn_feedback(n, every=5),
}
NETWORKS: dict[str, Callable[[], ap.Network]] = {
    "rates under DFA": rates,
    "rates under FA": lambda: rates(WIRINGS["fa"]),
    "spikes under DFA": spiking,
    "spikes online": lambda: hypotheses.online(spiking()),
}


@pytest.fixture(scope="module")
def data() -> ap.Dataset:
    return ap.datasets.blobs(TRIALS, 4, 6, 3, rng=ap.stream(0, "data"))


def both(net: ap.Network, hypothesis: str, lesion: Lesion) -> list[ap.Network]:
    """Return what both orders give; an order that is refused must be so by name, in one line."""
    known = HYPOTHESES[hypothesis]

    def under(n: ap.Network) -> ap.Network:
        return known.apply(n, **known.example)

    found, refused = [], []
    for first, last in ((under, lesion), (lesion, under)):
        try:
            begun = first(net)
        except ApicalError:
            continue  # one of them alone does not fit this network
        try:
            found.append(last(begun))
        except ApicalError as error:
            refused.append(error.message)
    for said in refused:
        assert "\n" not in said
        assert re.match("(Projection|Hypothesis|Population|Rate) '", said), said
    return found


def concerned(net: ap.Network) -> dict[str, list[Intervention]]:
    """Return what acts on each projection."""
    taught = {p.name for p in net.feedback.projections} if net.feedback else set()
    return {
        p.name: [
            one
            for one in net.interventions
            if (p.name in taught or not one.on_feedback) and one.concerns(p, net.output)
        ]
        for p in net.projections
    }


def check_course(net: ap.Network, data: ap.Dataset) -> None:
    """Train, and hold weights and activity to what interventions say, trial by trial."""
    device = "runtime" if net.is_spiking else "array"
    options = {} if net.is_spiking else {"batch": 1}
    gated = [p.name for p in net.populations if p.gated]
    with ap.simulate(net, device, dtype="float64", record=gated, **options) as simulator:
        block = presented(simulator, data.train, 1, 0, slice(0, TRIALS))
        for trial in range(TRIALS):
            counts = learned(simulator, block.part(slice(trial, trial + 1)), trial)
            for name, those in concerned(net).items():
                projection, wanted = net.projection(name), net.initial_weights(name)
                for one in those:
                    for time in one.times(0, trial + 1):
                        wanted = one.acted(projection, wanted, net.seed, time)
                if projection.post.name in gated and "silence" in projection.carries:
                    silent = wanted[0] > 0
                    assert silent.any() == (AFTER <= trial < UNTIL)
                    assert not counts[projection.post.name][:, silent].any()
                for one in those:
                    if one.ends_at(trial + 1):
                        wanted = one.acted(projection, wanted, net.seed, trial + 1)
                if those:
                    assert np.array_equal(simulator.weights(name), wanted), (name, trial)


@pytest.mark.parametrize("lesion", LESIONS)
@pytest.mark.parametrize("hypothesis", HYPOTHESES)
@pytest.mark.parametrize(
    "network",
    [n if n == "rates under FA" else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS],
)
def test_both_do_what_they_say_or_one_refuses(
    network: str, hypothesis: str, lesion: str, data: ap.Dataset
) -> None:
    made = both(NETWORKS[network](), hypothesis, LESIONS[lesion])
    if len(made) == 2:
        one, other = (n.interventions for n in made)
        assert set(one) == set(other), "another intervention, of which none undoes another"
        assert _alike(made[0], made[1].altered(interventions=one), 1e-9), "the order matters"
    for net in made:
        check_course(net, data)


@pytest.mark.parametrize("learns", ["kolen_pollack", "weight_mirror", "sign_concordant"])
def test_what_is_cut_is_not_learned_again(learns: str) -> None:
    """Feedback that learns, or reads signs, has no fixed synapses to cut; either order says so."""
    net = rates(WIRINGS["fa"])
    name, change = hidden_feedback(net), HYPOTHESES[learns].apply
    with pytest.raises(WiringError, match=f"'{learns}'.*'{name}'.*Cut.*50%"):
        change(cut(net, name, share=0.5))
    with pytest.raises(WiringError, match=f"'{name}'"):
        cut(change(net), name, share=0.5)


def test_what_is_cut_and_given_back_is_not_redrawn() -> None:
    net = cut(rates(), "error_to_hidden_1", share=0.5, after=4, until=8)
    with pytest.raises(WiringError, match="'redrawn_feedback'.*would undergo Redraw and Cut"):
        hypotheses.redrawn_feedback(net, every=5)


def test_any_change_of_a_lesioned_projection_is_held_to_the_lesion() -> None:
    net = cut(rates(), "error_to_hidden_1", share=0.5)
    rule = ap.LearningRule("grows", "eta*x_pre", {"eta": 0.1})
    with pytest.raises(WiringError, match="learns, so it would learn again what is cut"):
        net.altered(projection=lambda p: replace(p, rule=rule) if "error_to_h" in p.name else p)


def test_a_share_is_cut_of_synapses_that_are_not_missing() -> None:
    """Of 6 x 5 recurrent synapses about half is missing; half of those that exist are cut."""
    net = rates()
    h = net.populations[2]
    net.connect(h, h, weights=ap.Normal(0.1), missing=0.5)
    name = f"{h.name}_to_{h.name}"
    lesioned = cut(net, name, share=0.5)
    left = lesioned.interventions[0].acted(net.projection(name), net.initial_weights(name), 0, 0)
    n = net.n_synapses(name)
    assert np.count_nonzero(left) == n - round(0.5 * n)
