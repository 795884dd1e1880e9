"""Library of the scripts in models/: loading models, the gallery, building blocks of studies.

A study is a script with its own command: options (`options`), a measurement for every combination
of conditions and seeds (`sweep`), tables (`tables`), learning curves (`learning`), and a claim that
can be checked in seconds (`study`, `gallery`).

Imports all of the package below. To add a script, see CONTRIBUTING.md.
"""

from apical.scripts.command import study as study
from apical.scripts.sweeping import sweep as sweep
from apical.scripts.tables import Row as Row
