"""Spiking networks of any depth learn by one rule under direct, layerwise or indirect feedback.

Stimulus -> LIF hidden populations -> LIF output, in trial form: perfect integrators, whose weights
change and which are reset at the end of each presentation. The error reaches every population
directly (``--wiring dfa``; Nokland 2016, arXiv:1609.01596, fig. 1c), goes down from each population
to the one before (``fa``; Lillicrap et al. 2016, doi:10.1038/ncomms13276) or up from the first
(``ifa``; Nokland 2016, fig. 1d), through spiking relays and fixed random synapses or, ``--relay
forward``, along forward synapses by bursts (Payeur et al. 2021, doi:10.1038/s41593-021-00857-x).
As a reference it goes back through time and the forward weights (``bp``, with PyTorch).

On MNIST 784-500-500-10 reaches 97.5 % (FA), 97.8 and 97.7 % (IFA forward, random), 98.2 % (DFA) and
98.5 % with shifted training images (``--reach 1``, DFA). docs/results/spiking.md has all runs.

    apical run spiking_deep --dataset mnist --dt 2 --reach 1 --epochs 15
"""

from itertools import pairwise
from math import inf, sqrt
from typing import Literal

import apical as ap
from apical import cli
from apical.neurons.eye_movements import Gaze
from apical.scripts.spiking import integrators

# learning rates of the first hidden population, of deeper ones and of the output; and from how many
# spikes in a trial on hidden neurons do not learn, where what is relayed grows with activity
RATES = {
    "dfa": (6e-5, 3e-6, 2e-4, inf),
    "fa": (5e-5, 1e-5, 2e-4, 8),
    "ifa, forward": (6e-5, 2.5e-7, 3e-4, 8),
    "ifa, random": (6e-5, 1e-6, 6e-4, inf),
    "bp": (0.3, 0.3, 0.1, inf),  # as in spiking_dfa, not searched for
    "small images": (6e-6, 1e-6, 3e-4, inf),  # which need fewer spikes, and larger weights
}


def build(
    data: ap.Dataset,
    seed: int,
    *,
    hidden: str = "500-500",
    wiring: Literal["dfa", "fa", "ifa", "bp"] = "dfa",
    relay: Literal["forward", "random"] = "forward",
    frozen: bool = False,
    reach: int = 0,
    unreliable: float = 0.0,
    most: float | None = None,
    faster: float = 1.0,
    eta: float | None = None,
    eta_deep: float | None = None,
    eta_output: float | None = None,
) -> ap.Network:
    """Describe the network for a data set.

    Parameters
    ----------
    hidden
        Numbers of neurons of the hidden populations.
    wiring, relay
        Feedback wiring: pathway of the error, and how it is relayed under ifa.
    frozen
        Whether the first hidden population does not learn.
    reach
        Data augmentation: largest shift of an image along each axis in a training trial [pixels].
    unreliable
        Dropout probability of stimulus neurons in training trials.
    most
        Spikes in a trial from which on hidden neurons do not learn; by default as found.
    faster
        Factor on all learning rates.
    eta, eta_deep, eta_output
        Learning rates of first and other hidden populations, and the output; by default as found.
    """
    sizes, large = [int(size) for size in hidden.split("-")], data.n_inputs > 200
    rate, total, spread_in = (50.0, 100.0, 0.12) if large else (100.0, 30.0, 1 / 3)
    chosen = f"ifa, {relay}" if wiring == "ifa" else wiring
    chosen = chosen if large or wiring == "bp" else "small images"
    given = zip((eta, eta_deep, eta_output, most), RATES[chosen], strict=True)
    first, deep, last, limit = (known if own is None else own for own, known in given)
    etas = [(deep if k else first) * sqrt(500 / size) for k, size in enumerate(sizes)]
    learns = [ap.rules.three_factor(faster * eta) for eta in (*etas, last)]
    copy = ap.Identity(4.0)  # one spike through the weight tau_m/tau_s = 4 makes one spike
    copies = [copy if n == m else ap.Normal(0.2 * sqrt(500 / n)) for n, m in pairwise(sizes)]
    encoder = ap.encoding.Regular(rate, total, unreliable)
    slope = "int(x > 0)" if limit == inf else f"int(x > 0)*int(x < {limit})"
    about = {"gaze": Gaze(data.shape, reach) if reach else None, "seed": seed}
    about |= {"weights": [ap.Normal(spread_in), *copies, ap.Zero()]}
    about |= {"wiring": wiring, "relay": relay, "rule": [None, *learns[1:]] if frozen else learns}
    return integrators([data.n_inputs, *sizes, data.n_classes], encoder, slope, **about)


if __name__ == "__main__":
    cli.run_model(__file__)
