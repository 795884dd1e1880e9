"""Registries: names, other names, entry points of others, and those that are broken."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from apical._base import registry
from apical._base.registry import Registry
from apical.errors import ApicalWarning, ParameterError


def numbers(**options: Any) -> Registry[Any]:
    return Registry("number", {"pi": "math:pi", "tau": "math:tau"}, **options)


def others(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    """Let entry points be there as if packages had brought them."""

    def found(*, group: str) -> list[EntryPoint]:
        return [EntryPoint(name, where, group) for name, where in values.items()]

    monkeypatch.setattr(registry, "entry_points", found)


def test_objects_are_loaded_when_asked_for() -> None:
    known = Registry[Any]("number", {"pi": "math:pi", "none": "no_such_module:none"})
    assert list(known) == ["pi", "none"] and "none" in known and len(known) == 2
    assert known["pi"] == pytest.approx(3.14159, abs=1e-5) and known.group == "apical.numbers"
    assert Registry[Any]("data source").group == "apical.data_sources"


def test_an_unknown_name_is_told_what_is_near() -> None:
    with pytest.raises(ParameterError, match="no number 'taus'; known are pi, tau. Did you mean"):
        numbers()["taus"]
    with pytest.raises(ParameterError, match="known are pi, tau. Look there."):
        numbers(hint="Look there.")["e"]
    assert numbers().get("e") is None and numbers().get("e", 2) == 2


def test_other_names_are_found_and_not_listed() -> None:
    known = numbers(aliases={"circle": "tau"})
    assert known["circle"] == known["tau"] and "circle" in known
    assert list(known) == ["pi", "tau"] and known.names == ("pi", "tau", "circle")


def test_what_is_registered_is_known() -> None:
    known = numbers(aliases={"circle": "tau"})

    @known.register("half")
    def half(x: float) -> float:
        return x / 2

    assert known["half"] is half and list(known) == ["pi", "tau", "half"]
    for name in ("pi", "circle", "half"):
        with pytest.raises(ParameterError, match=f"There is a number '{name}' already"):
            known.register(name)


@pytest.mark.parametrize("imported", [True, False])
def test_an_entry_point_may_register_itself(
    monkeypatch: pytest.MonkeyPatch, imported: bool, recwarn: pytest.WarningsRecorder
) -> None:
    """As modules of hypotheses do when they are imported, by whomever and whenever."""
    others(monkeypatch, e="math:e")
    for ask in (lambda k: k["e"], lambda k: list(k)[2], lambda k: "e" in k, len):
        known = numbers()
        if imported:
            known.register("e")(2.7)
        assert known.registered("e") == (2.7 if imported else None)
        with monkeypatch.context() as patch:
            patch.setattr(EntryPoint, "load", lambda _, known=known: known.register("e")(2.7))
            if imported:
                patch.setattr(EntryPoint, "load", lambda _: 2.7)
            assert ask(known) in (2.7, "e", True, 3)
            assert known.registered("e") == 2.7 == known["e"] and len(known) == 3
    assert not recwarn.list


def test_entry_points_come_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    others(monkeypatch, e="math:e")
    assert list(numbers()) == ["pi", "tau", "e"] and numbers()["e"] == pytest.approx(2.71828)


@pytest.mark.parametrize(
    ("name", "where", "why"),
    [
        ("bad", "no_such_module:bad", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("bad", "math:no_such_name", "AttributeError"),
        ("bad", "math:floor", "it is no number, but builtin_function_or_method"),
        ("pi", "math:e", "that name is taken"),
    ],
)
def test_what_is_broken_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, name: str, where: str, why: str
) -> None:
    others(monkeypatch, e="math:e", **{name: where})
    known = numbers(fits=lambda value: isinstance(value, float))
    match = f"number '{name}' of entry point '{where}'.*{why}"
    with pytest.warns(ApicalWarning, match=match) as warned:
        found = [list(known), list(known)]
    assert found == [["pi", "tau", "e"]] * 2 and "bad" not in known and len(warned) == 1
