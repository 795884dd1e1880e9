"""Spiking networks of studies, in trial form: perfect integrators, reset after every trial."""

from collections.abc import Sequence
from typing import Any

from apical.feedback import WIRINGS
from apical.network.chains import chain
from apical.network.description import Network
from apical.neurons.encoding import Encoder
from apical.neurons.error import Error
from apical.neurons.eye_movements import Gaze
from apical.neurons.lif import LIF
from apical.neurons.stimulus import Stimulus
from apical.projections.weights import WeightSource
from apical.scripts.layers import WITHOUT_CHANCE


def integrators(
    sizes: Sequence[int],
    encoder: Encoder,
    slope: str,
    *,
    wiring: str,
    seed: int = 0,
    trial: float = 100.0,
    gaze: Gaze | None = None,
    target: float = 100.0,
    name: str = "hidden_{}",
    relay: str | None = None,
    bias: float = 1.2,
    feedback: WeightSource | None = None,
    **joins: Any,
) -> Network:
    """Describe a feedforward network of non-leaky integrate-and-fire neurons with spiking errors.

    Membranes start at half their threshold, the output has a bias, two error neurons for each class
    compare it with the label. Populations are called as in `apical.scripts.layers.feedforward`.

    Parameters
    ----------
    sizes
        Numbers of neurons, from the stimulus to the output.
    encoder
        How stimuli become spikes.
    slope
        Surrogate derivative of hidden neurons, an expression; that of the output is 1.
    wiring
        Feedback scheme, one of `apical.feedback.WIRINGS`.
    seed
        Seed of the network.
    trial
        Duration of a trial [ms].
    gaze
        Shifts of images in training trials.
    target
        Firing rate of the output neuron of the right class [Hz].
    name
        Name of the hidden populations; ``{}`` stands for their numbers, from 1.
    relay
        How the error is relayed under IFA, ``"forward"`` or ``"random"``; other schemes ignore it.
    bias
        Input current of the output neurons [thresholds]: they fire at it alone, and so can be
        inhibited from the start.
    feedback
        Weights of fixed random feedback, as in `apical.scripts.layers.feedforward`.
    **joins
        Options of `apical.chain`: ``weights``, ``rule``, ...

    Examples
    --------
    >>> import apical as ap
    >>> from apical.scripts.spiking import integrators
    >>> encoder, rule = ap.encoding.Regular(rate=100, total=30), ap.rules.three_factor(1e-4)
    >>> net = integrators(
    ...     [64, 30, 10], encoder, "1", wiring="dfa", weights=ap.Normal(0.2), rule=rule
    ... )
    >>> [(population.name, population.size) for population in net.populations]
    [('stimulus', 64), ('hidden_1', 30), ('output', 10), ('error', 20)]
    """
    net = Network(seed=seed, trial=trial)
    neuron: dict[str, Any] = {"leak": False, "v_start": 0.5}
    x = Stimulus("stimulus", sizes[0], encoder, gaze=gaze)
    hidden = enumerate(sizes[1:-1], start=1)
    h = [LIF(name.format(k), n, gain=slope, **neuron) for k, n in hidden]
    y = LIF("output", sizes[-1], gain="1", bias=bias, **neuron)
    chain(net, x, *h, y, **joins)
    error = net.add(Error("error", 2 * sizes[-1], target=target))
    options = {"relay": relay} if relay and wiring == "ifa" else {}
    scheme = WIRINGS[wiring]
    random = () if feedback is None or scheme.connect in WITHOUT_CHANCE else (feedback,)
    net.teach(scheme(error, net.forward, *random, **options))
    return net
