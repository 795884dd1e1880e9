"""Scripts of users who use Brian2 by itself, before, after and while they use apical."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
OURS = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from networks import small, trials
from apical import simulate
simulators = [simulate(small(), device) for device in ("cpp_standalone", "runtime")]
for s in simulators:
    s.run(trials(2))
hidden, learned = simulators[0].brian["hidden_0"], simulators[1].brian["stimulus_to_hidden_0"]
hidden.v = 0.25
"""
DESCRIBED = """
group = NeuronGroup(3, "dv/dt = (2 - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0",
                    method="exact", name="hidden_0")
group.v = [0.1, 0.2, 0.3]
"""
FINISHED = """
synapses = Synapses(group, group, on_pre="v_post += 0.1")
synapses.connect("i != j")
spikes = SpikeMonitor(group)
run(50*ms)
"""
SHOWN = (
    "print(len(spikes.t), spikes.i[:5].tolist(), defaultclock.dt, float(group.v[0]).__round__(6))"
)


def printed(*parts: str, folder: Path) -> str:
    """Return what a script prints last; it must say nothing else."""
    script = folder / "script.py"
    script.write_text("from brian2 import *\nprefs.codegen.target = 'numpy'\n" + "\n".join(parts))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert not done.returncode and not done.stderr, done.stderr
    return done.stdout.strip()


def test_a_script_in_process_is_not_disturbed(tmp_path: Path) -> None:
    own = "seed(3)\nfirst = rand(2)\n" + DESCRIBED + FINISHED + "last = rand(2)\n"
    shown = SHOWN + "\nprint(first, last, collect() >= {group, synapses, spikes}, len(collect()))"
    alone = printed(own, shown, folder=tmp_path)
    assert printed(OURS, own, shown, folder=tmp_path) == alone, "before"
    between = "seed(3)\nfirst = rand(2)\n" + DESCRIBED + OURS + FINISHED + "last = rand(2)\n"
    assert printed(between, shown, folder=tmp_path) == alone, "between"


def test_a_users_own_program_is_built_as_it_was_described(tmp_path: Path) -> None:
    in_process = printed(DESCRIBED, FINISHED, SHOWN, folder=tmp_path)
    described = "set_device('cpp_standalone', build_on_run=False)\n" + DESCRIBED
    check = "assert get_device() is all_devices['cpp_standalone']\n"
    built = "device.build(directory='own', with_output=False)\n"
    said = printed(described, OURS, check, FINISHED, check, built, SHOWN, folder=tmp_path)
    assert said == in_process
    assert (tmp_path / "own" / "main").exists() and not (tmp_path / "output").exists()
