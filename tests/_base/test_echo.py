"""Messages echo at most 200 characters of what they were given, however large it is."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import public_api
import pytest

import apical
from apical import ApicalError
from apical._base.checking import listed, shown

MOST = 200
INPUT = re.compile(r"(?:qz\d*[a-z_]*)+|7{3,}")
"""What huge values are made of, and nothing else is."""


class Shouts:
    def __repr__(self) -> str:
        return "qz" * 10_000


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def _nested(depth: int) -> list[Any]:
    return [_nested(depth - 1)] if depth else ["qz"]


HUGE: dict[str, Any] = {
    "a name": "qz" * 10_000,
    "names": [f"qz{k}" for k in range(3_000)],
    "a tuple": tuple(f"qz{k}" for k in range(3_000)),
    "a mapping": {f"qz{k}": 1.0 for k in range(3_000)},
    "a mapping of texts": {"qz" * 10_000: "qz" * 10_000},
    "a sum": " + ".join(f"qz{k}" for k in range(100)),
    "a sum of signals": " + ".join(f"qz{k}_pre" for k in range(100)),
    "a list of text": "+".join(["qz" * 10_000] * 3),
    "a number": int("7" * 4_000),
    "a number that Python does not write": 10**5_000,
    "text of bytes": b"qz" * 10_000,
    "an object": Shouts(),
    "an object without words": Silent(),
    "nested lists": _nested(90),
    "an array of names": np.array([f"qz{k}" for k in range(3_000)]),
    "equations": "\n".join(f"qz{k} : 1" for k in range(1_000)),
}


def echoed(message: str) -> int:
    """Return how many characters of what was given a message holds."""
    return sum(map(len, INPUT.findall(message)))


def message_of(function: Any, given: dict[str, Any]) -> str:
    """Return the message of an error of this package; empty if there is none."""
    try:
        function(**given)
    except ApicalError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", public_api.callables())
def test_no_message_echoes_more_than_200_characters(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    function, given = public_api.callables()[name], public_api.working(name)
    for parameter in public_api.parameters(function):
        for what, value in HUGE.items():
            if (
                "plotting" in name
                and len(value if isinstance(value, dict | tuple | list) else "") > 99
            ):
                continue  # which would be drawn
            message = message_of(function, {**given, parameter.name: value})
            assert echoed(message) <= MOST, (parameter.name, what, message[:2_000])
            assert len(message) < 2_000, (parameter.name, what, message[:2_000])


def test_values_are_shown_in_80_characters() -> None:
    for value in HUGE.values():
        assert len(shown(value)) <= 80
        if isinstance(value, list | tuple | dict):
            assert len(listed(list(value))) <= MOST
    assert listed(["a", "b"]) == "'a', 'b'" and listed([]) == ""
    assert listed([f"name_{k}" for k in range(50)]).endswith(" more")
    assert shown(apical) == repr(apical)[:77] + "..." * (len(repr(apical)) > 80)
