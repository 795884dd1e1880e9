"""A classifier for scikit-learn: pipelines, cross-validation and grid search over networks.

It needs scikit-learn (extra ``analysis``), which is imported with this module.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from apical._base.checking import fitting, require, shown
from apical._base.extras import library
from apical._base.parameters import Count, CountOrZero, Seed
from apical.data.datasets import Dataset, Samples
from apical.devices import DEVICES, Simulator, simulate, usual, usual_options
from apical.errors import ParameterError
from apical.feedback.wirings import WIRINGS
from apical.language.activations import Activation
from apical.network.chains import chain
from apical.network.description import Network
from apical.neurons.encoding import Graded, decisions
from apical.neurons.error import RateError
from apical.neurons.rate import Rate
from apical.neurons.stimulus import Stimulus
from apical.plasticity.rules import three_factor
from apical.projections.weights import FanIn, Zero
from apical.training.fitting import fit
from apical.training.loop import outputs
from apical.training.scoring import margins, shares

_base, _validation = (
    library(f"sklearn.{name}", "analysis") for name in ("base", "utils.validation")
)

_routing = library("sklearn.utils.metadata_routing", "analysis")

_KINDS: Mapping[str, Any] = {
    "wiring": str,
    "activation": str | Activation,
    "eta": float,
    "epochs": CountOrZero,
    "batch": Count,
    "build": Callable | None,
    "device": str | None,
}
"""Kinds of parameters; those of training are checked by `apical.fit`."""

Build = Callable[[Dataset, int], Network]
"""Describes a network for a data set and a seed, as ``build`` of a model script does."""


class ApicalClassifier(_base.ClassifierMixin, _base.BaseEstimator):  # type: ignore[name-defined]
    """Classifier that learns without backpropagation, as an estimator of scikit-learn.

    By default it is a rate network with a softmax read-out that learns by direct feedback
    alignment. Each feature is scaled to [0, 1] by its range in training. Parameters are checked by
    `fit`.

    Parameters
    ----------
    hidden
        Sizes of the hidden populations.
    wiring
        Feedback wiring, a name in `apical.feedback.WIRINGS`.
    activation
        Activation function of hidden neurons.
    eta
        Learning rate.
    epochs, schedule, validation, early_stopping
        As in `apical.fit`.
    batch
        Batch size on devices that have one; at most the number of samples.
    build
        Function of a data set and a seed that describes another network, for instance ``build`` of
        a model script. The parameters above that describe the network are then not read.
    device
        Device; None for the usual one of the network.
    random_state
        Seed of the network, or a generator of NumPy that draws one.

    Attributes
    ----------
    classes_
        Classes, shape (n_classes,).
    network_, simulator_
        The network, and the simulator with its trained state.
    history_
        Table of the history, as `apical.training.Fit.table`.

    See Also
    --------
    apical.fit : Trains any network, on data of any source.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> import apical as ap
    >>> x, y = load_iris(return_X_y=True)
    >>> classifier = ap.ApicalClassifier(hidden=(20,), epochs=100)
    >>> bool(cross_val_score(classifier, x, y, cv=3).mean() > 0.9)
    True
    """

    # samples have no weights, so there is nothing to route, and no set_score_request
    __metadata_request__score: ClassVar = {"sample_weight": _routing.UNUSED}

    def __init__(
        self,
        hidden: Sequence[int] = (100,),
        wiring: str = "dfa",
        activation: str = "tanh",
        eta: float = 0.05,
        *,
        epochs: int = 50,
        schedule: Any = "linear",
        validation: Any = None,
        early_stopping: Any = None,
        batch: int = 4,
        build: Build | None = None,
        device: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.hidden, self.wiring, self.activation, self.eta = hidden, wiring, activation, eta
        self.epochs, self.schedule, self.validation = epochs, schedule, validation
        self.early_stopping, self.batch, self.build = early_stopping, batch, build
        self.device, self.random_state = device, random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network on samples and their classes, and return the classifier.

        Parameters
        ----------
        X
            Samples, shape (n_samples, n_features).
        y
            Class of each, numbers or texts, shape (n_samples,).

        Raises
        ------
        ValueError
            If they do not fit each other, or are of one class.
        ApicalError
            If a parameter is not one of the network's.
        """
        self._check()
        values, given = _validation.validate_data(
            self, X, y, dtype=np.float64, ensure_min_samples=2
        )
        library("sklearn.utils.multiclass", "analysis").check_classification_targets(given)
        self.classes_, labels = np.unique(given, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"ApicalClassifier needs samples of two classes or more, got {len(self.classes_)} "
                "class."
            )
        self._lowest, spread = values.min(axis=0), np.ptp(values, axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        stored = self._scaled(values).astype(np.float32)
        train = Samples(stored, labels.astype(np.int64))
        shape = (values.shape[1],)
        data = Dataset("samples", train, train.part(slice(1)), len(self.classes_), shape)
        self.network_ = self._described(data)
        simulator = self._simulator(min(self.batch, len(train)))
        found = fit(
            simulator,
            data,
            self.epochs,
            schedule=self.schedule,
            validation=self.validation,
            early_stopping=self.early_stopping,
            progress=False,
        )
        judged = [name for name in found.table if not name.startswith("test_")]
        self.simulator_, self.history_ = simulator, found.table[judged]
        self.n_iter_ = found.epochs
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the class decided for each sample, shape (n_samples,).

        Parameters
        ----------
        X
            Samples, shape (n_samples, n_features).
        """
        decided = decisions(self._outputs(X))
        return np.asarray(self.classes_[decided])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the share of each output, shape (n_samples, n_classes); of a softmax, itself.

        Parameters
        ----------
        X
            Samples, shape (n_samples, n_features).
        """
        return shares(self._outputs(X))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return activities of the output, (n_samples, n_classes); of two classes their difference.

        Parameters
        ----------
        X
            Samples, shape (n_samples, n_features).
        """
        return margins(self._outputs(X))

    def _check(self) -> None:
        """Raise unless parameters are of the kinds that they must be."""
        for name, kind in _KINDS.items():
            fitting(getattr(self, name), kind, "ApicalClassifier", name)
        sizes = self.hidden if isinstance(self.hidden, Sequence | np.ndarray) else [None]
        try:
            for size in sizes:
                fitting(size, Count, "ApicalClassifier", "hidden")
        except ParameterError:
            wanted = "the size of each hidden population, such as (100,) or (100, 50)"
            require(False, "ApicalClassifier", "hidden", wanted, shown(self.hidden))
        if self.device is not None:
            DEVICES[self.device]  # or it is said which there are
        WIRINGS[self.wiring]

    def _outputs(self, given: Any) -> np.ndarray:
        _validation.check_is_fitted(self)
        values = _validation.validate_data(self, given, dtype=np.float64, reset=False)
        stored = self._scaled(values)
        if self.network_.is_spiking:
            stored = np.clip(stored, 0, None)
        return np.asarray(outputs(self.simulator_, stored), np.float64)

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return (values - self._lowest) / self._spread

    def _described(self, data: Dataset) -> Network:
        seed = self.random_state
        if not isinstance(seed, int | np.integer) or isinstance(seed, bool):
            check = library("sklearn.utils", "analysis").check_random_state
            try:
                seed = check(seed).randint(2**31 - 1)
            except (ValueError, TypeError, AttributeError):
                fitting(seed, Seed, "ApicalClassifier", "random_state")
                raise
        if self.build is not None:
            return fitting(self.build(data, int(seed)), Network, "ApicalClassifier", "build(...)")
        net, scheme = Network(seed=int(seed)), WIRINGS[self.wiring]
        n = data.n_classes
        hidden = [
            Rate(f"hidden_{k}", size, self.activation, **scheme.hidden)
            for k, size in enumerate(self.hidden, start=1)
        ]
        output = Rate("output", n, "softmax", gain="one", **scheme.output)
        stimulus = Stimulus("stimulus", data.n_inputs, Graded())
        weights = [*(FanIn() for _ in hidden), Zero()]
        rule = three_factor(self.eta)
        chain(net, stimulus, *hidden, output, weights=weights, bias=Zero(), rule=rule)
        net.teach(scheme(net.add(RateError("error", n)), net.forward))
        return net

    def _simulator(self, batch: int) -> Simulator:
        device = self.device or usual(self.network_)
        options = usual_options(self.network_, device)
        options |= {"batch": batch} if DEVICES[device].takes("batch") else {}
        return simulate(self.network_, device, dtype="float64", **options)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled or copied: the network and its state, without the simulator."""
        kept = dict(super().__getstate__())
        simulator = kept.pop("simulator_", None)
        return kept if simulator is None else {**kept, "_state": simulator.state}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the simulator anew, in the state that was kept."""
        kept = dict(state)
        trained = kept.pop("_state", None)
        super().__setstate__(kept)
        if trained is not None:
            self.simulator_ = self._simulator(self.batch)
            self.simulator_.state = trained
