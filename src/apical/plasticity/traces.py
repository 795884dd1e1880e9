"""Traces of a synapse: what it remembers of its two neurons, from one time step to the next.

They are written as text in Brian2's grammar, as rules are, and read what a rule may read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

from apical._base.checking import check_fields, checked
from apical._base.parameters import Constant, Duration
from apical.errors import concerning
from apical.language.expressions import names, place, substituted

INFINITE = float("inf")


@dataclass(frozen=True)
class Trace:
    r"""Eligibility trace: a variable of each synapse that follows its two neurons.

    .. math:: \frac{de}{dt} = \frac{s(t)}{\mathrm{ms}} - \frac{e}{\tau}

    In a time step it decays to ``exp(-dt/tau)`` of itself, and then ``source * dt/ms`` is added,
    which reads all traces as they are after that decay and the neurons as they are before the
    spikes of the step.

    Parameters
    ----------
    source
        What is added in a millisecond [dimensionless]. It may read ``w``, parameters and traces of
        the rule, and signals of the two neurons, with ``_pre`` or ``_post``.
    tau
        Time constant [ms]; infinite sums up a trial, and begins each trial at 0. The others do so
        in a network that resets its neurons between trials.

    Raises
    ------
    LocalityError
        If `source` is not an expression.
    ParameterError
        If `tau` is not positive.

    See Also
    --------
    apical.rules.e_prop, apical.superspike.rule : Rules that have traces.

    Examples
    --------
    >>> from apical import Trace
    >>> sorted(Trace("gain_post * x_pre", 20.0).signals)
    ['gain_post', 'x_pre']
    """

    source: str
    tau: Constant = INFINITE

    def __post_init__(self) -> None:
        check_fields(self)
        with concerning(f"Trace {self.source!r}", "source"):
            names(self.source)

    @property
    def signals(self) -> frozenset[str]:
        """Signals read, with their suffix."""
        return frozenset(name for name in names(self.source) if place(name) != "synapse")


PER_STEP = "per_step"
"""Name of the number of milliseconds in a time step, where there are traces."""


@checked()
def kept(name: str) -> str:
    """Return the name of the share of a trace that is kept in a time step."""
    return f"kept_{name}"


@checked()
def numbers(traces: Mapping[str, Trace], dt: Duration) -> dict[str, float]:
    """Return what the statements of a step read besides the rule's parameters [dimensionless].

    Parameters
    ----------
    traces
        Those of a rule, by name.
    dt
        Time step [ms].
    """
    shares = {kept(name): exp(-dt / trace.tau) for name, trace in traces.items()}
    return {PER_STEP: dt, **shares} if traces else {}


@checked()
def each_step(traces: Mapping[str, Trace]) -> str:
    """Return the statements of a time step, in Brian2's grammar."""
    decayed = {name: f"_old_{name}" for name in traces}
    lines = [f"{old} = {kept(name)}*{name}" for name, old in decayed.items()]
    for name, trace in traces.items():
        source = substituted(trace.source, decayed)
        lines.append(f"{name} = {decayed[name]} + {PER_STEP}*({source})")
    return "\n".join(lines)


@checked()
def at_trial(traces: Mapping[str, Trace], reset: bool) -> str:
    """Return the statements by which traces begin a trial.

    Parameters
    ----------
    traces
        Those of a rule, by name.
    reset
        Whether the network resets its neurons between trials.
    """
    begun = [name for name, trace in traces.items() if reset or trace.tau == INFINITE]
    return "\n".join(f"{name} = 0" for name in begun)
