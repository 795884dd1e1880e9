"""A laboratory for learning without backpropagation.

Describe a network, simulate it on a device, train it from local signals only.
"""

import importlib
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from apical import _moved
from apical import feedback as feedback
from apical import hypotheses as hypotheses
from apical import nir as nir
from apical._base.seeds import stream as stream
from apical.data import datasets as datasets
from apical.data import tasks as tasks
from apical.data.datasets import Dataset as Dataset
from apical.devices import Block as Block
from apical.devices import Simulator as Simulator
from apical.devices import simulate as simulate
from apical.errors import ApicalError as ApicalError
from apical.feedback import two_phase as plateaus  # noqa: F401 - the name before 0.2
from apical.feedback import two_phase as two_phase
from apical.feedback.pathways import FeedbackPathway as FeedbackPathway
from apical.network.chains import chain as chain
from apical.network.description import Network as Network
from apical.neurons import encoding as encoding
from apical.neurons.alif import ALIF as ALIF
from apical.neurons.base import NeuronModel as NeuronModel
from apical.neurons.base import Neurons as Neurons
from apical.neurons.batch_norm import BatchNorm as BatchNorm
from apical.neurons.conductance_lif import ConductanceLIF as ConductanceLIF
from apical.neurons.error import Error as Error
from apical.neurons.error import RateError as RateError
from apical.neurons.error import RateTarget as RateTarget
from apical.neurons.lif import LIF as LIF
from apical.neurons.rate import Bias as Bias
from apical.neurons.rate import Rate as Rate
from apical.neurons.relay import Relay as Relay
from apical.neurons.reward import Reward as Reward
from apical.neurons.stimulus import Stimulus as Stimulus
from apical.plasticity import optimizers as dynamics  # noqa: F401 - the name before 0.2
from apical.plasticity import optimizers as optimizers
from apical.plasticity import rules as rules
from apical.plasticity import superspike as superspike
from apical.plasticity.rules import LearningRule as LearningRule
from apical.plasticity.traces import Trace as Trace
from apical.plausibility import check as check
from apical.projections.projection import Projection as Projection
from apical.projections.weights import FanIn as FanIn
from apical.projections.weights import FanOut as FanOut
from apical.projections.weights import FewInputs as FewInputs
from apical.projections.weights import Given as Given
from apical.projections.weights import Glorot as Glorot
from apical.projections.weights import Identity as Identity
from apical.projections.weights import Normal as Normal
from apical.projections.weights import Opposed as Opposed
from apical.projections.weights import Uniform as Uniform
from apical.projections.weights import Zero as Zero
from apical.reference import bptt as bptt
from apical.reference import bptt as unrolled  # noqa: F401 - the name before 0.2
from apical.training.loop import evaluate as evaluate
from apical.training.loop import train as train

try:
    __version__ = version("apical")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"

_moved.install()


def __getattr__(name: str) -> ModuleType:
    if name in _moved.PUBLIC:  # those that `import apical` need not import
        return importlib.import_module(f"apical.{_moved.PUBLIC[name]}")
    raise AttributeError(f"module 'apical' has no attribute {name!r}")
