"""Brian2 in process, such that what is assigned is a value of its own, and no other name for one.

Brian2's NumPy code assigns arrays by reference: after ``before = v``, a statement ``v += 1``
changes ``before`` too, and ``before += 1`` changes ``v``. In its C++ and Cython code, which go from
neuron to neuron, and in the statements as one reads them, these are two numbers.
"""

import ast
from typing import Any

from brian2.codegen.codeobject import CodeObject
from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.devices.device import RuntimeDevice


class UnaliasedGenerator(NumpyCodeGenerator):
    """NumPy code in which an assignment copies."""

    def translate_statement(self, statement: Any) -> str:
        """Return a statement in Python."""
        return _copied(super().translate_statement(statement), statement)

    def ufunc_at_vectorisation(self, statement: Any, *given: Any) -> str:
        """Return a statement in Python, where several synapses may write to one neuron."""
        return _copied(super().ufunc_at_vectorisation(statement, *given), statement)


def _copied(line: str, statement: Any) -> str:
    """Return a line that copies what it would only name."""
    name, assigns = statement.expr.strip(), statement.op in ("=", ":=")
    if not (assigns and isinstance(ast.parse(name, mode="eval").body, ast.Name)):
        return line
    return f"{statement.var} = {name}.copy() if isinstance({name}, _numpy.ndarray) else {name}"


class UnaliasedCodeObject(NumpyCodeObject):
    """Brian2's NumPy code object, with code that copies."""

    generator_class = UnaliasedGenerator


class InProcessDevice(RuntimeDevice):
    """Brian2's device in process, with NumPy code that copies."""

    def code_object(self, *given: Any, codeobj_class: Any = None, **more: Any) -> CodeObject:
        """Return the code of an object.

        Brian2 has by now given NumPy's own class functions of Python, which this one inherits.
        """
        kind = self.code_object_class(codeobj_class)
        kind = UnaliasedCodeObject if kind is NumpyCodeObject else kind
        found: CodeObject = super().code_object(*given, codeobj_class=kind, **more)
        return found
