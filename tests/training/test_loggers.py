"""Callbacks that write for TensorBoard and Weights & Biases, read back with these libraries."""

from pathlib import Path

import pytest

import apical as ap
from apical.errors import DataError
from apical.testing.references import rates
from apical.training import Fit, TensorBoard, WeightsAndBiases


def fitted(*callbacks: ap.training.Callback) -> Fit:
    data = ap.datasets.blobs(40, 20, 6, 3, rng=ap.stream(0, "data"))
    return ap.fit(rates(), data, 2, batch=1, callbacks=callbacks, progress=False)


def test_tensorboard_reads_every_metric_at_its_trial(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history = fitted(TensorBoard(tmp_path))
    found = reader.EventAccumulator(str(tmp_path))
    found.Reload()
    for name in ("test_accuracy", "test_loss", "train_accuracy"):
        events = found.Scalars(name)
        assert [event.step for event in events] == [0, 40, 80]
        assert [event.value for event in events] == pytest.approx(list(history.table[name]))


def test_wandb_keeps_the_history_offline(tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb")
    kept = {}

    class Reading(WeightsAndBiases):
        def end(self, fit: Fit) -> None:
            kept.update(dict(self._run.summary), config=dict(self._run.config))
            super().end(fit)

    settings = wandb.Settings(silent=True, console="off")
    history = fitted(Reading(project="test", mode="offline", dir=str(tmp_path), settings=settings))
    assert kept["test_accuracy"] == history.table["test_accuracy"].iloc[-1]
    assert kept["config"]["epochs"] == 2
    assert list(tmp_path.rglob("*.wandb"))


@pytest.mark.parametrize(
    ("module", "callback"),
    [("tensorboardX", TensorBoard("folder")), ("wandb", WeightsAndBiases())],
)
def test_a_missing_library_is_one_line(
    module: str, callback: ap.training.Callback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(DataError, match=r"which is not installed: pip install 'apical\["):
        fitted(callback)
