"""Hypotheses about neurons: that no two are alike."""

from apical._base.checking import checked
from apical._base.parameters import NonNegative
from apical.errors import WiringError
from apical.network.description import Network


@checked("Hypothesis")
def heterogeneity(
    network: Network, *, membrane: NonNegative = 0.0, threshold: NonNegative = 0.0
) -> Network:
    """Let membrane time constants and thresholds differ between the neurons of a population.

    Both are log-normal, with the mean that there was, and drawn once from the seed of the network.
    Factors that are there already are multiplied. Neurons that are quick and easily excited answer
    more strongly, and may need a smaller learning rate.

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
