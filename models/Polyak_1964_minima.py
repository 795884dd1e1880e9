"""Momentum and Adam against local minima, in a loss landscape whose minima are known.

Many neurons with one synapse each roll down the same landscape from different starts. Each answers
its weight w with ``f(w) = C w**2 + 4 A (w - k)**2``, k the nearest whole number, where it should
answer -1, so that the loss is ``(1 + f)**2/2``: a bowl with wells. Well k has a minimum where
``abs(k) < 1/2 + 2 A/C``, at ``k 4A/(C + 4A)``, and the lowest is at 0. Plain gradient descent stops
in the first well, momentum (the heavy ball, Polyak 1964, doi:10.1016/0041-5553(64)90137-5) carries
through as many as it has speed for, Adam (Kingma & Ba 2015, arXiv:1412.6980) has momentum too, and
noise that fades (`apical.optimizers.go_up`) climbs out. No numbers were published for this
landscape.

Reached with 240 neurons, of which 8.3 % start in the lowest of 9 wells, and 2,000 steps, at the
best of the learning rates 0.01 to 2: descent 8.3 % at every rate, momentum 0.9 37.5 % (rate 0.3),
momentum 0.99 30.8 % (0.03), Adam 64.2 % (0.3), noise that fades 50.0 % (0.1). None always finds it,
and at rates below a tenth of the best, momentum 0.9 and Adam stop where descent does. 8 s on one
core.

    python models/Polyak_1964_minima.py
"""

from pathlib import Path

import numpy as np

import apical as ap
from apical import plotting
from apical.language.activations import Activation
from apical.scripts import gallery, options, studies, study, sweep, tables

C, A, WIDEST = 0.02, 0.04, 6.0
"""The bowl, the wells in it, and how far out neurons start."""
NEAREST = "(drive - floor(drive + 0.5))"
LANDSCAPE = Activation(
    "wells", f"{C}*drive**2 + {4 * A}*{NEAREST}**2", f"{2 * C}*drive + {8 * A}*{NEAREST}"
)
METHODS = {
    "descent": lambda rate: ap.optimizers.go_up(rate, 0.0),
    "momentum 0.9": lambda rate: momentum(rate, 0.9),
    "momentum 0.99": lambda rate: momentum(rate, 0.99),
    "Adam": ap.optimizers.adam,
    "noise that fades": lambda rate: ap.optimizers.go_up(rate, 1.0),
}
"""Name -> optimiser at a learning rate."""


def momentum(rate: float, mu: float) -> ap.optimizers.UpdateDynamics:
    """Return momentum with a learning rate of its own; that of the rule is 1 here."""
    step = (("m", "mu*m + rate*update"),)
    return ap.optimizers.UpdateDynamics("momentum", {"m": 0.0}, step, "m", {"mu": mu, "rate": rate})


def rolled(method: str, rate: float, steps: int, n: int, seed: int = 0) -> np.ndarray:
    """Return the weights of n neurons, from evenly spaced starts, shape (steps + 1, n)."""
    net, starts = ap.Network(seed=seed), np.linspace(-WIDEST, WIDEST, n)
    x, y = ap.Stimulus("stimulus", 1, ap.encoding.Graded()), ap.Rate("output", n, LANDSCAPE)
    rule = ap.rules.three_factor(dynamics=METHODS[method](rate))
    (first,) = ap.chain(net, x, y, weights=ap.Given(starts[np.newaxis]), rule=rule)
    net.teach(ap.feedback.transposed(net.add(ap.RateError("error", n)), net.forward))
    simulator, path = ap.simulate(net, "array", dtype="float64"), [starts]
    for step in range(steps):
        fades = np.array([1 - step / steps if "fades" in method else 1.0])
        simulator.run(ap.Block(np.ones((1, 1)), None, fades, step, -np.ones((1, n))))
        path.append(simulator.weights(first)[0])
    return np.stack(path)


def minima() -> np.ndarray:
    """Return where the local minima are, from the equation."""
    k = np.arange(-100, 101)
    return np.asarray(k[np.abs(k) < 0.5 + 2 * A / C] * 4 * A / (C + 4 * A))


def found(method: str, rate: float, steps: int, n: int) -> float:
    """Return the share of neurons that end in the well of the lowest minimum."""
    return float(np.mean(np.abs(rolled(method, rate, steps, n)[-1]) < 0.5))


def draw(rows: list[tables.Row], path: Path) -> None:
    """Draw the landscape with its known minima, and how many neurons reach the lowest."""
    ground, reached = plotting.panels(2, width=4.6, height=3.4)
    w, at = np.linspace(-WIDEST, WIDEST, 1201), minima()
    loss, lowest = (
        (1 + C * w**2 + 4 * A * off**2) ** 2 / 2
        for w, off in ((w, w - np.floor(w + 0.5)), (at, at - np.round(at)))
    )
    plotting.curves({"loss": (w, loss)}, "weight", "loss", ax=ground)
    ground.plot(at, lowest, "o", color="black", label="known minima")
    ground.legend(fontsize=8)
    rows = [row | {"percent": 100 * row["share"]} for row in rows]
    series = tables.series(rows, "rate", "percent", "method")
    shown = {"levels": {"started there": 100 / (2 * WIDEST)}, "log_x": True, "ax": reached}
    plotting.curves(series, "rate", "neurons in the lowest well [%]", **shown)
    plotting.save([ground, reached], path)


def quick(out: Path) -> gallery.Finding:
    """Roll 60 neurons for 600 steps, at one learning rate each."""
    rates = {"descent": 0.3, "momentum 0.99": 0.1, "Adam": 0.3, "noise that fades": 0.3}
    shares = {method: found(method, rate, 600, 60) for method, rate in rates.items()}
    said = ", ".join(f"{method} {100 * share:.0f}" for method, share in shares.items())
    plain, *others = shares.values()
    ends = rolled("descent", 0.3, 600, 60)[-1]
    known = np.abs(ends[:, np.newaxis] - minima()).min(axis=1).max() < 1e-3
    return gallery.Finding(
        f"neurons in the lowest of {len(minima())} wells, of which 8 % start there [%]: {said}",
        known and plain < 0.1 and all(share > 2 * plain for share in others),
    )


EXHIBIT = gallery.Exhibit(
    claim="Momentum, Adam and decaying noise pass local minima in which plain descent stops",
    published="none with numbers (Polyak 1964, Kingma & Ba 2015)",
    reached="240 neurons, 9 wells, best rate: descent 8.3 (as many start there), "
    "momentum 0.9 37.5, 0.99 30.8, Adam 64.2, noise 50.0 %",
    quick=quick,
)


@study(EXHIBIT, files="minima.csv and minima.png")
@options.sizes("--rates", "0.01,0.03,0.1,0.3,1,2", "Learning rates.")
@options.option("--steps", 2000)
@options.option("--neurons", 240, "Starting points.", least=2)
def main(rates: list[float], steps: int, neurons: int, out: Path) -> None:
    def measured(method: str, rate: float) -> tables.Row:
        return {"share": found(method, rate, steps, neurons)}

    said = "{method}, rate {rate:g}: {share:.1%} in the lowest well"
    rows = sweep(measured, said, method=METHODS, rate=rates)
    studies.write_table(out / "minima.csv", rows)
    draw(rows, out / "minima.png")


if __name__ == "__main__":
    studies.run(main)
