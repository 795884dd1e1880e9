"""Python's own random numbers, which are the user's."""

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def untouched_random() -> Iterator[None]:
    """Leave the state of `random` as it is: rich draws a number when it is imported."""
    before = random.getstate()
    try:
        yield
    finally:
        random.setstate(before)
