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
        If no population is `LIF`.
    ParameterError
        If a coefficient is negative.

    See Also
    --------
    apical.LIF : Its parameters `tau_m_cv` and `threshold_cv`.

    References
    ----------
    Perez-Nieves et al. 2021, doi:10.1038/s41467-021-26022-3: heterogeneous time constants.

    Examples
    --------
    >>> import apical as ap
    >>> net, rule = ap.Network(), ap.rules.three_factor(1e-4)
    >>> x = ap.Stimulus("stimulus", 4, ap.encoding.Regular())
    >>> h, y, error = ap.LIF("hidden", 6), ap.LIF("output", 3), ap.Error("error", 6)
    >>> _ = ap.chain(net, x, h, y, weights=ap.Normal(0.2), rule=rule), net.add(error)
    >>> _ = net.teach(ap.feedback.direct(error, net.forward))
    >>> varied = ap.hypotheses.heterogeneity(net, membrane=0.3, threshold=0.2)
    >>> [(p.name, p.tau_m_cv, p.threshold_cv) for p in varied.populations if p.role == "neurons"]
    [('hidden', 0.3, 0.2), ('output', 0.3, 0.2)]
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
