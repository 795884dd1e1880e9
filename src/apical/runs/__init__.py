"""Runs of experiments: configuration, checkpoints, resuming, and analysis of finished runs.

Imports `training`, `measures` and below. To add an option of experiments, add a field to
`Experiment`; to add a measure of a run (`--measure`), add a `Measure` to
`measures.py`; another package names its `Measure` as an entry point of group ``apical.measures``.
"""

from apical.runs.directory import COLUMNS as COLUMNS
from apical.runs.directory import Checkpoint as Checkpoint
from apical.runs.directory import RunDirectory as RunDirectory
from apical.runs.directory import read_arrays as read_arrays
from apical.runs.directory import read_json as read_json
