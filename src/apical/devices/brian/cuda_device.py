"""Brian2CUDA's device with custom templates, and corrections to the programs it writes.

Our templates (``templates/*.cu``) launch one kernel for each object and time step and leave the
host nothing to wait for; the inner statements are Brian2CUDA's own translation of the same strings.
Errors of Brian2CUDA 1.0b1 for programs that are run block after block are corrected in the
generated text; if a text is not found, an error is raised.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import brian2cuda
import brian2cuda.codeobject as codeobjects
from brian2.utils.filetools import copy_directory
from brian2cuda.cuda_generator import CUDACodeGenerator
from brian2cuda.device import CUDAStandaloneDevice

from apical.devices.brian import workplace
from apical.devices.brian.live import Holding
from apical.errors import DeviceError

_templater = codeobjects.CUDAStandaloneCodeObject.templater.derive("apical.devices.brian")


class CudaCodeObject(codeobjects.CUDAStandaloneCodeObject):
    """Code object of Brian2CUDA that also knows the templates of this package."""

    templater = _templater


class CudaAtomicsCodeObject(codeobjects.CUDAStandaloneAtomicsCodeObject):
    """The same for statements by which several threads add to one variable."""

    templater = _templater


class CudaDevice(Holding, CUDAStandaloneDevice):
    """CUDA standalone device that takes our templates wherever we have one."""

    def code_object_class(
        self, codeobj_class: type | None = None, fallback_pref: str | None = None
    ) -> type:
        """Return the class of code objects to make."""
        return codeobj_class or CudaCodeObject

    def code_object(
        self,
        owner: Any,
        name: str,
        abstract_code: Any,
        variables: Any,
        template_name: str,
        variable_indices: Any,
        codeobj_class: type | None = None,
        **more: Any,
    ) -> Any:
        """Return a code object; those that deliver spikes add by atomics."""
        if template_name == "dense_delivery":
            codeobj_class = CudaAtomicsCodeObject
        return super().code_object(
            owner,
            name,
            abstract_code,
            variables,
            template_name,
            variable_indices,
            codeobj_class=codeobj_class,
            **more,
        )

    def copy_source_files(self, writer: Any, directory: str) -> None:
        """Copy Brian2CUDA's headers; it would look for them beside our class of code objects."""
        library = Path(inspect.getsourcefile(brian2cuda) or "").with_name("brianlib")
        for file in copy_directory(str(library), str(Path(directory, "brianlib"))):
            writer.header_files.add(f"brianlib/{file}")

    def in_fixed_order(self) -> None:
        """Sort what Brian2CUDA takes from sets: the same network then gives the same program."""
        for kind, item in self.main_queue:
            if kind == "run_network":
                lines = item[1]
                first = [line for line in lines if "_run_random_number_buffer" in line]
                rest = [line for line in lines if line not in first]
                lines[:] = [rest[0], *sorted(first), *rest[1:]]

    def forget_unused(self) -> None:
        """Leave out code objects that never run, which would take most of the time to compile."""
        runs = ["\n".join(item[1]) for kind, item in self.main_queue if kind == "run_network"]
        called = set(re.findall(r"_run_(\w+)\)", "\n".join(runs)))
        called |= {item[0].name for kind, item in self.main_queue if kind.endswith("code_object")}
        for name in [name for name, item in self.code_objects.items() if item.name not in called]:
            del self.code_objects[name]


@contextmanager
def preferences() -> Iterator[None]:
    """Make Brian2CUDA write a program without looking for cards and compilers.

    Which card it is for is no part of what it writes: we compile it ourselves.
    """
    backend = "devices.cuda_standalone.cuda_backend."
    wanted: Mapping[str, Any] = {
        f"{backend}detect_gpus": False,
        f"{backend}detect_cuda": False,
        f"{backend}cuda_path": "/usr",
        f"{backend}cuda_runtime_version": 12.0,  # from 8.0 on all the same
        f"{backend}gpu_id": 0,
        f"{backend}compute_capability": 9.0,
        f"{backend}extra_compile_args_nvcc": [],
        "devices.cuda_standalone.calc_occupancy": True,
        "codegen.cpp.extra_compile_args": [],
        "codegen.cpp.extra_link_args": [],
        "core.stop_on_keyboard_interrupt": False,
    }
    # made once in a process, for the precision of the first simulator
    CUDACodeGenerator.universal_support_code = None
    try:
        with workplace.preferences(wanted):
            yield
    finally:
        CUDACodeGenerator.universal_support_code = None


def mend(project: Path, dt: float) -> None:
    """Replace what Brian2CUDA gets wrong in the program it has written to a folder.

    Parameters
    ----------
    project
        The folder.
    dt
        Time step [s].
    """
    # File names are lower-cased, as if they might be "True" or "False".
    _replace(project / "objects.cu", "c = std::tolower(static_cast<unsigned char>(c));", "(void)c;")
    # Clocks are equal within 1e-14 s, less than the rounding of times over 64 s: trials would
    # begin a step late.
    wide = f"#define Clock_epsilon {1e-4 * dt:.6g}"
    _replace(project / "network.cu", "#define Clock_epsilon 1e-14", wide)


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    if text.count(old) != 1:
        raise DeviceError(
            f"Brian2CUDA {brian2cuda.__version__} writes {file.name} in a form that this version "
            "of apical does not know; use Brian2CUDA 1.0b1."
        )
    file.write_text(text.replace(old, new))
