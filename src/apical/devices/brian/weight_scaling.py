"""Synaptic scaling: weights onto each neuron are normalised to a sum before every training trial.

The sum is over all synapses of a neuron, which no statement of one synapse can read: in C++
standalone a template computes it, in process a function does.
"""

from typing import Any

import brian2 as b2
import numpy as np
from brian2.devices.device import RuntimeDevice
from brian2.groups.group import CodeRunner

from apical.errors import DeviceError
from apical.projections.projection import Projection


class InPlace(CodeRunner):
    """Scales the columns of a dense weight matrix, in C++ standalone."""

    def __init__(
        self, synapses: Any, projection: Projection, clock: b2.Clock, when: str, order: int
    ) -> None:
        super().__init__(
            synapses,
            "dense_normalise",
            code="_learns = learning(t)",
            clock=clock,
            when=when,
            order=order,
            name=f"{synapses.name}_normalisation",
            template_kwds={
                "n_pre": projection.pre.size,
                "n_post": projection.post.size,
                "total": synapses.variables["w_total"],
                "weights": synapses.variables["w"],
            },
            needed_variables=["w", "w_total"],
        )


def normaliser(
    synapses: Any, projection: Projection, clock: b2.Clock, when: str, order: int, *, dense: bool
) -> Any:
    """Return the Brian2 object that normalises the weights of a projection at every tick.

    Parameters
    ----------
    synapses, projection
        The projection in Brian2, with the constant ``w_total``; the projection.
    clock, when, order
        At which ticks, in which slot of a time step, and at which place in it.
    dense
        Whether our templates are used.

    Raises
    ------
    DeviceError
        In C++ standalone without our templates.
    """
    if dense:
        return InPlace(synapses, projection, clock, when, order)
    if not isinstance(b2.get_device(), RuntimeDevice):
        raise DeviceError(
            f"Projection {projection.name!r} normalises its weights, which device 'cpp_standalone' "
            "does by a template of its own; leave dense=True.",
            object=f"Projection {projection.name!r}",
        )

    def normalise() -> None:
        if not synapses.namespace["learning"](clock.t):
            return
        w = np.asarray(synapses.w_[:]).reshape(projection.shape)
        sums = np.abs(w).sum(axis=0)
        factors = np.divide(
            np.asarray(synapses.w_total_[:]).item(), sums, out=np.ones_like(sums), where=sums > 0
        )
        synapses.w_[:] = (w * factors).ravel()

    name = f"{projection.name}_normalisation"
    return b2.NetworkOperation(normalise, clock=clock, when=when, order=order, name=name)
