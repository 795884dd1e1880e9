"""The page on units: every quantity that a user gives or gets, from annotations and docstrings."""

import inspect
import re
from collections.abc import Iterator

from public_names import ERRANDS, Name, by_errand
from tables import cell, entries, hints_of, parameters, table, unit_of

UNIT = (
    r"\[((?:ms|s|Hz|bytes|degrees|thresholds|trials|%|MB|dimensionless|units of|mV|bits)[^\]]*)\]"
)
"""A unit in a docstring."""

STORED = {"ms": "ms", "Hz": "Hz"}
"""Units of annotations that take quantities of Brian2, too."""

LEAD = """# Units

Look up in which unit a number is given, and in which it comes back. Times are in milliseconds,
rates in hertz, membrane potentials and weights in units of the distance from rest to threshold,
which is 1. Plain numbers are in the unit that the table names; where *Brian2* says yes, a
quantity of Brian2 is taken as well and converted, and one of another dimension is refused:

```python
from brian2 import ms

from apical import LIF, Network

assert LIF("hidden", 10, tau_m=20 * ms) == LIF("hidden", 10, tau_m=20.0)
assert Network(trial=100 * ms).trial == 100.0
```

Rates of neurons are Hz in records and measures of spikes, and dimensionless activities in
networks of rates.

## What you give

"""


def given(name: Name) -> Iterator[list[str]]:
    """Yield the parameters that have a unit: which, the unit, whether Brian2's is taken."""
    said, hints = parameters(name.text), dict[str, object]()
    if name.is_class and hasattr(name.value, "__dataclass_fields__"):
        found = [*entries(name.value)]
        hints = {entry.name: entry.hint for entry in found}
        said = {entry.name: entry.text for entry in found}
    elif name.is_function:
        hints = hints_of(name.value)
    for parameter in dict.fromkeys((*hints, *said)):
        stored = unit_of(hints[parameter]) if parameter in hints else ""
        named = re.findall(UNIT, said.get(parameter, ""))
        if len(named) > 1:  # of several parameters; times and rates among them are annotated
            named = [unit for unit in named if unit not in STORED] or named
        unit = STORED.get(stored, "") or (named[0] if named else "")
        if unit and parameter != "return" and hints.get(parameter) is not str:
            taken = "yes" if stored in STORED else "-"
            yield [f"`{name.path.removeprefix('apical.')}`", f"`{parameter}`", cell(unit), taken]


def returned(name: Name) -> Iterator[list[str]]:
    """Yield the unit of what a function, or a property of a class, returns."""
    text = re.search(UNIT, name.line)
    if name.is_function and text:
        yield [f"`{name.path.removeprefix('apical.')}`", cell(text[1])]
    for key, member in vars(name.value).items() if name.is_class else ():
        line = (inspect.getdoc(member) or "").partition("\n\n")[0]
        unit = re.search(UNIT, line)
        if not key.startswith("_") and unit:
            yield [f"`{name.path.removeprefix('apical.')}.{key}`", cell(unit[1])]


def pages() -> dict[str, str]:
    """Return the page on units."""
    parts, gets = [], []
    for errand in ERRANDS:
        names = by_errand()[errand.page]
        rows = [row for name in names for row in given(name)]
        gets += [row for name in names for row in returned(name)]
        if rows:
            parts.append(
                f"### {errand.title}\n\n" + table(["of", "parameter", "unit", "Brian2"], rows)
            )
    text = LEAD + "\n".join(parts) + "\n## What you get\n\n" + table(["from", "unit"], gets)
    return {"reference/generated/units.md": text}
