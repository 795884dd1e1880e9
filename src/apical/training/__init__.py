"""Training loops, trial order, unsupervised class assignment, pretraining, neuroevolution.

Imports `measures` and below. To add a way to train, write a generator of `Step` like `loop.steps`.
"""

from apical.training.loop import LARGEST_WEIGHT as LARGEST_WEIGHT
from apical.training.loop import Evaluation as Evaluation
from apical.training.loop import Every as Every
from apical.training.loop import Measure as Measure
from apical.training.loop import Metric as Metric
from apical.training.loop import Plan as Plan
from apical.training.loop import Position as Position
from apical.training.loop import Step as Step
from apical.training.loop import evaluate as evaluate
from apical.training.loop import evaluated as evaluated
from apical.training.loop import steps as steps
from apical.training.loop import train as train
