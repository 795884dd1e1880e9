"""Errors say what they are about, of which class they are, and where."""

import ast
import pickle
from pathlib import Path

import pytest

import apical
from apical import LIF, Network, Rate, Stimulus, errors, hypotheses
from apical.errors import ApicalError, ParameterError, ScriptError, WiringError, concerning
from apical.hypotheses.naming import applied
from apical.scripts.models import load

SOURCE = Path(apical.__file__).parent
OURS = {name for name in vars(errors) if name.endswith("Error")}


def calls() -> list[tuple[str, ast.Call]]:
    """Return every error of ours that is made in the source, and where."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] == "models" or path.name == "errors.py":
            continue
        text = path.read_text()
        about = "concerning(" in text  # says of all from inside what they are about
        for node in ast.walk(ast.parse(text)):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if named and node.func.id in OURS and node.args and not about:
                found.append((f"{path.relative_to(SOURCE)}:{node.lineno}", node))
    return found


def names_its_object(message: ast.expr) -> bool:
    """Say whether a message begins with a kind and a name, as in ``Projection 'a_to_b'``."""
    if not isinstance(message, ast.JoinedStr) or len(message.values) < 2:
        return False
    first, second = message.values[:2]
    return (
        isinstance(first, ast.Constant)
        and isinstance(second, ast.FormattedValue)
        and second.conversion == ord("r")
        and first.value.strip().isalpha()
        and first.value[0].isupper()
    )


def test_errors_whose_message_names_an_object_carry_it() -> None:
    made = calls()
    assert len(made) > 200
    without = [
        where
        for where, call in made
        if names_its_object(call.args[0]) and not {"object", None} & {k.arg for k in call.keywords}
    ]
    assert not without


def test_an_error_ends_in_the_place_of_the_user_and_keeps_its_message() -> None:
    with pytest.raises(ParameterError) as caught:
        LIF("h", 3, tau_m=-1.0)
    error = caught.value
    assert (error.object, error.parameter) == ("LIF 'h'", "tau_m")
    assert error.place.startswith("tests/_base/test_errors.py:") or "test_errors.py:" in error.place
    assert str(error) == f"{error.message} ({error.place})"
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and again.object == error.object


def test_what_is_about_an_object_is_filled_in_from_outside() -> None:
    with pytest.raises(ApicalError) as caught, concerning("Thing 'a'", "size"):
        raise ParameterError("bad")
    assert (caught.value.object, caught.value.parameter) == ("Thing 'a'", "size")
    with pytest.raises(ApicalError) as caught, concerning("Thing 'a'", "size"):
        raise ParameterError("bad", object="Other 'b'")
    assert (caught.value.object, caught.value.parameter) == ("Other 'b'", "")


def test_classes_say_the_cause(tmp_path: Path) -> None:
    with pytest.raises(ScriptError):
        load("no_such_model")
    broken = tmp_path / "broken.py"
    broken.write_text("def build(:\n")
    with pytest.raises(ScriptError):
        load(str(broken))
    net = Network()
    net.add(Stimulus("stimulus", 3))
    with pytest.raises(WiringError) as caught:
        net.connect(Rate("a", 2), Rate("b", 2))
    assert caught.value.object == "Projection 'a_to_b'"
    with pytest.raises(ParameterError):
        applied(net, "no_such_hypothesis")
    with pytest.raises(WiringError):
        hypotheses.dale(net, inhibitory=0.2)
    for bad in (-0.1, 2, "much"):
        with pytest.raises(ParameterError) as caught:
            hypotheses.dale(net, inhibitory=bad)  # type: ignore[arg-type]
        assert (caught.value.object, caught.value.parameter) == ("Hypothesis 'dale'", "inhibitory")
