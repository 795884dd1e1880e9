"""Activation functions (f-I curves) of rate neurons and their derivatives.

All are expressions in Brian2's grammar; ``drive`` is the summed input of the neuron, ``x`` its
steady-state activity.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from apical._base.checking import check_fields, described, listed
from apical._base.names import check_name
from apical.errors import LocalityError, concerning
from apical.language.expressions import names


@dataclass(frozen=True)
class Activation:
    """An activation function of rate neurons, with its derivative.

    Parameters
    ----------
    name
        Its name.
    response
        Activity [dimensionless], in Brian2's grammar; it reads ``drive``.
    slope
        Derivative of `response` [dimensionless]; it may read ``drive`` and ``x``. Empty where
        there is no derivative; a rule that reads ``gain`` is then refused.

    Raises
    ------
    LocalityError
        If an expression reads anything else: a neuron has no access to others.

    See Also
    --------
    apical.Rate : Neurons with an activation function.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.language.activations import ACTIVATIONS, Activation
    >>> list(ACTIVATIONS)
    ['linear', 'logistic', 'tanh', 'relu', 'leaky_relu', 'gelu', 'softplus']
    >>> bump = Activation("bump", "exp(-drive*drive)", "-2*drive*x")
    >>> print(ap.Rate("hidden", 10, bump).model.equations.splitlines()[0])
    dy/dt = (exp(-drive*drive) - y)/tau : 1
    >>> Activation("normalised", "drive/total")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.LocalityError: Activation 'normalised': response reads 'total', but may
        read only drive...
    """

    name: str
    response: str
    slope: str = ""

    def __post_init__(self) -> None:
        with concerning(described(self)):
            check_fields(self)
            self._check()

    def _check(self) -> None:
        check_name(self.name, "label", "Activation", "an activation")
        for what, text, known in (
            ("response", self.response, {"drive"}),
            ("slope", self.slope or "1", {"drive", "x"}),
        ):
            strangers = sorted(names(text) - known)
            if strangers:
                raise LocalityError(
                    f"Activation {self.name!r}: {what} reads {listed(strangers)}, "
                    f"but may read only {', '.join(sorted(known))}.",
                )


_LOGISTIC = "0.5 + 0.5*tanh(0.5*drive)"  # as 1/(1 + exp(-drive)), but never overflows
# Gaussian error linear unit in its tanh form, Hendrycks & Gimpel 2016, arXiv:1606.08415, sec. 2
_GELU_INNER = "0.7978845608028654*(drive + 0.044715*drive**3)"
_GELU_SLOPE = "0.7978845608028654*(1 + 0.134145*drive**2)"

SOFTMAX = "softmax"
"""Activation that is normalised over the population (softmax); it has no expression of its own."""

VECTOR_RELU = "vector_relu"
"""Rectifier of units of several components, which share a gate (`apical.Rate`, `components`)."""

ACTIVATIONS: Mapping[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation("linear", "drive", "1"),
        Activation("logistic", _LOGISTIC, "x*(1 - x)"),
        Activation("tanh", "tanh(drive)", "1 - x*x"),
        Activation("relu", "drive*int(drive > 0)", "int(drive > 0)"),
        Activation(
            "leaky_relu",
            "drive*(0.01 + 0.99*int(drive > 0))",
            "0.01 + 0.99*int(drive > 0)",
        ),
        Activation(
            "gelu",
            f"0.5*drive*(1 + tanh({_GELU_INNER}))",
            f"0.5*(1 + tanh({_GELU_INNER})) + 0.5*drive*(1 - tanh({_GELU_INNER})**2)*{_GELU_SLOPE}",
        ),
        Activation("softplus", "drive*int(drive > 0) + log(1 + exp(-abs(drive)))", _LOGISTIC),
    )
}
"""Activations that populations know by name."""
