"""A laboratory for learning without backpropagation.

Describe a network, simulate it on a device, train it from local signals only.
"""

from importlib.metadata import PackageNotFoundError, version

from apical import datasets as datasets
from apical import encoding as encoding
from apical import feedback as feedback
from apical import rules as rules
from apical.datasets import Dataset as Dataset
from apical.devices import Block as Block
from apical.devices import Simulator as Simulator
from apical.devices import simulate as simulate
from apical.errors import ApicalError as ApicalError
from apical.feedback import FeedbackPathway as FeedbackPathway
from apical.network import Network as Network
from apical.plausibility import check as check
from apical.populations import LIF as LIF
from apical.populations import Error as Error
from apical.populations import NeuronModel as NeuronModel
from apical.populations import Neurons as Neurons
from apical.populations import Stimulus as Stimulus
from apical.projections import Given as Given
from apical.projections import Identity as Identity
from apical.projections import Normal as Normal
from apical.projections import Opposed as Opposed
from apical.projections import Projection as Projection
from apical.projections import Uniform as Uniform
from apical.projections import Zero as Zero
from apical.rules import LearningRule as LearningRule
from apical.training import evaluate as evaluate
from apical.training import train as train

try:
    __version__ = version("apical")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"
