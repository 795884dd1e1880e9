"""Formulas as MathML, made while the site is built: no script, no font, no network."""

import re
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.writers.html5 import HTML5Translator


def _mathml(translator: HTML5Translator, node: nodes.Element, display: str) -> str:
    """Return a formula as MathML, or say where it is and what is wrong with it."""
    text = node.astext()
    text = text.replace(r"\begin{aligned}", r"\begin{split}").replace(
        r"\end{aligned}", r"\end{split}"
    )
    several = display == "block" and ("&" in text or r"\\" in text)
    if several and r"\begin" not in text:
        text = rf"\begin{{split}}{text}\end{{split}}"  # of its tables, the one without numbers
    try:
        formula = convert(text, display=display)
        ElementTree.fromstring(formula)
        left = re.findall(r"\\\w+|>&amp;<", formula)
        if left:
            raise ValueError(f"{', '.join(left)} is not understood")
    except Exception as error:
        where = f"{node.source}:{node.line}"
        raise ExtensionError(f"{where}: this formula cannot be shown: {text!r} ({error})") from None
    return formula


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(_mathml(translator, node, "inline"))
    raise nodes.SkipNode


def block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own, which scrolls where the page is narrower."""
    formula = _mathml(translator, node, "block")
    translator.body.append(f'<div class="math-block" tabindex="0">{formula}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
