"""Momentum and Adam against local minima, in a loss landscape whose minima are known.

Many neurons with one synapse each roll down the same landscape from different starts. Each answers
its weight w with ``f(w) = C w**2 + 4 A (w - k)**2``, k the nearest whole number, where it should
answer -1, so that the loss is ``(1 + f)**2/2``: a bowl with wells, the lowest at 0. Plain gradient
descent stops in the first well; momentum (Polyak 1964, doi:10.1016/0041-5553(64)90137-5) and Adam
(Kingma & Ba 2015, arXiv:1412.6980) carry through several, and noise that fades climbs out.

    python models/Polyak_1964_minima.py
"""

from functools import partial
from pathlib import Path

import numpy as np

import apical as ap
from apical.language.activations import Activation
from apical.scripts import Row, gallery, options, panels, studies, study, sweep, tables

C, A, WIDEST = 0.02, 0.04, 6.0  # the bowl, the wells in it, and how far out neurons start
OFF = "(drive - floor(drive + 0.5))"
WELLS = Activation("wells", f"{C}*drive**2 + {4 * A}*{OFF}**2", f"{2 * C}*drive + {8 * A}*{OFF}")
MINIMA = np.array([k * 4 * A / (C + 4 * A) for k in range(-99, 100) if abs(k) < 0.5 + 2 * A / C])
RULES = {
    "descent": ap.rules.three_factor,
    "momentum 0.9": partial(ap.rules.three_factor, dynamics=ap.optimizers.momentum(0.9)),
    "momentum 0.99": partial(ap.rules.three_factor, dynamics=ap.optimizers.momentum(0.99)),
    "Adam": lambda rate: ap.rules.three_factor(dynamics=ap.optimizers.adam(rate)),
    "noise that fades": lambda rate: ap.rules.three_factor(dynamics=ap.optimizers.go_up(rate, 1.0)),
}


def roll(method: str, rate: float, steps: int, n: int) -> Row:
    """Return the share of n neurons that end in the lowest well, and how far off minima any is."""
    net, starts = ap.Network(), np.linspace(-WIDEST, WIDEST, n)
    x, y = ap.Stimulus("stimulus", 1, ap.encoding.Graded()), ap.Rate("output", n, WELLS)
    (first,) = ap.chain(net, x, y, weights=ap.Given(starts[np.newaxis]), rule=RULES[method](rate))
    net.teach(ap.feedback.transposed(net.add(ap.RateError("error", n)), net.forward))
    simulator = ap.simulate(net, "array", dtype="float64")
    for step in range(steps):
        fades = np.array([1 - step / steps if "fades" in method else 1.0])
        simulator.run(ap.Block(np.ones((1, 1)), None, fades, step, -np.ones((1, n))))
    ends = simulator.weights(first)[0]
    off = np.abs(ends[:, np.newaxis] - MINIMA).min(axis=1).max()
    return {"share": float(np.mean(np.abs(ends) < 0.5)), "off": float(off)}


def quick(out: Path) -> gallery.Finding:
    """Roll 60 neurons for 600 steps, at one learning rate each."""
    rates = {"descent": 0.3, "momentum 0.99": 0.1, "Adam": 0.3, "noise that fades": 0.3}
    rows = {method: roll(method, rate, 600, 60) for method, rate in rates.items()}
    said = ", ".join(f"{method} {100 * row['share']:.0f}" for method, row in rows.items())
    text = f"neurons in the lowest of {len(MINIMA)} wells, of which 8 % start there [%]: {said}"
    plain, *others = (row["share"] for row in rows.values())
    known = rows["descent"]["off"] < 1e-3
    return gallery.Finding(text, known and plain < 0.1 and min(others) > 2 * plain)


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
    said = "{method}, rate {rate:g}: {share:.1%} in the lowest well"
    rows = sweep(partial(roll, steps=steps, n=neurons), said, method=RULES, rate=rates)
    studies.write_table(out / "minima.csv", rows)
    w, reached = np.linspace(-WIDEST, WIDEST, 1201), tables.series(rows, "rate", "share", "method")
    at = np.concatenate([w, MINIMA])
    loss = (1 + C * at**2 + 4 * A * (at - np.floor(at + 0.5)) ** 2) ** 2 / 2
    known = {"known minima": (MINIMA, loss[w.size :])}
    shown = {"levels": {"started there": 1 / (2 * WIDEST)}, "log_x": True}
    ground = panels.Panel({"loss": (w, loss[: w.size])}, "weight", "loss", marks=known)
    ends = panels.Panel(reached, "learning rate", "share of neurons in the lowest well", shown)
    panels.draw(out / "minima.png", ground, ends)


if __name__ == "__main__":
    studies.run(main)
