"""The environment variable by which a shell asks for completions, as click names it."""

COMPLETE = "_APICAL_COMPLETE"
"""Set to ``bash_complete``, ``zsh_complete`` or ``fish_complete`` while a shell waits."""
