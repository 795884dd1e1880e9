"""The `apical` command: one module for each command, or for few that share their options.

Imports everything, once it is called; a shell that asks what a word may be, or somebody who asks
which commands there are, is answered before that (`answering.py`). To add a command, write a module
with a click command in it, name it in `app.ELSEWHERE`, and write the table of completions anew:
``python -m apical.cli.tabulating``.
"""

import os
import sys

from apical.cli.protocol import COMPLETE


def main() -> None:
    """Run the command; errors of this package are reported on one line, with exit code 2."""
    if COMPLETE in os.environ:
        from apical.cli.answering import answer

        raise SystemExit(answer())
    from apical.cli.answering import is_overview, overview

    if is_overview(sys.argv[1:]):
        raise SystemExit(overview(sys.argv[1:]))
    _loaded().main()


def run_model(path: str) -> None:
    """Run a model script with the arguments of the command line, as ``apical run PATH`` does."""
    _loaded().run_model(path)


def _loaded():  # type: ignore[no-untyped-def]  # a module
    """Return the module of the command; importing it imports everything."""
    from apical._base.extras import undisturbed

    with undisturbed():
        from apical.cli import app
    return app
