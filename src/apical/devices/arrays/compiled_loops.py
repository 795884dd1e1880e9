"""Expression programs fused into one compiled C++ loop over elements, with the same bits.

Operations on whole arrays pass through memory once each; a fused loop passes once for all. Only
operations with a unique correctly rounded result (IEEE 754) are fused, and products and sums are
rounded separately, so results do not depend on whether there is a compiler.
"""

import ast
import ctypes
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from apical._base import compilers
from apical.devices.arrays.expression_program import Program
from apical.devices.arrays.library import Call

OPERATIONS: Mapping[Any, str] = {
    "abs": "std::fabs({})",
    "sqrt": "std::sqrt({})",
    ast.Add: "{} + {}",
    ast.Sub: "{} - {}",
    ast.Mult: "{} * {}",
    ast.Div: "{} / {}",
    ast.USub: "-{}",
    ast.UAdd: "{}",
}
"""Operations that can be fused, in C++."""


class Loop:
    """A fused loop of programs, evaluated one after the other for each element.

    Parameters
    ----------
    programs
        Name of the array that each program's result is written to, and the program.
    dtype
        Precision.
    """

    def __init__(self, programs: Sequence[tuple[str, Program]], dtype: np.dtype) -> None:
        self._programs, self._dtype = programs, dtype
        self._names = sorted({name for name, _ in programs}.union(*(p.reads for _, p in programs)))

    @cached_property
    def function(self) -> Any:
        """The compiled loop; None without a compiler, or if an operation cannot be fused."""
        steps = [step for _, program in self._programs for step in program.steps]
        return _compiled(self.code) if all(what in OPERATIONS for what, _, _ in steps) else None

    @property
    def code(self) -> str:
        """The loop in C++."""
        real = "float" if self._dtype == np.float32 else "double"
        head = [f"{real} *__restrict a{k} = arrays[{k}];" for k in range(len(self._names))]
        body: list[str] = []
        n_numbers = 0
        for name, program in self._programs:
            cells: dict[Any, str] = {n: f"a{k}[i]" for k, n in enumerate(self._names)}
            for text in program.texts:
                head.append(f"const {real} n{n_numbers} = *numbers[{n_numbers}];")
                cells[text] = f"n{n_numbers}"
                n_numbers += 1
            for what, reads, target in program.steps:
                value = OPERATIONS[what].format(*(cells[key] for key in reads))
                cells[target] = f"r{len(body)}"
                body.append(f"const {real} r{len(body)} = {value};")
            result = cells[program.result]
            body.append(f"a{self._names.index(name)}[i] = {result};")
        lines = [
            "#include <cmath>",
            "#include <cstddef>",
            f'extern "C" void loop(std::size_t n, {real} *const *arrays, '
            f"const {real} *const *numbers) {{",
            *(f"  {line}" for line in head),
            "  for (std::size_t i = 0; i < n; i++) {",
            *(f"    {line}" for line in body),
            "  }",
            "}",
        ]
        return "\n".join(lines) + "\n"

    def bound(
        self, values: Mapping[str, np.ndarray], numbers: Sequence[Mapping[str, Any]]
    ) -> Call | None:
        """Return the call that evaluates all programs; None where nothing is compiled.

        Parameters
        ----------
        values
            Arrays by name, C-ordered and of one shape.
        numbers
            What `Program.folded` returned, for each program.
        """
        if self.function is None:
            return None
        arrays = [values[name] for name in self._names]
        scalars = [folded[text] for folded in numbers for text in folded]
        call = partial(self.function, arrays[0].size, _addresses(arrays), _addresses(scalars))
        call.arrays = arrays, scalars  # type: ignore[attr-defined]  # addresses keep none alive
        return call


def _addresses(arrays: Sequence[np.ndarray]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


def _compiled(code: str) -> Any:
    """Return a compiled function; None without a compiler."""
    library = compilers.loaded(code)
    if library is None:
        return None
    function = library.loop
    function.argtypes = [ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p]
    function.restype = None
    return function
