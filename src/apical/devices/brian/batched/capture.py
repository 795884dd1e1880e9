"""Catching what Brian2 would write as code: the statements of every object, and their variables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import brian2 as b2
from brian2.codegen.codeobject import create_runner_codeobj
from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.codegen.translation import make_statements
from brian2.core.names import find_name
from brian2.core.variables import Variables
from brian2.devices.device import RuntimeDevice


@dataclass(frozen=True)
class Captured:
    """Statements of one object, as Brian2 would write them in any language.

    Parameters
    ----------
    owner, name
        The group or synapses, and the name of the object.
    statements
        Brian2's statements, in order: those that are the same for all elements, then the others.
    variables
        Everything that they name.
    indices
        For each name the index by which it is read.
    keywords
        What the object tells its template.
    conditional
        Names that are only written where another is true.
    """

    owner: Any
    name: str
    statements: Sequence[Any]
    variables: Mapping[str, Any]
    indices: Mapping[str, str]
    keywords: Mapping[str, Any]
    conditional: Mapping[str, str]


class CapturingDevice(RuntimeDevice):
    """Brian2 in process, which hands out statements in place of code once `capturing` is set."""

    capturing = False

    def code_object(
        self,
        owner: Any,
        name: str,
        abstract_code: Mapping[Any, str],
        variables: Mapping[str, Any],
        template_name: str,
        variable_indices: Mapping[str, str],
        **more: Any,
    ) -> Any:
        """Return the statements of an object; while the network is made, Brian2's own code."""
        if not self.capturing:
            given = owner, name, abstract_code, variables, template_name, variable_indices
            return super().code_object(*given, **more)
        (text,), name = abstract_code.values(), find_name(name)
        generator = NumpyCodeGenerator(
            variables=variables,
            variable_indices=variable_indices,
            owner=owner,
            iterate_all=("_idx",),
            codeobj_class=NumpyCodeObject,
            name=name,
            template_name=template_name,
            override_conditional_write=more.get("override_conditional_write"),
        )
        scalar, vector = make_statements(
            text, variables, b2.prefs["core.default_float_dtype"], optimise=True, blockname=name
        )
        conditional = generator.get_conditional_write_vars()
        statements, indices = (*scalar, *vector), dict(variable_indices)
        keywords = more.get("template_kwds") or {}
        return Captured(owner, name, statements, variables, indices, keywords, conditional)


def caught(runner: Any) -> Captured | None:
    """Return the statements of one of Brian2's objects; None where it has none."""
    found: Captured | None = runner.create_default_code_object({})
    return found


def read(owner: Any, text: str, given: Sequence[str] = (), numbers: Sequence[str] = ()) -> Captured:
    """Return statements in Brian2's grammar as a group or synapses would run them.

    Parameters
    ----------
    owner
        The group or synapses.
    text
        The statements.
    given
        Names of arrays that are handed over, or back.
    numbers
        Names of single numbers that are handed over.
    """
    more = Variables(owner)
    for name in given:
        more.add_auxiliary_variable(name, dtype=b2.prefs["core.default_float_dtype"])
    for name in numbers:
        more.add_auxiliary_variable(name, dtype=b2.prefs["core.default_float_dtype"], scalar=True)
    found: Captured = create_runner_codeobj(
        owner,
        text,
        "stateupdate",
        run_namespace={},
        check_units=False,
        additional_variables=more,
    )
    return found
