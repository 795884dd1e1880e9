"""Small networks of rates that several tests share."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from apical import (
    Bias,
    Block,
    FanIn,
    Network,
    Rate,
    RateError,
    Stimulus,
    Zero,
    feedback,
    rules,
)
from apical.feedback.pathways import FeedbackPathway
from apical.neurons.encoding import Graded
from apical.plasticity.rules import LearningRule
from apical.projections.weights import WeightSource

Wiring = Callable[..., FeedbackPathway]


def rates(
    wiring: Wiring = feedback.direct,
    sizes: Sequence[int] = (6, 5, 4, 3),
    *,
    activation: Any = "tanh",
    output: str = "logistic",
    gain: Any = "one",
    rule: LearningRule | None = None,
    weights: WeightSource | None = None,
    seed: int = 0,
    unreliable: float = 0.0,
    bounds: tuple[float, float] | None = None,
    **options: Any,
) -> Network:
    """Describe stimulus -> hidden_1 -> ... -> output with biases, under one wiring."""
    net = Network(seed=seed, trial=200.0)
    pre = net.add(Stimulus("stimulus", sizes[0], Graded()))
    bias = net.add(Bias("bias"))
    rule = rule or rules.three_factor(0.5)
    chain = [
        Rate(f"hidden_{k}", n, activation, unreliable=unreliable, **getattr(wiring, "hidden", {}))
        for k, n in enumerate(sizes[1:-1], 1)
    ]
    needs = getattr(wiring, "output", {})
    for post in (*chain, Rate("output", sizes[-1], output, gain=gain, **needs)):
        net.add(post)
        net.connect(pre, post, weights=weights or FanIn(), rule=rule, bounds=bounds)
        net.connect(bias, post, weights=Zero(), rule=rule)
        pre = post
    error = net.add(RateError("error", sizes[-1]))
    net.teach(wiring(error, net.forward, **options))
    return net


def trials(n: int = 7, sizes: Sequence[int] = (6, 3), seed: int = 0, **options: Any) -> Block:
    """Return a block of random trials with labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, sizes[-1], n)
    return Block(rng.random((n, sizes[0])), labels, **options)
