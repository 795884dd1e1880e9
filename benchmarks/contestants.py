"""What is measured: apical, and what one would use instead, all on the same images."""

import json
import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from apical import Block, Dataset, Network, Normal, datasets, simulate
from apical._base import seeds
from apical.errors import ApicalError
from apical.neurons.base import Population
from apical.scripts import models

HERE = Path(__file__).parent
BLOCK = 5000
"""Trials of one call of a simulator."""


# ---- data ---------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Trials:
    """Images to learn from, in memory and as files of plain bytes.

    Parameters
    ----------
    data
        The data set.
    n
        Number of trials.
    folder
        Where the files are, and room for more.
    """

    data: Dataset
    n: int
    folder: Path

    @property
    def images(self) -> Path:
        """File of the images, 784 bytes each."""
        return self.folder / "images"

    @property
    def labels(self) -> Path:
        """File of the labels, one byte each."""
        return self.folder / "labels"

    def write(self) -> "Trials":
        """Write the files."""
        self.data.train.values[: self.n].astype(np.uint8).tofile(self.images)
        self.data.train.labels[: self.n].astype(np.uint8).tofile(self.labels)
        return self

    def blocks(self, n: int) -> Iterator[Block]:
        """Yield the first `n` trials as blocks that learn at the full rate."""
        for start in range(0, n, BLOCK):
            values, labels = self.data.train.block(slice(start, min(start + BLOCK, n)))
            yield Block(values, labels, np.ones(()), start // BLOCK)


def load_images(data_dir: Path | None) -> Dataset:
    """Return MNIST, or synthetic images with its statistics where it cannot be had."""
    try:
        return datasets.load("mnist", data_dir)
    except ApicalError as error:
        print(f"MNIST cannot be had ({error}); images are synthetic.", file=sys.stderr)
        return synthetic_images(10_000, np.random.default_rng(0))


def synthetic_images(n: int, rng: np.random.Generator) -> Dataset:
    """Make 28x28 images of ten classes with the sparsity and the mean of MNIST.

    Each class is a smooth random blob around the centre, each image a shifted and noisy copy of
    which the brightest 19 % of pixels are kept; the mean is 0.13.
    """
    y, x = np.mgrid[-13.5:14, -13.5:14]
    window = np.exp(-(x**2 + y**2) / (2 * 6**2))
    low_pass = np.exp(-2 * (np.pi * 3 / 28) ** 2 * (np.fft.fftfreq(28, 1 / 28) ** 2))
    smooth = np.fft.ifft2(
        np.fft.fft2(rng.normal(size=(10, 28, 28))) * low_pass[:, None] * low_pass
    ).real
    classes = smooth / smooth.std(axis=(1, 2), keepdims=True) + 2
    labels = rng.integers(0, 10, n)
    images = classes[labels]
    for axis in (1, 2):
        shift = rng.integers(-2, 3, n)
        index = (np.arange(28) + shift[:, None]) % 28
        index = index[:, :, None] if axis == 1 else index[:, None, :]
        images = np.take_along_axis(images, index, axis)
    images = ((images + 0.3 * rng.normal(size=images.shape)) * window).reshape(n, 784)
    threshold = np.quantile(images, 0.81, axis=1, keepdims=True)
    images = np.clip(images - threshold, 0, None)
    images = images / images.max(axis=1, keepdims=True)
    images = images ** (np.log(0.69) / np.log(images[images > 0].mean()))
    values = np.round(255 * images).astype(np.uint8)
    part = n - n // 10
    return Dataset.from_arrays(
        "synthetic", values[:part], labels[:part], values[part:], labels[part:]
    )


# ---- the machine --------------------------------------------------------------------------------
@contextmanager
def pinned() -> Iterator[None]:
    """Keep this process, and those it starts, on one processor."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def called(command: list[Any], **options: Any) -> str:
    """Run a command and return what it printed; raise with its last words if it fails."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout)[-800:]}")
    return done.stdout


def last_json(text: str) -> dict[str, Any]:
    """Return the JSON object on the last line of a program's output."""
    return json.loads(text.strip().splitlines()[-1])


# ---- contestants --------------------------------------------------------------------------------
@dataclass
class Contestant(ABC):
    """Something that learns from images.

    Parameters
    ----------
    trials
        What it learns from.
    hidden
        Number of hidden neurons.
    n
        Trials of one timed run; all of `trials` by default.
    total
        Sum that the pixels of an image are scaled to; ten times as many input spikes a trial.
    """

    trials: Trials
    hidden: int
    n: int = 0
    total: float = 100.0
    compile_seconds: float = field(default=0.0, init=False)
    spikes: dict[str, float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.n = self.n or self.trials.n

    @abstractmethod
    def prepare(self) -> None:
        """Compile, and run once."""

    @abstractmethod
    def time(self) -> float:
        """Learn `n` trials from the beginning and return the time of a trial [ms]."""


@dataclass
class Apical(Contestant):
    """The package; the whole wall time of `Simulator.run`, files in and out included."""

    form: str = "trial"
    dense: bool = True
    profile: bool = False
    seed: int = 0
    simulator: Any = field(default=None, init=False)

    def prepare(self) -> None:
        net = network(self.trials.data, self.hidden, self.form, self.total, self.seed)
        self.simulator = simulate(net, capacity=BLOCK, dense=self.dense, profile=self.profile)
        self.start = self.simulator.state
        self.blocks = list(self.trials.blocks(self.n))
        self.simulator.run(next(self.trials.blocks(1)))
        self.compile_seconds = self.simulator.compile_seconds

    def time(self) -> float:
        self.simulator.state = self.start
        started = time.perf_counter()
        results = [self.simulator.run(block) for block in self.blocks]
        seconds = time.perf_counter() - started
        self.spikes = {
            name: sum(float(r.counts[name].sum(dtype=np.float64)) for r in results) / self.n
            for name in results[0].counts
        }
        return 1e3 * seconds / self.n

    def time_of_one(self) -> float:
        """Return the time of a block of a single trial [ms]: nearly all of it is files."""
        block = next(self.trials.blocks(1))
        self.simulator.state = self.start
        started = time.perf_counter()
        self.simulator.run(block)
        return 1e3 * (time.perf_counter() - started)


@dataclass
class Lockstep(Apical):
    """Device lockstep on NumPy: trials in batches; the whole wall time of `Simulator.run`."""

    batch: int = 128

    def prepare(self) -> None:
        net = network(self.trials.data, self.hidden, self.form, self.total, self.seed)
        self.simulator = simulate(net, "lockstep", batch=self.batch)
        self.start = self.simulator.state
        self.blocks = list(self.trials.blocks(self.n))
        self.simulator.run(next(self.trials.blocks(1)))  # compiles


@dataclass
class PlainBrian2(Contestant):
    """`plain_brian2.py`; the time of Brian2's run loop, without compiling and without files."""

    def prepare(self) -> None:
        self.folder = self.trials.folder / f"plain_{self.hidden}"
        result = last_json(
            called(
                [
                    *(sys.executable, HERE / "plain_brian2.py", "--directory", self.folder),
                    *("--images", self.trials.images, "--labels", self.trials.labels),
                    *("--trials", self.n, "--hidden", self.hidden, "--total", self.total),
                ]
            )
        )
        self.compile_seconds, self.spikes = result["compile_seconds"], result["spikes_per_trial"]

    def time(self) -> float:
        called(["./main"], cwd=self.folder)
        seconds = float((self.folder / "results" / "last_run_info.txt").read_text().split()[0])
        return 1e3 * seconds / self.n


@dataclass
class Loop(Contestant):
    """`loop.cpp`; the time of its loop, without files. `tabulated`: input trains in a table."""

    form: str = "trial"
    tabulated: bool = False

    def prepare(self) -> None:
        started = time.perf_counter()
        self.program = compiled_loop(self.trials.folder)
        self.compile_seconds = time.perf_counter() - started
        self.init = self.trials.folder / f"init_{self.form}_{self.hidden}_{self.total:g}"
        self.init.mkdir(exist_ok=True)
        net = network(self.trials.data, self.hidden, self.form, self.total)
        for name, values in start_of(net).items():
            values.astype(np.float32).tofile(self.init / name)
        rates = [p.rule.parameters["eta"] for p in net.plastic]
        self.options = dict(zip(("eta_hidden", "eta_output"), rates, strict=True))
        self.options["x_floor"] = getattr(net.stimulus, "x_floor", 0.0)

    def time(self) -> float:
        return self.run(self.n)["ms_per_trial"]

    def run(self, n: int) -> dict[str, Any]:
        """Learn `n` trials from the beginning; leave the weights in the folder ``init``."""
        options = self.options | {
            "images": self.trials.images,
            "labels": self.trials.labels,
            "trials": n,
            "hidden": self.hidden,
            "form": self.form,
            "tabulated": int(self.tabulated),
            "total": self.total,
            "init": f"{self.init}/",
            "save": f"{self.init}/learned.",
        }
        result = last_json(called([self.program, *(f"{k}={v}" for k, v in options.items())]))
        self.spikes = result["spikes_per_trial"]
        return result

    def learned(self) -> np.ndarray:
        """Return the weights onto the hidden neurons after the last run."""
        file = self.init / "learned.stimulus_to_hidden.w"
        return np.fromfile(file, np.float32).reshape(-1, self.hidden)


@dataclass
class SnnTorch(Contestant):
    """`rival_snntorch.py`: backpropagation through time in batches of 128."""

    python: str = sys.executable

    def prepare(self) -> None:
        called([self.python, "-c", "import numpy, torch, snntorch"])

    def time(self) -> float:
        return self.run()["ms_per_trial"]

    def run(self) -> dict[str, Any]:
        """Learn `n` trials from the beginning, and return the times of a trial [ms]."""
        return last_json(
            called(
                [
                    *(self.python, HERE / "rival_snntorch.py", "--hidden", self.hidden),
                    *("--images", self.trials.images, "--labels", self.trials.labels),
                    "--trials",
                    self.n,
                ]
            )
        )


# ---- the network --------------------------------------------------------------------------------
def network(
    data: Dataset, hidden: int, form: str, total: float = 100.0, seed: int = 0, **options: Any
) -> Network:
    """Return the network of ``models/spiking_dfa.py``, with another number of input spikes.

    Weights of the input grow, and its learning rate with their square, as spikes get fewer.
    """
    model = models.load(str(HERE.parent / "models" / "spiking_dfa.py"))
    net = model.build(data, seed, hidden=hidden, update=form, **options)
    before = net.stimulus.encoder.total
    if total == before:
        return net
    few, first = before / total, net.projections[0]
    rule = replace(first.rule, parameters={"eta": first.rule.parameters["eta"] * few**2})
    net.projections[0] = replace(first, weights=Normal(first.weights.std * few), rule=rule)
    encoder = replace(net.stimulus.encoder, total=total)
    return exchanged(net, replace(net.stimulus, encoder=encoder))


def exchanged(net: Network, *populations: Population) -> Network:
    """Return a network in which populations take the places of those of the same names."""
    new = {population.name: population for population in populations}
    other = Network(net.seed, net.trial, net.reset, net.settle)
    for population in net.populations:
        other.add(new.get(population.name, population))
    joined = {
        p.name: replace(p, pre=new.get(p.pre.name, p.pre), post=new.get(p.post.name, p.post))
        for p in net.projections
    }
    other.projections.extend(joined.values())
    carried = tuple(joined[p.name] for p in net.feedback.projections)
    other.feedback = replace(net.feedback, projections=carried)
    return other


def start_of(net: Network) -> dict[str, np.ndarray]:
    """Return what the loop starts from, drawn as apical draws it."""
    drawn = {
        f"{p.name}.w": net.initial_weights(p)
        for p in net.projections
        if p.name in ("stimulus_to_hidden", "error_to_hidden")
    }
    phases = seeds.stream(net.seed, "initial", "stimulus.phase").random(net.stimulus.size)
    return drawn | {"stimulus.phase": phases}


@cache
def compiled_loop(folder: Path) -> Path:
    """Compile `loop.cpp` and return the program."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise RuntimeError(f"The benchmark needs a C++ compiler; {compiler} is not on the PATH.")
    flags = ["-O3", "-march=native", "-std=c++17"]
    called([compiler, *flags, HERE / "loop.cpp", "-o", folder / "loop"])
    return folder / "loop"
