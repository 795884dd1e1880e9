"""Training loops, trial order, unsupervised class assignment, pretraining, neuroevolution.

Imports `measures` and below. To add a way to train, write a generator of `Step` like `loop.steps`;
to add a learning-rate schedule, a class in `schedules`; a callback, a class in `callbacks`.
"""

from apical.training.callbacks import Callback as Callback
from apical.training.callbacks import CSVLogger as CSVLogger
from apical.training.callbacks import EarlyStopping as EarlyStopping
from apical.training.callbacks import TensorBoard as TensorBoard
from apical.training.callbacks import WeightsAndBiases as WeightsAndBiases
from apical.training.fitting import fit as fit
from apical.training.history import Fit as Fit
from apical.training.loop import LARGEST_WEIGHT as LARGEST_WEIGHT
from apical.training.loop import Evaluation as Evaluation
from apical.training.loop import Every as Every
from apical.training.loop import History as History
from apical.training.loop import Judge as Judge
from apical.training.loop import Measure as Measure
from apical.training.loop import Metric as Metric
from apical.training.loop import Plan as Plan
from apical.training.loop import Position as Position
from apical.training.loop import Step as Step
from apical.training.loop import evaluate as evaluate
from apical.training.loop import evaluated as evaluated
from apical.training.loop import predict as predict
from apical.training.loop import steps as steps
from apical.training.loop import train as train
