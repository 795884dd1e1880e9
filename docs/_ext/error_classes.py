"""The page on errors: every class, what raises it, and with which code commands end."""

import inspect
import re
import signal
from collections.abc import Iterator

import commands
from public_names import public
from tables import cell, parameters, table

from apical import errors
from apical.cli.interruption import SIGNALS
from apical.errors import ApicalError

LEAD = """# Errors and exit codes

Find out what an error means, and catch the right class. A message says which object is at fault,
what it needs, what it got and what to do; `error.object`, `error.parameter` and `error.place`
(file and line of your code) hold the parts. Everything that is raised on purpose derives from
`ApicalError`:

```python
from apical import LIF, ApicalError

try:
    LIF("hidden", 10, tau_m=-1)
except ApicalError as error:
    assert (error.object, error.parameter) == ("LIF 'hidden'", "tau_m")
```

"""


def classes() -> Iterator[type]:
    """Yield every exception and warning of the package."""
    for value in vars(errors).values():
        if inspect.isclass(value) and issubclass(value, ApicalError | Warning):
            yield value


def raised_by(name: str) -> list[str]:
    """Return the public names whose docstrings say that they raise an error."""
    known = ((one.path.removeprefix("apical."), parameters(one.text, "Raises")) for one in public())
    return [path for path, raises in known if name in raises]


def section(kind: type) -> str:
    """Return what is said of a class."""
    doc = (inspect.getdoc(kind) or "").partition("\n\n")[0]
    bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
    by = raised_by(kind.__name__)
    said = f" Raised among others by {', '.join(f'`{name}`' for name in by)}." if by else ""
    return f"### {kind.__name__}\n\n{cell(doc)} It is also: {bases}.{said}\n"


def codes() -> str:
    """Return the table of exit codes, and what single commands say of theirs."""
    stopped = ", ".join(f"{128 + number} ({name})" for number, name in SIGNALS.items())
    rows = [
        ["0", "the command did what it was asked"],
        ["1", "it did, and something failed: see below"],
        ["2", "an error, in one line on standard error; or an option that does not exist"],
        [str(128 + signal.SIGINT), "Ctrl-C; a run stopped after its next checkpoint"],
        ["128 + n", f"stopped by a signal: {stopped}"],
    ]
    said = []
    for name, command, _ in commands.commands():
        for sentence in re.findall(
            r"[^.]*[Ee]xit code[^.]*\.", " ".join((command.help or "").split())
        ):
            said.append(f"- `{name}`: {cell(sentence.strip())}")
    return table(["code", "when"], rows) + "\n" + "\n".join(said) + "\n"


def pages() -> dict[str, str]:
    """Return the page on errors."""
    sections = "\n".join(section(kind) for kind in classes())
    text = f"{LEAD}## Classes\n\n{sections}\n## Exit codes of commands\n\n{codes()}"
    return {"reference/generated/errors.md": text}
