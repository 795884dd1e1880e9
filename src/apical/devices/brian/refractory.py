"""Refractory periods given by expressions: checked to be whole numbers of time steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import brian2 as b2
import numpy as np
import sympy
from brian2.parsing.sympytools import str_to_sympy

from apical._base import times
from apical._base.checking import described
from apical.devices.brian import starting
from apical.devices.brian.propagators import BASE_UNITS
from apical.neurons.base import Population

_PERIOD = "refractory_period_"


@dataclass(frozen=True)
class Period:
    """A refractory period that does not change in a run.

    Parameters
    ----------
    owner
        Whose it is, for messages.
    names
        Variables that it depends on.
    seconds
        Returns it [s], given their values in base units.
    """

    owner: str
    names: tuple[str, ...]
    seconds: Callable[..., Any] = field(repr=False)

    def check(self, values: Mapping[str, np.ndarray], dt: float) -> None:
        """Raise if it is no whole number of time steps of `dt` [ms] in some neuron.

        Raises
        ------
        ParameterError
            The message names the two nearest multiples.
        """
        found = np.asarray(self.seconds(*(values[name] for name in self.names)), float) * 1e3
        for period in np.unique(found[np.isfinite(found)]):
            rounding = 4 * np.finfo(np.float32).eps * period  # constants may be of that precision
            if abs(period - dt * round(period / dt)) > rounding:
                times.steps(period, dt, f"the refractory period of {self.owner}", "refractory")


def period(population: Population, group: b2.NeuronGroup) -> Period | None:
    """Return the refractory period of a population; None where it has none, or a condition."""
    text = population.model.refractory
    if text.strip() in ("", "True", "False"):
        return None
    parsed = group.equations + b2.Equations(f"{_PERIOD} = {text} : second")
    found = dict(parsed.get_substituted_expressions(include_subexpressions=True))
    written = str_to_sympy(found[_PERIOD].code)
    names = sorted({str(symbol) for symbol in written.free_symbols} - BASE_UNITS.keys())
    changing = starting.changing(population)
    still = all(n in group.equations.parameter_names and n not in changing for n in names)
    unknown = written.atoms(sympy.core.function.AppliedUndef, sympy.core.relational.Relational)
    if not still or unknown or isinstance(written, sympy.logic.boolalg.BooleanFunction):
        return None
    number = written.subs({sympy.Symbol(n, real=True): v for n, v in BASE_UNITS.items()})
    symbols = [sympy.Symbol(name, real=True) for name in names]
    return Period(described(population), tuple(names), sympy.lambdify(symbols, number, "numpy"))
