"""Exceptions and warnings of this package.

A message says which object, what it needs, what it got and what to do, on one line.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apical.errors.source_location import caller


def brief(text: object, most: int = 180) -> str:
    """Return a text for a message, such as a path: on one line, without its middle if it is long.

    Parameters
    ----------
    text
        The text, or what is written so.
    most
        Most characters of it.

    Examples
    --------
    >>> from apical.errors import brief
    >>> brief("a path of many characters", 15)
    'a path...acters'
    """
    line, half = " ".join(str(text).split()), (most - 3) // 2
    return line if len(line) <= most else f"{line[:half]}...{line[-half:]}"


class ApicalError(Exception):
    """Base class: catch it to catch every error that `apical` raises on purpose.

    Parameters
    ----------
    message
        Which object, what it needs, what it got, what to do.
    object
        The object at fault, for instance ``"LIF 'hidden'"``; empty where none has a name.
    parameter
        Which of its parameters, for instance ``"tau_m"``.
    place
        ``file:line`` in the user's code; by default that of the innermost call from there. The
        text of the error ends in it; `message` is the text without.

    Examples
    --------
    >>> import apical as ap
    >>> try:
    ...     ap.LIF("hidden", 10, tau_m=-5.0)
    ... except ap.ApicalError as error:
    ...     print(type(error).__name__, "|", error.object, "|", error.parameter)
    ...     print(error.message)
    ParameterError | LIF 'hidden' | tau_m
    LIF 'hidden': tau_m must be one finite number [ms] > 0, got -5.0.
    """

    def __init__(
        self,
        message: str = "",
        *,
        object: str = "",
        parameter: str = "",
        place: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.object, self.parameter = object, parameter
        self.place = caller(whole=True) if place is None else place

    def __str__(self) -> str:
        return f"{self.message} ({self.place})" if self.message and self.place else self.message


class ParameterError(ApicalError, ValueError):
    """A parameter has an invalid value, type or unit.

    Examples
    --------
    >>> import apical as ap
    >>> ap.Network(trial=0)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ParameterError: Network: trial must be one finite number [ms] > 0, got
        0...
    """


class LocalityError(ApicalError, ValueError):
    """A rule or pathway is not local: it uses something that is not available at its synapse.

    See Also
    --------
    apical.check : Raises it for networks that learn by what no synapse knows.

    Examples
    --------
    >>> import apical as ap
    >>> ap.LearningRule("telepathic", "x_pre*w_other")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.LocalityError: LearningRule 'telepathic' reads 'w_other', which a
        synapse cannot know. End a name in '_pre' or '_post' to read a signal of one of its two
        neurons, or give a number in `parameters`, a trace...
    """


class WiringError(ApicalError, ValueError):
    """A population, projection or feedback pathway does not fit the network.

    Examples
    --------
    >>> import apical as ap
    >>> ap.Network().projection("hidden_to_output")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.WiringError: The network has no projection 'hidden_to_output'; it has
        none...
    """


class ScriptError(ApicalError, ValueError):
    """A model script is missing, cannot be imported, or does not build a network.

    Examples
    --------
    >>> import apical as ap
    >>> ap.models.load("no_such_script.py")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.ScriptError: There is no model 'no_such_script.py' and no such file;
        'apical models' lists ... Give one of them, or the path of a script...
    """


class DataError(ApicalError, ValueError):
    """A data set is missing, damaged, or not in the required form.

    Examples
    --------
    >>> import apical as ap
    >>> ap.datasets.load("missing.npz")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DataError: missing.npz: no such file; give the path of an existing .npz
        file...
    """


class DeviceError(ApicalError, RuntimeError):
    """A device is missing, or does not support a feature of the network.

    Examples
    --------
    >>> import apical as ap
    >>> net = ap.Network()
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> _ = ap.chain(net, x, ap.LIF("output", 2), weights=ap.Zero())
    >>> ap.simulate(net, "array")  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.DeviceError: Device 'array' runs rate networks, but 'stimulus' spikes
        (Stimulus); use device='cpp_standalone' or 'runtime', or apical.Rate, RateError and
        Stimulus(encoder=Graded())...
    """


class RunError(ApicalError, RuntimeError):
    """A run cannot continue, or its directory is unusable; earlier checkpoints are intact.

    See Also
    --------
    apical.errors.InUseError : Another process uses the directory.

    Examples
    --------
    >>> from pathlib import Path
    >>> from apical.runs.open import open_run
    >>> open_run(Path("no_such_run"))  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    apical.errors.exceptions.RunError: no_such_run holds no run: it has no config.json. Give the
        --out of a run...
    """


class InUseError(RunError):
    """A directory is in use by another process.

    Examples
    --------
    >>> from apical.errors import InUseError, RunError
    >>> issubclass(InUseError, RunError)  # whoever catches RunError catches it
    True
    """


class DesignError(ApicalError, ValueError):
    """The design of a sweep is invalid: unknown factors or values that do not fit.

    Examples
    --------
    >>> from apical.errors import ApicalError, DesignError
    >>> issubclass(DesignError, ApicalError), issubclass(DesignError, ValueError)
    (True, True)
    """


class ClaimError(ApicalError, AssertionError):
    """A study does not reproduce its claim.

    Examples
    --------
    >>> from apical.errors import ClaimError
    >>> issubclass(ClaimError, AssertionError)
    True
    """


class ApicalWarning(UserWarning):
    """Base class of all warnings of this package.

    Examples
    --------
    >>> import warnings
    >>> from apical.errors import ApicalWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", ApicalWarning)  # silences this package alone
    ...     warnings.warn("the scale was inferred", ApicalWarning)
    """


class DescriptionWarning(ApicalWarning):
    """What is described has no effect, or hardly the one that was meant.

    A network of which nothing learns is trained, a projection has no synapse, a rule has a
    parameter that it does not read or a negative learning rate, a stimulus is beyond what its
    encoder can show.

    Examples
    --------
    >>> import warnings
    >>> import apical as ap
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     rule = ap.LearningRule("hebb", "eta*x_pre*x_post", {"eta": 0.1, "decay": 0.5})
    >>> print(told[0].message)  # doctest: +NORMALIZE_WHITESPACE
    LearningRule 'hebb' does not read its parameter 'decay'; write it into the update or leave it
    out.
    """


class EventsWarning(ApicalWarning):
    """Events that are no spikes of their own: their channel has another in the same time step.

    Examples
    --------
    >>> import warnings
    >>> import apical as ap
    >>> trains = [([1.1, 1.2], [0, 0]), ([2.0], [0])]
    >>> data = ap.Dataset.from_events(trains, [0, 1], n_channels=1, duration=5)
    >>> net = ap.Network(trial=5, output="y")
    >>> x, y = net.add(ap.Stimulus("x", 1, ap.encoding.Events())), net.add(ap.LIF("y", 1))
    >>> _ = net.connect(x, y, weights=ap.Normal(0.1))
    >>> with ap.simulate(net, "runtime") as simulator, warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     _ = simulator.run(ap.Block.of_labels(*data.train.block([0])))
    >>> print(told[0].message)  # doctest: +NORMALIZE_WHITESPACE
    1 of 2 events of a block are in one time step (1 ms) with another of their channel, and are one
    spike with it; a smaller dt keeps them apart.
    """


class ScaleWarning(ApicalWarning):
    """The scale that normalises a data set was inferred from its values alone.

    Examples
    --------
    >>> import warnings
    >>> from apical import Dataset
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     data = Dataset.from_arrays("grey", [[0, 255], [200, 0]], [0, 1], [[0, 255]], [0])
    >>> told[0].category.__name__, data.train.scale
    ('ScaleWarning', 255.0)
    """


@contextmanager
def _warning_in_one_line() -> Iterator[None]:
    """Show warnings of this package on one line, without their location in its source."""
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **options: Any) -> None:
        if issubclass(category, ApicalWarning):
            print(f"apical: {message}", file=sys.stderr)
        else:
            usual(message, category, *where, **options)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual


@contextmanager
def concerning(object: str, parameter: str = "") -> Iterator[None]:
    """Add the object and parameter to errors raised inside that do not name them.

    Parameters
    ----------
    object, parameter
        As in `ApicalError`.

    Examples
    --------
    >>> from apical.errors import ApicalError, DataError, concerning
    >>> try:
    ...     with concerning("Plan", "epochs"):
    ...         raise DataError("needs 1 or more, got 0.")
    ... except ApicalError as error:
    ...     print(error.object, error.parameter)
    Plan epochs
    """
    try:
        yield
    except ApicalError as error:
        if not error.object:
            error.object, error.parameter = object, error.parameter or parameter
        raise


@contextmanager
def ending_in_one_line() -> Iterator[None]:
    """End a command with one line and exit code 2 on errors of this package or the system.

    Examples
    --------
    >>> from apical.errors import DataError, ending_in_one_line
    >>> try:
    ...     with ending_in_one_line():  # prints "apical: no such data set." to stderr
    ...         raise DataError("no such data set.", place="")
    ... except SystemExit as end:
    ...     print(end.code)
    2
    """
    try:
        with _warning_in_one_line():
            yield
    except ApicalError as error:
        print(f"apical: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        where = f"{brief(error.filename)}: " if error.filename else ""
        print(f"apical: {where}{brief(error.strerror or error)}.", file=sys.stderr)
        sys.exit(2)
