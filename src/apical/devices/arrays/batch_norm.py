"""Batch normalisation on arrays: forward and backward pass over the trials of a batch."""

from dataclasses import dataclass
from functools import partial

from apical.devices.arrays.expression_program import Formula
from apical.devices.arrays.library import Array, Call, Library, Workspace
from apical.language.expressions import parse
from apical.neurons.batch_norm import BatchNorm


@dataclass(frozen=True)
class Normal:
    """The normalised drives of one batch.

    Parameters
    ----------
    normal
        Drives of mean 0 and variance 1, shape (n_trials, n).
    deviation
        Standard deviation that they were divided by, shape (1, n).
    scale
        Factor that they are then multiplied by, shape (n_trials, n).
    drive
        Input of the activation function: ``scale*normal + shift``, shape (n_trials, n).
    measured
        Whether mean and deviation are those of this batch, so that they depend on each trial.
    """

    normal: Array
    deviation: Array
    scale: Array
    drive: Array
    measured: bool


class Normaliser:
    """Batch normalisation of the drives of one population.

    Parameters
    ----------
    name
        Name of the population.
    norm
        Parameters of the normalisation.
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
        """Running mean and variance of drives, shape (1, n)."""

    def forward(
        self,
        calls: list[Call],
        drive: Array,
        scale: Array,
        shift: Array,
        *,
        measured: bool,
        keeps: bool,
    ) -> Normal:
        """Plan the normalised drives.

        Parameters
        ----------
        calls
            What is done to a batch so far; more is added.
        drive, scale, shift
            What arrives, shape (n_trials, n).
        measured
            Whether to use mean and variance of this batch, not the running ones. A single trial has
            no variance, and uses the running ones.
        keeps
            Whether to update the running mean and variance.
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

    def backward(self, calls: list[Call], upper: Array, at: Normal) -> Array:
        """Plan the backward pass: the error of the drives, shape (n_trials, n); return its array.

        Ioffe & Szegedy 2015, arXiv:1502.03167, the six equations of section 3 combined: mean and
        variance depend on every trial of the batch, so the components of the error that are common
        to all trials, or proportional to the normalised drive, cancel.

        Parameters
        ----------
        calls
            As in `forward`.
        upper
            Error at the activation function: slope times feedback, shape (n_trials, n).
        at
            Returned by `forward`.
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

    def _keep(self, calls: list[Call], mean: Array, variance: Array, n_trials: int) -> None:
        """Update the running mean and (unbiased) variance by those of a batch."""
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

    def _mean(self, calls: list[Call], values: Array) -> Array:
        """Plan the mean of each column, and return where it is, shape (1, n)."""
        n_trials, n = tuple(values.shape)
        ones = self._library.full(1.0, (n_trials, 1))
        mean = self._library.full(0.0, (1, n))
        calls.append(self._library.outer(ones, values, mean, 1 / n_trials, add=False))
        return mean

    def _formed(
        self, calls: list[Call], text: str, key: str, shape: tuple[int, int], **values: Array
    ) -> Array:
        formula = Formula(parse(text), self._library, self._room)
        found, more = formula.bound(values, (self._name, "norm", key), shape)
        calls += more
        return found


def _copy(source: Array, out: Array) -> None:
    out[...] = source
