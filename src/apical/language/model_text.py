"""Parser of model equations and statements in Brian2's grammar; nothing is evaluated.

A neuron model is text: differential equations, subexpressions and parameters, and the statements
that are run at a spike, at a time step, at the start of a trial. The variables that each of them
reads and writes define the information flow in a network.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from apical._base.checking import shown
from apical._base.names import check_name, check_text
from apical.errors import ParameterError
from apical.language.syntax import syntax_tree

_EQUATION = re.compile(
    r"""(?: d(?P<state>\w+)\s*/\s*dt\s*=\s*(?P<slope>\S.*)
          | (?P<name>\w+)\s*=(?!=)\s*(?P<value>\S.*)
          | (?P<parameter>\w+) )
        \s*:\s*(?P<unit>[^:]+)$""",
    re.VERBOSE | re.DOTALL,
)
_FLAGS = re.compile(r"(?P<unit>.*?)\s*\((?P<flags>[^()]*)\)")
_FLAG = re.compile(
    "constant over dt|constant|event-driven|clock-driven|linked|shared|summed|unless .+"
)
_STATEMENT = re.compile(
    r"(?P<target>\w+)\s*(?P<operator>\+|-|\*\*|\*|//|/|%)?=(?!=)\s*(?P<value>.+)$", re.DOTALL
)


@dataclass(frozen=True)
class Reads:
    """Names that an expression reads.

    Parameters
    ----------
    names
        Variables and constants.
    calls
        Functions that it calls.
    """

    names: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()

    def __or__(self, other: "Reads") -> "Reads":
        return Reads(self.names | other.names, self.calls | other.calls)


@dataclass(frozen=True)
class Equation:
    """One line of a model's equations.

    Parameters
    ----------
    name
        The variable that it is of.
    kind
        ``"differential"``: ``dx/dt = ...``; ``"expression"``: ``x = ...``, worked out whenever it
        is read; ``"parameter"``: ``x : unit``, a number that is kept.
    text
        What stands right of the ``=``.
    unit
        Its unit, as written.
    flags
        What stands in parentheses behind it, for instance ``"unless refractory"``.
    """

    name: str
    kind: str
    text: str
    unit: str
    flags: frozenset[str]

    @property
    def reads(self) -> Reads:
        """Names that it reads."""
        return reads(self.text) if self.text else Reads()


@dataclass(frozen=True)
class Statement:
    """One assignment.

    Parameters
    ----------
    target
        The variable that is assigned to.
    text
        What stands right of the ``=``.
    adds
        Whether it also reads what it assigns to, as ``+=`` does.
    operator
        What stands before the ``=``: ``"+"``, ``"-"``, ``"*"``, ...; empty for plain assignment.
    """

    target: str
    text: str
    adds: bool
    operator: str = field(default="", repr=False)

    @property
    def reads(self) -> Reads:
        """Names that its text reads; the target, which it also reads where it adds, is left out."""
        return reads(self.text)


@lru_cache(maxsize=4096)
def reads(text: str) -> Reads:
    """Return what an expression reads.

    Raises
    ------
    ParameterError
        If it is no expression.

    Examples
    --------
    >>> found = reads("(I + bias - v)/tau_m*int(stimulus(t, i) > 0)")
    >>> sorted(found.names), sorted(found.calls)
    (['I', 'bias', 'i', 'tau_m', 'v'], ['int', 'stimulus'])
    """
    tree = syntax_tree(text)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    apart = {id(call.func) for call in calls}
    # stimulus(t, i) is what is shown now, which is no reading of the time
    apart |= {id(arg) for call in calls for arg in call.args[:1] if _is_now(arg)}
    return Reads(
        frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in apart),
        frozenset(ast.unparse(call.func) for call in calls),
    )


def _is_now(argument: ast.expr) -> bool:
    return isinstance(argument, ast.Name) and argument.id == "t"


@lru_cache(maxsize=1024)
def equations(text: str) -> tuple[Equation, ...]:
    """Return the equations of a model.

    Raises
    ------
    ParameterError
        At the first line that is none.

    Examples
    --------
    >>> [(e.name, e.kind) for e in equations('''dv/dt = (I - v)/tau : 1 (unless refractory)
    ... I : 1
    ... gain = int(v > 0) : 1''')]
    [('v', 'differential'), ('I', 'parameter'), ('gain', 'expression')]
    """
    return tuple(_equation(line) for line in _logical_lines(text))


def _equation(line: str) -> Equation:
    found = _EQUATION.match(line)
    if found is None:
        raise ParameterError(
            f"{shown(line)} is not an equation in Brian2's grammar; write 'dx/dt = ... : unit', "
            "'x = ... : unit' or 'x : unit'."
        )
    unit, flags = _unit(found["unit"].strip())
    for name, kind, value in (
        ("state", "differential", "slope"),
        ("name", "expression", "value"),
        ("parameter", "parameter", "parameter"),
    ):
        if found[name]:
            text = "" if kind == "parameter" else found[value].strip()
            return Equation(found[name], kind, text, unit, flags)
    raise AssertionError(line)


def _unit(text: str) -> tuple[str, frozenset[str]]:
    """Return a unit and the flags behind it, both of which may have parentheses."""
    found = _FLAGS.fullmatch(text)
    flags = [part.strip() for part in found["flags"].split(",")] if found else []
    if found is None or not all(map(_FLAG.fullmatch, flags)):
        return text, frozenset()
    return found["unit"], frozenset(flags)


@lru_cache(maxsize=4096)
def statements(text: str) -> tuple[Statement, ...]:
    """Return the assignments of a piece of code, in order.

    Raises
    ------
    ParameterError
        At the first line that is none.

    Examples
    --------
    >>> statements("v -= theta; x += 1")
    (Statement(target='v', text='theta', adds=True), Statement(target='x', text='1', adds=True))
    """
    return tuple(
        _statement(part)
        for line in _logical_lines(text)
        for part in map(str.strip, line.split(";"))
        if part
    )


def _statement(line: str) -> Statement:
    found = _STATEMENT.match(line)
    if found is None:
        raise ParameterError(
            f"{shown(line)} is not a statement in Brian2's grammar; write 'x = ...' or 'x += ...'."
        )
    operator = found["operator"] or ""
    return Statement(found["target"], found["value"].strip(), bool(operator), operator)


def uncommented(text: str) -> str:
    """Return a text without its comments."""
    return "\n".join(line.partition("#")[0] for line in text.splitlines())


def assigned(text: str) -> tuple[str, ...]:
    """Return what statements assign to, also where one is none that can be read."""
    parts = (part.strip() for line in _logical_lines(text) for part in line.split(";"))
    return tuple(match["target"] for match in map(_STATEMENT.match, parts) if match)


def defined(text: str) -> tuple[str, ...]:
    """Return the variables of a model's equations, also where a line is none that can be read."""
    found = (_EQUATION.match(line) for line in _logical_lines(text))
    groups = (match.group("state", "name", "parameter") for match in found if match)
    return tuple(next(filter(None, names)) for names in groups)


def _logical_lines(text: str) -> Iterator[str]:
    """Yield lines without comments; one that leaves a parenthesis open goes on in the next."""
    line, depth = "", 0
    for part in text.splitlines():
        code = part.partition("#")[0].strip()
        if not code:
            continue
        goes_on = code.endswith("\\")
        code = code[:-1] if goes_on else code
        line = f"{line} {code}" if line else code
        depth += sum(map(code.count, "([")) - sum(map(code.count, ")]"))
        if depth <= 0 and not goes_on:
            yield line
            line, depth = "", 0
    if line:
        yield line


STATEMENTS = ("reset", "at_trial", "at_frame", "at_reset", "at_step")
"""Texts of a neuron model that are statements."""
_TEXTS = ("equations", "threshold", "refractory", *STATEMENTS)
OF_BRIAN = ("lastspike", "not_refractory")
"""Variables of every neuron with a refractory period, which statements may set."""
_OF_SYNAPSES = frozenset({"learning", "learned"})
"""Names with a meaning in every synapse, which a neuron that it joins cannot have as well."""


def check_names(model: Any) -> None:
    """Raise unless a neuron model is written in ASCII, and its variables may be called so.

    Parameters
    ----------
    model
        An `apical.NeuronModel`, or the part of it that encoders have.

    Raises
    ------
    ParameterError
        If a character or a name is not possible in generated code.
    """
    owner = type(model).__name__
    for field_ in _TEXTS:
        check_text(uncommented(getattr(model, field_, "")), owner, field_)
    set_ = [name for text in STATEMENTS for name in assigned(getattr(model, text, ""))]
    for what, given in (
        ("a variable", defined(model.equations)),
        ("a parameter", model.parameters),
        ("a summed variable", getattr(model, "summed", ())),
        ("a variable", [name for name in (*model.initial, *set_) if name not in OF_BRIAN]),
    ):
        for name in given:
            check_name(name, "variable", owner, what, taken=_OF_SYNAPSES)
