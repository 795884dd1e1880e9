"""Batch normalisation on arrays: drives centred and scaled over the trials of a batch, and back."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from apical.devices.arrays.expression_program import Formula
from apical.devices.arrays.library import Call, Library, Workspace
from apical.language.expressions import parse
from apical.neurons.batch_norm import BatchNorm


@dataclass(frozen=True)
class Normal:
    """Drives of one batch, normalised.

    Parameters
    ----------
    normal
        Drives of mean 0 and variance 1, shape (n_trials, n).
    deviation
        What they were divided by, shape (1, n).
    scale
        What they are multiplied by afterwards, shape (n_trials, n).
    drive
        What the response reads: ``scale*normal + shift``, shape (n_trials, n).
    measured
        Whether mean and deviation are those of this batch, so that each trial moves them.
    """

    normal: Any
    deviation: Any
    scale: Any
    drive: Any
    measured: bool


class Normaliser:
    """Normalises the drives of one population.

    Parameters
    ----------
    name
        Of the population.
    norm
        How it normalises.
    size
        Number of its neurons.
    library
        Whose arrays.
    room
        Arrays to work in.
    """

    def __init__(
        self, name: str, norm: BatchNorm, size: int, library: Library, room: Workspace
    ) -> None:
        self._name, self._norm, self._size, self._room = name, norm, size, room
        self._library = library
        self.statistics = {
            "mean": library.full(0.0, (1, size)),
            "variance": library.full(1.0, (1, size)),
        }
        """Mean and variance of drives, kept from batch to batch, shape (1, n)."""

    def forward(
        self, calls: list[Call], drive: Any, scale: Any, shift: Any, *, measured: bool, keeps: bool
    ) -> Normal:
        """Plan the normalised drives.

        Parameters
        ----------
        calls
            What is done to a batch so far; more is added.
        drive, scale, shift
            What arrives, shape (n_trials, n).
        measured
            Whether to take mean and variance of this batch, not those that are kept. A single trial
            has no variance, and takes those that are kept.
        keeps
            Whether these then move towards those of this batch.
        """
        shape = tuple(drive.shape)
        measured = measured and shape[0] > 1
        mean, variance = self.statistics["mean"], self.statistics["variance"]
        if measured:
            mean = self._mean(calls, drive)
        centred = self._formed(calls, "drive - mean", "centred", shape, drive=drive, mean=mean)
        if measured:
            squares = self._formed(calls, "centred*centred", "squares", shape, centred=centred)
            variance = self._mean(calls, squares)
            if keeps:
                self._keep(calls, mean, variance, shape[0])
        deviation = self._formed(
            calls,
            f"sqrt(variance + {self._norm.eps!r})",
            "deviation",
            (1, self._size),
            variance=variance,
        )
        normal = self._formed(
            calls, "centred/deviation", "normal", shape, centred=centred, deviation=deviation
        )
        whole = self._formed(
            calls, "scale*normal + shift", "whole", shape, scale=scale, normal=normal, shift=shift
        )
        return Normal(normal, deviation, scale, whole, measured)

    def backward(self, calls: list[Call], upper: Any, at: Normal) -> Any:
        """Plan what the drives are taught, shape (n_trials, n), and return where it is.

        Ioffe & Szegedy 2015, arXiv:1502.03167, the six equations of section 3, put together: mean
        and variance hang on every trial of the batch, so what is common to all trials, and what
        goes with the normalised drive, teaches nothing.

        Parameters
        ----------
        calls
            As in `forward`.
        upper
            What the response is taught: slope times feedback, shape (n_trials, n).
        at
            What `forward` returned.
        """
        shape = tuple(upper.shape)
        values = {"scale": at.scale, "deviation": at.deviation, "upper": upper}
        if not at.measured:
            return self._formed(calls, "scale/deviation*upper", "delta", shape, **values)
        along = self._formed(calls, "upper*normal", "along", shape, upper=upper, normal=at.normal)
        values |= {
            "normal": at.normal,
            "common": self._mean(calls, upper),
            "slant": self._mean(calls, along),
        }
        text = "scale/deviation*(upper - common - normal*slant)"
        return self._formed(calls, text, "delta", shape, **values)

    def _keep(self, calls: list[Call], mean: Any, variance: Any, n_trials: int) -> None:
        """Let what is kept move towards a batch, of which the variance is made unbiased."""
        share = self._norm.share
        for name, found in (("mean", mean), ("variance", variance)):
            kept = self.statistics[name]
            size = share * (n_trials / (n_trials - 1) if name == "variance" else 1.0)
            moved = self._formed(
                calls,
                f"{1 - share!r}*kept + {size!r}*found",
                f"moved {name}",
                (1, self._size),
                kept=kept,
                found=found,
            )
            calls.append(partial(_copy, moved, kept))

    def _mean(self, calls: list[Call], values: Any) -> Any:
        """Plan the mean of each column, and return where it is, shape (1, n)."""
        n_trials, n = tuple(values.shape)
        ones = self._library.full(1.0, (n_trials, 1))
        mean = self._library.full(0.0, (1, n))
        calls.append(self._library.outer(ones, values, mean, 1 / n_trials, add=False))
        return mean

    def _formed(
        self, calls: list[Call], text: str, key: str, shape: tuple[int, int], **values: Any
    ) -> Any:
        formula = Formula(parse(text), self._library, self._room)
        found, more = formula.bound(values, (self._name, "norm", key), shape)
        calls += more
        return found


def _copy(source: Any, out: Any) -> None:
    out[...] = source
