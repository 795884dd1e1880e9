"""What a notebook shows: rich tables of our objects, and one bar of progress; stored clean."""

from pathlib import Path
from typing import Any

import pytest
from test_notebooks import ABSOLUTE, errors, kinds, outputs, words

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

CELLS = (
    "import apical as ap\nfrom apical.training.loop import evaluate, train",
    "data = ap.datasets.load('digits').subset(200, 50)\n"
    "net = ap.Network(seed=0)\n"
    "x = ap.Stimulus('x', data.n_inputs, ap.encoding.Graded())\n"
    "h, y = ap.Rate('h', 10, 'tanh'), ap.Rate('y', data.n_classes, 'logistic', gain='one')\n"
    "ap.chain(net, x, h, y, weights=[ap.FanIn(), ap.Zero()], rule=ap.rules.three_factor(0.1))\n"
    "error = net.add(ap.RateError('error', data.n_classes))\n"
    "net.teach(ap.feedback.direct(error, net.forward))\n"
    "net",
    "ap.check(net)",
    "simulator = ap.simulate(net, 'array', batch=10)\n"
    "history = train(simulator, data, epochs=3, block=10)",
    "history",
    "evaluate(simulator, data.test)",
    "from apical.records.recording import record\n"
    "seen = ap.simulate(net, 'array', batch=10, record=('h',), traces=('x',))\n"
    "record(seen, data.test, list(range(10)))",
)


def executed(folder: Path) -> Any:
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return notebook


@pytest.mark.slow
def test_objects_are_tables_and_progress_is_one_output(tmp_path: Path) -> None:
    notebook = executed(tmp_path)
    assert not errors(notebook)
    assert all(output.get("name") != "stderr" for output in outputs(notebook))
    assert not any(ABSOLUTE.search(words(output)) for output in outputs(notebook))
    shown = [cell.outputs for cell in notebook.cells]
    assert [len(found) for found in shown] == [0, 1, 1, 1, 1, 1, 1]
    _, network, card, bar, history, evaluation, records = (
        found[0].data.get("text/html", "") if found else "" for found in shown
    )
    assert "<table" in network and "x_to_h" in network and "three_factor" in network
    assert "learning is local" in card and card.count("<table") == 2
    assert bar.startswith("<div>600 of 600 trials, test accuracy ") and "elapsed" not in bar
    assert history.count("<tr") == 1 + 4  # the head, before training, and each epoch
    assert "Evaluation, learning off" in evaluation and "accuracy" in evaluation
    assert "Records, learning off" in records and ">Rate<" in records
    assert all(found[0].data["text/plain"] for found in shown[1:])
    assert shown[3][0].output_type == "display_data"
    assert kinds(notebook) == kinds(executed(tmp_path)), "stored twice, it is the same"
