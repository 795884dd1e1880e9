"""Brian2's integration methods, with a time step in the precision of the state.

Brian2 keeps the time step ``dt`` in double precision, so that every equation that contains it is
computed in double precision too, at less than half the speed, whatever the precision of the
variables.
"""

from typing import Any

import brian2 as b2
from brian2.stateupdaters.base import StateUpdateMethod
from brian2.utils.stringtools import word_substitute

TIME_STEP = "time_step"
"""Name of the shared constant, in every group with differential equations, that is the step."""


class WithTimeStep(StateUpdateMethod):
    """One of Brian2's methods of integration, which reads `TIME_STEP` instead of ``dt``.

    Parameters
    ----------
    method
        Brian2's name of the method.
    """

    def __init__(self, method: str) -> None:
        self.__name__ = method
        self._method = StateUpdateMethod.stateupdaters[method]

    def __call__(
        self, equations: b2.Equations, variables: Any = None, method_options: Any = None
    ) -> str:
        """Return the statements of one step."""
        code = self._method(equations, variables, method_options)
        return str(word_substitute(code, {"dt": TIME_STEP}))
