"""The scorecard of a dynamic check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apical.locality_check.budget import Tally
from apical.locality_check.causes import Fault
from apical.network.description import Network
from apical.plausibility import ASPECTS, Finding, Scorecard
from apical.plausibility.findings import NETWORK
from apical.projections.projection import Projection, ReadBackwards

PASSED = {
    "rests": "no weight changed with learning off",
    "decisions": "other labels, or none, changed no decision with learning off",
    "labels": "other labels changed nothing before they could have come",
    "future": "later trials changed nothing",
    "replays": "trials taught the same in one block and in several",
    "followers": "no weights followed when others were set",
}
"""What is said of each test of causality that was passed."""


@dataclass(frozen=True)
class Tested:
    """What was found on a device.

    Parameters
    ----------
    device
        Its name.
    faults
        Violations.
    tally
        What was done.
    """

    device: str
    faults: Sequence[Fault]
    tally: Tally


def scorecard(network: Network, tested: Sequence[Tested], refused: Mapping[str, str]) -> Scorecard:
    """Return a finding for each kind of violation, and for each part without one.

    Parameters
    ----------
    network
        The network.
    tested
        What was found on each device.
    refused
        Devices on which it was not run, and why.
    """
    found = _violations(network, tested)
    wrong = {f.subject for f in found}
    for p in network.projections:
        if p.name not in wrong:
            found.append(_projection(network, p, tested))
    for population in network.populations:
        if population.name not in wrong:
            reason = "its neurons differed only where what was changed had reached them by synapses"
            where = network.place(population.name)
            found.append(Finding(population.name, "one-way", "local", reason, where))
    found += [_perturbed(network, one) for one in tested]
    found.append(_whole(network, tested, refused))
    return Scorecard(tuple(sorted(found, key=lambda f: ASPECTS.index(f.aspect))))


def _violations(network: Network, tested: Sequence[Tested]) -> list[Finding]:
    """Return one finding for all violations that a test found of a subject and an aspect."""
    first: dict[tuple[str, ...], tuple[str, Fault]] = {}
    times: dict[tuple[str, ...], int] = {}
    for one in tested:
        for fault in one.faults:
            key: tuple[str, ...] = (fault.subject, fault.aspect, fault.test)
            if fault.test == "addition":  # each of them is named
                key = (*key, fault.reason)
            first.setdefault(key, (one.device, fault))
            times[key] = times.get(key, 0) + 1
    found = []
    for key, (device, f) in first.items():
        more = f"; {times[key] - 1} more like it" if times[key] > 1 else ""
        reason = f"{f.reason} (device {device}){more}"
        found.append(Finding(f.subject, f.aspect, "not local", reason, network.place(f.subject)))
    return found


def _projection(network: Network, p: Projection, tested: Sequence[Tested]) -> Finding:
    """Return the finding on a projection without violations."""
    place, blocks = network.place(p.name), " and ".join(_blocks(one) for one in tested)
    if p.rule is None:
        what = "follow those of another" if isinstance(p.weights, ReadBackwards) else "are fixed"
        reason = f"its weights, which {what}, were unchanged to the bit after {blocks}"
        if isinstance(p.weights, ReadBackwards):
            reason = f"its weights {what}, and no other weights follow them"
        return Finding(p.name, "feedback", "local", reason, place)
    learned = [one.tally.learned.get(p.name, np.zeros(p.shape, bool)) for one in tested]
    n, total = max(int(found.sum()) for found in learned), p.pre.size * p.post.size
    if not n:
        reason = (
            f"not tested: none of its {total:,} updates was different from 0 after {blocks}, and "
            "what is 0 throughout proves nothing; show it trials in which it learns"
        )
        return Finding(p.name, "locality", "doubtful", reason, place)
    untested = [one for one in tested if not one.tally.synapses]
    if len(untested) == len(tested):
        reason = f"not tested: {'; '.join(untested[0].tally.left_out)}"
        return Finding(p.name, "locality", "doubtful", reason, place)
    reason = (
        f"{n:,} of {total:,} updates were different from 0, and a perturbation changed only those "
        "of synapses that it touched"
    )
    return Finding(p.name, "locality", "local", reason, place)


def _perturbed(network: Network, tested: Tested) -> Finding:
    """Return the finding on how much was perturbed on a device."""
    if not tested.tally.synapses:
        reason = f"not tested on device {tested.device}: {'; '.join(tested.tally.left_out)}"
        return Finding(NETWORK, "locality", "doubtful", reason, network.place(NETWORK))
    return Finding(NETWORK, "locality", "local", tested.tally.said, network.place(NETWORK))


def _blocks(tested: Tested) -> str:
    return f"{tested.tally.blocks} training blocks on {tested.device}"


def _whole(network: Network, tested: Sequence[Tested], refused: Mapping[str, str]) -> Finding:
    """Return the finding on tests of the network as a whole."""
    devices = " and ".join(one.device for one in tested)
    failed = {fault.test for one in tested for fault in one.faults}
    passed = "; ".join(said for test, said in PASSED.items() if test not in failed)
    reason = f"on {devices}: {passed or 'no test of causality was passed'}"
    left = list(dict.fromkeys(what for one in tested for what in one.tally.left_out))
    left += [f"device {device} ({why.rstrip('.')})" for device, why in refused.items()]
    if left:
        reason += f"; not tested: {'; '.join(left)}"
    return Finding(NETWORK, "phases", "local", reason, network.place(NETWORK))
