"""Recurrent networks: gradients vanish or explode with the spectral radius of the weights.

Bengio, Simard & Frasconi 1994, doi:10.1109/72.279181; Pascanu, Mikolov & Bengio 2013,
arXiv:1211.5063. In a linear network the gradient k steps back is ``W^k`` times the last: as k grows
it comes to change by the spectral radius of W at every step. Where slopes are at most 1 (tanh), a
largest singular value below 1 suffices for it to vanish, and one above 1 is necessary for it to
explode (section 2.1). Explosion makes walls in the error surface: that of one logistic neuron after
50 steps (figure 6), where a step of gradient descent flies far away, and a clipped one (algorithm
1) does not. What became of the neuron from four places is in docs/results/papers.md.

    python models/Pascanu_2013_recurrent.py
"""

from pathlib import Path

import numpy as np

import apical as ap
from apical.scripts import Row, figures, gallery, options, studies, study, sweep, tables

RESPONSES, RADII = ("linear", "tanh"), (0.8, 0.95, 1.0, 1.05, 1.2)
N, STEPS, START = 50, 100, 20  # neurons, steps back in time, when the largest eigenvalue dominates
WALLS = ((5.0, -2.2), (6.0, -2.4), (6.0, -2.0), (7.0, -3.0))  # weights and biases to set out from


def measure(response: ap.bptt.Response, radius: float, seed: int) -> list[Row]:
    """Return norms of the gradient back in time, their change, and how far off theory they are."""
    rng = ap.stream(seed, "recurrent")
    weights = ap.bptt.with_radius(rng.normal(size=(N, N)), radius)
    last, inputs = rng.normal(size=N) / np.sqrt(N), rng.normal(0.0, 0.1, (STEPS, N))
    activity = ap.bptt.states(weights, inputs, response)
    found = np.linalg.norm(ap.bptt.gradients(weights, activity, last, response)[::-1], axis=1)
    known = ap.bptt.linear_norms(weights, last, np.arange(STEPS + 1))
    off = float(np.max(np.abs(found / known - 1))) if response == "linear" else np.nan
    about = {"per_step": float((found[-1] / found[START]) ** (1 / (STEPS - START))), "off": off}
    return [about | {"lag": lag, "gradient_norm": norm} for lag, norm in enumerate(found)]


def descend(start: tuple[float, float], threshold: float, steps: int = 2000) -> Row:
    """Let one logistic neuron learn to be at 0.7 after 50 steps from 0.62, in steps of 0.05."""
    (w, b), longest, error = start, 0.0, np.nan
    for _ in range(steps):
        error, gradient = ap.bptt.one_neuron(w, b, target=0.7, start=0.5)
        change = ap.bptt.clipped(gradient, threshold)
        longest = max(longest, float(np.linalg.norm(change)))
        w, b = w - 0.05 * float(change[0]), b - 0.05 * float(change[1])
    return {"w": w, "b": b, "error": error, "longest": 0.05 * longest}


def quick(out: Path) -> gallery.Finding:
    """Measure with two seeds, and let one neuron descend with and without clipping."""
    rows = sweep(measure, response=RESPONSES, radius=RADII, seed=[0, 1])
    means = {r: tables.means(rows, "per_step", by="radius", response=r) for r in RESPONSES}
    said = (f"{r} {', '.join(f'{m:.3f}' for m in found.values())}" for r, found in means.items())
    plain, kept = descend(WALLS[1], np.inf, 700), descend(WALLS[1], 1.0, 1500)
    text = f"norm per step at radii {', '.join(map(str, RADII))}: {', '.join(said)}; longest step "
    text += f"of one neuron {plain['longest']:.0f}, clipped {kept['longest']:.2g}, which "
    text += f"ends at an error of {kept['error']:.1g}"
    cured = plain["longest"] > 1 > 0.1 > kept["longest"] and kept["error"] < 1e-2
    linear = tables.where(rows, response="linear")
    exact = all(abs(r["per_step"] / r["radius"] - 1) < 0.03 and r["off"] < 1e-6 for r in linear)
    return gallery.Finding(text, exact and cured)


EXHIBIT = gallery.Exhibit(
    claim="Through time gradients vanish or explode with the spectral radius; clipping helps",
    published="norm times the radius at every step (closed form of a linear network)",
    reached="times 0.797, 0.947, 0.996, 1.046, 1.196 at 0.8, 0.95, 1, 1.05, 1.2 (10 seeds)",
    quick=quick,
)


@study(EXHIBIT, files="norms.csv and norms.png")
@options.seeds("0,1,2,3,4,5,6,7,8,9")
def main(seeds: list[int], out: Path) -> None:
    said = "{response}, spectral radius {radius}: the norm changes by {per_step:.3f} at every step"
    rows = sweep(measure, said, response=RESPONSES, radius=RADII, seed=seeds)
    off = max(tables.column(rows, "off", response="linear"))
    print(f"linear networks are off the closed form by at most {off:.1g}")
    studies.write_table(out / "norms.csv", tables.where(rows, lag=STEPS))
    shown = {"names": "radius {}".format, "label": "steps back", "over": "response", "log_y": True}
    figures.draw(out / "norms.png", rows, "lag", "gradient_norm", "radius", **shown)
    said = "from {called}: error {error:.2g} at w={w:.1f}, b={b:.1f}, longest step {longest:.2g}"
    sweep(descend, said, start=WALLS, threshold={np.inf: "plain", 1.0: "clipped"})


if __name__ == "__main__":
    studies.run(main)
