"""Import of libraries without side effects, and of optional dependencies (extras)."""

import importlib
import os
import random
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from apical.errors import DataError


@dataclass(frozen=True)
class Extra:
    """Optional dependencies: ``pip install 'apical[NAME]'``.

    Parameters
    ----------
    packages
        What it installs, as in pyproject.toml less the versions.
    brings
        What can be done with it.
    in_all
        Whether it is part of the extra ``all``.
    """

    packages: tuple[str, ...]
    brings: str
    in_all: bool = True


EXTRAS: Mapping[str, Extra] = {
    "analysis": Extra(
        ("elephant", "rsatoolbox", "scikit-learn", "xarray"),
        "apical analyze, and its part of a report: decoding, tuning, similarity of "
        "representations, spike statistics; Records.trace",
    ),
    "events": Extra(("h5py",), "event data sets in HDF5: SHD and SSC"),
    "graph": Extra(("networkx",), "apical graph --out FILE.graphml or .json"),
    "mpi": Extra(("mpi4py", "mpich"), "device mpi: layers on several machines", in_all=False),
    "neo": Extra(("neo",), "recordings in binary formats that Neo reads"),
    "nir": Extra(("h5py", "nir"), "apical export --format nir, networks from NIR"),
    "nix": Extra(("h5py", "neo", "nixio"), "apical export --format nix, recordings in NIX"),
    "notebook": Extra(("ipywidgets", "jupyterlab"), "notebooks, with progress bars"),
    "nwb": Extra(("h5py", "pynwb"), "apical export --format nwb, recordings in NWB"),
    "parquet": Extra(("pyarrow",), "apical export --format parquet"),
    "sonata": Extra(("h5py",), "apical export --format sonata"),
    "speech": Extra(
        ("espeakng-loader", "lauscher"),
        "data set spoken_digits: eSpeak NG (GPL) and the cochlea model of SHD",
        in_all=False,
    ),
    "sweep": Extra(
        ("distributed", "pyarrow", "statsmodels"), "apical sweep, also on several machines"
    ),
    "tensorboard": Extra(("tensorboardx",), "callback TensorBoard of apical.fit", in_all=False),
    "torch": Extra(("torch",), "device array with library torch or torch:cuda", in_all=False),
    "wandb": Extra(("wandb",), "callback WeightsAndBiases of apical.fit", in_all=False),
    "cuda": Extra(("brian2cuda", "brian2"), "device cuda_standalone, on NVIDIA GPUs", in_all=False),
    "genn": Extra(
        ("brian2genn", "brian2", "cython", "numpy", "setuptools"), "device genn", in_all=False
    ),
}
"""Optional dependencies by the name of their extra; `apical doctor` lists them.

``all`` brings neither PyTorch, of which another build fits each graphics card, nor Brian2CUDA and
Brian2GeNN, each of which needs an environment of its own, nor loggers of other tools, nor eSpeak
NG, which is under the GPL.
"""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Shield the process from side effects of libraries, above all of importing them.

    Some switch warnings on or off globally, set environment variables, or draw from the global
    random number generator.
    """
    numbers, environment = random.getstate(), dict(os.environ)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        random.setstate(numbers)
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)


def quietly(module: str) -> Any:
    """Return a module of a required library, imported when it is first needed, undisturbed.

    Parameters
    ----------
    module
        Its full name, for instance ``"scipy.sparse"``, which switches a warning off as it loads.
    """
    found = sys.modules.get(module)
    if found is None:
        with undisturbed():
            found = importlib.import_module(module)
    return found


def lacking(extra: str) -> tuple[str, ...]:
    """Return the packages of an extra that are not installed; nothing is imported."""
    return tuple(package for package in EXTRAS[extra].packages if not _is_there(package))


def _is_there(package: str) -> bool:
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def library(module: str, extra: str) -> Any:
    """Import a module of an optional library and return it.

    Parameters
    ----------
    module
        Its full name, for instance ``"elephant.statistics"``.
    extra
        The extra of this package that brings the library, for instance ``"analysis"``.

    Raises
    ------
    DataError
        If the library, or one that it needs, is not installed.
    """
    try:
        with undisturbed():
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        raise DataError(
            f"This needs {missing.partition('.')[0]}, which is not installed: "
            f"pip install 'apical[{extra}]'."
        ) from None
