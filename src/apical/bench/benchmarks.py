"""Benchmark of training speed on the devices of this machine, and of their agreement.

The same networks are trained on the same trials on every device, one measurement after the other.
"""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from apical import __version__
from apical._base.whole_files import write_whole
from apical.bench.worker import MODELS, SHARED, Case, Measured
from apical.data import datasets
from apical.devices import DEVICES, Device, check_simulation
from apical.devices.device import Form
from apical.devices.diagnosis import Examination
from apical.devices.surroundings import ask
from apical.errors import DeviceError, ParameterError, RunError
from apical.scripts import models

PATIENCE = 900.0
"""Time limit of one measurement [s]."""

TABLE = "bench.json"

FORMS: Mapping[str, tuple[Device, Form]] = {
    f"{device.name}:{form.name}".rstrip(":"): (device, form)
    for device in DEVICES.values()
    for form in device.forms
}
"""All variants of all devices, by their names on the command line."""

NAMES = {name: (device.name, dict(form.options)) for name, (device, form) in FORMS.items()}
"""Name of a device on the command line -> device and options of `apical.simulate`."""

ASKED_FOR = {name: form.asked_for for name, (_, form) in FORMS.items() if form.asked_for}
"""Devices that are measured on request only, and why."""


@dataclass(frozen=True)
class Row:
    """One measurement.

    Parameters
    ----------
    case
        The case.
    measured
        The result; None if it failed.
    problem
        The reason of a failure, in one line; empty if there was none.
    reference, difference
        The reference device, and the largest difference of weights from it after the same trials
        from the same start, relative to the largest weight change of the reference
        [dimensionless]. None where there is nothing to compare.

    Examples
    --------
    >>> from apical.bench.benchmarks import Row
    >>> from apical.bench.worker import Case
    >>> case = Case("rate", "array:numpy", "array", 10, 64, 500, "digits")
    >>> Row(case, None, problem="out of memory").measured is None
    True
    """

    case: Case
    measured: Measured | None
    problem: str = ""
    reference: str | None = None
    difference: float | None = None


def chosen(
    examination: Examination, asked: Collection[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """Return the devices to measure, and those left out with the reason.

    Parameters
    ----------
    examination
        The diagnosis of this machine.
    asked
        Names of devices: those of `NAMES`, or their prefix before a colon for all that share it. By
        default all that are available, except `ASKED_FOR`.

    Raises
    ------
    DeviceError
        If a requested device does not exist, or none of them is available.
    """
    reasons = {f"{d.device}:{d.form}".rstrip(":"): d.reason for d in examination.devices}
    wanted = [n for n in NAMES if n not in ASKED_FOR] if not asked else []
    for word in asked:
        those = [n for n in NAMES if n == word or n.startswith(f"{word}:")]
        if not those:
            raise ParameterError(
                f"There is no device {word!r} to measure; there are {', '.join(NAMES)}.",
                object="bench",
                parameter="devices",
            )
        wanted += [n for n in those if n == word or n not in ASKED_FOR]
    usable = [n for n in NAMES if n in wanted and not reasons[n]]
    left_out = {n: reasons[n] for n in NAMES if n in wanted and reasons[n]}
    if not usable:
        said = "; ".join(f"{n}: {why}" for n, why in left_out.items())
        raise DeviceError(f"None of the devices to measure can be used here: {said}.")
    if not asked:
        left_out |= {n: why for n, why in ASKED_FOR.items() if not reasons[n]}
    return usable, left_out


def cases(
    names: Iterable[str],
    hidden: Sequence[int],
    batch: Sequence[int],
    trials: int,
    dataset: str,
    scale: float | None = None,
) -> tuple[list[Case], dict[str, str]]:
    """Return the cases to measure, and the networks that devices refuse, with the reason.

    Cases with the same trials and batch size are adjacent.

    Parameters
    ----------
    names
        Devices, as in `NAMES`.
    hidden, batch
        Numbers of hidden neurons, and batch sizes; Brian2 has batch size 1.
    trials
        Largest number of trials in a timed block.
    dataset, scale
        Data set, and its stored value that stands for 1, as in `apical.data.datasets.load`.

    Returns
    -------
    tuple
        The cases, and reasons by network and device.

    Examples
    --------
    >>> from apical.bench.benchmarks import cases
    >>> these, refused = cases(["array:numpy"], [10], [1, 64], trials=500, dataset="digits")
    >>> [(case.network, case.name, case.batch) for case in these]
    [('rate', 'array:numpy', 1), ('rate', 'array:numpy', 64)]
    >>> list(refused)
    ['array:numpy, spiking network']
    """
    data, found, refused = datasets.load(dataset, scale=scale), list[Case](), dict[str, str]()
    known = dataset, data.train.scale
    for network, model in MODELS.items():
        described, able = models.load(model).describe(data, 0, {}), []
        for name in names:
            try:
                check_simulation(described, NAMES[name][0])
                able.append(name)
            except DeviceError as error:
                refused[f"{name}, {network} network"] = error.message
        for size, n in product(hidden, sorted({1, *batch})):
            for name in able:
                device, options = NAMES[name]
                if n in batch if DEVICES[device].takes("batch") else n == 1:
                    case = Case(network, name, device, size, n, trials, *known, options)
                    found.append(case)
    return found, refused


def measure_all(
    these: Sequence[Case],
    doing: Callable[[int, str], None] = lambda k, what: None,
) -> Iterator[Row]:
    """Measure the cases one by one, each in its own process, and compare the learned weights.

    Rows are yielded as soon as they are available, so that an interruption loses none of them.

    Parameters
    ----------
    these
        The cases. The first of each network, size and batch size is the reference of the others.
    doing
        Callback with the number of finished cases and the description of the current one.
    """
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        first: dict[tuple[str, int, int], tuple[str, Path]] = {}
        for k, case in enumerate(these):
            many = f" in batches of {case.batch}" if case.batch > 1 else ""
            doing(k, f"{case.network} {case.hidden:,}, {case.name}{many}")
            file = Path(folder, f"{k}.npz")
            row = _measured(case, file)
            same = case.network, case.hidden, case.batch
            if row.measured and same in first:
                reference, other = first[same]
                row = Row(case, row.measured, "", reference, apart(other, file))
                file.unlink()
            elif row.measured:
                first[same] = case.name, file
            yield row
        doing(len(these), "")


def _measured(case: Case, file: Path) -> Row:
    """Measure a case; twice if it had to compile, since the compiler adds to peak memory."""
    command = [sys.executable, "-P", "-m", "apical.bench.worker", json.dumps(asdict(case))]
    compiled = 0.0
    while True:
        answer = ask([*command, str(file)], PATIENCE)
        if answer.problem:
            return Row(case, None, answer.problem.partition("apical: ")[2] or answer.problem)
        said = json.loads(answer.text.splitlines()[-1])
        again = said["compile_seconds"] > 0 and not compiled
        compiled = compiled or said["compile_seconds"]
        if not again:
            speeds = tuple(said["trials_per_second"])
            return Row(
                case,
                Measured(**{**said, "trials_per_second": speeds, "compile_seconds": compiled}),
            )


def apart(reference: Path, file: Path) -> float:
    """Return the largest difference of weights in two files, relative to the learned change.

    Parameters
    ----------
    reference, file
        As `apical.bench.worker.measure` writes them.

    Raises
    ------
    RunError
        If the reference learned nothing, so that nothing can be compared.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from apical.bench.benchmarks import apart
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, other = Path(folder) / "one.npz", Path(folder) / "other.npz"
    ...     np.savez(one, **{"p.before": np.zeros(2), "p.after": np.array([2.0, 4.0])})
    ...     np.savez(other, **{"p.before": np.zeros(2), "p.after": np.array([2.0, 3.0])})
    ...     apart(one, other)
    0.25
    """
    with np.load(reference) as first, np.load(file) as second:
        names = [name.removesuffix(".after") for name in first.files if name.endswith(".after")]
        change = max(float(np.abs(first[f"{n}.after"] - first[f"{n}.before"]).max()) for n in names)
        difference = max(
            float(np.abs(first[f"{n}.after"] - second[f"{n}.after"]).max()) for n in names
        )
    if not change > 0:
        raise RunError("The networks of the benchmark learned nothing; nothing can be compared.")
    return difference / change


def write(
    folder: Path, rows: Sequence[Row], left_out: dict[str, str], examination: Examination
) -> None:
    """Write ``bench.json`` into a folder, replacing an earlier one.

    Parameters
    ----------
    folder
        An existing folder.
    rows, left_out, examination
        The measurements, devices left out and why, and the diagnosis of the machine.
    """
    about: dict[str, Any] = {
        "apical": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "packages": dict(examination.packages),
        "gpus": [vars(card) for card in examination.gpus],
        "shared_batches": SHARED,
        "left_out": left_out,
        "rows": [asdict(row) for row in rows],
    }
    write_whole(folder / TABLE, f"{json.dumps(about, indent=2)}\n".encode())


def no_gpu(examination: Examination, names: Collection[str]) -> str:
    """Return a remark that no graphics card was measured, in one line; empty if one was."""
    on_card = [name for name, (_, form) in FORMS.items() if form.on_card]
    spiking = [name for name in on_card if FORMS[name][0].spikes]
    if {*spiking} & {*names}:
        return ""
    if {*on_card} & {*names}:
        reasons = [d.reason for d in examination.devices if d.device in spiking and d.reason]
        why = "; ".join(reasons) or f"{' or '.join(spiking)} was not asked for"
        return f"Spiking networks were not measured on the graphics card: {why}."
    why = examination.gpus_problem or "no device that uses it was measured"
    return f"Nothing was measured on a graphics card: {why}."
