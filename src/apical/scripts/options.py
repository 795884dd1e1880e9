"""Common options of the commands of studies, validated by the command line."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from apical.scripts import studies

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]

Default = int | float | str | None


def option(
    name: str,
    default: Default,
    help: str = "",
    *,
    least: float | None = None,
    above: float | None = None,
) -> Decorator:
    """Return an option of the type of its default.

    Parameters
    ----------
    name
        For instance ``"--train-trials"``, passed to the function as ``train_trials``.
    default
        Its default: a whole number, another number, or text; None for an optional whole number.
    help
        Help text.
    least, above
        Smallest allowed value (1 by default for whole numbers), or exclusive lower bound.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.option("--eta", 0.1, "Learning rate.", above=0)
    ... def main(eta):
    ...     print(f"eta = {eta}")
    >>> main(["--eta", "0.5"], standalone_mode=False)
    eta = 0.5
    >>> main(["--eta", "0"], standalone_mode=False)
    Traceback (most recent call last):
        ...
    click.exceptions.BadParameter: 0.0 is not in the range x>0.
    """
    kind: Any = type(default)
    if default is None or isinstance(default, int):
        kind = click.IntRange(1 if least is None else int(least))
    elif least is not None or above is not None:
        kind = click.FloatRange(least if above is None else above, min_open=above is not None)
    shows = default is not None and default != ""
    return click.option(name, type=kind, default=default, show_default=shows, help=help or None)


def flag(name: str, help: str) -> Decorator:
    """Return a flag (an option without a value).

    Parameters
    ----------
    name, help
        As in `option`.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.flag("--deep", "Three hidden populations.")
    ... def main(deep):
    ...     print(deep)
    >>> main(["--deep"], standalone_mode=False)
    True
    """
    return click.option(name, is_flag=True, help=help)


def dataset(default: str = "mnist", help: str = "") -> Decorator:
    """Return ``--dataset``, the name or the file of a data set.

    Parameters
    ----------
    default, help
        As in `option`.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.dataset("digits")
    ... def main(dataset):
    ...     print(dataset)
    >>> main([], standalone_mode=False)
    digits
    """
    return option("--dataset", default, help)


def hidden(default: int, help: str = "Neurons in each hidden population.") -> Decorator:
    """Return ``--hidden``, the number of neurons in each hidden population.

    Parameters
    ----------
    default, help
        As in `option`.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.hidden(100)
    ... def main(hidden):
    ...     print(hidden)
    >>> main(["--hidden", "50"], standalone_mode=False)
    50
    """
    return option("--hidden", default, help)


def epochs(default: int, help: str = "", *, least: int = 1) -> Decorator:
    """Return ``--epochs``, the number of epochs.

    Parameters
    ----------
    default, help, least
        As in `option`.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.epochs(10)
    ... def main(epochs):
    ...     print(epochs)
    >>> main(["--epochs", "0"], standalone_mode=False)
    Traceback (most recent call last):
        ...
    click.exceptions.BadParameter: 0 is not in the range x>=1.
    """
    return option("--epochs", default, help, least=least)


def seeds(default: str = "0") -> Decorator:
    """Return ``--seed``, one or more seeds, passed to the function as a list, `seeds`.

    Parameters
    ----------
    default
        Seeds, separated by commas.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.seeds()
    ... def main(seeds):
    ...     print(seeds)
    >>> main(["--seed", "0,1,2"], standalone_mode=False)
    [0, 1, 2]
    """
    return _parsed("--seed", "seeds", default, "Seeds, as 0,1,2.", studies.numbers)


def validation(default: int) -> Decorator:
    """Return ``--validation``, the size of the validation set.

    0, for the test set, is accepted where it is the default.

    Parameters
    ----------
    default
        Its size.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.validation(0)
    ... def main(validation):
    ...     print(validation)
    >>> main([], standalone_mode=False)
    0
    >>> main(["--validation", "1000"], standalone_mode=False)
    1000
    """
    text = "Validate on this many of the last training samples, not on the test set."
    return option("--validation", default, text, least=min(default, 1))


def train_trials(
    default: int | None = None, help: str = "First N training samples only.", *, least: int = 1
) -> Decorator:
    """Return ``--train-trials``, the number of training samples to use; None for all.

    Parameters
    ----------
    default, help, least
        As in `option`.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.train_trials()
    ... def main(train_trials):
    ...     print(train_trials)
    >>> main([], standalone_mode=False)
    None
    """
    return option("--train-trials", default, help, least=least)


def training(
    name: str = "--hidden",
    *,
    hidden: int | str | None = None,
    epochs: int,
    seed: str = "0",
    of: str = "each",
) -> Decorator:
    """Return ``--dataset``, ``--hidden``, ``--epochs`` and ``--seed``, the last as a list `seeds`.

    Parameters
    ----------
    name
        Name of the option of the number of hidden neurons.
    hidden, epochs, seed
        Defaults. Text such as ``"256-32-256"`` makes `hidden` a list, as in `layers`; None leaves
        the option out.
    of
        ``"each"`` or ``"the"`` hidden population, for the help.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.training(hidden=100, epochs=10, seed="0,1")
    ... def main(dataset, hidden, epochs, seeds):
    ...     print(dataset, hidden, epochs, seeds)
    >>> main(["--epochs", "3"], standalone_mode=False)
    mnist 100 3 [0, 1]
    """
    text = f"Neurons in {of} hidden population."

    def decorated(full: F) -> F:
        full = option("--epochs", epochs)(seeds(seed)(full))
        if isinstance(hidden, str):
            full = layers(hidden, text)(full)
        elif hidden is not None:
            full = option(name, hidden, text)(full)
        return dataset()(full)

    return decorated


def numbers(name: str, default: str, help: str = "") -> Decorator:
    """Return an option that is a list of whole numbers, separated by commas.

    Parameters
    ----------
    name, default, help
        As in `option`; the default is text.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.numbers("--depth", "1,2")
    ... @options.sizes("--noise", "0,0.1")
    ... @options.names("--wiring", "bp,dfa")
    ... def main(depth, noise, wiring):
    ...     print(depth, noise, wiring)
    >>> main(["--depth", "3,4"], standalone_mode=False)
    [3, 4] [0.0, 0.1] ['bp', 'dfa']
    """
    return _parsed(name, _keyword(name), default, help, studies.numbers)


def sizes(name: str, default: str, help: str = "") -> Decorator:
    """Return an option that is a list of non-negative numbers, separated by commas.

    Parameters
    ----------
    name, default, help
        As in `option`; the default is text.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.sizes("--noise", "0,0.1")
    ... def main(noise):
    ...     print(noise)
    >>> main(["--noise", "0.5,1"], standalone_mode=False)
    [0.5, 1.0]
    """
    return _parsed(name, _keyword(name), default, help, studies.sizes)


def layers(default: str, help: str = "Neurons in each hidden population.") -> Decorator:
    """Return ``--hidden``, sizes of hidden populations separated by hyphens, passed as a list.

    Parameters
    ----------
    default
        For instance ``"256-32-256"``.
    help
        Help text.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.layers("256-32-256")
    ... def main(hidden):
    ...     print(hidden)
    >>> main([], standalone_mode=False)
    [256, 32, 256]
    """
    return _parsed("--hidden", "hidden", default, help, studies.layers)


def names(name: str, default: str, help: str = "") -> Decorator:
    """Return an option that is a list of names, separated by commas.

    Parameters
    ----------
    name, default, help
        As in `option`; the default is text.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.names("--wiring", "bp,dfa")
    ... def main(wiring):
    ...     print(wiring)
    >>> main([], standalone_mode=False)
    ['bp', 'dfa']
    """
    return _parsed(name, _keyword(name), default, help, lambda text: text.split(","))


def some_of(name: str, keyword: str, choices: list[str], help: str) -> Decorator:
    """Return a repeatable option with given choices; all of them by default.

    Parameters
    ----------
    name, help
        As in `option`.
    keyword
        Name of the argument of the function.
    choices
        Allowed values.

    Examples
    --------
    >>> import click
    >>> from apical.scripts import options
    >>> @click.command()
    ... @options.some_of("--wiring", "wirings", ["bp", "fa", "dfa"], "Wirings.")
    ... def main(wirings):
    ...     print(list(wirings))
    >>> main([], standalone_mode=False)
    ['bp', 'fa', 'dfa']
    >>> main(["--wiring", "fa"], standalone_mode=False)
    ['fa']
    """
    kind = click.Choice(choices)
    return click.option(
        name, keyword, type=kind, multiple=True, default=choices, show_default=True, help=help
    )


def _keyword(name: str) -> str:
    return name.removeprefix("--").replace("-", "_")


def _parsed(
    name: str, keyword: str, default: str, help: str, parse: Callable[[str], Any]
) -> Decorator:
    """Return an option whose text is parsed before it is passed to the function."""
    return click.option(
        name,
        keyword,
        default=default,
        show_default=True,
        help=help or None,
        callback=lambda _, __, text: parse(text),
    )
