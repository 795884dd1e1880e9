"""The figures of a run directory."""

import csv
from collections.abc import Mapping

import numpy as np

from apical import plotting
from apical.datasets import Dataset
from apical.devices import Block, simulate
from apical.network import Network
from apical.runs import FIGURES, METRICS, RunDirectory
from apical.training import Evaluation, decisions


def draw(
    directory: RunDirectory,
    network: Network,
    data: Dataset,
    before: Mapping[str, np.ndarray],
    after: Mapping[str, np.ndarray],
    final: Evaluation,
) -> None:
    """Draw the figures of a finished training into its directory.

    Parameters
    ----------
    directory
        Where to.
    network, data
        What was trained on what.
    before, after
        State of the simulator before and after training.
    final
        Evaluation on the test samples after training.
    """
