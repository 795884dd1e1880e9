"""Names: every word of every list, at every place where a name is given."""

import keyword
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import made_records
import numpy as np
import pytest

from apical import LIF, NeuronModel, Neurons, Rate, Stimulus, Trace, datasets, hypotheses
from apical._base.names import LISTS, LONGEST, Sort, check_name
from apical.data.registry import Source
from apical.devices.device import Device
from apical.errors import ParameterError
from apical.export.exporter import Exporter
from apical.feedback.pathways import FeedbackPathway
from apical.feedback.wirings import Wiring
from apical.hypotheses.declaration import Hypothesis
from apical.hypotheses.naming import applied
from apical.language.activations import Activation
from apical.neurons.encoding import SpikeModel
from apical.plasticity.optimizers import UpdateDynamics
from apical.plasticity.rules import LearningRule
from apical.projections.projection import Projection
from apical.recordings.formats import RecordingFormat
from apical.records.arrays import Records, Units
from apical.runs.measures import Measure

X, H = Stimulus("x", 2), LIF("h", 2)


def _records(name: str) -> Records:
    known = made_records.records({}, np.array([0, 1]))
    return Records(
        known.duration,
        known.dt,
        {name: Units("LIF", np.zeros(1, int))},
        known.samples,
        known.values,
        known.labels,
        known.decisions,
    )


def _spiking(**more: Any) -> SpikeModel:
    texts = {"equations": "rate : Hz", "threshold": "rate > 1*Hz", "reset": "", "at_trial": ""}
    return SpikeModel(**{**texts, **more})


PLACES: Mapping[str, tuple[Sort, Callable[[str], Any]]] = {
    "population": ("population", lambda name: LIF(name, 1)),
    "rate population": ("population", lambda name: Rate(name, 1)),
    "projection": ("object", lambda name: Projection(X, H, name=name)),
    "parameter of a rule": ("synaptic", lambda name: LearningRule("r", "x_pre", {name: 1.0})),
    "trace of a rule": (
        "synaptic",
        lambda name: LearningRule("r", "x_pre", traces={name: Trace("x_pre", 5.0)}),
    ),
    "state of an optimiser": ("synaptic", lambda name: UpdateDynamics("d", {name: 0.0}, (), "w")),
    "parameter of an optimiser": (
        "synaptic",
        lambda name: UpdateDynamics("d", {}, (), "w", {name: 0.0}),
    ),
    "variable": ("variable", lambda name: NeuronModel(f"{name} : 1")),
    "state variable": ("variable", lambda name: NeuronModel(f"d{name}/dt = 0/ms : 1")),
    "subexpression": ("variable", lambda name: NeuronModel(f"{name} = 1 : 1")),
    "summed variable": ("variable", lambda name: NeuronModel("v : 1", summed=(name,))),
    "parameter of a model": (
        "variable",
        lambda name: NeuronModel("v : 1", parameters={name: (1.0, "1")}),
    ),
    "variable that is assigned": ("variable", lambda name: NeuronModel("v : 1", reset=f"{name}=1")),
    "variable of an encoder": ("variable", lambda name: _spiking(equations=f"{name} : 1")),
    "parameter of an encoder": ("variable", lambda name: _spiking(parameters={name: (1.0, "1")})),
    "input": ("key", lambda name: Neurons("n", 1, takes={name: "v"})),
    "signal": ("key", lambda name: Neurons("n", 1, offers=(name,))),
    "hypothesis": ("function", lambda name: Hypothesis(name, "", "", hypotheses.dale)),
    "measure": ("word", lambda name: Measure(name, "", lambda look: {})),
    "wiring": ("word", lambda name: Wiring(name, "", "", lambda *parts: None)),  # type: ignore
    "device": ("word", lambda name: Device(name, "", lambda *parts: None)),  # type: ignore
    "exporter": ("word", lambda name: Exporter(name, "", lambda *parts: None)),
    "recording format": ("word", lambda name: RecordingFormat(name, "", (), nullcontext)),
    "data source": ("word", lambda name: Source(name, "", "")),
    "recorded population": ("word", _records),
    "rule": ("label", lambda name: LearningRule(name, "x_pre")),
    "optimiser": ("label", lambda name: UpdateDynamics(name, {}, (), "w")),
    "activation": ("label", lambda name: Activation(name, "drive")),
    "pathway": ("label", lambda name: FeedbackPathway(name, ())),
    "data set": (
        "label",
        lambda name: datasets.Dataset.from_arrays(
            name, [[0.5], [0.1]], [0, 1], [[0.5]], [0], scale=1.0
        ),
    ),
}
"""Where names are given: what they are used for, and what is made with one."""

OF_TEXTS = (
    "variable",
    "state variable",
    "subexpression",
    "variable that is assigned",
    "variable of an encoder",
)
NO_EQUATION = ("a blank", "a slash", "a line break", "a zero byte", "dots", "nothing")
STRANGE = {
    "a full-width letter": "\N{FULLWIDTH LATIN SMALL LETTER E}ta",
    "a Cyrillic letter": "\N{CYRILLIC SMALL LETTER IE}ta",
    "a ligature": "\N{LATIN SMALL LIGATURE FI}t",
    "a Greek letter": "\N{GREEK SMALL LETTER ETA}",
    "a combining accent": "e\N{COMBINING ACUTE ACCENT}ta",
    "a superscript": "v\N{SUPERSCRIPT TWO}",
    "a letter of no alphabet": "\N{MATHEMATICAL BOLD SMALL E}ta",
    "a mark of direction": "et\N{RIGHT-TO-LEFT OVERRIDE}a",
    "a blank": "two words",
    "a slash": "a/b",
    "a line break": "a\n",
    "a zero byte": "a\0b",
    "a digit first": "1st",
    "an underscore first": "_eta",
    "dots": "../eta",
    "nothing": "",
    "too much": "q" * 10_000,
}


@pytest.mark.parametrize("place", PLACES)
def test_every_word_is_refused_where_it_is_written(place: str) -> None:
    sort, make = PLACES[place]
    words = {word for known in LISTS if sort in known.sorts for word in known.words}
    if place == "variable that is assigned":
        words -= {"lastspike", "not_refractory"}  # of every neuron with a refractory period
    assert words or sort in ("key", "word", "label")
    for word in sorted(words):
        with pytest.raises(ParameterError) as caught:
            make(word)
        said = caught.value.message
        assert f"{word!r} cannot name " in said and "choose another" in said, said


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("place", PLACES)
def test_only_plain_names_are_accepted(place: str, what: str) -> None:
    (sort, make), name = PLACES[place], STRANGE[what]
    fits = {
        "word": what in ("a digit first",),
        "label": name.isprintable() and 0 < len(name) < 200,
    }
    if fits.get(sort, False):
        make(name)
        return
    if what == "nothing" and place == "projection":
        assert make(name).name == "x_to_h"
        return
    if place in OF_TEXTS and what in NO_EQUATION:
        return  # found when the text is read, by its line
    with pytest.raises(ParameterError) as caught:
        make(name)
    assert "\n" not in str(caught.value) and "q" * 200 not in str(caught.value)


@pytest.mark.parametrize("place", PLACES)
def test_ordinary_names_are_accepted(place: str) -> None:
    _, make = PLACES[place]
    for name in ("hidden_1", "eta", "tau_m", "rate", "gamma", "beta_2", "q" * LONGEST):
        make(name)


@pytest.mark.parametrize("name", ["e", "i", "excitatory", "poisson", "second", "input", "output"])
def test_populations_are_called_as_in_the_field(name: str) -> None:
    assert LIF(name, 1).name == name


def test_the_alternative_of_a_message_is_possible() -> None:
    for known in LISTS:
        for sort in known.sorts:
            for word in sorted(known.words)[::7]:
                with pytest.raises(ParameterError) as caught:
                    check_name(word, sort, "it", "a thing")
                check_name(caught.value.message.split("'")[-2], sort, "it", "a thing")


def test_the_lists_have_what_the_installed_libraries_have() -> None:
    from brian2.core import namespace

    words = {word for known in LISTS if "variable" in known.sorts for word in known.words}
    theirs = {
        *namespace.DEFAULT_UNITS,
        *namespace.DEFAULT_FUNCTIONS,
        *namespace.DEFAULT_CONSTANTS,
        *keyword.kwlist,
    }
    assert theirs - {"-inf"} <= words
    assert all(known.source and known.meaning for known in LISTS)


def test_code_with_letters_that_look_alike_is_refused() -> None:
    """Python reads a full-width letter as the plain one (NFKC), Brian2 and compilers do not."""
    wide = "\N{FULLWIDTH LATIN SMALL LETTER E}ta"
    for make in (
        lambda: LearningRule("r", f"{wide}*x_pre", {"eta": 1.0}),
        lambda: LearningRule("r", "x_pre", traces={"seen": Trace(f"x_pre*{wide}")}),
        lambda: UpdateDynamics("d", {}, (), f"{wide}*update", {"eta": 1.0}),
        lambda: Activation("a", f"drive*{wide}"),
        lambda: NeuronModel(f"v = {wide} : 1", parameters={"eta": (1.0, "1")}),
        lambda: NeuronModel("v : 1", threshold=f"v > {wide}", parameters={"eta": (1.0, "1")}),
        lambda: applied(made_network(), "\N{FULLWIDTH LATIN SMALL LETTER D}ale"),
    ):
        with pytest.raises(ParameterError, match="FULLWIDTH"):
            make()
    assert NeuronModel("v : 1  # \N{LATIN SMALL LETTER E WITH ACUTE}t\N{GREEK SMALL LETTER ETA}")


def made_network() -> Any:
    import networks

    return networks.small()


def test_lists_are_in_one_module() -> None:
    for file in (Path(__file__).parents[2] / "src").rglob("*.py"):
        if file.name != "names.py":
            assert "iskeyword" not in file.read_text() and "isidentifier" not in file.read_text()
