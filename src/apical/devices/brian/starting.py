"""Reset between trials in Brian2: all variables return to their initial values, unless lasting."""

from dataclasses import dataclass, field

import brian2 as b2
from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER
from brian2.units.fundamentalunits import DIMENSIONLESS

from apical.language.model_text import statements
from apical.neurons.base import Population

FIXED = {"constant", "shared", "linked"}


@dataclass(frozen=True)
class Start:
    """The reset of neurons to their initial state.

    Parameters
    ----------
    statements
        In Brian2's grammar.
    numbers
        Value and unit, in base units, of each constant that they read: the same for all neurons.
    drawn
        Name of each constant that differs between neurons, and of the variable whose first value it
        keeps.
    equations
        Equations of these constants.
    """

    statements: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    drawn: dict[str, str] = field(default_factory=dict)
    equations: tuple[str, ...] = ()


def start(population: Population) -> Start:
    """Return the reset of a population to its initial state."""
    model = population.model
    lines, numbers, drawn, equations = list[str](), {}, {}, list[str]()
    if model.refractory and "lastspike" not in model.lasting:
        # first, since what is held during refractoriness takes no other value
        lines += ["lastspike = -1e4*second", "not_refractory = True"]
    for name, equation in changing(population).items():
        first, unit = model.initial.get(name, 0.0), repr(equation.unit)
        is_number = equation.dim is DIMENSIONLESS
        if isinstance(first, int | float) and not first:
            zero = "False" if equation.var_type == "boolean" else "0"
            lines.append(f"{name} = {zero if is_number else f'0*{unit}'}")
            continue
        kept, kind = f"start_{name}", "constant"
        if isinstance(first, int | float):
            numbers[kept], kind = float(first), "shared, constant"
        else:
            drawn[kept] = name
        equations.append(f"{kept} : {'1' if is_number else unit} ({kind})")
        lines.append(f"{name} = {kept}")
    return Start("\n".join(lines), numbers, drawn, tuple(equations))


def changing(population: Population) -> dict[str, b2.Equations]:
    """Return the equations of the variables that change in a run, and do not run on, by name."""
    model = population.model
    texts = (model.reset, model.at_trial, model.at_frame, model.at_step, model.at_reset)
    written = {statement.target for text in texts for statement in statements(text)}
    written |= {*population.inputs.values()} - {*model.summed}
    return {
        name: equation
        for name, equation in b2.Equations(model.equations).items()
        if name not in model.lasting
        and (
            equation.type == DIFFERENTIAL_EQUATION
            or (equation.type == PARAMETER and name in written and not FIXED & {*equation.flags})
        )
    }


def fixed(population: Population) -> set[str]:
    """Return the names of what differs between neurons and does not change in a run."""
    model = population.model
    named = {
        name
        for name, equation in b2.Equations(model.equations).items()
        if equation.type == PARAMETER
        and not {"shared", "linked"} & {*equation.flags}
        and (name in model.initial or "constant" in equation.flags)
    }
    return named - {*changing(population)}
