"""What a network shows of itself in a terminal: tables, a summary, a diagram."""

import subprocess
import sys

import pytest
from matplotlib.figure import Figure

import apical as ap
from apical.testing.references import rates, spiking


def columns(text: str, first: str) -> list[list[str]]:
    """Return the cells of the table whose head begins with a word, in columns by two blanks."""
    block = next(part for part in text.split("\n\n") if part.lstrip().startswith(first))
    return [[c.strip() for c in line.split("  ") if c.strip()] for line in block.splitlines()[1:]]


def test_the_text_is_a_table_of_populations_and_projections() -> None:
    net = rates()
    lines = repr(net).splitlines()
    assert lines[0] == f"Network(seed=0, trial={net.trial})"
    assert len(lines) == 3 + len(net.populations) + len(net.projections)
    for population in net.populations:
        assert any(line.split()[:1] == [population.name] for line in lines)
    assert repr(ap.Network(seed=2)) == "Network(seed=2, trial=100.0)"


@pytest.mark.parametrize("net", [rates(), spiking()], ids=["rates", "spikes"])
def test_a_summary_counts_neurons_and_synapses(net: ap.Network) -> None:
    text = net.summary()
    neurons = sum(p.size for p in net.populations)
    synapses = sum(p.pre.size * p.post.size for p in net.projections)
    assert f"neurons {neurons}, synapses {synapses}" in text.splitlines()[0]
    rows = columns(text, "projection")
    assert [row[0] for row in rows] == [p.name for p in net.projections]
    assert sum(int(row[2]) for row in rows) == synapses
    learn = sum(p.pre.size * p.post.size for p in net.plastic)
    assert sum(int(row[3]) for row in rows) == learn
    assert sum(int(row[-1]) for row in columns(text, "rule")) == len(net.plastic)


def test_rules_that_differ_have_a_line_each() -> None:
    net = ap.Network()
    x, h = net.add(ap.Stimulus("x", 2, ap.encoding.Graded())), net.add(ap.Rate("h", 3))
    y = net.add(ap.Rate("y", 2))
    net.connect(x, h, rule=ap.rules.three_factor(0.1))
    net.connect(h, y, rule=ap.rules.three_factor(0.2, dynamics=ap.optimizers.adam()), delay=0.0)
    rows = columns(net.summary(), "rule")
    assert [row[0] for row in rows] == ["three_factor", "three_factor, adam"]
    assert [row[3] for row in rows] == ["eta=0.1", "eta=0.2"]


def test_long_networks_are_cut() -> None:
    net = ap.Network()
    for k in range(100):
        net.add(ap.LIF(f"population_{k}", 1))
    assert len(repr(net).splitlines()) == 1 + 1 + 30 + 1
    assert "and 70 more" in repr(net)


def test_a_diagram_is_drawn_into_given_axes() -> None:
    ax = Figure().add_subplot()
    assert rates().draw(ax=ax) is ax
    names = {patch.get_gid() for patch in ax.patches}
    assert {p.name for p in rates().projections if p.pre.role != "bias"} <= names


def test_a_description_imports_no_matplotlib() -> None:
    code = (
        "import sys; from apical.testing.references import rates; rates().summary()\n"
        "print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
