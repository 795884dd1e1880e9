"""Contracts of hypotheses. They are looked up by name, so they have to be registered."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from inspect import Parameter
from typing import Any

import numpy as np

from apical._base.checking import shown
from apical.errors import ApicalError, ParameterError
from apical.feedback.wirings import WIRINGS
from apical.hypotheses import HYPOTHESES, Hypothesis, online
from apical.hypotheses.naming import applied
from apical.network.description import Network
from apical.plausibility import ASPECTS, Finding, audit
from apical.projections.connectivity import ReceptiveFields
from apical.projections.projection import Projection
from apical.testing.contracts import claiming, contract, expect
from apical.testing.references import made, partly_joined, rates, spiking, trials

REFERENCES: dict[str, Callable[[], Network]] = {
    "rates under DFA": rates,
    "rates under FA": lambda: rates(WIRINGS["fa"]),
    "spikes under DFA": spiking,
    "spikes online": lambda: online(spiking()),
}
"""Networks that hypotheses are applied to; each must fit one of them, or one of `FURTHER`."""

FURTHER: dict[str, Callable[[], Network]] = {
    "rates with receptive fields": lambda: partly_joined(ReceptiveFields(2), (2, 1, 2)),
}
"""Networks for hypotheses that fit none of these."""

_ALL = {**REFERENCES, **FURTHER}

PARTNERS = ("missing_synapses(share=0.5)", "redrawn_feedback(every=2)", "quantised_error(levels=3)")
"""Hypotheses about synapses, learning and the error, which others are combined with."""


def _text(hypothesis: Hypothesis) -> str:
    """Return its example as it is written in commands and in the configuration of runs."""
    options = ", ".join(f"{name}={value!r}" for name, value in hypothesis.example.items())
    return f"{hypothesis.name}({options})"


def _under(hypothesis: Hypothesis) -> Iterator[tuple[str, Network, Network]]:
    """Yield name, plain network, and network under its example for the references that it fits."""
    refused = list[str]()
    for name, reference in _ALL.items():
        if name in FURTHER and len(refused) < len(REFERENCES):
            return
        network = reference()
        try:
            other = hypothesis.apply(network, **hypothesis.example)
        except ApicalError as error:
            refused.append(f"{name}: {error.message}")
            continue
        yield name, network, other
    told = " ".join(refused)
    expect(len(refused) < len(_ALL), f"{hypothesis.name!r} fits no network: {told}")


def _simulated(hypothesis: Hypothesis) -> Iterator[tuple[str, Network, Network]]:
    """Yield as `_under` does, but only one spiking network, since those take longer."""
    spiked = False
    for name, network, other in _under(hypothesis):
        if not (spiked and network.is_spiking):
            yield name, network, other
        spiked = spiked or network.is_spiking


def _described(network: Network) -> dict[str, Any]:
    """Return what a network is made of but for its weights, for comparison."""

    def of_projection(p: Projection) -> dict[str, Any]:
        of = {f.name: getattr(p, f.name) for f in fields(p) if f.name != "weights"}
        return {**of, "pre": p.pre.name, "post": p.post.name}

    given = [f.name for f in fields(network) if f.init and f.name not in ("seed", "output")]
    return {
        **{name: getattr(network, name) for name in given},
        "populations": list(network.populations),
        "projections": [of_projection(p) for p in network.projections],
    }


def _weights(network: Network) -> dict[str, np.ndarray]:
    return {p.name: network.initial_weights(p) for p in network.projections}


def _alike(one: Network, other: Network, tolerance: float = 0.0) -> bool:
    """Return whether two networks are the same, weights up to a relative tolerance."""
    here, there = _weights(one), _weights(other)
    return _described(one) == _described(other) and all(
        np.allclose(here[name], there[name], rtol=tolerance, atol=0.0) for name in here
    )


def _learned(network: Network) -> dict[str, np.ndarray]:
    """Return the state after some trials on the first device that claims a network."""
    simulator = made(network, claiming(network)[0].name)
    simulator.run(trials(1.0))
    return dict(simulator.state)


@cache
def _plainly_learned(reference: str) -> dict[str, np.ndarray]:
    return _learned(_ALL[reference]())


@contract("hypothesis")
def says_what_it_is(hypothesis: Hypothesis) -> None:
    """It has a name, a description and references; options are by keyword, with examples."""
    name = hypothesis.name
    expect(name and hypothesis.about and hypothesis.source, f"{name!r} lacks about or source.")
    expect(name in HYPOTHESES, f"Hypothesis {name!r} is registered under another name.")
    for key, option in hypothesis.options.items():
        by_keyword = option.kind is Parameter.KEYWORD_ONLY
        expect(by_keyword, f"Option {key!r} of hypothesis {name!r} must be by keyword only.")
        known = key in hypothesis.example or option.default is not Parameter.empty
        expect(known, f"Hypothesis {name!r} needs a value of {key!r} in its example.")
    unknown = set(hypothesis.aspects) - set(ASPECTS)
    expect(not unknown, f"Hypothesis {name!r}: aspects must be among {', '.join(ASPECTS)}.")


@contract("hypothesis")
def returns_another_network(hypothesis: Hypothesis) -> None:
    """It fits a reference network, returns a different one, and leaves the first unchanged."""
    changed = []
    for reference, network, other in _under(hypothesis):
        expect(isinstance(other, Network), f"{hypothesis.name!r} returns {shown(other)}.")
        same = _alike(network, _ALL[reference]())
        expect(same, f"Hypothesis {hypothesis.name!r} changes the network that it is given.")
        changed.append(not _alike(network, other))
    expect(any(changed), f"Hypothesis {hypothesis.name!r} changes nothing; see example.")


@contract("hypothesis")
def is_read_as_it_is_written(hypothesis: Hypothesis) -> None:
    """Its text, as in commands and config.json, gives the same network; so does the same seed."""
    for reference, network, other in _under(hypothesis):
        text = _text(hypothesis)
        again = applied(_ALL[reference](), text)
        expect(_alike(other, again), f"{text} on {reference}: the text gives another network.")
        seeds = other.seed == network.seed
        expect(seeds, f"Hypothesis {hypothesis.name!r} changes the seed of the network.")


@contract("hypothesis")
def a_neutral_value_changes_no_bit(hypothesis: Hypothesis) -> None:
    """Under neutral options, states after learning and the scorecard are bit-identical."""
    if not hypothesis.neutral:
        return
    options = {**hypothesis.example, **hypothesis.neutral}
    for reference, network, _ in _simulated(hypothesis):
        other = hypothesis.apply(_ALL[reference](), **options)
        same = str(audit(other)) == str(audit(network))
        expect(same, f"{hypothesis.name!r}, neutral, on {reference}: the scorecard differs.")
        before, after = _plainly_learned(reference), _learned(other)
        expect(
            before.keys() == after.keys()
            and all(np.array_equal(values, after[name]) for name, values in before.items()),
            f"{hypothesis.name!r}, neutral, on {reference}: something else is learned.",
        )


@contract("hypothesis")
def is_simulated(hypothesis: Hypothesis) -> None:
    """Every network under it runs on a device, and states remain finite."""
    for reference, _, other in _simulated(hypothesis):
        expect(claiming(other), f"{hypothesis.name!r}: no device runs {reference} under it.")
        finite = all(np.isfinite(values).all() for values in _learned(other).values())
        expect(finite, f"{hypothesis.name!r} on {reference}: states are not finite.")


@contract("hypothesis")
def the_scorecard_changes_where_it_says(hypothesis: Hypothesis) -> None:
    """The scorecard changes in each of its aspects, and in no other."""
    found = set()
    for _, network, other in _under(hypothesis):
        before, after = audit(network), audit(other)
        for aspect in ASPECTS:
            if [*map(_said, before.about(aspect))] != [*map(_said, after.about(aspect))]:
                found.add(aspect)
    wanted = set(hypothesis.aspects)
    expect(
        found == wanted,
        f"Hypothesis {hypothesis.name!r} changes the scorecard in {sorted(found)}, "
        f"but declares {sorted(wanted)}; see aspects.",
    )


def _said(finding: Finding) -> str:
    """Return what a finding says; of measured alignment, the verdict but not the numbers."""
    measured = finding.aspect == "weight transport"
    return f"{finding.level} {finding.subject}" if measured else str(finding)


@contract("hypothesis")
def goes_with_others_in_any_order(hypothesis: Hypothesis) -> None:
    """Before or after another hypothesis, it gives the same network, or one of them refuses."""
    for reference, _, _ in _under(hypothesis):
        for partner in PARTNERS:
            text = _text(hypothesis)
            try:
                first = applied(_ALL[reference](), f"{text} + {partner}")
                last = applied(_ALL[reference](), f"{partner} + {text}")
            except ApicalError:
                continue
            same = _alike(first, last, tolerance=1e-9)
            expect(same, f"{text} and {partner} on {reference}: the order matters.")


@contract("hypothesis")
def refuses_bad_options(hypothesis: Hypothesis) -> None:
    """Options that it does not have, and values of another type, are refused and named."""
    network = rates()
    for option in ("no_such_option", *hypothesis.options):
        given = {**hypothesis.example, option: object()}
        try:
            if option in hypothesis.options:
                hypothesis.apply(network, **given)
            else:
                applied(network, f"{hypothesis.name}({option}=1)")
        except ParameterError as error:
            expect(option in error.message, f"Hypothesis {hypothesis.name!r}: {error.message}")
        else:
            raise AssertionError(f"Hypothesis {hypothesis.name!r} takes anything as {option!r}.")


@contract("hypothesis")
def refuses_what_it_does_not_fit(hypothesis: Hypothesis) -> None:
    """An empty network, to which nothing can be done, is refused in one line."""
    try:
        hypothesis.apply(Network(), **hypothesis.example)
    except ApicalError as error:
        expect("\n" not in error.message, f"Hypothesis {hypothesis.name!r}: several lines.")
    else:
        raise AssertionError(f"Hypothesis {hypothesis.name!r} takes a network without populations.")
