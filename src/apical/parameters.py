"""Types of parameters for classes and functions of your own: ranges, units and shapes.

Annotate a field of a frozen dataclass with one of them, and call `check_fields` in its
``__post_init__`` (populations and encoders do so already), or decorate a function with `checked`.
What does not fit raises `ParameterError`, which names the parameter, what it needs and what it got;
quantities of Brian2 become plain numbers in the unit of the type.

Imports `_base` only.

Examples
--------
>>> from apical.parameters import Duration, checked
>>> @checked()
... def half(tau: Duration) -> float:
...     return tau / 2
>>> half(20.0)
10.0
>>> half(-1.0)  # doctest: +ELLIPSIS
Traceback (most recent call last):
...
apical.errors.exceptions.ParameterError: ...tau must be one finite number [ms] > 0, got -1.0...
"""

from apical._base.checking import check_fields as check_fields
from apical._base.checking import checked as checked
from apical._base.parameters import Constant as Constant
from apical._base.parameters import ConstantOrZero as ConstantOrZero
from apical._base.parameters import Count as Count
from apical._base.parameters import CountOrZero as CountOrZero
from apical._base.parameters import Duration as Duration
from apical._base.parameters import Frequency as Frequency
from apical._base.parameters import FrequencyAboveZero as FrequencyAboveZero
from apical._base.parameters import Mask as Mask
from apical._base.parameters import Matrix as Matrix
from apical._base.parameters import Names as Names
from apical._base.parameters import NonNegative as NonNegative
from apical._base.parameters import Positive as Positive
from apical._base.parameters import Seed as Seed
from apical._base.parameters import Share as Share
from apical._base.parameters import ShareAboveZero as ShareAboveZero
from apical._base.parameters import ShareBelowOne as ShareBelowOne
from apical._base.parameters import Time as Time
from apical._base.parameters import Vector as Vector
