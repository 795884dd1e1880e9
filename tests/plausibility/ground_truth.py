"""Random networks of which it is known whether their feedback was copied from forward weights."""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from itertools import pairwise

import numpy as np

from apical import (
    LIF,
    Error,
    FanIn,
    Given,
    Network,
    Rate,
    RateError,
    Stimulus,
    encoding,
    feedback,
    rules,
)
from apical.feedback import WIRINGS, FeedbackPathway

Matrix = np.ndarray
Draw = Callable[[np.random.Generator, tuple[int, int]], Matrix]


def _sparse(rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
    return rng.normal(size=shape) * (rng.random(shape) < 0.5)


def _dale(rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
    return np.abs(rng.normal(size=shape)) * rng.choice([-1.0, 1.0], (shape[0], 1))


def _hat(rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
    places = [(np.arange(n) + 0.5) / n for n in shape]
    apart = np.abs(places[0][:, np.newaxis] - places[1])
    return np.exp(-((apart / 0.1) ** 2)) - 0.5 * np.exp(-((apart / 0.25) ** 2))


def _noisy_hat(rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
    return _hat(rng, shape) * rng.lognormal(0, 0.5, shape)


def _ones(rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
    return np.full(shape, 0.3)


DRAWS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "positive": lambda rng, shape: rng.uniform(0, 1, shape),
    "log-normal": lambda rng, shape: rng.lognormal(0, 1, shape),
    "heavy-tailed": lambda rng, shape: rng.standard_t(2, shape),
    "sparse": _sparse,
    "signs of neurons": _dale,
    "two bits": lambda rng, shape: rng.choice([-1.0, -1 / 3, 1 / 3, 1.0], shape),
    "binary": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
}
"""Independent weights."""

RULES_OF_WIRING: dict[str, Draw] = {"Mexican hat": _hat, "uniform": _ones}
"""Weights without information, which may be alike in both directions."""


def _noise(rng: np.random.Generator, w: Matrix) -> Matrix:
    return w + rng.normal(0, w.std() or 1, w.shape)


def _some_columns(rng: np.random.Generator, w: Matrix) -> Matrix:
    found = rng.normal(0, w.std() or 1, w.shape)
    kept = rng.permutation(w.shape[1])[: max(w.shape[1] // 5, 1)]
    found[:, kept] = 2 * w[:, kept]
    return found


def _some_entries(rng: np.random.Generator, w: Matrix) -> Matrix:
    return np.where(rng.random(w.shape) < 0.3, w, rng.normal(0, w.std() or 1, w.shape))


def _rotated(rng: np.random.Generator, w: Matrix) -> Matrix:
    """Mixtures of classes; of a few of many neurons, or a copy if there are too many classes."""
    mixed = np.linalg.qr(rng.normal(size=(len(w), len(w))))[0] @ w
    return mixed if 2 * len(w) <= w.shape[1] else w


CHEATS: dict[str, Callable[[np.random.Generator, Matrix], Matrix]] = {
    "copied": lambda rng, w: w,
    "turned round": lambda rng, w: -0.3 * w,
    "scaled neurons": lambda rng, w: w * rng.uniform(0.1, 5, w.shape[1]),
    "scaled sources": lambda rng, w: w * rng.uniform(0.1, 5, (len(w), 1)),
    "noisy": _noise,
    "signs": lambda rng, w: np.sign(w) * rng.uniform(0.1, 1, w.shape),
    "cube": lambda rng, w: w**3,
    "squashed": lambda rng, w: np.tanh(2 * w / w.std()),
    "reciprocal": lambda rng, w: 1 / w,
    "rounded": lambda rng, w: np.round(2 * w / w.std()),
    "some neurons": _some_columns,
    "some synapses": _some_entries,
    "rotated": _rotated,
    "shifted": lambda rng, w: w + 0.5,
    "pseudo-inverse": lambda rng, w: np.linalg.pinv(w.T),
}
"""What is made of the transposed forward map, shape (n_out, n_hidden), by its random draws."""


def chain(sizes: list[int], seed: int, weights: list[Matrix], spiking: bool) -> Network:
    """Return a network without feedback, the weights onto hidden populations given."""
    rule = rules.three_factor(0.1)
    net = Network(seed=seed, trial=200.0)
    how = encoding.Regular(100.0) if spiking else encoding.Graded()
    pre = net.add(Stimulus("stimulus", sizes[0], how))
    for k, n in enumerate(sizes[1:]):
        last = k == len(sizes) - 2
        name = "output" if last else f"hidden_{k}"
        gain = {"gain": "one"} if last else {}
        post = net.add(
            LIF(name, n) if spiking else Rate(name, n, "logistic" if last else "tanh", **gain)
        )
        source = Given(weights[k - 1]) if k else FanIn()
        net.connect(pre, post, weights=source, rule=rule)
        pre = post
    return net


def network(seed: int, cheat: str = "") -> tuple[Network, str]:
    """Return a random network, and what it is; honest without a `cheat`."""
    rng = np.random.default_rng(seed)
    depth = int(rng.integers(1, 4))
    least = 12 if cheat else 3  # of fewer neurons, only exact copies can be seen
    sizes = [5, *(int(n) for n in rng.integers(least, 40, depth)), int(rng.integers(3, 12))]
    if not cheat and rng.random() < 0.3:  # square matrices, in which more could coincide
        sizes = [5, *[sizes[1]] * (depth + 1)]
    kinds = DRAWS if cheat else DRAWS | RULES_OF_WIRING
    if cheat:  # whose transposes hold information, and have no zeros to divide by
        kinds = {k: DRAWS[k] for k in ("normal", "uniform", "heavy-tailed")}
    kind = str(rng.choice([*kinds]))
    back_kind = kind if rng.random() < 0.5 else str(rng.choice([*kinds]))
    shapes = list(pairwise(sizes[1:]))
    weights = [0.3 * kinds[kind](rng, shape) for shape in shapes]
    spiking = bool(rng.random() < 0.3)
    net = chain(sizes, seed, weights, spiking)
    n_out = sizes[-1]
    error = net.add(Error("error", 2 * n_out) if spiking else RateError("error", n_out))
    layered = bool(rng.random() < 0.5) and not spiking
    which = int(rng.integers(depth))  # the population whose feedback is copied
    backs = []
    for k in range(depth):
        ahead = weights[k : k + 1] if layered else weights[k:]
        true = reduce(np.matmul, ahead).T
        drawn = kinds[back_kind](rng, true.shape)
        backs.append(CHEATS[cheat](rng, true) if cheat and k == which else drawn)
    net.teach(_pathway(net, error, backs, layered))
    if not cheat and not spiking and rng.random() < 0.3:
        wiring = str(rng.choice(["fa", "ifa_forward", "ifa_random", "drtp"]))
        return net.rewired(WIRINGS[wiring]), f"{wiring}, {sizes}"
    return net, f"{kind}, {back_kind}, {sizes}, {'FA' if layered else 'DFA'}, {spiking=}, {which=}"


def _pathway(
    net: Network, error: Error | RateError, backs: list[Matrix], layered: bool
) -> FeedbackPathway:
    usual = (feedback.layerwise if layered else feedback.direct)(error, net.forward)
    by_post = {p.post.name: p for p in usual.projections}
    found = [p for p in usual.projections if p.post is net.output]
    for k, back in enumerate(backs):
        p = by_post[f"hidden_{k}"]
        both = np.concatenate([back, -back]) if p.pre.is_paired else back
        found.append(replace(p, weights=Given(both)))
    return replace(usual, projections=tuple(found))
