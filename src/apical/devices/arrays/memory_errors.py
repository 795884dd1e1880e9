"""Out-of-memory errors of the array device: memory requirements, and what to reduce."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from apical.devices.arrays.library import Library
from apical.errors import DeviceError
from apical.network.description import Network
from apical.network.size import weights_bytes

F = TypeVar("F", bound=Callable[..., Any])


def said(function: F) -> F:
    """Decorator of simulator methods that explains out-of-memory errors.

    The simulator has ``network``, ``library`` and ``batch`` before anything large is made.
    """

    @wraps(function)
    def call(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return function(self, *arguments, **options)
        except self.library.exhausted as error:
            raise DeviceError(_text(self.network, self.library, self.batch, error)) from None

    return call  # type: ignore[return-value]


def _text(network: Network, library: Library, batch: int, error: BaseException) -> str:
    sizes = ", ".join(f"{p.name!r} {p.size:,}" for p in network.populations)
    mega = library.number(0).itemsize / 1e6
    kept = sum(weights_bytes(p, 1) for p in network.projections)
    weights, activities = (f"{count * mega:,.0f} MB" for count in (kept, batch * _neurons(network)))
    what = ". ".join(str(error).partition("\n")[0].split(". ")[:3]).rstrip(".")
    return (
        f"Device 'array' has no memory left ({what}). Weights and what their updates keep take "
        f"{weights}, each signal {activities} with batch={batch}, for {sizes} neurons; lower the "
        "number of hidden neurons or batch, or take a device with more memory."
    )


def _neurons(network: Network) -> int:
    return sum(population.size for population in network.populations)
