"""Learning rules: locality is checked where a rule is written."""

import keyword
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apical import rules
from apical._base.names import LISTS
from apical.errors import LocalityError, ParameterError
from apical.language.expressions import place
from apical.plasticity.rules import RESERVED, LearningRule

IDENTIFIERS = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,11}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name)
)
WORDS = frozenset().union(*(known.words for known in LISTS if "synaptic" in known.sorts))
STRANGERS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,11}", fullmatch=True).filter(
    lambda name: (
        place(name) == "synapse"
        and name not in RESERVED | WORDS
        and not f"{name}_".startswith("xi_")
    )
)
FORMS = st.sampled_from(
    [
        "{}",
        "eta * {}",
        "w - eta * x_pre * int({} > 0)",
        "exp({} * w)",
        "-{} / 2",
        "int({} > 1 or w > 1)",
    ]
)


@settings(deadline=None)  # the first time, pydantic is imported
@given(
    IDENTIFIERS.filter(lambda name: place(name) == "synapse" and name not in ("w", "eta")), FORMS
)
def test_names_that_a_synapse_cannot_know_are_refused(name: str, form: str) -> None:
    message = f"'any' reads {re.escape(repr(name))}, which a synapse cannot know"
    with pytest.raises(LocalityError, match=message):
        LearningRule("any", form.format(name), {"eta": 1.0})


@given(IDENTIFIERS, st.sampled_from(["_pre", "_post"]), FORMS)
def test_names_of_its_two_neurons_are_taken(name: str, end: str, form: str) -> None:
    rule = LearningRule("any", form.format(name + end), {"eta": 1.0})
    assert name + end in rule.signals


@given(STRANGERS, FORMS)
def test_parameters_are_taken(name: str, form: str) -> None:
    rule = LearningRule("any", form.format(name), {name: 0.5, "eta": 1})
    assert name not in rule.signals


@pytest.mark.parametrize("name", [*sorted(RESERVED), "x_pre", "two words", "1st"])
def test_parameters_have_names_of_their_own(name: str) -> None:
    with pytest.raises(ParameterError, match=f"'any': {name!r} cannot name a parameter"):
        LearningRule("any", "eta * x_pre", {"eta": 1.0, name: 0.5})


def test_all_strangers_are_named() -> None:
    with pytest.raises(LocalityError, match="reads 'delta', 'w_next', which"):
        LearningRule("backprop", "eta * x_pre * w_next * delta", {"eta": 1.0})


@pytest.mark.parametrize("value", [np.ones(3), [1.0]])
def test_a_parameter_is_no_array(value: object) -> None:
    message = f"parameter 'eta' must be one finite number, got {value!r}; an array would tell"
    with pytest.raises(LocalityError, match=re.escape(message)):
        LearningRule("any", "eta * x_pre", {"eta": value})


@pytest.mark.parametrize("value", ["1", None, True, 1j, float("inf")])
def test_a_parameter_is_one_number(value: object) -> None:
    message = f"parameters['eta'] must be one finite number [dimensionless], got {value!r}."
    with pytest.raises(ParameterError, match=re.escape(message)):
        LearningRule("any", "eta * x_pre", {"eta": value})


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(2)])
def test_numbers_of_every_kind_are_parameters(value: float) -> None:
    assert LearningRule("any", "eta * x_pre", {"eta": value}).parameters["eta"] == value


def test_timing_is_one_of_five() -> None:
    known = "when must be one of 'trial', 'feedback', 'spike', 'post', 'noise', got 'no'"
    with pytest.raises(ParameterError, match=known):
        LearningRule("any", "x_pre", when="no")


@pytest.mark.parametrize(("when", "onset"), [("spike", -1.0), ("trial", 5.0)])
def test_onsets_are_checked(when: Any, onset: float) -> None:
    with pytest.raises(ParameterError, match=f"onset.* got (onset=)?{onset}"):
        LearningRule("any", "x_pre", when=when, onset=onset)


def test_what_is_no_expression_is_refused() -> None:
    with pytest.raises(ParameterError, match="not one expression"):
        LearningRule("any", "w += x_pre")


def test_the_catalogue() -> None:
    at_trial, at_feedback = rules.three_factor(0.1), rules.three_factor(0.1, when="feedback")
    assert at_trial.update == at_feedback.update
    assert at_trial.signals == {"x_pre", "gain_post", "teach_post"}
    assert (at_trial.when, at_feedback.when) == ("trial", "feedback")
    at_spikes = rules.three_factor_at_spikes(0.1)
    assert at_spikes.when == "spike"
    assert at_spikes.signals == {"gain_post", "teach_post"}  # the spike is the presynaptic factor
    for rule in (at_trial, at_feedback, at_spikes):
        assert rule.parameters == {"eta": 0.1}
        assert "doi" in rule.source


@pytest.mark.parametrize(
    "make",
    [
        rules.three_factor,
        rules.norm_scale,
        rules.norm_shift,
        rules.node_perturbation,
        rules.weight_perturbation,
    ],
    ids=lambda make: make.__name__,
)
def test_optimizers_scale_updates_that_are_not_scaled(make: Callable[[], LearningRule]) -> None:
    assert make().parameters["eta"] == 1.0


def test_stdp_has_the_target_and_the_bound_of_its_paper() -> None:
    assert rules.stdp(0.01).parameters == {"eta": 0.01, "target": 0.4, "largest": 1.0}


def test_e_prop_regularises_rates_where_asked() -> None:
    assert rules.e_prop(0.1).update == "eta * e_trace * teach_post"
    steady = rules.e_prop(0.1, tau_a=2000.0, homeostasis=0.5, usual=2.0)
    assert steady.update == "eta * e_trace * (teach_post - homeostasis * (a_post - usual))"
    assert steady.parameters == {"eta": 0.1, "homeostasis": 0.5, "usual": 2.0}
