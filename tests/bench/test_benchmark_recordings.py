"""The benchmark of comparisons with recordings, with a few pairs."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location(
        "beside_recording", FOLDER / "beside_recording.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_every_p_value_is_counted(benchmark: ModuleType) -> None:
    found = benchmark.wrong(2, 0.3)
    assert {"rate", "fano", "isi_distance", "rsa", "encoding_ridge"} <= set(found)
    assert all(one["pairs"] == 2 and one["wrong"] in (0, 0.5, 1) for one in found.values())
    assert str(FOLDER.parent / "tests") in sys.path


@pytest.mark.slow
def test_a_large_comparison_says_what_it_took(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "UNITS", 8)
    monkeypatch.setattr(benchmark, "TRIALS", 40)
    monkeypatch.setattr(benchmark, "CLASSES", 5)
    found = benchmark.large()
    assert found["units"] == 8 and found["values"] > 50
    assert found["cpu_seconds"] > 0 and found["peak_mb"] >= found["before_mb"]
