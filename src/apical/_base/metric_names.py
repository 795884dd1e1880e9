"""Names of what is measured while a network learns: a metric, and what of the network it is of."""

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
