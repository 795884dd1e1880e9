"""A recording as a comparison uses it: spike trains of units in trials, and what was left out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Annotated

import numpy as np

from apical._base.checking import check_fields, require
from apical._base.memory import check_memory
from apical._base.parameters import Array, Duration, Kinds, Labels, Vector
from apical.errors import DataError, brief
from apical.records.arrays import Spikes, check_inside

Seen = Annotated[np.ndarray, Array((2,), kinds="b")]
"""Whether each unit was observed in each trial, shape (n_trials, n)."""
ROUNDING = 1e-9
"""Tolerance by which a spike may precede the onset of its trial [s], since sums are rounded."""
_NAMED = 8
"""Rows that a message names."""


@dataclass(frozen=True)
class LeftOut:
    """Rows of a table that a comparison cannot use, and why.

    Parameters
    ----------
    why
        The reason, after "rows": ``"without a stop time"``.
    rows
        Their numbers in the table, from 0.

    Examples
    --------
    >>> from apical.recordings import LeftOut
    >>> print(LeftOut("without a stop time", (7, 12)))
    2 rows without a stop time (7, 12)
    """

    why: str
    rows: tuple[int, ...]

    def __post_init__(self) -> None:
        check_fields(self)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        first = ", ".join(map(str, self.rows[:_NAMED]))
        more = ", ..." if len(self.rows) > _NAMED else ""
        number = f"{len(self.rows):,} row{'' if len(self.rows) == 1 else 's'}"
        return f"{number} {self.why} ({first}{more})"


@dataclass(frozen=True)
class Recording:
    """A neural recording: spike trains of recorded neurons in trials.

    Parameters
    ----------
    path
        The file it is from.
    spikes
        Spikes from the onset of each trial [ms], those between trials left out, and those of trials
        in which their neuron was not observed.
    populations
        Population or area of each neuron, ``""`` where the file names none, shape (n,).
    durations
        Length of each trial [ms], shape (n_trials,).
    labels
        Recorded class of each trial, as text, shape (n_trials,); None where the file names none.
    classes
        The network's class of each trial, as text, shape (n_trials,); None where nobody said how
        recorded classes and those of the network belong together.
    observed
        Whether each neuron was observed in each trial, shape (n_trials, n); None for always. What
        was not observed is no silence.
    units
        Identity of each neuron in the file, shape (n,); None for its number.
    rows
        Row of each trial in its table, shape (n_trials,); None for its number.
    begins
        When a trial begins, from the event that it is aligned to [ms].
    bin
        Width of bins for time courses [ms]; None where none was chosen.
    table, stimulus
        Table of the trials, and its column with their classes; empty for none.
    left_out
        Rows of the table that are not among the trials, and why.
    notes
        Remarks on what was chosen, and on neurons that were left out.
    dataset
        Data set whose classes `labels` are, in files of this package; else empty.

    Examples
    --------
    Two neurons in three trials; the second was not observed in the last one:

    >>> import numpy as np
    >>> from pathlib import Path
    >>> from apical.recordings import Recording
    >>> from apical.records.arrays import Spikes
    >>> spikes = Spikes(np.array([0, 0, 1]), np.array([5.0, 9.0, 2.0]), np.array([0, 1, 1]))
    >>> seen = np.array([[True, True], [True, True], [True, False]])
    >>> recording = Recording(
    ...     Path("a.nwb"), spikes, np.array(["V1", "V1"]), np.full(3, 100.0), None, observed=seen
    ... )
    >>> recording.rates
    array([[10., 10.],
           [ 0., 10.],
           [ 0., nan]])
    >>> recording.mean_rates.round(2)
    array([ 3.33, 10.  ])
    """

    path: Path
    spikes: Spikes
    populations: Kinds
    durations: Vector
    labels: Kinds | None
    classes: Kinds | None = None
    observed: Seen | None = None
    units: Kinds | None = None
    rows: Labels | None = None
    begins: float = 0.0
    bin: Duration | None = None
    table: str = ""
    stimulus: str = ""
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    dataset: str = ""

    def __post_init__(self) -> None:
        check_fields(self)
        n, trials = len(self.populations), len(self.durations)
        check_inside(self.spikes, "Recording", trials, n)
        for name, size, each in (
            ("labels", trials, "trials"),
            ("classes", trials, "trials"),
            ("rows", trials, "trials"),
            ("units", n, "neurons"),
        ):
            found = getattr(self, name)
            require(
                found is None or len(found) == size,
                "Recording",
                name,
                f"one for each of {size} {each}",
                f"{0 if found is None else len(found)}",
            )
        require(
            self.observed is None or self.observed.shape == (trials, n),
            "Recording",
            "observed",
            f"of shape ({trials}, {n}), trials and neurons",
            f"{None if self.observed is None else self.observed.shape}",
        )

    def __len__(self) -> int:
        return len(self.durations)

    @property
    def counts(self) -> np.ndarray:
        """Spike count of each neuron in each trial, shape (n_trials, n); 0 if not observed."""
        n = len(self.populations)
        flat = self.spikes.trial.astype(np.int64) * n + self.spikes.unit
        return np.bincount(flat, minlength=len(self) * n).reshape(len(self), n)

    @property
    def seen(self) -> np.ndarray:
        """Whether each neuron was observed in each trial, shape (n_trials, n)."""
        if self.observed is None:
            return np.ones((len(self), len(self.populations)), bool)
        return self.observed

    @property
    def rates(self) -> np.ndarray:
        """Rate of each neuron in each trial [Hz], shape (n_trials, n); NaN if not observed."""
        rates = self.counts / (np.asarray(self.durations)[:, None] * 1e-3)
        return np.where(self.seen, rates, np.nan)

    @property
    def mean_rates(self) -> np.ndarray:
        """Spikes by time of the trials in which a neuron was observed [Hz], shape (n,)."""
        seconds = (self.seen * np.asarray(self.durations)[:, None]).sum(axis=0) * 1e-3
        return np.divide(
            self.counts.sum(axis=0),
            seconds,
            out=np.full(len(self.populations), np.nan),
            where=seconds > 0,
        )

    @property
    def areas(self) -> Mapping[str, int]:
        """Number of neurons of each population or area."""
        names, counts = np.unique(np.asarray(self.populations).astype(str), return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    def binned(self, width: Duration | None = None) -> np.ndarray:
        """Return spike counts in bins of the time that all trials have, from their onset.

        Parameters
        ----------
        width
            Width of a bin [ms]; by default `bin`. What is left of a trial after the last whole bin
            of the shortest one is left out.

        Returns
        -------
        ndarray
            Shape (n_trials, n_bins, n); NaN where a neuron was not observed.

        Raises
        ------
        DataError
            If no width is given, or it is longer than a trial.
        """
        width = self.bin if width is None else float(width)
        shortest = float(np.min(self.durations)) if len(self) else 0.0
        if width is None or not 0 < width <= shortest * (1 + 1e-9):
            raise DataError(
                f"Recording {brief(self.path)}: bins must be above 0 ms and at most as long as the "
                f"shortest trial, {shortest:g} ms, got {width}.",
                object=f"Recording {brief(self.path)}",
            )
        bins, n = int(shortest / width * (1 + 1e-9)), len(self.populations)
        check_memory(len(self) * bins * n * 16.0, "Binned counts", "the number of bins")
        # a spike at an edge is of the bin that begins, as at the onset of a trial
        at = np.minimum((self.spikes.time + ROUNDING * 1e3) // width, bins).astype(np.int64)
        inside = at < bins
        trial, unit = self.spikes.trial[inside].astype(np.int64), self.spikes.unit[inside]
        flat = (trial * bins + at[inside]) * n + unit
        counts = np.bincount(flat, minlength=len(self) * bins * n).reshape(len(self), bins, n)
        return np.where(self.seen[:, None], counts.astype(float), np.nan)

    def part(self, population: str) -> "Recording":
        """Return the neurons of one population or area, renumbered."""
        return self.of_units(np.asarray(self.populations) == population)

    def of_units(self, chosen: np.ndarray) -> "Recording":
        """Return some of the neurons, renumbered.

        Parameters
        ----------
        chosen
            Whether each is among them, shape (n,).
        """
        number = np.cumsum(chosen) - 1
        of = chosen[self.spikes.unit]
        spikes = self.spikes
        return replace(
            self,
            spikes=Spikes(spikes.trial[of], spikes.time[of], number[spikes.unit[of]]),
            populations=self.populations[chosen],
            observed=None if self.observed is None else self.observed[:, chosen],
            units=None if self.units is None else self.units[chosen],
        )

    def of_trials(self, chosen: np.ndarray) -> "Recording":
        """Return some of the trials, renumbered.

        Parameters
        ----------
        chosen
            Whether each is among them, shape (n_trials,).
        """
        number = np.cumsum(chosen) - 1
        of = chosen[self.spikes.trial]
        spikes = self.spikes

        def some(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[chosen]

        return replace(
            self,
            spikes=Spikes(number[spikes.trial[of]], spikes.time[of], spikes.unit[of]),
            durations=self.durations[chosen],
            labels=some(self.labels),
            classes=some(self.classes),
            observed=some(self.observed),
            rows=some(self.rows),
        )

    def complete(self) -> "Recording":
        """Return the neurons that were observed in all trials."""
        seen = np.asarray(self.seen.all(axis=0))
        return self if seen.all() else self.of_units(seen)

    def _repr_html_(self) -> str:
        rows = {
            "table": self.table,
            "class": self.stimulus or "none",
            "trials": f"{len(self):,}",
            "trial [ms]": _range(np.asarray(self.durations)),
            "neurons": ", ".join(f"{name or '(no area)'}: {n}" for name, n in self.areas.items()),
            "mean rate [Hz]": _range(self.mean_rates),
            "left out": "; ".join(map(str, self.left_out)) or "nothing",
            "notes": "; ".join(self.notes) or "none",
        }
        cells = "".join(
            f"<tr><th scope='row'>{escape(k)}</th><td>{escape(v)}</td></tr>"
            for k, v in rows.items()
        )
        return f"<table><caption>{escape(self.path.name)}</caption>{cells}</table>"


def _range(values: np.ndarray) -> str:
    values = values[np.isfinite(values)]
    if not len(values):
        return "none"
    low, high = float(values.min()), float(values.max())
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
