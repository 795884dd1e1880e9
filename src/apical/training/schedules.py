"""Learning-rate schedules: the factor on all learning rates in each trial of training.

To add one, write a frozen dataclass of `Schedule` and name it in `SCHEDULES`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from apical._base.checking import check_fields
from apical._base.parameters import Count, NonNegative, Share, ShareBelowOne
from apical._base.registry import Registry
from apical.errors import ParameterError
from apical.language.expressions import vanishes_where
from apical.network.description import Network
from apical.network.signals import ACTIVITY
from apical.projections.projection import Projection


@dataclass(frozen=True)
class Course:
    """What a schedule may depend on: the length of training, and the accuracies so far.

    Parameters
    ----------
    trials
        Training trials of all epochs.
    per_epoch
        Training trials of an epoch.
    accuracies
        Accuracy before training and after every epoch that was completed, with learning off.

    Examples
    --------
    >>> from apical.training.schedules import Course
    >>> Course(trials=1000, per_epoch=100).accuracies
    ()
    """

    trials: Count
    per_epoch: Count
    accuracies: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Schedule(ABC):
    """Base of learning-rate schedules.

    A schedule is a function of the trial and of the accuracies so far alone, so that the weights
    do not depend on how trials are divided into blocks.

    Parameters
    ----------
    scales
        ``"rates"``: learning rates only. A rule that also acts without feedback, by weight decay or
        homeostasis, is refused, since its update has one factor for all of its terms.
        ``"everything"``: the whole update of every rule, decay and homeostasis included.

    See Also
    --------
    Constant, Linear, Cosine, Stepwise, Plateau : Schedules.
    apical.fit : Trains under one.

    Examples
    --------
    A warm-up of one's own:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from apical.training.schedules import Course, Schedule
    >>> @dataclass(frozen=True)
    ... class WarmUp(Schedule):
    ...     def factors(self, trials, course):
    ...         return np.minimum(1, (trials + 1) / course.per_epoch)
    >>> WarmUp().factors(np.array([0, 4, 50]), Course(trials=100, per_epoch=10))
    array([0.1, 0.5, 1. ])
    """

    scales: Literal["rates", "everything"] = field(default="rates", kw_only=True)

    def __post_init__(self) -> None:
        check_fields(self)

    @abstractmethod
    def factors(self, trials: np.ndarray, course: Course) -> np.ndarray:
        """Return the factor of each trial [dimensionless], shape (n_trials,).

        Parameters
        ----------
        trials
            Numbers of the trials, from 0, shape (n_trials,).
        course
            The training.
        """


@dataclass(frozen=True)
class Constant(Schedule):
    r"""Learning rates stay as they are: :math:`\eta_k = \eta`.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.schedules import Constant, Course
    >>> Constant().factors(np.array([0, 99]), Course(100, 10))
    array([1., 1.])
    """

    def factors(self, trials: np.ndarray, course: Course) -> np.ndarray:
        return np.ones(len(trials))


@dataclass(frozen=True)
class Linear(Schedule):
    r"""Learning rates fall linearly, from 1 to a final factor f over all K trials.

    .. math:: \eta_k = \eta \left[ 1 - (1 - f)\, k / K \right]

    Parameters
    ----------
    final
        Factor at the end of training [dimensionless].

    See Also
    --------
    Cosine : Falls slowly at first, and slowly at the end.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.schedules import Course, Linear
    >>> Linear(final=0.0).factors(np.array([0, 25, 50]), Course(100, 10))
    array([1.  , 0.75, 0.5 ])
    """

    final: Share = 0.05

    def factors(self, trials: np.ndarray, course: Course) -> np.ndarray:
        return np.asarray(1 - (1 - self.final) * trials / course.trials)


@dataclass(frozen=True)
class Cosine(Schedule):
    r"""Learning rates fall along half a cosine, from 1 to a final factor f over all K trials.

    .. math:: \eta_k = \eta \left[ f + \tfrac12 (1 - f) (1 + \cos(\pi k / K)) \right]

    Parameters
    ----------
    final
        Factor at the end of training [dimensionless].

    See Also
    --------
    Linear : Falls at the same speed all the time.

    References
    ----------
    Loshchilov & Hutter 2017, arXiv:1608.03983, equation 5, without restarts.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.schedules import Cosine, Course
    >>> Cosine().factors(np.array([0, 50, 100]), Course(100, 10)).round(12)
    array([1. , 0.5, 0. ])
    """

    final: Share = 0.0

    def factors(self, trials: np.ndarray, course: Course) -> np.ndarray:
        swing = 1 + np.cos(np.pi * trials / course.trials)
        return np.asarray(self.final + (1 - self.final) * swing / 2)


@dataclass(frozen=True)
class Stepwise(Schedule):
    r"""Learning rates fall by a factor f after every n epochs (step decay).

    .. math:: \eta_k = \eta f^{\lfloor e / n \rfloor}, \qquad e \text{ the epoch of trial } k

    Parameters
    ----------
    every
        Epochs between two steps.
    factor
        Factor of each step [dimensionless].

    See Also
    --------
    Plateau : Steps down when the accuracy no longer improves.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.training.schedules import Course, Stepwise
    >>> Stepwise(every=2, factor=0.5).factors(np.array([0, 19, 20, 45]), Course(100, 10))
    array([1.  , 1.  , 0.5 , 0.25])
    """

    every: Count = 10
    factor: Share = 0.1

    def factors(self, trials: np.ndarray, course: Course) -> np.ndarray:
        return np.asarray(self.factor ** (trials // course.per_epoch // self.every), np.float64)


@dataclass(frozen=True)
class Plateau(Schedule):
    r"""Learning rates fall by a factor f whenever the accuracy has not improved for some epochs.

    .. math:: \eta_k = \eta f^{m}, \qquad m \text{ the number of plateaus so far}

    Parameters
    ----------
    patience
        Epochs without improvement that make a plateau.
    factor
        Factor at each plateau [dimensionless].
    least
        Smallest improvement that counts, as a fraction decided correctly.
    lowest
        Factor below which learning rates do not fall [dimensionless].

    See Also
    --------
    Stepwise : Steps down after fixed numbers of epochs.

    Examples
    --------
    The accuracy improves once, and then not for two epochs:

    >>> import numpy as np
    >>> from apical.training.schedules import Course, Plateau
    >>> schedule = Plateau(patience=2, factor=0.5)
    >>> schedule.factors(np.array([30]), Course(100, 10, (0.1, 0.8, 0.8, 0.7)))
    array([0.5])
    >>> schedule.factors(np.array([20]), Course(100, 10, (0.1, 0.8, 0.8)))
    array([1.])
    """

    patience: Count = 3
    factor: ShareBelowOne = 0.5
    least: NonNegative = 0.0
    lowest: Share = 0.0

    def factors(self, trials: np.ndarray, course: Course) -> np.ndarray:
        factor = max(self.factor ** self._plateaus(course.accuracies), self.lowest)
        return np.full(len(trials), factor)

    def _plateaus(self, accuracies: tuple[float, ...]) -> int:
        best, waited, found = -np.inf, 0, 0
        for accuracy in accuracies:
            if accuracy > best + self.least:
                best, waited = accuracy, 0
            else:
                waited += 1
            if waited == self.patience:
                waited, found = 0, found + 1
        return found


SCHEDULES: Registry[type[Schedule]] = Registry(
    "schedule",
    {
        "constant": Constant,
        "linear": Linear,
        "cosine": Cosine,
        "steps": Stepwise,
        "plateau": Plateau,
    },
    fits=lambda value: isinstance(value, type) and issubclass(value, Schedule),
)
"""Registry of learning-rate schedules, by name."""


def acts_untaught(network: Network) -> list[Projection]:
    """Return the projections whose rule also acts without feedback: by decay or homeostasis.

    These are rules that read a signal which depends on the target, and whose update does not vanish
    with it. A rule that reads no such signal (Hebbian, for instance) learns by all of its terms.

    Parameters
    ----------
    network
        The network.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.training.schedules import acts_untaught
    >>> for decay in (0.0, 1e-3):
    ...     net, rule = ap.Network(), ap.rules.three_factor(0.1, decay=decay)
    ...     x = ap.Stimulus("stimulus", 4, ap.encoding.Graded())
    ...     h, y, error = ap.Rate("hidden", 6), ap.Rate("output", 3), ap.RateError("error", 3)
    ...     _ = ap.chain(net, x, h, y, weights=ap.FanIn(), rule=rule), net.add(error)
    ...     _ = net.teach(ap.feedback.direct(error, net.forward))
    ...     print([p.name for p in acts_untaught(net)])
    []
    ['stimulus_to_hidden', 'hidden_to_output']
    """
    signals = network.graph.signals
    told = signals.reached("target", ACTIVITY) if "target" in signals.nodes else set()
    found = []
    for projection in network.plastic:
        ends = {"pre": projection.pre.name, "post": projection.post.name}
        assert projection.rule is not None
        taught = {
            name
            for name in projection.rule.signals
            if f"{ends[name.rpartition('_')[2]]}.{name.rpartition('_')[0]}" in told
        }
        if taught and not vanishes_where(projection.rule.update, taught):
            found.append(projection)
    return found


def check_schedule(schedule: Schedule, network: Network) -> None:
    """Raise if a schedule would scale more of the rules of a network than it is asked to.

    Parameters
    ----------
    schedule, network
        The schedule, and the network.

    Raises
    ------
    ParameterError
        If it scales learning rates only, and a rule also acts without feedback.

    Examples
    --------
    >>> from apical.testing.references import rates
    >>> from apical.training.schedules import Cosine, check_schedule
    >>> check_schedule(Cosine(), rates())
    """
    if schedule.scales == "everything" or isinstance(schedule, Constant):
        return
    for projection in acts_untaught(network):
        assert projection.rule is not None
        kind = type(schedule).__name__
        raise ParameterError(
            f"{kind} scales learning rates only, but rule {projection.rule.name!r} of projection "
            f"{projection.name!r} also acts without feedback, by decay or homeostasis, and its "
            f"update has one factor; give {kind}(scales='everything') to scale that too.",
            object=kind,
            parameter="scales",
        )
