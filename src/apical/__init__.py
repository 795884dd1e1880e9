"""A laboratory for learning without backpropagation.

Describe a network, simulate it on a device, train it from local signals only.
"""

from importlib.metadata import PackageNotFoundError, version

from apical import datasets as datasets
from apical import dynamics as dynamics
from apical import encoding as encoding
from apical import feedback as feedback
from apical import hypotheses as hypotheses
from apical import plateaus as plateaus
from apical import rules as rules
from apical import superspike as superspike
from apical import tasks as tasks
from apical import unrolled as unrolled
from apical.adaptive import ALIF as ALIF
from apical.conductances import ConductanceLIF as ConductanceLIF
from apical.datasets import Dataset as Dataset
from apical.devices import Block as Block
from apical.devices import Simulator as Simulator
from apical.devices import simulate as simulate
from apical.error_neurons import Error as Error
from apical.error_neurons import RateError as RateError
from apical.error_neurons import RateTarget as RateTarget
from apical.errors import ApicalError as ApicalError
from apical.feedback import FeedbackPathway as FeedbackPathway
from apical.network import Network as Network
from apical.plausibility import check as check
from apical.populations import LIF as LIF
from apical.populations import NeuronModel as NeuronModel
from apical.populations import Neurons as Neurons
from apical.populations import Stimulus as Stimulus
from apical.projections import Projection as Projection
from apical.rates import BatchNorm as BatchNorm
from apical.rates import Bias as Bias
from apical.rates import Rate as Rate
from apical.relays import Relay as Relay
from apical.rewards import Reward as Reward
from apical.rules import LearningRule as LearningRule
from apical.traces import Trace as Trace
from apical.training import evaluate as evaluate
from apical.training import train as train
from apical.weights import FanIn as FanIn
from apical.weights import FanOut as FanOut
from apical.weights import FewInputs as FewInputs
from apical.weights import Given as Given
from apical.weights import Glorot as Glorot
from apical.weights import Identity as Identity
from apical.weights import Normal as Normal
from apical.weights import Opposed as Opposed
from apical.weights import Uniform as Uniform
from apical.weights import Zero as Zero

try:
    __version__ = version("apical")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"
