"""The array libraries of device ``array``: NumPy and PyTorch."""

from apical.devices.arrays.library import Library
from apical.devices.arrays.numpy_library import NumpyLibrary
from apical.errors import DeviceError, ParameterError


def load_library(name: str, dtype: str) -> Library:
    """Return an array library.

    Parameters
    ----------
    name
        ``"numpy"``, ``"torch"``, or ``"torch:"`` and a device of PyTorch, as in ``"torch:cuda"``.
    dtype
        ``"float32"`` or ``"float64"``.

    Raises
    ------
    DeviceError
        If there is no such library, or it is not installed.
    """
    kind, _, place = name.partition(":")
    if name == "numpy":
        return NumpyLibrary(dtype)
    if kind != "torch":
        raise ParameterError(
            "library must be 'numpy', 'torch' or 'torch:' and a device of PyTorch, as in "
            f"'torch:cuda', got {name!r}.",
            object="devices.simulate",
            parameter="library",
        )
    try:
        from apical.devices.arrays.torch_library import TorchLibrary
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise DeviceError(
            f"library={name!r} needs PyTorch, which is not installed; install it with "
            "pip install 'apical[torch]'."
        ) from None
    return TorchLibrary(dtype, place or "cpu")
