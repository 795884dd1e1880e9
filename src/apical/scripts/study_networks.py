"""The networks of the shipped studies, as the catalogue judges them: one for each condition."""

from collections.abc import Callable, Mapping
from types import ModuleType

from apical.data.datasets import Dataset
from apical.network.description import Network
from apical.plasticity import optimizers, rules
from apical.projections.weights import FanIn, Zero

Networks = Callable[[ModuleType, Dataset, int], Mapping[str, Network]]
"""Given the script, a data set and a seed: condition -> network, of the size that the script's
command has by default."""

_WIRINGS = ("bp", "fa", "dfa")


def _layers(data: Dataset, *hidden: int) -> list[int]:
    return [data.n_inputs, *hidden, data.n_classes]


STUDIES: Mapping[str, Networks] = {
    "Akrout_2019_mirror": lambda of, data, seed: {
        kind: of.network(data, seed, kind, 200, 0.1, 6400) for kind in of.KINDS
    },
    "Bellec_2020_eprop": lambda of, _, seed: {
        called: of.network(of.made("store_recall", seed, 20, 5), seed, learns=learns)
        for learns, called in of.NAMES.items()
    },
    "Diehl_2015_stdp": lambda of, data, seed: {"STDP": of.network(data.n_inputs, 100, seed)},
    "Frenkel_2021_drtp": lambda of, data, seed: {
        wiring: of.network(data, seed, wiring, 500, 1) for wiring in of.WIRINGS
    },
    "Glorot_2010_saturation": lambda of, data, seed: {
        case: of.network(data, seed, case, 100, None) for case in of.LOGISTIC
    },
    "Guerguiev_2017_dendrites": lambda of, data, seed: {
        wiring: of.network(data, seed, wiring, 500) for wiring in of.WIRINGS
    },
    "Ioffe_2015_batch_norm": lambda of, data, seed: {
        f"{wiring}, normalised": of.network(data, seed, wiring, 100, 1.0, True)
        for wiring in of.WIRINGS
    },
    "Jang_go_up": lambda of, data, seed: {
        f"{wiring}, {called}": of.network(data, seed, wiring, [update] * 4, 100)
        for wiring in of.WIRINGS
        for called, update in (
            ("GO-UP", optimizers.go_up(0.1, 0.01)),
            ("GO-UP as published", optimizers.go_up_global(0.03)),
        )
    },
    "LeCun_2015_pretraining": lambda of, data, seed: {
        wiring: of.network(_layers(data, 400, 400, 400), seed, wiring, "softmax", [], 3e-3)
        for wiring in _WIRINGS
    },
    "Li_2018_landscape": lambda of, data, seed: {
        name: of.network(data, seed, name, 30) for name in of.PATHS
    },
    "Lillicrap_2016_linear": lambda of, _, seed: {
        wiring: of.network(seed, wiring) for wiring in ("bp", "fa")
    },
    "Maas_2013_dead_units": lambda of, data, seed: {
        f"{wiring}, {activation}": of.network(
            _layers(data, 100, 100, 100), seed, wiring, activation, etas[0]
        )
        for wiring, etas in of.ETAS.items()
        for activation in of.KINDS
    },
    "Meulemans_2021_autoencoder": lambda of, data, seed: {
        wiring: of.network(data.n_inputs, seed, wiring, [256, 32, 256]) for wiring in _WIRINGS
    },
    "Nielsen_2015_vanishing": lambda of, data, seed: {
        wiring: of.network(_layers(data, 30, 30, 30, 30), seed, wiring, eta=0.1)
        for wiring in of.WIRINGS
    },
    "Nokland_2016_frozen": lambda of, data, seed: {
        f"{wiring}, first population frozen": of.network(
            data, seed, wiring, 1e-4, (800, 800), fixed=1, random=1
        )
        for wiring in of.WIRINGS
    },
    "Pascanu_2013_clipping": lambda of, data, seed: {
        case: of.network(data, seed, case, 15, 0.1) for case in of.CASES
    },
    "Reddy_2026_stall": lambda of, data, seed: (
        {
            f"{wiring}, zero-sum feedback": of.rates(data, seed, wiring, 0.1, 0, 1, 300)
            for wiring in ("dfa", "fa")
        }
        | {"dfa, spikes, zero-sum feedback": of.spikes(data, seed, "dfa", 1.0, 0, 1, "int(x > 0)")}
    ),
    "Refinetti_2021_align": lambda of, data, seed: {"dfa": of.network(data, seed, 100, 3, 0.1)},
    "Samadi_2017_spiking_fa": lambda of, data, seed: {
        called: of.network(_layers(data, 1000), seed, slope, (1e-5, 6e-4), of.MNIST)
        for slope, called in of.NAMES.items()
    },
    "Sutskever_2013_momentum": lambda of, data, seed: {
        "bp, Nesterov 0.99": of.network(
            [data.n_inputs, 100, 50, 25, 10, 25, 50, 100, data.n_inputs],
            seed,
            1.0,
            rules.three_factor(0.01, dynamics=optimizers.nesterov(0.99, 250.0)),
        )
    },
    "Werfel_2005_perturbation": lambda of, data, seed: {
        called: of.network(
            kind,
            of.RATES[kind],
            {"node": 1e-2, "weight": 1e-3},
            seed,
            _layers(data, 30),
            ("tanh", "logistic"),
            weights=FanIn(),
            bias=Zero(),
        )
        for kind, called in of.NAMES.items()
    },
    "Zenke_2018_superspike": lambda of, _, seed: {
        called: of.network(seed, 100, 16, 250, learns, 3e-2, 3e-2)
        for learns, called in of.NAMES.items()
        if learns != "symmetric"  # random as described; the script copies weights while it runs
    },
}
"""Studies that have networks. Those without have none to judge: they work on functions, or without
learning. A script of one's own may define ``catalogue(data, seed)`` instead."""
