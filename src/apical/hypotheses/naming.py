"""Parser of hypotheses by name, as in commands, run directories and sweeps; never evaluated."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from apical._base.checking import shown
from apical._base.names import check_text
from apical.errors import ParameterError, WiringError
from apical.hypotheses.declaration import HYPOTHESES
from apical.language.syntax import syntax_tree
from apical.network.description import Network


def applied(network: Network, text: str) -> Network:
    """Apply the hypotheses named in a text to a network, from left to right.

    Parameters
    ----------
    network
        The network.
    text
        Names joined by ``+``, each with keyword arguments in brackets or none, for instance
        ``"sparse_feedback(wires=2) + dale"``; empty for none.

    Raises
    ------
    ParameterError
        If a hypothesis is unknown, or the text cannot be parsed.

    See Also
    --------
    apical.hypotheses.Hypothesis : What a name stands for.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(1e-4)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> h, y, error = ap.LIF("hidden", 6), ap.LIF("output", 3), ap.Error("error", 6)
    >>> _ = ap.chain(net, x, h, y, weights=ap.Normal(0.2), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> from apical.hypotheses.naming import applied
    >>> changed = applied(net, "sparse_feedback(wires=2) + dale(inhibitory=0.5)")
    >>> changed.projection("stimulus_to_hidden").inhibitory
    0.5
    >>> applied(net, "dale(share=0.5)")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Hypothesis 'dale' has no option 'share'; it has
        inhibitory...
    """
    for name, arguments in _calls(text):
        found = HYPOTHESES[name]
        strangers = [key for key in arguments if key not in found.options]
        if strangers:
            raise ParameterError(
                f"Hypothesis {name!r} has no option {shown(strangers[0])}; it has "
                f"{', '.join(found.options) or 'none'}.",
                object=f"Hypothesis {name!r}",
                parameter=strangers[0],
            )
        try:
            network = found.apply(network, **arguments)
        except TypeError as error:
            raise ParameterError(
                f"Hypothesis {name!r} cannot take {shown(arguments)}: {error}.",
                object=f"Hypothesis {name!r}",
            ) from None
    return network


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of the hypotheses in a text, in order, whether they are known or not.

    Parameters
    ----------
    text
        As in `applied`.

    Examples
    --------
    >>> from apical.hypotheses.naming import names_in
    >>> names_in("sparse_feedback(wires=2) + dale")
    ('sparse_feedback', 'dale')
    """
    return tuple(name for name, _ in _calls(text))


def _calls(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield names and arguments, in order."""
    if not text.strip():
        return
    check_text(re.sub(r"'[^']*'|\"[^\"]*\"", "", text), "A hypothesis")
    try:
        tree = syntax_tree(text)
    except ParameterError:
        raise _unreadable(text) from None
    terms: list[ast.expr] = []
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
        terms.insert(0, tree.right)
        tree = tree.left
    for term in (tree, *terms):
        match term:
            case ast.Name(id=name):
                yield name, {}
            case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords):
                yield name, {k.arg: _value(k.value, text) for k in keywords if k.arg}
            case _:
                raise _unreadable(text)


def _value(node: ast.expr, text: str) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _unreadable(text) from None


def _unreadable(text: str) -> WiringError:
    return WiringError(
        f"Hypotheses must read as 'one(option=1) + another', options being numbers or text, got "
        f"{shown(text)}."
    )
