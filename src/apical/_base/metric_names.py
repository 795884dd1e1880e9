"""Names of what is measured while a network learns: a metric, and what of the network it is of."""

from collections.abc import Mapping
from typing import Any

Metric = str | tuple[str, str]
"""A metric of the whole network, as ``"test_accuracy"``, or the pair of a metric and its subject, a
population or a projection, as ``("rate", "hidden")``."""

_OF_PARTS = (
    *("angle", "feedback_angle", "feedback_ratio", "norm", "speed", "zeros"),
    *("rate", "mixed", "minority", "dead", "saturated", "ActivationSparsity"),
)
"""Metrics of projections and of populations that were one name with these, before 0.2."""


def parts(metric: Metric) -> tuple[str, str]:
    """Return a metric and its subject, which is "" for the whole network."""
    return (metric, "") if isinstance(metric, str) else metric


def one_name(metric: str, subject: str) -> str:
    """Return the name of a column, as ``rate_hidden``."""
    return f"{metric}_{subject}" if subject else metric


def former(name: str) -> tuple[str, str]:
    """Return the metric and the subject of a name as `one_name` makes it."""
    return next(
        (
            (metric, name[len(metric) + 1 :])
            for metric in _OF_PARTS
            if name.startswith(f"{metric}_") and len(name) > len(metric) + 1
        ),
        (name, ""),
    )


def scored(name: str, value: float) -> str:
    """Return a score as text: accuracies in percent.

    Parameters
    ----------
    name, value
        Of `Evaluation.scores`, or a metric that ends in such a name.

    Examples
    --------
    >>> from apical._base.metric_names import scored
    >>> scored("test_accuracy", 0.975), scored("r2", 0.98765), scored("mse", 0.00123)
    ('97.50%', '0.9877', '0.00123')
    """
    if name.endswith("accuracy"):
        return f"{value:.2%}"
    return f"{value:.4f}" if name.endswith("r2") else f"{value:.4g}"


_REPORTED = ("accuracy", "subset_accuracy", "r2")
VALIDATED = tuple(f"validation_{score}" for score in _REPORTED)
"""Metrics to report of a validation set: the first of these that was measured."""
TESTED = (*VALIDATED, *(f"test_{score}" for score in _REPORTED))
"""Metrics to report: the first of these that was measured."""


def headline(metrics: Mapping[Any, Any]) -> str:
    """Return the name of the metric to report, of several; "" if there is none.

    Parameters
    ----------
    metrics
        Metrics by name: those of a step, a summary, or a row of results.

    Examples
    --------
    >>> from apical._base.metric_names import headline
    >>> headline({"test_mse": 0.1, "test_r2": 0.9})
    'test_r2'
    """
    return next((name for name in TESTED if metrics.get(name) is not None), "")


def tested(metrics: Mapping[Any, Any]) -> str:
    """Return the metric to report as text; "" if no validation or test samples were evaluated.

    Parameters
    ----------
    metrics
        As in `headline`.

    Examples
    --------
    >>> from apical._base.metric_names import tested
    >>> tested({"test_accuracy": 0.5}), tested({"test_r2": 0.875, "test_mse": 0.1})
    ('test accuracy 50.00%', 'test R2 0.8750')
    """
    name = headline(metrics)
    return f"{told(name)} {scored(name, metrics[name])}" if name else ""


def told(name: str) -> str:
    """Return the name of a score or a metric in words.

    Parameters
    ----------
    name
        Such as ``"test_subset_accuracy"``.

    Examples
    --------
    >>> from apical._base.metric_names import told
    >>> told("test_subset_accuracy"), told("r2"), told("test_mse")
    ('test subset accuracy', 'R2', 'test mean squared error')
    """
    words = {"r2": "R2", "mse": "mean squared error"}
    return " ".join(words.get(part, part) for part in name.split("_"))
