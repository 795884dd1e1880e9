"""`make gpu`: every stage has its time limit, what fails is named, and pages say what was run."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu  # type: ignore[import-not-found]

    return gpu


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu_pages  # type: ignore[import-not-found]

    return gpu_pages


def test_all_stages_take_eight_minutes_at_most(script: ModuleType) -> None:
    for small in (True, False):
        stages = script.stages("cuda", small=small)
        assert small or sum(stage.limit for stage in stages) <= 480
        assert len({stage.name for stage in stages}) == len(stages)
        assert any("torch:cuda" in word for stage in stages for word in stage.arguments)


@pytest.mark.parametrize(
    ("code", "limit", "status", "said", "result"),
    [
        ("print('{\"a\": 1}')", 60, "done", "", {"a": 1}),
        ("raise ValueError('no memory')", 60, "failed", "ValueError: no memory", None),
        ("print('{}'); raise SystemExit(3)", 60, "left out", "{}", None),
        ("import os; os.abort()", 60, "failed", "without output", None),
        ("import time; time.sleep(60)", 4, "too late", "not finished after 4 s", None),
    ],
)
def test_how_a_stage_ends(
    script: ModuleType, code: str, limit: float, status: str, said: str, result: Any
) -> None:
    found = script.run(script.Stage("one", ["-c", code], limit))
    assert (found.status, found.said, found.result) == (status, said, result)
    assert found.seconds < limit + 5


def test_a_late_stage_keeps_what_it_wrote(script: ModuleType) -> None:
    code = (
        "import sys, time\n"
        "try: time.sleep(60)\n"
        "except KeyboardInterrupt: open(sys.argv[-1] + '/bench.json', 'w').write('[1]')"
    )
    found = script.run(script.Stage("bench", ["-c", code], 6, "bench.json"))
    assert (found.status, found.result) == ("too late", [1])


def test_others_go_on_where_one_fails(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = [
        script.Stage("bad", ["-c", "raise SystemExit('broken')"], 60),
        script.Stage("good", ["-c", "print(1)"], 60),
    ]
    monkeypatch.setattr(script, "stages", lambda device, small: stages)
    monkeypatch.setattr(script, "lacking", lambda device: "")
    monkeypatch.setattr(script, "machine", lambda device: {"device": device})
    file = tmp_path / "gpu.json"
    done = CliRunner().invoke(script.main, ["--out", str(file)])
    assert done.exit_code == 1
    assert "bad (at most 60 s) ... failed" in done.output and "broken" in done.output
    outcomes = json.loads(file.read_text())["stages"]
    assert [(o["name"], o["status"]) for o in outcomes] == [("bad", "failed"), ("good", "done")]


def test_what_is_missing_is_one_line(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    done = CliRunner().invoke(script.main, [])
    assert done.exit_code == 2
    assert len(done.output.strip().splitlines()) == 1
    assert "has no PyTorch" in done.output


def test_a_card_that_is_missing_is_one_line(script: ModuleType, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    done = CliRunner().invoke(script.main, ["--out", str(tmp_path / "gpu.json")])
    assert done.exit_code == 2
    assert len(done.output.strip().splitlines()) == 1
    assert "no device 'cuda'" in done.output
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_trial_run_on_the_cpu(script: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    file = tmp_path / "gpu.json"
    names = ["doctor", "rates agree with NumPy", "spiking 784-500-10", "Brian2CUDA"]
    only = [word for name in names for word in ("--only", name)]
    done = CliRunner().invoke(
        script.main, ["--device", "cpu", "--small", "--out", str(file), *only]
    )
    outcomes = {o["name"]: o for o in json.loads(file.read_text())["stages"]}
    assert done.exit_code == 0, done.output
    assert outcomes["rates agree with NumPy"]["result"]["agree"] == 3
    assert outcomes["spiking 784-500-10"]["result"]["ms_per_trial"] > 0
    assert outcomes["Brian2CUDA"]["status"] == "left out"


def test_pages_say_what_the_results_say(pages: ModuleType) -> None:
    done = CliRunner().invoke(pages.main, ["--check"])
    assert done.exit_code == 0, done.output


def test_numbers_of_a_card_replace_estimates(pages: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    about = {"torch": "2.9", "cuda": "12.8", "commit": "abc", "small": False, "device": "cuda"}
    case = {"network": "spiking", "name": "lockstep:torch:cuda", "hidden": 2000, "batch": 1024}
    got = {"trials_per_second": [1e5, 2e5, 3e5], "card_mb": 512.0}
    rows = [
        {"case": case, "measured": got, "problem": ""},
        {"case": case, "measured": None, "problem": "no memory"},
    ]
    base = {"command": "", "said": "", "seconds": 2.0}
    stages = [
        {**base, "name": "apical bench", "status": "done", "result": {"rows": rows}},
        {**base, "name": "trial", "status": "failed", "said": "out of memory", "result": None},
    ]
    file.write_text(json.dumps({"machine": {**about, "card": "NVIDIA H200"}, "stages": stages}))
    found = pages.measured(file)
    said = pages.table(found)
    assert "NVIDIA H200" in pages.sentence(found) and "failed: trial" in pages.sentence(found)
    assert "| spiking | `lockstep:torch:cuda` | 2,000 | 1,024 | 200,000 | 512 MB |" in said
    assert "failed: no memory" in said and "| trial | failed | 2 s | out of memory |" in said
    for change in ({"small": True, "card": "NVIDIA H200"}, {}):
        file.write_text(json.dumps({"machine": {**about, **change}, "stages": stages}))
        assert pages.measured(file) is None, "nothing of a trial run is published"
    assert pages.written("a\n<!-- gpu -->\nold<!-- /gpu -->\nb", "new\n") == (
        "a\n<!-- gpu -->\nnew\n<!-- /gpu -->\nb"
    )
