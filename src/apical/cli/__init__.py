"""The `apical` command: one module for each command, or for few that share their options.

Imports everything. To add a command, write a module with a click command in it and name it in
`app.ELSEWHERE`.
"""

from apical._base.random_state import untouched_random

with untouched_random():
    from apical.cli.app import main as main
    from apical.cli.app import run_model as run_model
