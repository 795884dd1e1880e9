"""Exceptions and warnings, with the place in the user's script that caused them.

Imports nothing of this package. To add an exception, derive it from `ApicalError` in
`exceptions.py`; its message says which object, what it needs, what it got and what to do.
"""

from apical.errors.exceptions import ApicalError as ApicalError
from apical.errors.exceptions import ApicalWarning as ApicalWarning
from apical.errors.exceptions import ClaimError as ClaimError
from apical.errors.exceptions import DataError as DataError
from apical.errors.exceptions import DescriptionWarning as DescriptionWarning
from apical.errors.exceptions import DesignError as DesignError
from apical.errors.exceptions import DeviceError as DeviceError
from apical.errors.exceptions import EventsWarning as EventsWarning
from apical.errors.exceptions import InUseError as InUseError
from apical.errors.exceptions import LocalityError as LocalityError
from apical.errors.exceptions import ParameterError as ParameterError
from apical.errors.exceptions import RunError as RunError
from apical.errors.exceptions import ScaleWarning as ScaleWarning
from apical.errors.exceptions import ScriptError as ScriptError
from apical.errors.exceptions import WiringError as WiringError
from apical.errors.exceptions import brief as brief
from apical.errors.exceptions import concerning as concerning
from apical.errors.exceptions import ending_in_one_line as ending_in_one_line
