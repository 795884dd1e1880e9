"""The benchmark of rate networks runs; what it measures is not asserted here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "rate.py"


def run(*arguments: object, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_quick_run_measures_everything(tmp_path: Path) -> None:
    # A setting that would force the hand of OpenBLAS is not passed on to those who are timed.
    text = run("--quick", "--repeats", 2, "--out", tmp_path, OPENBLAS_CORETYPE="Prescott")
    results = json.loads((tmp_path / "results" / "rate.json").read_text())
    assert results["settings"]["quick"]
    assert "Prescott" not in json.dumps(results["libraries"])
    assert results["libraries"]["1"]["apical"]["num_threads"] == [1]
    assert len(results["compared"]) == 2
    for found in results["compared"]:
        rows = found["contestants"]
        for what in ("BP", "FA", "DFA"):
            for update in ("plain", "rmsprop"):
                row = rows[f"apical {what}, {update}"]
                assert len(row["ms_per_batch"]["all"]) == 2
                assert row["ms_per_batch"]["min"] > 0
                assert row["time_over_floor"]["median"] > 1
                assert 0 <= row["training_error"] <= 1
        parts = found["dfa_rmsprop_parts_ms"]
        assert abs(sum(parts.values()) - 2 * parts["whole"]) < 1e-9
    with_torch = "PyTorch" in results["libraries"]["1"]
    assert len(results["targets"]) == 2 * (5 if with_torch else 1)
    assert "targets" in text and "Written:" in text


@pytest.mark.slow
def test_help() -> None:
    text = run("--help")
    assert "--rival-python" in text
    assert "--quick" in text
