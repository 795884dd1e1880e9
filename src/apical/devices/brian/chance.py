"""Random numbers of trials in Brian2: the generator is seeded in each trial, by its place.

Each trial then draws the same numbers for any division into blocks, parts and runs of a program.
Learning at the end of a trial happens when the next one begins, or after the last of a block; it
has a seed of its own, so that both are the same.
"""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import brian2 as b2

from apical._base import seeds
from apical.devices.brian.build import DRAW, LEARN, Built
from apical.devices.simulator import Block

_GENERATORS = "_random_generators"
"""Brian2's name of the random number generators of a C++ program."""

_SEED = """{network}.add(&{clock}, +[] {{
    const auto mixed = [](uint32_t x) {{
        x = (x ^ x >> 16) * 0x85ebca6bu;
        x = (x ^ x >> 13) * 0xc2b2ae35u;
        return x ^ x >> 16;
    }};
    const uint32_t place = _array_place_first[0] + _array_{clock}_timestep[0];
    const uint32_t number = 2 * place + {more}u;
    _random_generators[0].seed(mixed(mixed(number) + (uint32_t)_array_control_seed[0]));
}});"""
"""`apical._base.seeds.trial_seed` in C++, called in every trial; `more` is read modulo 2**32."""


class Seeding(b2.BrianObject):
    """Seeds the generator at one moment of every trial: itself in process, by a line in C++.

    Parameters
    ----------
    clock
        Ticks when a trial begins.
    more
        What is added to twice the place of that trial.
    order
        Place in the slot ``start``.
    """

    add_to_magic_network = False

    def __init__(self, clock: b2.Clock, more: int, order: int) -> None:
        super().__init__(clock=clock, when="start", order=order, name=f"seeding_{order + 1}")
        self.more, self.key, self.first = more, 0, 0
        # Brian2 writes the line in a program that calls this: where it is to stand
        self._code_objects = [SimpleNamespace(name=self.name)]

    def before_run(self, run_namespace: Mapping[str, Any]) -> None:
        """Do nothing: there is no code to generate."""

    def after_run(self) -> None:
        """Do nothing."""

    def run(self) -> None:
        """Seed the generators of Brian2 in process."""
        place = self.first + int(self.clock.variables["timestep"].get_value().item())
        b2.seed(seeds.trial_seed(self.key, 2 * place + self.more))


def add_to(built: Built) -> list[Seeding]:
    """Add seeding of the generator before learning, and again at the start of a trial."""
    before_learning = Seeding(built.trial_clock, -1, LEARN - 1)
    found = [before_learning, Seeding(built.trial_clock, 0, DRAW)]
    built.brian_network.add(*found)
    built.closing.append(before_learning)
    return found


def tell(seedings: Sequence[Seeding], seed: int, block: Block) -> None:
    """Tell, in process, to which stream and place the next trials belong."""
    for seeding in seedings:
        seeding.key, seeding.first = seeds.simulator_seed(seed, block.index), block.first


def program(device: Any, seedings: Sequence[Seeding]) -> Any:
    """Write the seeding into a C++ program, or leave no trace of it where nothing is drawn.

    Parameters
    ----------
    device
        Brian2's, when all runs were described.
    seedings
        What `add_to` returned.

    Returns
    -------
    NeuronGroup or None
        Holds the place of the first trial of a block; None where nothing is drawn.
    """
    runs = [args for kind, args in device.main_queue if kind == "run_network"]
    calls = {line.partition(", _run_")[2] for _, lines in runs for line in lines}
    acting = [item for item in device.code_objects.values() if f"{item.name});" in calls]
    draws = any(_GENERATORS in str(item.code) for item in acting)
    for network, lines in runs:
        for seeding in seedings:
            clock = seeding.clock.name
            call = f"{network.name}.add(&{clock}, _run_{seeding.name});"
            if call in lines:
                line = _SEED.format(network=network.name, clock=clock, more=seeding.more % 2**32)
                at = lines.index(call)
                lines[at : at + 1] = [line] if draws else []
    if not draws:
        return None
    return b2.NeuronGroup(1, "first : integer (shared)", clock=seedings[0].clock, name="place")
