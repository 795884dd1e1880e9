"""Recordings made by others: what is in a file, what of it is compared, its spikes in trials.

Imports `records` and below. A reader (`nwb`, `nix`, `neo_formats`) hands over a `Content`: tables
of intervals and of units whose values are read when they are asked for. `choosing` says what of it
could be compared, `summary` shows it, `windows` turns rows into trials and leaves out what cannot
be used, `loading` cuts spike trains. To add a format, write a `RecordingFormat` and name it in
`formats.py`; another package names its own as an entry point of group
``apical.recording_formats``.
"""

from apical.recordings.filters import holds as holds
from apical.recordings.formats import FORMATS as FORMATS
from apical.recordings.formats import RecordingFormat as RecordingFormat
from apical.recordings.loading import load_recording as load_recording
from apical.recordings.recording import LeftOut as LeftOut
from apical.recordings.recording import Recording as Recording
from apical.recordings.selection import Selection as Selection
from apical.recordings.selection import read_classes as read_classes
from apical.recordings.summary import Summary as Summary
from apical.recordings.summary import inspect as inspect
