"""Brian2GeNN's device with a program of our own around the model that GeNN compiles.

The model itself, neurons and synapses, is Brian2GeNN's translation of our strings, but for one line
that GeNN refuses. The program (``templates/genn_main.cpp``) takes a block and a state in, and keeps
the order that a time step has on the other devices.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of pkg_resources, which Brian2GeNN imports
    import brian2genn
from brian2.core.variables import DynamicArrayVariable
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.synapses import Synapses
from brian2genn.codeobject import GeNNUserCodeObject
from brian2genn.device import GeNNDevice

from apical.devices.brian import build, relaying
from apical.devices.brian.live import Holding
from apical.errors import DeviceError

SCHEDULE = ["start", "synapses", "groups", "thresholds", "resets", "end"]
"""The order of a time step that Brian2GeNN writes for; our program has its own."""

_templater = GeNNUserCodeObject.templater.derive("apical.devices.brian")


@dataclass(frozen=True)
class Act:
    """An action of the host at the start of some time steps.

    Parameters
    ----------
    order, name
        When among others of the same time step; the code object, or the population that hears.
    every
        Every how many time steps.
    touches
        Populations whose variables it reads or changes.
    closes
        Whether it is done once more after the last trial.
    synapses
        The projection whose variables it changes, if any.
    hears, size
        The population whose dendrites are heard, if any, and how many neurons hear.
    """

    order: int
    name: str
    every: int
    touches: tuple[str, ...]
    closes: bool = False
    synapses: str = ""
    hears: str = ""
    size: int = 0


class GennDevice(Holding, GeNNDevice):
    """Brian2GeNN's device with a program that runs block after block."""

    def __init__(self) -> None:
        super().__init__()
        self.closing: frozenset[str] = frozenset()
        self.hearing: Mapping[str, tuple[str, int]] = {}
        self.inputs: Mapping[str, Any] = {}
        self.counted_from = (0, 1)

    def activate(self, build_on_run: bool = True, **options: Any) -> None:
        """Become the device; Brian2GeNN would also change preferences for good."""
        CPPStandaloneDevice.activate(self, build_on_run, **options)

    def write(self, project: Path) -> None:
        """Write the program into a folder.

        Raises
        ------
        DeviceError
            If there is something in the network that Brian2GeNN cannot do.
        """
        for name, names in self.run_regularly_read_write.items():
            # Brian2GeNN would look for the variables of neurons at the synapse
            found, owner = self.code_objects[name].variables, self.code_objects[name].owner.name
            names["read"] = {
                v for v in names["read"] if v in ("t", "dt") or found[v].owner.name == owner
            }
        # a set has another order each time, and the program would be compiled again
        self.net_objects: list[Any] = sorted(self.net_objects, key=lambda item: item.name)
        self.run_statement_used = False  # what comes before the run is written only now
        with saying_nothing(), refusing():
            self.build(str(project), compile=False, run=False, use_GPU=False)

    def generate_model_source(self, writer: Any, main_lines: list[str], use_GPU: bool) -> None:
        """Write the model; Brian2GeNN asks of dense synapses what only sparse ones have."""
        super().generate_model_source(writer, main_lines, use_GPU)
        file = Path(self.project_dir, "magicnetwork_model.cpp")
        lines = file.read_text().splitlines()
        kept = [line for line in lines if "->setSpanType(" not in line]
        if len(lines) - len(kept) != len(self.synapse_models):
            raise DeviceError(
                f"Brian2GeNN {brian2genn.__version__} writes models in a form that this version of "
                "apical does not know; use Brian2GeNN 1.7.0."
            )
        file.write_text("\n".join(kept) + "\n")

    def generate_main_source(self, writer: Any, main_lines: list[str]) -> None:
        """Write the program around the model."""
        acts = sorted(self._acts(), key=lambda act: (act.order, act.name))
        groups = list(self._groups(acts))
        program = _templater.genn_main(
            None,
            None,
            header_files=sorted(h for h in self.header_files if not h.startswith("b2glib")),
            main_lines=main_lines,
            acts=acts,
            groups=groups,
            all_synapses=list(self._all_synapses()),
            inputs=list(self._inputs()),
            said=relaying.SAID,
            counting=build.COUNTING,
            counted_from=self.counted_from,
            monitors=[
                monitor.codeobject_name
                for monitor in (
                    *self.spike_monitor_models,
                    *self.rate_monitor_models,
                    *(sm for sm in self.state_monitor_models if sm.when == "end"),
                )
            ],
        )
        writer.write("main.cpp", program)

    def generate_engine_source(self, writer: Any, objects: Any) -> None:
        """Write nothing: the program has a loop of its own."""

    def generate_makefile(self, directory: str, use_GPU: bool) -> None:
        """Write nothing: we compile the program ourselves."""

    # ---- what the program is told ----------------------------------------------------------------
    def _acts(self) -> Iterator[Act]:
        for item in self.net_objects:
            if "_run_regularly" in item.name:
                group, every = item.group, round(item.clock.dt_ / self.defaultclock.dt_)
                plastic = isinstance(group, Synapses)
                touches = (group.source.name, group.target.name) if plastic else (group.name,)
                yield Act(
                    item.order,
                    item.codeobj.name,
                    every,
                    touches,
                    item.name in self.closing,
                    synapses=group.name if plastic else "",
                )
        for monitor in self.state_monitor_models:
            if monitor.when == "start":
                closes, touches = monitor.name in self.closing, (monitor.monitored,)
                yield Act(monitor.order, monitor.codeobject_name, monitor.step, touches, closes)
        sizes = {model.name: model.N for model in self.neuron_models}
        for relay, (source, order) in self.hearing.items():
            yield Act(order, relay, 1, (relay, source), hears=source, size=sizes[relay])

    def _groups(self, acts: Sequence[Act]) -> Iterator[dict[str, Any]]:
        written = {
            item.name: (item.target.name, item._genn_post_write_var.removesuffix("_post"))
            for item in self.net_objects
            if isinstance(item, Synapses)
        }
        watched = {sm.monitored for sm in self.state_monitor_models if sm.when == "end"}
        slowest = max(act.every for act in acts)
        for model in self.neuron_models:
            yield {
                "name": model.name,
                "size": model.N,
                "variables": _brians(model),
                "shared": model.shared_variables,
                "draws": "_seed" in model.variables,
                "every": min([slowest, *(a.every for a in acts if model.name in a.touches)]),
                "watched": model.name in watched,
                "arriving": [
                    {"name": name, "variable": variable}
                    for name, (target, variable) in sorted(written.items())
                    if target == model.name
                ],
            }

    def _all_synapses(self) -> Iterator[dict[str, Any]]:
        for model in self.synapse_models:
            yield {
                "name": model.name,
                "size": model.srcN * model.trgN,
                "post_size": model.trgN,
                "variables": _brians(model),
                "shared": model.shared_variables,
                "draws": "_seed" in model.variables,
            }

    def _inputs(self) -> Iterator[dict[str, Any]]:
        for name, variable in self.inputs.items():
            array = self.get_array_name(variable, access_data=False)
            if isinstance(variable, DynamicArrayVariable):
                yield {"name": name, "array": f"{array}.data()", "size": f"{array}.size()"}
            else:
                yield {"name": name, "array": array, "size": variable.size}


def _brians(model: Any) -> list[str]:
    """Return the variables of a model of Brian2GeNN's that Brian2 has too."""
    return [name for name in model.variables if model.variablescope[name] == "brian"]


@contextlib.contextmanager
def saying_nothing() -> Iterator[None]:
    """Keep Brian2GeNN from printing what it does."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Turn errors of Brian2GeNN about unsupported features into one line."""
    try:
        yield
    except NotImplementedError as error:
        raise DeviceError(
            f"Device 'genn' cannot run this network: {error}", object="Device 'genn'"
        ) from None
