"""Draw the figures of docs/how_to.

    python benchmarks/figures/make_how_to.py

writes SVG files to docs/how_to/figures; seed 0.
"""

from pathlib import Path

from matplotlib.figure import Figure

import apical as ap
from apical import connectivity, plotting

FIGURES = Path(__file__).parents[2] / "docs/how_to/figures"


def connections() -> Figure:
    """Return receptive fields, and connections by distance."""
    net = ap.Network(seed=0)
    x = net.add(ap.Stimulus("stimulus", 64, ap.encoding.Graded(), shape=(8, 8)))
    h = net.add(ap.Rate("hidden", 36, shape=(6, 6)))
    v1 = net.add(ap.LIF("v1", 400, shape=(20, 20)))
    near = connectivity.Distance(connectivity.gaussian(0.1), torus=True, autapses=False)
    fields = net.connect(x, h, connectivity=connectivity.ReceptiveFields(3))
    lateral = net.connect(v1, v1, connectivity=near)
    drawn = Figure(figsize=(8.6, 4.0), facecolor="white", layout="constrained")
    left, right = drawn.subplots(ncols=2)
    plotting.connections(net, fields, n=9, ax=left)
    plotting.connections(net, lateral, n=9, ax=right)
    left.set_title("receptive fields of 3 x 3", loc="left")
    right.set_title("by distance, on a torus of 20 x 20", loc="left")
    return drawn


if __name__ == "__main__":
    FIGURES.mkdir(exist_ok=True)
    plotting.save(connections().axes, FIGURES / "connectivity.svg")
