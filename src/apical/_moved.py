"""Modules under other names: short public ones, and those that they had before 0.2, which warn.

What is renamed or removed works on for one minor release, and its warning names the version in
which it ends (docs/explanation/versions.md).
"""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "activations": "language.activations",
    "adaptive": "neurons.alif",
    "alignment": "measures.alignment",
    "analysis": "measures.tables",
    "bench_drawing": "bench.figure",
    "bench_worker": "bench.worker",
    "checking": "_base.checking",
    "comparison": "sweeps.wirings",
    "compilers": "_base.compilers",
    "conductances": "neurons.conductance_lif",
    "configuration": "runs.experiment",
    "converting": "data.converting",
    "disturbances": "locality_check.causes",
    "drawing": "network.initialization",
    "dynamics": "plasticity.optimizers",
    "error_neurons": "neurons.error",
    "evolution": "training.evolution",
    "experiments": "runs.run",
    "expressions": "language.expressions",
    "extras": "_base.extras",
    "figures": "runs.figures",
    "folders": "_base.folders",
    "gallery": "scripts.gallery",
    "gaze": "neurons.eye_movements",
    "graph": "network.graph",
    "idx": "data.idx",
    "interventions": "network.interventions",
    "landscapes": "measures.landscapes",
    "losses": "measures.losses",
    "margins": "reference.margin_losses",
    "measuring": "runs.callbacks",
    "measures.recordings": "recordings",
    "memory": "_base.memory",
    "order": "network.order",
    "perturbation": "locality_check.synapses",
    "phases": "network.noise_phase",
    "places": "errors.source_location",
    "plateaus": "feedback.two_phase",
    "populations": "neurons",
    "presenting": "training.presentation",
    "pretraining": "training.pretraining",
    "progress": "_base.progress",
    "rates": "neurons.rate",
    "recording": "records.recording",
    "relays": "neurons.relay",
    "restraints": "plasticity.constraints",
    "rewards": "neurons.reward",
    "rounding": "_base.rounding",
    "run_analysis": "runs.analysis",
    "run_learning": "runs.learning",
    "samples": "data.samples",
    "settling_time": "network.settling_time",
    "sources": "data.registry",
    "studies": "scripts.studies",
    "terms": "language.rank_one",
    "times": "_base.times",
    "traces": "plasticity.traces",
    "trained": "runs.open",
    "unrolled": "reference.bptt",
    "unsupervised": "training.unsupervised",
    "weights": "projections.weights",
}
"""Old name below `apical` -> new name below it."""

PUBLIC = {
    "bptt": "reference.bptt",
    "connectivity": "projections.connectivity",
    "datasets": "data.datasets",
    "encoding": "neurons.encoding",
    "models": "scripts.models",
    "optimizers": "plasticity.optimizers",
    "rules": "plasticity.rules",
    "seeds": "_base.seeds",
    "superspike": "plasticity.superspike",
    "tasks": "data.tasks",
    "two_phase": "feedback.two_phase",
}
"""Short name of a public module -> where it is, as in ``from apical.rules import stdp``."""

ENDS = "0.3.0"
"""Version without the names of `MOVED`."""

RENAMED = ("dynamics", "plateaus", "unrolled")
"""Modules of `MOVED` that were public as attributes, as in ``apical.dynamics``."""


def under_new_name(name: str, stacklevel: int) -> ModuleType:
    """Return a module of `MOVED`, and warn whoever used its old name."""
    new = f"apical.{MOVED[name]}"
    text = f"apical.{name} is {new} now; the old name goes away with {ENDS}."
    warnings.warn(text, DeprecationWarning, stacklevel=stacklevel)
    return importlib.import_module(new)


class _Elsewhere:
    """Finds a module of an old name where it is now: a finder and loader of Python's import.

    It has what both protocols ask for, and no base class, since `importlib.abc` imports more than
    all of this package's beginning.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of a module that has moved; None of any other."""
        name = fullname.removeprefix("apical.")
        known = name in MOVED or name in PUBLIC
        if name == fullname or not known:
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type]  # a loader by what it has

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module where it is now: one object has both names."""
        name = spec.name.removeprefix("apical.")
        if name in MOVED:
            module = under_new_name(name, stacklevel=3)
        else:
            module = importlib.import_module(f"apical.{PUBLIC[name]}")
        spec.loader_state = module.__spec__  # Python sets that of the old name, see below
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is: it was executed under its new name."""
        assert module.__spec__ is not None  # that of the old name, which Python has just set
        module.__spec__ = module.__spec__.loader_state


def install() -> None:
    """Let Python look here first, once: a wheel has a folder `models` of scripts."""
    if not any(isinstance(finder, _Elsewhere) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Elsewhere())
