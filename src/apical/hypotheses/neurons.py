"""Hypotheses about neurons: heterogeneity of time constants and thresholds."""

from apical._base.parameters import NonNegative
from apical.errors import WiringError
from apical.hypotheses.declaration import hypothesis
from apical.network.description import Network


@hypothesis(
    example={"membrane": 0.3, "threshold": 0.2}, neutral={"membrane": 0.0, "threshold": 0.0}
)
def heterogeneity(
    network: Network, *, membrane: NonNegative = 0.0, threshold: NonNegative = 0.0
) -> Network:
    """Heterogeneity of membrane time constants and thresholds within a population.

    Both are log-normal with unchanged mean, and drawn once from the seed of the network. Existing
    heterogeneity is multiplied. Fast and excitable neurons respond more strongly, and may need a
    smaller learning rate.

    Parameters
    ----------
    network
        A network with `LIF` populations.
    membrane, threshold
        Coefficients of variation of the time constant and of the threshold: standard deviation over
        mean [dimensionless]. 0 is neutral.

    Raises
    ------
    WiringError
        If a coefficient is negative, or no population is `LIF`.

    References
    ----------
    Perez-Nieves et al. 2021, doi:10.1038/s41467-021-26022-3: heterogeneous time constants.
    """
    varied = {p.name: p.varied(membrane, threshold) for p in network.populations}
    if not any(varied.values()):
        raise WiringError(
            "Hypothesis 'heterogeneity' varies membranes and thresholds of LIF neurons, of which "
            "the network has none: neurons of rates have neither; describe it with LIF.",
            object="Hypothesis 'heterogeneity'",
        )

    if not (membrane or threshold):
        return network
    return network.altered(population=lambda p: p.varied(membrane, threshold) or p)
