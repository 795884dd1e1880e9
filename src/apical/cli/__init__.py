"""The `apical` command: one module for each command, or for few that share their options.

Imports everything. To add a command, write a module with a click command in it and name it in
`app.ELSEWHERE`.
"""

from apical._base.extras import undisturbed

with undisturbed():
    from apical.cli.app import main as main
    from apical.cli.app import run_model as run_model
