"""Fragments of model texts: terms, lines and statements that stand there only under an option.

A model writes its equation as it stands in a paper, with a named fragment for each option::

    leak = when(self.leak, " - v")
    equations = lines(
        f"dv/dt = (I + bias{leak})/tau_m : 1",
        when(self.noise_rate, "noise : 1"),
    )
"""


def when(option: object, text: str, otherwise: str = "") -> str:
    """Return a fragment where an option is on, and another, or none, where it is off.

    Parameters
    ----------
    option
        On where it is true: a flag, a number that is not 0, anything but None.
    text, otherwise
        The fragment in either case.

    Examples
    --------
    >>> [f"dv/dt = (bias{when(leak, ' - v')})/tau_m : 1" for leak in (True, False)]
    ['dv/dt = (bias - v)/tau_m : 1', 'dv/dt = (bias)/tau_m : 1']
    """
    return text if option else otherwise


def lines(*parts: str) -> str:
    r"""Return equations or statements one below the other; those that are empty are left out.

    Examples
    --------
    >>> lines("v -= 1", when(False, "a += 1"), "x += 1")
    'v -= 1\nx += 1'
    """
    return "\n".join(part for part in parts if part)
