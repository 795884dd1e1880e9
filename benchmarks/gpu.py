"""All that is to be run on a graphics card, in at most eight minutes: ``make gpu``.

    python benchmarks/gpu.py                  # writes results/gpu.json; a Python that has PyTorch
    python benchmarks/gpu.py --device cpu --small --out gpu.json    # a trial run without a card

Works from a checkout in which nothing is installed but what apical needs. Each stage is a process
with a time limit of its own; one that fails or is late is named, and the others go on. The file is
written after every stage, so that what there is survives an interruption. Afterwards
``python benchmarks/gpu_pages.py`` puts the numbers into the pages, in place of estimates.
"""

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "gpu.json"
STAGES = HERE / "gpu_stages.py"
GRACE = 10
"""Time that a stage which is late has to write what it measured [s]; part of its limit."""
FAILED, LATE = "failed", "too late"


@dataclass(frozen=True)
class Stage:
    """A part of the run.

    Parameters
    ----------
    name
        What it does.
    arguments
        Of the Python that runs it.
    limit
        Time limit [s].
    file
        Where it writes its result, as JSON; None where it prints that.
    """

    name: str
    arguments: Sequence[str]
    limit: float
    file: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a stage ended.

    Parameters
    ----------
    name, command
        The stage, and its command.
    status
        ``"done"``, ``"left out"``, ``"failed"`` or ``"too late"``.
    said
        Why, in one line; empty where it is done.
    seconds
        What it took [s].
    result
        What it found; that of a stage which is too late may be a part.
    """

    name: str
    command: str
    status: str
    said: str
    seconds: float
    result: Any = field(default=None)


def stages(device: str, *, small: bool) -> list[Stage]:
    """Return the stages, in their order.

    Parameters
    ----------
    device
        Device of PyTorch: ``"cuda"``, or ``"cpu"`` to stand in for it.
    small
        Whether sizes are small, to try the script itself.
    """
    library = "torch" if device == "cpu" else f"torch:{device}"
    own = [str(STAGES), "--library", library, *(["--small"] if small else [])]
    hidden, batch = ("20", "1,4") if small else ("200,2000,20000", "1,64,1024,4096")
    trials = "20" if small else "20000"
    measured = ["--device", f"lockstep:{library}", "--device", f"array:{library}"]
    bench = ["-m", "apical", "bench", *measured, "--hidden", hidden, "--batch", batch]
    found = [
        Stage("doctor", ["-m", "apical", "doctor", "--json", "--quick"], 30),
        Stage("lockstep agrees with NumPy", [*own, "lockstep"], 80),
        Stage("rates agree with NumPy", [*own, "rates"], 30),
        Stage("spiking 784-500-10", [*own, "trial"], 50),
        Stage("replicas", [*own, "replicas"], 40),
        Stage("apical bench", [*bench, "--trials", trials, "--quiet"], 200, "bench.json"),
        Stage("Brian2CUDA", [*own, "brian2cuda"], 50),
    ]
    patience = 10 if small else 1  # where a busy processor stands in for a card
    return [replace(stage, limit=stage.limit * patience) for stage in found]


def run(stage: Stage) -> Outcome:
    """Run a stage, and end it when its time is over."""
    with tempfile.TemporaryDirectory(prefix="apical-gpu-") as folder:
        out = ["--out", folder] if stage.file else []
        command = [sys.executable, *stage.arguments, *out]
        path = os.pathsep.join((str(HERE.parent / "src"), os.environ.get("PYTHONPATH", "")))
        begun = time.monotonic()
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
            start_new_session=True,
        )
        printed, errors, is_late = _ended(process, stage.limit)
        written = Path(folder, stage.file) if stage.file else None
        if written is not None:
            printed = written.read_text() if written.exists() else ""
        seconds = round(time.monotonic() - begun, 1)
    said = _last(errors) or _last(printed)
    shown = " ".join(("python", *(_bare(word) for word in stage.arguments)))
    result = _parsed(printed)
    if is_late:
        late = f"not finished after {stage.limit:g} s"
        return Outcome(stage.name, shown, LATE, late, seconds, result)
    if process.returncode == 3:  # says what is missing
        return Outcome(stage.name, shown, "left out", said, seconds)
    if result is None or (process.returncode and not _is_doctor(stage)):
        return Outcome(stage.name, shown, FAILED, said or "without output", seconds, result)
    return Outcome(stage.name, shown, "done", "", seconds, result)


def _is_doctor(stage: Stage) -> bool:
    """Say whether a stage says by its exit code what it found, not that it failed."""
    return "doctor" in stage.arguments


def _ended(process: "subprocess.Popen[str]", limit: float) -> tuple[str, str, bool]:
    """Return what a process printed, its errors, and whether it was late."""
    try:
        return *process.communicate(timeout=max(limit - GRACE, limit / 2)), False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # as Ctrl-C, upon which measurements are kept
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    try:
        return *process.communicate(timeout=min(GRACE, limit / 2)), True
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return *process.communicate(), True


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _bare(word: str) -> str:
    """Return an argument without the folder of the checkout."""
    return word.removeprefix(f"{HERE.parent}{os.sep}")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def lacking(device: str) -> str:
    """Return what is missing for a device of PyTorch, in one line; empty for nothing."""
    try:
        import torch
    except ImportError:
        return (
            f"{sys.executable} has no PyTorch; name a Python that has: make gpu PYTHON=python3, or "
            "pip install 'apical[torch]'."
        )
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        return f"PyTorch has no device {device!r} here ({why}); --device cpu stands in for one."
    return ""


def machine(device: str) -> dict[str, Any]:
    """Return what times depend on."""
    import torch

    card: Mapping[str, Any] = {}
    if torch.device(device).type == "cuda":
        about = torch.cuda.get_device_properties(device)
        card = {"card": about.name, "card_memory_mb": about.total_memory // 2**20}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "device": device,
        **card,
        "cuda": torch.version.cuda,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "commit": commit.stdout.strip(),
    }


@click.command()
@click.option("--device", default="cuda", show_default=True, help="Device of PyTorch.")
@click.option("--small", is_flag=True, help="Small sizes: tries the script, measures nothing.")
@click.option("--only", multiple=True, help="Name of a stage to run; may be repeated.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, help="The file."
)
def main(device: str, small: bool, only: tuple[str, ...], out: Path) -> None:
    """Run all stages on a card, and write one JSON file."""
    if missing := lacking(device):
        click.echo(f"gpu: {missing}", err=True)
        sys.exit(2)
    about, found = machine(device) | {"small": small}, list[Outcome]()
    planned = [stage for stage in stages(device, small=small) if not only or stage.name in only]
    for stage in planned:
        click.echo(f"{stage.name} (at most {stage.limit:g} s) ... ", nl=False)
        found.append(run(stage))
        one = found[-1]
        click.echo(f"{one.status}, {one.seconds:g} s{f': {one.said}' if one.said else ''}")
        whole = {"machine": about, "stages": [asdict(outcome) for outcome in found]}
        out.write_text(f"{json.dumps(whole, indent=2)}\n")
    click.echo(f"{out}: python benchmarks/gpu_pages.py puts it into the pages.")
    sys.exit(int(any(outcome.status in (FAILED, LATE) for outcome in found)))


if __name__ == "__main__":
    main()
