"""Devices and features: what each device runs, asked of the devices themselves.

A feature is shown by a small network that has it. A device runs it if `apical.devices.simulate`
would: the function that refuses is asked, and its message is the reason.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, get_args

from public_names import by_errand
from tables import cell, entries, kind_of, table

from apical import BatchNorm, hypotheses
from apical.devices import DEVICES, Device
from apical.devices.brian.build import Builder
from apical.devices.brian.build import Options as BuildOptions
from apical.devices.of_brian import BrianOptions
from apical.errors import ApicalError
from apical.feedback.pathways import broadcast
from apical.feedback.wirings import WIRINGS
from apical.hypotheses import HYPOTHESES
from apical.hypotheses.changes import with_projections
from apical.network.description import Network
from apical.neurons.base import POPULATIONS, Population
from apical.neurons.encoding import ENCODERS, Graded, Regular
from apical.neurons.error import RateError
from apical.neurons.lif import LIF
from apical.neurons.rate import Rate
from apical.neurons.reward import Reward
from apical.neurons.stimulus import Stimulus
from apical.plasticity.constraints import Levels
from apical.plasticity.rules import LearningRule, When, node_perturbation
from apical.plausibility import check
from apical.projections.connectivity import CONNECTIVITIES, ReceptiveFields
from apical.testing.references import driven, partly_joined, rates, spiking

KINDS: Mapping[str, Callable[..., Network]] = {"rates": rates, "spikes": spiking}
"""Reference networks that features are added to."""


NEEDED: Mapping[str, Any] = {"alpha": 0.1, "sigma": 0.01, "limit": 1.0}
"""Values of what optimisers have no default for."""


@dataclass(frozen=True)
class Feature:
    """A feature: a section of the table, its name, and networks that have it by kind."""

    section: str
    name: str
    networks: Mapping[str, Network]


def made(make: Callable[[Network], Network]) -> dict[str, Network]:
    """Return reference networks with a feature added, of the kinds that it fits."""
    found = {}
    for kind, reference in KINDS.items():
        try:
            found[kind] = make(reference())
        except ApicalError:
            continue
    return found


def of_wirings() -> Iterator[Feature]:
    """Yield every wiring, over rates and spikes."""
    for name, wiring in WIRINGS.items():
        networks = {"rates": rates(wiring)}
        if wiring.spikes:
            networks["spikes"] = spiking(wiring)
        yield Feature("Wirings", f"`{name}`", networks)


def of_neurons() -> Iterator[Feature]:
    """Yield every population, in the first network that has one, and every encoder."""
    wirings = [feature for feature in of_wirings() if feature.name != "`bp`"]
    pool = [net for feature in wirings for net in feature.networks.values()]
    pool += [driven(kind("units", 4)) for kind in POPULATIONS.values() if _is_driven(kind)]
    pool.append(perturbed())
    for name, kind in POPULATIONS.items():
        found = [net for net in pool if any(type(p) is kind for p in net.populations)]
        if found:
            spikes = "spikes" if found[0].is_spiking else "rates"
            yield Feature("Neurons", f"`{name}`", {spikes: found[0]})
    for name, encoder in ENCODERS.items():
        spikes = "spikes" if encoder().spikes.threshold else "rates"
        post = LIF("units", 4) if spikes == "spikes" else Rate("units", 4)
        yield Feature("Encoders", f"`{name}`", {spikes: driven(post, encoder())})


def perturbed() -> Network:
    """Return a network that learns from a reward by node perturbation."""
    net, rule = Network(seed=0), node_perturbation(0.1)
    x = net.add(Stimulus("stimulus", 6, Graded()))
    y = net.add(Rate("output", 3, "linear", explores=1e-2))
    net.connect(x, y, rule=rule)
    net.add(RateError("error", 3, keeps="square"))
    net.teach(broadcast(net.add(Reward("reward")), net.forward))
    return net


def _is_driven(kind: type[Population]) -> bool:
    """Say whether a population can be made of a name and a size, and driven by a stimulus."""
    try:
        return "drive" in kind("units", 4).inputs
    except (TypeError, ApicalError):
        return False


def changed(**options: Any) -> Callable[[Network], Network]:
    """Return what gives options to all projections that learn."""

    def change(network: Network) -> Network:
        return with_projections(network, network.plastic, lambda p: replace(p, **options))

    return change


def of_rules() -> Iterator[Feature]:
    """Yield every moment at which rules act, optimisers, traces and constraints."""
    for when in get_args(When):
        if when == "noise":
            mirror = hypotheses.weight_mirror
            networks = {"rates": mirror(rates(WIRINGS["fa"]), every=10, trials=10)}
        else:
            update = "eta*teach_post" if when == "spike" else "eta*x_pre*teach_post"
            networks = made(changed(rule=LearningRule("own", update, {"eta": 1e-3}, when=when)))
        yield Feature("Rules", f'`when="{when}"`', networks)
    for one in by_errand()["optimizers"]:
        if one.is_function:
            given = {
                name: NEEDED[name] for name in signature(one.value).parameters if name in NEEDED
            }
            name = one.path.rpartition(".")[2]
            yield Feature("Optimizers", f"`{name}`", made(_optimised(one.value(**given))))
    keeping = LearningRule(
        "own",
        "eta*mean - 0.1*(w - w0)",
        {"eta": 1e-3},
        state={"mean": 0.0, "w0": "w"},
        steps=(("mean", "0.9*mean + x_pre*teach_post"),),
    )
    yield Feature("Rules", "`state` and `steps`", made(changed(rule=keeping)))
    yield Feature("Rules", "perturbation, with a `Reward`", {"rates": perturbed()})
    options: dict[str, Any] = {
        "bounds": (-1.0, 1.0),
        "delay": 2.0,
        "inhibitory": 0.2,
        "missing": 0.5,
        "levels": Levels(5),
        "release": 0.5,
        "total": 1.0,
    }
    for name, value in options.items():
        yield Feature("Projections", f"`{name}`", made(changed(**{name: value})))


def _optimised(dynamics: Any) -> Callable[[Network], Network]:
    """Return what gives an optimiser to the rule of all projections that learn."""

    def change(network: Network) -> Network:
        rule = replace(network.plastic[0].rule, dynamics=dynamics)
        return changed(rule=rule)(network)

    return change


def of_connectivities() -> Iterator[Feature]:
    """Yield every connectivity of a projection that learns."""
    for name, kind in CONNECTIVITIES.items():
        networks = {
            "rates": partly_joined(*kind.example()),
            "spikes": partly_joined(*kind.example(), spiking=True),
        }
        yield Feature("Connectivity", f"`{name}`", networks)


def of_networks() -> Iterator[Feature]:
    """Yield what concerns a whole network, and every hypothesis."""
    normal = Rate("units", 4, norm=BatchNorm())
    yield Feature("Networks", "batch normalisation", {"rates": driven(normal)})
    vectors = Rate("units", 4, "vector_relu", components=2)
    yield Feature("Networks", "units of several components", {"rates": driven(vectors)})
    yield Feature("Networks", "no reset between trials", made(hypotheses.online))
    yield Feature("Networks", "several stimuli", two_senses())
    for name, hypothesis in HYPOTHESES.items():
        networks = made(lambda net, h=hypothesis: h.apply(net, **h.example))  # type: ignore[misc]
        if not networks:
            fa = {"rates": rates(WIRINGS["fa"]), "spikes": hypotheses.online(spiking())}
            local = {"rates": partly_joined(ReceptiveFields(2), (2, 1, 2))}
            for references in (fa, local):
                for kind, network in references.items() if not networks else ():
                    try:
                        networks[kind] = hypothesis.apply(network, **hypothesis.example)
                    except ApicalError:
                        continue
        yield Feature("Hypotheses", f"`{name}`", networks)


def two_senses() -> dict[str, Network]:
    """Return networks of two stimuli, of rates and of spikes."""
    found = {}
    for kind, encoder in (("rates", Graded()), ("spikes", Regular())):
        net = Network(seed=0)
        y = net.add(Rate("units", 4) if kind == "rates" else LIF("units", 4))
        for name in ("touch", "vision"):
            net.connect(net.add(Stimulus(name, 3, encoder)), y)
        found[kind] = net
    return found


def refusals(network: Network) -> dict[str, str]:
    """Return why each device does not run a network; "" where it does."""
    network, found = network.in_order(), {}
    judged = {transport: _why(check, network, transport=transport) for transport in (False, True)}
    described = _why(Builder, network, BuildOptions(1.0, 1))
    for name, device in DEVICES.items():
        options = device.options()
        wrong = judged[device.transport] or _why(device.check, network, options)
        if not wrong:  # what is found only when Brian2's objects, or arrays, are about to be made
            if isinstance(options, BrianOptions):
                wrong = described
            elif not device.is_joint:  # several processes would have to make it together
                wrong = _why(device.make, network, options)
        found[name] = wrong
    return found


def _why(function: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """Return the error of a function; "" if there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(*arguments, **options)
    except ApicalError as error:
        return error.message
    return ""


def features() -> Iterator[Feature]:
    """Yield everything that the table asks about."""
    for kind, reference in KINDS.items():
        yield Feature("Networks", kind, {kind: reference()})
    yield from of_networks()
    yield from of_wirings()
    yield from of_neurons()
    yield from of_rules()
    yield from of_connectivities()


def asked() -> tuple[list[tuple[str, list[str]]], dict[str, list[str]]]:
    """Return the rows by section, and what was refused: reason -> which features."""
    rows, reasons = [], dict[str, list[str]]()
    for feature in features():
        said = {kind: refusals(network) for kind, network in feature.networks.items()}
        cells = []
        for device in DEVICES:
            runs = [kind for kind in said if not said[kind][device]]
            cells.append(" ".join(runs) if runs else "-")
            for kind in said:
                if said[kind][device]:
                    reason = said[kind][device]
                    reasons.setdefault(reason, []).append(f"{feature.name} ({kind})")
        rows.append((feature.section, [feature.name, *cells]))
    return rows, reasons


def of_devices() -> str:
    """Return the table of what devices are, and of the options that each takes."""
    names = [*DEVICES]
    rows = [
        ["what it is for", *(cell(device.about) for device in DEVICES.values())],
        ["compiles a program", *(yes(device.compiles) for device in DEVICES.values())],
        ["reads weights backwards (BP)", *(yes(d.transport) for d in DEVICES.values())],
        ["variants", *(", ".join(filter(None, _forms(d))) or "-" for d in DEVICES.values())],
    ]
    options = {entry.name: entry for d in DEVICES.values() for entry in entries(d.options)}
    rows += [
        [f"takes `{name}`", *(yes(device.takes(name)) for device in DEVICES.values())]
        for name in options
    ]
    text = table(["device", *(f"`{name}`" for name in names)], rows)
    about = (
        [f"`{e.name}`", cell(kind_of(e.hint)), f"`{e.default}`", cell(e.text)]
        for e in options.values()
    )
    return text + "\n" + table(["option", "type", "default", "what it is"], about)


def _forms(device: Device) -> list[str]:
    return [f"`{device.name}:{form.name}`" if form.name else "" for form in device.forms]


def yes(answer: bool) -> str:
    """Return an answer in a cell."""
    return "yes" if answer else "-"


LEAD = """# Devices and features

Find the device for a network, or what a device does not run. Each row is a small network that has
one feature; a cell says whether the device runs it with rates, with spikes, or not at all (-).
The answers are those of the functions that refuse a network before `apical.simulate` builds
anything. What devices need to be there says `apical doctor`.

## The devices and their options

"""


def pages() -> dict[str, str]:
    """Return the page of devices and features."""
    rows, reasons = asked()
    parts = [LEAD + of_devices()]
    for section in dict.fromkeys(section for section, _ in rows):
        mine = [cells for found, cells in rows if found == section]
        parts.append(f"## {section}\n\n" + table(["feature", *(f"`{d}`" for d in DEVICES)], mine))
    why = "\n".join(
        f"- {cell(reason)}\n  Here: {', '.join(dict.fromkeys(who))}."
        for reason, who in _short(reasons)
    )
    parts.append(f"## What the refusals say\n\n{why}\n")
    return {"reference/generated/devices.md": "\n\n".join(parts)}


def _short(reasons: Mapping[str, list[str]]) -> list[tuple[str, list[str]]]:
    """Return reasons, those that differ in names alone counted once."""
    found: dict[str, tuple[str, list[str]]] = {}
    for reason, who in reasons.items():
        key = re.sub(r"'[^']*'", "''", reason)[:60]
        found.setdefault(key, (reason, []))[1].extend(who)
    return [*found.values()]
