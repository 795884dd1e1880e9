"""Another package registers objects of seven kinds, and one test holds them to their contracts."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copy

import pytest

import apical

FILES = {
    "leaky.py": '''
"""A population: leaky neurons whose membrane jumps at a spike."""
from dataclasses import dataclass

from apical.parameters import Duration
from apical.neurons.base import NeuronModel, Population


@dataclass(frozen=True)
class Leaky(Population):
    """Leaky neurons: ``tau dv/dt = -v``; a spike at ``v > 1``.

    Parameters
    ----------
    tau
        Time constant of the membrane [ms].
    """

    tau: Duration = 20.0

    @property
    def model(self) -> NeuronModel:
        return NeuronModel(
            equations="dv/dt = -v/tau : 1\\nx : 1",
            threshold="v > 1",
            reset="v = 0\\nx += 1",
            parameters={"tau": (self.tau, "ms")},
        )

    @property
    def inputs(self):
        return {"drive": "v"}

    @property
    def signals(self):
        return ("x", "v")
''',
    "sparse.py": '''
"""A wiring: direct feedback with weights of one size."""
from apical.feedback import Wiring, direct
from apical.projections.weights import Normal


def coarse(error, forward, weights=None):
    """Return direct feedback with large weights."""
    return direct(error, forward, weights or Normal(2.0))


WIRING = Wiring("coarse", "coarse DFA", "direct feedback with large weights", coarse)
''',
    "largest.py": '''
"""A measure: the largest weight of each plastic projection."""
from apical.runs.measures import Measure


def largest(look):
    """Return the largest weights by projection."""
    plastic = look.network.plastic
    return {f"largest_{p.name}": float(abs(look.weights[p.name]).max()) for p in plastic}


MEASURE = Measure("largest", "largest weight", largest)
''',
    "archive.py": '''
"""An exporter: one .npz file that loses nothing."""
import numpy as np

from apical.export import Exporter
from apical.records.arrays import Records


def write(records, path, metrics):
    """Write all arrays of the records."""
    with path.open("wb") as file:
        np.savez(file, **records.to_arrays())


def read(path):
    """Read them back."""
    with np.load(path) as file:
        return Records.from_arrays(dict(file))


EXPORTER = Exporter("archive", "one .npz file with everything", write, ".npz", read)
''',
    "single.py": '''
"""A device: rate networks on arrays that learn one trial at a time."""
from apical.devices import DEVICES, Device, Options


def make(network, options):
    """Return a simulator of settled rates."""
    arrays = DEVICES["array"]
    names = ("dtype", "record", "traces")
    given = {name: getattr(options, name) for name in names}
    return arrays.make(network, arrays.chosen(given))


DEVICE = Device(
    "single",
    "rate networks, settled, one trial at a time",
    make,
    Options,
    lambda network, options: DEVICES["array"].check(network, options),
    spikes=False,
    transport=True,
)
''',
    "bounded.py": '''
"""A hypothesis: synapses that saturate."""
from dataclasses import replace

from apical.parameters import Positive
from apical.errors import WiringError
from apical.hypotheses import hypothesis


@hypothesis(example={"largest": 0.2}, neutral={"largest": None}, aspects=("Dale's law",))
def bounded_synapses(network, *, largest: Positive | None):
    """Saturating synapses: no update takes a weight beyond a largest size.

    Parameters
    ----------
    largest
        Largest absolute weight of plastic synapses [dimensionless]; None is neutral.

    References
    ----------
    Fusi & Abbott 2007, doi:10.1038/nn1859.
    """
    if not network.plastic:
        raise WiringError("Hypothesis 'bounded_synapses' needs synapses that learn; give a rule.")
    if largest is None:
        return network
    bounds = (-largest, largest)
    return network.altered(projection=lambda p: replace(p, bounds=bounds) if p.rule else p)
''',
    "stripes.py": '''
"""A data source: stripes, horizontal or vertical."""
import numpy as np

from apical.datasets import Dataset, Source


def load(scale):
    """Draw them from a seed."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    stripes = np.repeat(rng.integers(0, 2, (60, 1, 4)), 4, axis=1)
    across = np.swapaxes(stripes, 1, 2)
    images = np.where(labels[:, None, None] == 0, stripes, across).astype(np.float32)
    parts = (images[:40], labels[:40], images[40:], labels[40:])
    given = {"scale": scale or 1.0, "licence": STRIPES.licence, "source": STRIPES.url}
    return Dataset.from_arrays("stripes", *parts, **given)


STRIPES = Source(
    "stripes", "CC0", "https://example.org", (), 40, 20, 2, "drawn from a seed", load
)
''',
}
ENTRY_POINTS = """\
[apical.populations]
Leaky = other.leaky:Leaky
[apical.wirings]
coarse = other.sparse:WIRING
[apical.measures]
largest = other.largest:MEASURE
[apical.exporters]
archive = other.archive:EXPORTER
[apical.hypotheses]
bounded_synapses = other.bounded:bounded_synapses
[apical.data_sources]
stripes = other.stripes:STRIPES
[apical.devices]
single = other.single:DEVICE
broken = other.nowhere:DEVICE
"""
TEST = """\
import pytest

from apical.testing import cases


@pytest.mark.parametrize("case", cases("other-package"), ids=str)
def test_contract(case):
    case()
"""


def install(folder: Path) -> None:
    """Write a package and what an installer writes beside it: no network is needed."""
    (folder / "other").mkdir(parents=True)
    (folder / "other" / "__init__.py").write_text("")
    for name, text in FILES.items():
        (folder / "other" / name).write_text(text)
    about = folder / "other_package-1.0.dist-info"
    about.mkdir()
    metadata = "Metadata-Version: 2.1\nName: other-package\nVersion: 1.0\n"
    (about / "METADATA").write_text(metadata)
    points = [line for line in ENTRY_POINTS.splitlines() if "broken" not in line]
    (about / "entry_points.txt").write_text("\n".join(points))


@pytest.fixture
def python(tmp_path: Path) -> list[str]:
    """Return the command of an interpreter that has the package."""
    install(tmp_path / "site")
    return [sys.executable]


def called(command: list[str], tmp_path: Path) -> str:
    """Return what a command says, run where the package is installed."""
    source = Path(apical.__file__).parents[1]
    path = os.pathsep.join([str(tmp_path / "site"), str(source)])
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def test_objects_are_short() -> None:
    assert all(len(text.strip().splitlines()) < 40 for text in FILES.values())


def test_one_parametrised_test_holds_all_of_them_to_their_contracts(
    python: list[str], tmp_path: Path
) -> None:
    (tmp_path / "test_other.py").write_text(TEST)
    copy(Path(__file__).parents[1] / "conftest.py", tmp_path)  # for its speed alone
    options = ["-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-rA", "test_other.py"]
    said = called([*python, *options], tmp_path)
    for case in (
        "population-Leaky-a_reset_makes_trials_independent",
        "wiring-coarse-learns_alike_on_every_device_that_claims_it",
        "measure-largest-leaves_the_network_as_it_is",
        "exporter-archive-comes_back_as_it_was",
        "device-single-learns_as_the_reference_does",
        "hypothesis-bounded_synapses-a_neutral_value_changes_no_bit",
        "data_source-stripes-a_split_follows_its_seed",
    ):
        assert f"PASSED test_other.py::test_contract[{case}]" in said


def test_what_it_brings_is_known_everywhere(python: list[str], tmp_path: Path) -> None:
    points = tmp_path / "site" / "other_package-1.0.dist-info" / "entry_points.txt"
    points.write_text(ENTRY_POINTS)
    script = (
        "import warnings\n"
        "with warnings.catch_warnings(record=True) as told:\n"
        "    warnings.simplefilter('always')\n"
        "    from click.testing import CliRunner\n"
        "    from apical.cli.app import commands\n"
        "    def said(*words):\n"
        "        return CliRunner().invoke(commands, words, standalone_mode=False).output\n"
        "    listed = said('doctor', '--list')\n"
        "print([str(w.message) for w in told if 'left out' in str(w.message)])\n"
        "names = 'Leaky coarse largest archive single bounded_synapses stripes'.split()\n"
        "print([name in listed for name in names])\n"
        "print('broken' in listed)\n"
        "helps = said('run', '--help') + said('compare', '--help') + said('export', '--help')\n"
        "helps = ' '.join(helps.split())  # lines are broken anywhere\n"
        "print([name in helps for name in ('single', 'largest (largest weight)', 'coarse')])\n"
    )
    lines = called([*python, "-c", script], tmp_path).splitlines()
    assert lines[0].count("left out") == 1 and "device 'broken'" in lines[0]
    assert lines[1:] == [str([True] * 7), "False", str([True] * 3)]
