"""Eligibility traces of synapses.

They are written as text in Brian2's grammar, as rules are, and read what a rule may read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

from apical._base.checking import check_fields, checked, shown
from apical._base.parameters import Constant, Duration
from apical.errors import concerning
from apical.language.expressions import names, place, substituted

INFINITE = float("inf")


@dataclass(frozen=True)
class Trace:
    r"""Eligibility trace: low-pass filtered activity of the two neurons of a synapse.

    .. math:: \frac{de}{dt} = \frac{s(t)}{\mathrm{ms}} - \frac{e}{\tau}

    In each time step it decays by the factor ``exp(-dt/tau)``, and then ``source * dt/ms`` is
    added, which reads all traces after that decay and the neurons before the spikes of the step.

    Parameters
    ----------
    source
        Increment per millisecond [dimensionless]. It may read ``w``, parameters and traces of the
        rule, and signals of the two neurons, with ``_pre`` or ``_post``.
    tau
        Time constant [ms]. Infinite: the trace integrates over a trial, and starts each trial at 0;
        other traces do so in a network that resets its neurons between trials.

    Raises
    ------
    LocalityError
        If `source` is not an expression.
    ParameterError
        If `tau` is not positive.

    See Also
    --------
    apical.rules.e_prop, apical.superspike.rule : Rules with traces.

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
        with concerning(f"Trace {shown(self.source)}", "source"):
            names(self.source)

    @property
    def signals(self) -> frozenset[str]:
        """Signals that it reads, with their suffix."""
        return frozenset(name for name in names(self.source) if place(name) != "synapse")


PER_STEP = "per_step"
"""Name of the number of milliseconds in a time step, where there are traces."""


@checked()
def kept(name: str) -> str:
    """Return the name of the decay factor of a trace per time step."""
    return f"kept_{name}"


@checked()
def numbers(traces: Mapping[str, Trace], dt: Duration) -> dict[str, float]:
    """Return the constants of the statements of a time step: decay factors [dimensionless].

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
    """Return the statements that update the traces in a time step, in Brian2's grammar."""
    decayed = {name: f"_old_{name}" for name in traces}
    lines = [f"{old} = {kept(name)}*{name}" for name, old in decayed.items()]
    for name, trace in traces.items():
        source = substituted(trace.source, decayed)
        lines.append(f"{name} = {decayed[name]} + {PER_STEP}*({source})")
    return "\n".join(lines)


@checked()
def at_trial(traces: Mapping[str, Trace], reset: bool) -> str:
    """Return the statements that reset traces at the start of a trial.

    Parameters
    ----------
    traces
        Those of a rule, by name.
    reset
        Whether the network resets its neurons between trials.
    """
    begun = [name for name, trace in traces.items() if reset or trace.tau == INFINITE]
    return "\n".join(f"{name} = 0" for name in begun)
