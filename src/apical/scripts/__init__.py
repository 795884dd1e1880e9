"""Library of the scripts in models/: opening them, the gallery, the parts of studies.

A study is a script with a command of its own: its options (`options`), a measurement at every
combination of conditions and seeds (`sweep`), tables of rows (`tables`), errors while networks
learn (`learning`), and a claim that can be checked in seconds (`study`, `gallery`).

Imports the laboratory. To add a script, see CONTRIBUTING.md.
"""

from apical.scripts.command import study as study
from apical.scripts.sweeping import sweep as sweep
