"""Direct random target projection: hidden neurons learn from the label alone (Frenkel et al. 2021).

doi:10.3389/fnins.2021.629892: hidden populations receive the one-hot label through fixed random
synapses, not the error, and thus before the output has responded. There is no update locking, as
the scorecard of `apical check` reports; only the output receives its own error.

As published (table 3 and code at github.com/ChFrenkel/DirectRandomTargetProjection): tanh hidden
and logistic output neurons, cross-entropy, Adam at 1.5e-4, batch size 60, weights uniform up to
1/sqrt(n_in), targets projected uniformly up to sqrt(6/n_hidden). Published after 100 epochs, MNIST,
test error: DRTP some 4.5 % with one hidden population of 500, BP below 2 % (how sure these numbers
are: benchmarks/results/published.csv). Reached with 784-500-10 after 30 epochs, mean of seeds 0, 1,
2: BP 1.95, DFA 2.01, DRTP 5.28 %, and 9.16 % if hidden synapses are fixed. Nothing was tuned.

    python models/Frenkel_2021_drtp.py --layers 1 --seed 0,1,2
"""

from functools import partial
from pathlib import Path

import apical as ap
from apical.scripts import figures, gallery, learning, options, studies, study, tables

WIRINGS = {"bp": "BP", "dfa": "DFA", "drtp": "DRTP", "shallow": "only the output learns"}


def network(
    data: ap.Dataset, seed: int, wiring: str, hidden: int, layers: int, rate: float = 1.5e-4
) -> ap.Network:
    """Describe a network of `layers` hidden populations."""
    net, rule = ap.Network(seed=seed), ap.rules.three_factor(dynamics=ap.optimizers.adam(rate))
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded())
    h = [ap.Rate(f"hidden_{k + 1}", hidden, "tanh") for k in range(layers)]
    y = ap.Rate("output", data.n_classes, "logistic", gain="one")  # cross-entropy
    biases = [ap.FanIn(pre.size**-0.5) for pre in (x, *h)]
    learns = [None if wiring == "shallow" else rule] * layers + [rule]
    ap.chain(net, x, *h, y, weights=ap.FanIn(), bias=biases, rule=learns)
    error = net.add(ap.RateError("error", data.n_classes))
    taught = {"bp": ap.feedback.transposed, "drtp": ap.feedback.target_projection}
    net.teach(taught.get(wiring, ap.feedback.direct)(error, net.forward))
    return net


def draw(rows: list[tables.Row], path: Path) -> None:
    titles = {1: "1 hidden population"} | {n: f"{n} hidden populations" for n in range(2, 99)}
    shown = {"over": "layers", "titles": titles, "width": 4.0, "log_y": True}
    rows, y = [row for row in rows if row["epoch"]], {"test_error": "test error [%]"}
    figures.draw(path, rows, "epoch", y, "wiring", WIRINGS, **shown)


def quick(out: Path) -> gallery.Finding:
    """Train 50 hidden neurons on digits for 20 epochs, and check for update locking."""
    data = ap.datasets.load("digits")
    net = partial(network, data, hidden=50, rate=1e-3)
    levels = {"layers": [1], "wiring": WIRINGS, "seed": [0]}
    rows = learning.compare(net, data, 20, 10, name="test_error", **levels)
    draw(rows, out / "errors.png")
    last = tables.last(rows, "test_error", by="wiring")
    card = ap.check(net(0, "drtp", layers=1)).about("update locking")
    free = all(f.level == "local" for f in card if f.subject.endswith("hidden_1"))
    said = ", ".join(f"{wiring.upper()} {error:.1f}" for wiring, error in last.items())
    helps = last["bp"] < last["drtp"] < 0.7 * last["shallow"]
    text = f"test error {said} %; no update locking of hidden synapses"
    return gallery.Finding(text, helps and free)


EXHIBIT = gallery.Exhibit(
    claim="Hidden neurons learn from the label alone, without waiting for the output",
    published="MNIST, test error: DRTP some 4.5 %, BP below 2 %",
    reached="BP 1.95, DFA 2.01, DRTP 5.28, hidden synapses fixed 9.16 % (3 seeds)",
    quick=quick,
)


@study(EXHIBIT, files="errors.csv and errors.png", on="digits")
@options.training(hidden=500, epochs=30)
@options.numbers("--layers", "1,2", "Numbers of hidden populations.")
def main(dataset: str, hidden: int, layers: list, epochs: int, seeds: list, out: Path) -> None:
    data = ap.datasets.load(dataset)
    said = f"{{layers}} x {hidden}, {{wiring}}: test error {{test_error:.2f}} %, mean of {{n}}"
    levels = {"layers": layers, "wiring": WIRINGS, "seed": seeds}
    net = partial(network, data, hidden=hidden)
    rows = learning.compare(net, data, epochs, 60, said, "test_error", **levels)
    studies.write_table(out / "errors.csv", rows, first=["wiring"])
    draw(rows, out / "errors.png")


if __name__ == "__main__":
    studies.run(main)
