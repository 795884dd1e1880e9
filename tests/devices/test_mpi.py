"""Device mpi: populations on several ranks learn as on one, and stop together."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from on_ranks import command, environment, mpiexec, on_ranks, recurrent, skipping

import apical as ap
from apical.devices import DEVICES
from apical.devices.mpi.placement import placed
from apical.devices.mpi.routes import Route, routes
from apical.devices.mpi.simulator import check_placed, check_runs
from apical.devices.mpi.tracing import RankTrace, Span, Tracer, chrome_trace
from apical.devices.mpi.wires import _Ring
from apical.errors import DeviceError, ParameterError, RunError
from apical.feedback import WIRINGS
from apical.testing import contracts
from apical.testing.references import rates, spiking

with_mpi = pytest.mark.skipif(mpiexec() is None, reason="needs mpi4py and mpiexec (apical[mpi])")


# ---- where populations are, and what crosses -----------------------------------------------------
def deep(wiring: str = "dfa", **options: Any) -> ap.Network:
    """Return a network of four hidden populations for digits."""
    model, data = ap.models.load("Nokland_2016_mnist"), ap.datasets.load("digits")
    return model.build(data, 0, layers=4, hidden=20, wiring=wiring, **options)


def test_populations_are_placed_in_order_by_their_numbers_of_synapses() -> None:
    net = deep()
    found = placed(net, 2, {})
    names = [f"hidden_{k}" for k in (1, 2, 3, 4)] + ["output"]
    assert found.ranks["stimulus"] == 0 and found.ranks["output"] == found.ranks["error"] == 1

    def most(n_first: int) -> int:
        """Return the synapses and neurons of the fuller of two ranks."""
        parts = names[:n_first], names[n_first:]
        return max(
            sum(p.shape[0] * p.shape[1] for p in net.projections if p.post.name in part)
            + sum(p.size for p in net.populations if p.name in part)
            for part in parts
        )

    n_first = [found.ranks[name] for name in names].count(0)
    assert [found.ranks[name] for name in names] == n_first * [0] + (5 - n_first) * [1]
    assert most(n_first) == min(map(most, (1, 2, 3, 4))) < most(1)
    assert found.line == (0, 1) and found.is_line


def test_batches_in_flight_fall_along_the_line_to_one_where_the_error_is() -> None:
    found = placed(deep(), 4, {})
    assert [found.in_flight(rank, 4) for rank in range(4)] == [4, 3, 2, 1]
    assert [found.in_flight(rank, 1) for rank in range(4)] == [1, 1, 1, 1]
    assert [placed(deep(), 2, {}).in_flight(rank, 16) for rank in range(2)] == [16, 1]


def test_loops_stay_together() -> None:
    net = recurrent(ap.datasets.load("digits"))
    found = placed(net, 2, {})
    assert found.ranks["e"] == found.ranks["i"] == 0 and found.ranks["output"] == 1
    with pytest.raises(ParameterError, match="place divides the recurrent loop of 'e', 'i'"):
        placed(net, 2, {"e": 0, "i": 1, "output": 1})
    with pytest.raises(DeviceError, match="there are 3 ranks for 2 populations"):
        placed(net, 3, {})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hidden_1": 0}, "'hidden_2' has no rank"),
        ({"hiden_1": 0}, "there is no 'hiden_1'"),
        ({"hidden_1": 0, "hidden_2": 2, "output": 1}, "'hidden_2' is to be on rank 2"),
        ({"hidden_1": 0, "hidden_2": 0, "output": 0}, "leaves rank 1 without populations"),
    ],
)
def test_places_that_do_not_fit(given: dict[str, int], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        placed(rates(), 2, given)


def backward(wiring: str, n_ranks: int = 5) -> dict[str, int]:
    """Return the numbers of a sample that cross between ranks to teach: name -> how many."""
    net = deep(wiring)
    crossing = [r for r in routes(net, placed(net, n_ranks, {})) if not r.forward]
    return {f"{r.what} to {r.target}": r.size for r in crossing}


def test_under_dfa_nothing_goes_back_but_the_error() -> None:
    assert backward("dfa") == {f"error.x to {rank}": 10 for rank in range(4)}


def test_under_fa_what_goes_back_is_what_dendrites_hear() -> None:
    found = backward("fa")
    assert sorted(found.values()) == [10, 20, 20, 20]
    assert all(".delta to" in name for name in found)


def test_under_bp_sums_go_back_that_were_multiplied_where_the_weights_are() -> None:
    found = backward("bp")
    assert sorted(k for k in found if ".teach by" in k) == [
        f"hidden_{k}.teach by feedback_{'output' if k == 4 else f'hidden_{k + 1}'}_to_hidden_{k} "
        f"to {k - 1}"
        for k in (1, 2, 3, 4)
    ]
    assert all(size == 20 for name, size in found.items() if ".teach by" in name)


def test_what_does_not_run_on_ranks() -> None:
    check_runs(rates())
    with pytest.raises(DeviceError, match="'stimulus' spikes"):
        check_runs(spiking())
    mirror = ap.hypotheses.weight_mirror(rates(WIRINGS["fa"]))
    with pytest.raises(DeviceError, match="no network with noise phases"):
        check_runs(mirror)
    net = skipping(ap.datasets.load("digits"), "dfa")
    check_placed(net, placed(net, 2, {}), 1)
    with pytest.raises(DeviceError, match="no batch normalisation, which 'second' has"):
        check_placed(net, placed(net, 2, {}), 2)
    there_and_back = {"hidden_1": 1, "hidden_2": 0, "output": 1}
    with pytest.raises(DeviceError, match="to follow each other"):
        check_placed(rates(), placed(rates(), 2, there_and_back), 2)


# ---- messages and traces -------------------------------------------------------------------------
def test_a_message_that_is_not_the_one_that_is_due_is_an_error() -> None:
    ring = _Ring(Route("hidden.x", 0, 1, 3, True), 0, 4, np.dtype(np.float32), 2)
    sent = ring.filled(0, np.arange(6, dtype=np.float32).reshape(2, 3))
    assert sent.nbytes == 16 + 2 * 3 * 4
    assert ring.read(0, 2).tolist() == [[0, 1, 2], [3, 4, 5]]
    ring.count = 1
    with pytest.raises(RunError, match="Message 1 of 'hidden.x' from rank 0, of 2 trials, did not"):
        ring.read(0, 2)
    ring.count = 0
    with pytest.raises(RunError, match="message 0, of 2 trials, came instead"):
        ring.read(0, 3)


def test_only_blocks_that_learn_are_traced() -> None:
    tracer = Tracer(offset=100.0)
    for learns in (False, True):
        with tracer.block(8, learns=learns), tracer.span("forward", "batch 0"):
            tracer.sent("backward", 40)
            tracer.learned(2)
    found = tracer.read(1, ["hidden"])
    assert found.samples == 8 and found.sent == {"forward": 0, "backward": 40}
    assert found.staleness == {2: 1} and found.mean_staleness == 2.0
    assert len(found.spans) == 1 and found.spans[0].start > 100.0
    assert found.as_dict()["bytes_sent_per_sample"] == {"forward": 0.0, "backward": 5.0}


def test_traces_for_chrome() -> None:
    spans = (Span("forward", "batch 0", 5.0, 5.5), Span("wait", "hidden.x", 5.1, 5.2))
    one = RankTrace(0, ("a",), 1.0, 0.1, 0.0, 8, {}, {}, spans)
    head, forward, wait = chrome_trace([one])["traceEvents"]
    assert head["args"] == {"name": "rank 0: a"}
    assert (forward["ph"], forward["ts"], forward["dur"]) == ("X", 0.0, 5e5)
    assert wait["name"] == "wait hidden.x" and wait["ts"] == pytest.approx(1e5)


# ---- one rank, and no MPI ------------------------------------------------------------------------
def alone(*without: str) -> str:
    """Return what is said of device mpi in one process, some modules not there."""
    block = f"import sys\nfor name in {without!r}: sys.modules[name] = None\n"
    program = f"{block}import apical as ap\nfrom apical.testing.references import rates\n"
    program += "try: ap.simulate(rates(), 'mpi')\nexcept ap.ApicalError as e: print(e.message)"
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, capture_output=True, text=True, env=environment(), timeout=120)
    return done.stdout + done.stderr


def test_without_mpi4py_one_line_says_what_to_install() -> None:
    said = alone("mpi4py")
    assert said.count("\n") == 1 and "pip install 'apical[mpi]'" in said


@with_mpi
def test_without_mpiexec_one_line_says_how_to_start() -> None:
    said = alone()
    assert said.count("\n") == 1 and "start it with mpiexec -n 2" in said


# ---- on ranks ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def of_one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return checksums of what networks learn on device array, in one process."""
    run = [sys.executable, Path(__file__).with_name("on_ranks.py"), "bits", "array", "{}"]
    done = subprocess.run(run, capture_output=True, text=True, env=environment(), timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@with_mpi
@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_same_bits_as_in_one_process_under_every_wiring(n: int, of_one: Any) -> None:
    found = json.loads(on_ranks(n, "bits", "mpi", "{}"))
    assert {*WIRINGS} <= {*found}
    assert found == {name: of_one[name] for name in found}
    assert len(found) == len(of_one) - {2: 0, 3: 1, 4: 3}[n]  # too few populations


@with_mpi
@pytest.mark.slow
def test_the_same_bits_where_activity_goes_there_and_back(of_one: dict[str, str]) -> None:
    place = {"hidden_1": 1, "hidden_2": 0, "hidden_3": 1, "output": 0}
    found = json.loads(on_ranks(2, "bits", "mpi", json.dumps({"place": place}), "Nokland"))
    assert found == {name: of_one[name] for name in WIRINGS}


@with_mpi
@pytest.mark.slow
def test_keeps_to_the_contracts_of_devices() -> None:
    assert on_ranks(2, "hold") == f"held {len(contracts('device'))}\n"


def reference(told: list[Any], late: dict[str, int], batch: int) -> dict[str, np.ndarray]:
    """Return what DFA learns if each layer hears errors a number of batches late, in NumPy.

    Equations of their own: 6-5-3, tanh and logistic, cross-entropy.
    """
    x, labels, names, first, _ = told
    w = {name: np.array(values) for name, values in zip(names, first, strict=True)}
    x, told_ = np.array(x), np.eye(3)[labels]
    h, e = dict[int, np.ndarray](), dict[int, np.ndarray]()
    parts = [slice(k, k + batch) for k in range(0, len(x), batch)]

    def learn(layer: str, t: int) -> None:
        if layer == "hidden":
            d = (1 - h[t] ** 2) * (e[t] @ w["error_to_hidden"])
            w["stimulus_to_hidden"] += 0.3 * x[parts[t]].T @ d / batch
        else:
            w["hidden_to_output"] += 0.3 * h[t].T @ e[t] / batch

    n = len(parts)
    for now in range(n + max(late.values()) + 1):
        for layer, d in late.items():
            if 0 <= now - d - 1 < n and now <= n - 1:
                learn(layer, now - d - 1)
        if now < n:
            h[now] = np.tanh(x[parts[now]] @ w["stimulus_to_hidden"])
            y = 1 / (1 + np.exp(-h[now] @ w["hidden_to_output"]))
            e[now] = told_[parts[now]] - y
    for layer, d in late.items():
        for t in range(n - d - 1, n):
            learn(layer, t)
    return w


@with_mpi
@pytest.mark.slow
@pytest.mark.parametrize("in_flight", [1, 3])
def test_an_error_meets_the_activity_of_its_own_batch(in_flight: int) -> None:
    told, traces = json.loads(on_ranks(2, "delayed", "mpi", json.dumps({"in_flight": in_flight})))
    wanted = reference(told, {"hidden": in_flight - 1, "output": 0}, batch=4)
    for name, values in zip(told[2], told[4], strict=True):
        np.testing.assert_allclose(values, wanted[name], rtol=1e-10, atol=1e-12)
    late = [{int(k): n for k, n in trace["staleness"].items()} for trace in traces]
    assert late[1] == {0: 11}
    assert late[0] == ({0: 11} if in_flight == 1 else {0: 1, 1: 1, 2: 9})
    # 11 batches of 4 trials: five hidden neurons there, three errors back, in 8 bytes each
    assert traces[0]["bytes_sent_per_sample"] == {"forward": 5 * 8 + 4, "backward": 0}
    assert traces[1]["bytes_sent_per_sample"] == {"forward": 0, "backward": 3 * 8 + 4}
    again, _ = json.loads(on_ranks(2, "delayed", "mpi", json.dumps({"in_flight": in_flight})))
    assert again == told


@with_mpi
@pytest.mark.slow
@pytest.mark.parametrize("wiring", ["bp", "fa", "dfa"])
def test_batches_that_come_in_parts_teach_what_whole_ones_do(wiring: str) -> None:
    options = json.dumps({"wiring": wiring, "micro_batches": 3})  # parts of one or two trials
    told, traces = json.loads(on_ranks(2, "delayed", "mpi", options))
    wanted, _ = json.loads(on_ranks(1, "delayed", "array", json.dumps({"wiring": wiring})))
    assert told[2] == wanted[2]
    for name, values, known in zip(told[2], told[4], wanted[4], strict=True):
        np.testing.assert_allclose(values, known, rtol=1e-12, atol=1e-14, err_msg=name)
    assert [trace["staleness"] for trace in traces] == [{"0": 11}, {"0": 11}]
    with pytest.raises(DeviceError, match="in flight or divides them, not both"):
        check_placed(rates(), placed(rates(), 2, {}), in_flight=2, micro_batches=2)


# ---- runs ----------------------------------------------------------------------------------------
MODEL = ("-m", "apical", "run", "Nokland_2016_mnist", "--hidden", 30, "--layers", 3)
SHORT = ("--rate", 3e-3, "--block", 200, "--train-trials", 600, "--test-trials", 100, "--quiet")


def run(n: int, *arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run a command on some ranks; on one, without mpiexec."""
    given = command(n, *arguments) if n > 1 else [sys.executable, *map(str, arguments)]
    return subprocess.run(given, capture_output=True, text=True, timeout=240, env=environment())


def same_arrays(one: Path, other: Path, name: str) -> bool:
    """Say whether two runs have the same arrays in a file, in the same order."""
    with np.load(one / name) as a, np.load(other / name) as b:
        return a.files == b.files and all(
            np.array_equal(a[k], b[k]) for k in a.files if k != "about"
        )


@with_mpi
@pytest.mark.slow
def test_a_run_directory_is_that_of_one_process(tmp_path: Path) -> None:
    one, three = tmp_path / "one", tmp_path / "three"
    for n, device, out in ((1, "array", one), (3, "mpi", three)):
        done = run(n, *MODEL, *SHORT, "--epochs", 2, "--device", device, "--out", out)
        assert done.returncode == 0, done.stderr
    assert same_arrays(one, three, "weights.npz") and same_arrays(one, three, "checkpoint.npz")
    rows = [[r[1:] for r in csv.reader((p / "metrics.csv").open())] for p in (one, three)]
    assert rows[0] == rows[1]
    more = {p.relative_to(three) for p in three.rglob("*")}
    more -= {p.relative_to(one) for p in one.rglob("*")}
    assert {str(p) for p in more} == {"ranks.json", "trace.json", "figures/timeline.png"}
    ranks = json.loads((three / "ranks.json").read_text())
    assert [r["rank"] for r in ranks] == [0, 1, 2]
    assert all(r["samples"] == 1200 for r in ranks)
    whole = [r["busy"] + r["waiting"] + r["communicating"] for r in ranks]
    assert whole == pytest.approx([r["seconds"] for r in ranks], rel=1e-3)
    assert json.loads((three / "trace.json").read_text())["traceEvents"]


@pytest.fixture
def long_run(tmp_path: Path) -> Iterator[Any]:
    """Return what starts a long run on three ranks, which has a checkpoint when it returns."""
    started = []

    def start(*more: Any) -> tuple[subprocess.Popen[str], list[int], Path]:
        out = tmp_path / "run"
        given = (*MODEL, *SHORT, "--epochs", 5000, "--no-figures", "--device", "mpi", "--out", out)
        process = subprocess.Popen(
            command(3, *given, *more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        started.append(process)
        deadline = time.monotonic() + 120
        while not trials_done(out):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        return process, ranks_of(out), out

    yield start
    for process in started:
        process.kill()
        process.communicate()


def trials_done(out: Path) -> int:
    """Return the number of trials before the last checkpoint of a run; 0 without one."""
    if not (out / "checkpoint.npz").exists():
        return 0
    with np.load(out / "checkpoint.npz") as saved:
        return int(json.loads(str(saved["about"]))["trial"])


def ranks_of(out: Path) -> list[int]:
    """Return the processes of a run, in the order of their ranks."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                given = (folder / "cmdline").read_bytes().split(b"\0")
                entries = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            rank = [e.partition(b"=")[2] for e in entries if e.startswith(b"PMI_RANK=")]
            if rank and str(out).encode() in given:
                found[int(rank[0])] = int(folder.name)
    return [found[rank] for rank in sorted(found)]


def is_alive(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def ended(process: subprocess.Popen[str], pids: list[int], within: float) -> tuple[str, str]:
    """Wait for all ranks to end, and return what they said."""
    out, err = process.communicate(timeout=within)
    deadline = time.monotonic() + 5
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, pids))
    assert "Traceback" not in err, err
    return out, err


def goes_on(out: Path, n: int) -> None:
    """Resume a run on another number of ranks, wait for more trials, and stop it."""
    before = trials_done(out)
    assert before > 0
    process = subprocess.Popen(
        command(n, "-m", "apical", "run", "--resume", out, "--quiet", "--no-figures"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    deadline = time.monotonic() + 120
    while trials_done(out) == before:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    pids = ranks_of(out)
    os.kill(pids[0], signal.SIGTERM)
    ended(process, pids, 60)
    assert process.returncode == 128 + signal.SIGTERM


@with_mpi
@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_rank_that_dies_ends_all_and_the_run_goes_on(rank: int, long_run: Any) -> None:
    process, pids, out = long_run()
    os.kill(pids[rank], signal.SIGKILL)
    ended(process, pids, 30)
    assert process.returncode != 0
    goes_on(out, 2 if rank else 4)


@with_mpi
@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_one_rank_stops_all_after_a_checkpoint(
    rank: int, number: int, long_run: Any
) -> None:
    process, pids, _ = long_run()
    os.kill(pids[rank], number)
    out, _ = ended(process, pids, 60)
    assert process.returncode == 128 + number and "apical run --resume" in out


@with_mpi
@pytest.mark.slow
def test_ctrl_c_in_the_terminal_of_all_stops_them_once(long_run: Any) -> None:
    process, pids, _ = long_run()
    process.send_signal(signal.SIGINT)
    out, _ = ended(process, pids, 60)
    assert process.returncode == 128 + signal.SIGINT and "after a checkpoint" in out


@with_mpi
@pytest.mark.slow
def test_a_rank_that_hangs_is_found_by_those_that_wait(long_run: Any) -> None:
    process, pids, out = long_run("--patience", 3)
    os.kill(pids[1], signal.SIGSTOP)
    _, err = ended(process, pids, 30)
    assert process.returncode == 2 and err.count("\n") == 1, err
    assert "Ranks of device 'mpi' wait in vain" in err
    assert "rank 2 waits for 'hidden_1.x' of rank 1" in err or "rank 2 waits for" in err
    assert "nothing is heard of rank 1." in err
    goes_on(out, 3)


@with_mpi
@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "more", "said"),
    [
        (5, (), "there are 5 ranks for 4 populations of neurons"),
        (2, ("--place", "hidden_1=0"), "'hidden_2' has no rank"),
        (2, ("--rate", "1e38"), "diverged in"),
        (2, ("--jobs", 2, "--seed", "0,1"), "leave out --jobs"),
        (2, ("--place", "hidden_1"), "as in hidden_1=0, got 'hidden_1'"),
    ],
)
def test_what_is_wrong_is_one_line(n: int, more: Any, said: str, tmp_path: Path) -> None:
    done = run(n, *MODEL, *SHORT, *more, "--device", "mpi", "--out", tmp_path / "run")
    assert done.returncode == 2 and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if "apical:" in line]
    assert len(errors) <= 1


@with_mpi
@pytest.mark.slow
def test_ranks_that_were_started_differently_say_so(tmp_path: Path) -> None:
    given = [str(a) for a in (*MODEL, *SHORT, "--device", "mpi", "--out", tmp_path / "run")]
    first, *rest = command(1, *given)
    both = [first, *rest, ":", *rest, "--seed", "1"]
    done = subprocess.run(both, capture_output=True, text=True, timeout=120, env=environment())
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "rank 1 was started with '--seed 1'" in done.stderr


def test_other_devices_have_no_batches_in_flight() -> None:
    assert [d.name for d in DEVICES.values() if d.is_joint] == ["mpi"]
    with pytest.raises(DeviceError, match="no option 'in_flight', got 3; only 'mpi' has it"):
        DEVICES["array"].chosen({"in_flight": 3})
    assert DEVICES["array"].chosen({"in_flight": 1}) == DEVICES["array"].options()
