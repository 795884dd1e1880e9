"""Names and settings of click that completions and commands share."""

from typing import Any

COMPLETE = "_APICAL_COMPLETE"
"""Environment variable that is ``bash_complete``, ``zsh_complete`` or ``fish_complete`` while a
shell waits for completions."""

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""How help is asked for, and its width."""
