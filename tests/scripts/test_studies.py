"""What studies share: options, sweeps, tables, figures, errors while networks learn."""

from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner

import apical as ap
from apical.data.datasets import blobs, halves
from apical.errors import DataError, ParameterError
from apical.scripts import (
    figures,
    gallery,
    layers,
    learning,
    options,
    spiking,
    studies,
    study,
    sweep,
    tables,
)

ROWS = [
    {"wiring": wiring, "seed": seed, "epoch": epoch, "error": 10.0 * seed + epoch}
    for wiring in ("fa", "bp")
    for seed in (3, 4)
    for epoch in (0, 1)
]


def test_rows_are_chosen_and_averaged() -> None:
    assert tables.column(ROWS, "error", wiring="fa", epoch=1).tolist() == [31.0, 41.0]
    assert tables.mean(ROWS, "error", epoch=1) == 36.0


def test_means_and_last_entries_are_listed_by_the_values_of_a_column() -> None:
    assert tables.means(ROWS, "error", by="wiring", epoch=1) == {"fa": 36.0, "bp": 36.0}
    last = tables.last(ROWS, "error", by="seed")
    assert last == {3: 31.0, 4: 41.0}
    assert tables.listed(last, digits=2) == "3 31.00, 4 41.00"


@pytest.mark.parametrize("seeds_outside", [True, False])
def test_runs_do_not_depend_on_the_order_of_conditions(seeds_outside: bool) -> None:
    rows = sorted(ROWS, key=lambda row: row["seed"] if seeds_outside else row["epoch"])
    assert tables.runs(rows, "error", wiring="bp").tolist() == [[30.0, 31.0], [40.0, 41.0]]


def test_runs_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match=r"same number of points each, got \[2, 1\] of 'error'"):
        tables.runs(ROWS[:3], "error")


def test_series_have_the_order_and_the_names_of_a_mapping() -> None:
    found = tables.series(ROWS, "epoch", "error", "wiring", {"bp": "BP", "fa": "FA", "no": "?"})
    assert list(found) == ["BP", "FA"]
    assert list(tables.series(ROWS, "epoch", "error", "wiring", str.upper)) == ["FA", "BP"]
    assert found["BP"][0].tolist() == [0, 1] and found["BP"][1].shape == (2, 2)


def test_sweep_measures_every_combination_and_says_means(capsys: pytest.CaptureFixture) -> None:
    def measure(n: int, seed: int) -> list[dict[str, Any]]:
        return [{"step": step, "sum": n + seed + step} for step in (0, 1)]

    rows = sweep(measure, "{called}: {sum:.1f} of {n}", n={10: "ten"}, seed=[0, 1])
    assert capsys.readouterr().out == "ten: 11.5 of 10\n"
    assert rows[-1] == {"n": 10, "seed": 1, "step": 1, "sum": 12} and len(rows) == 4
    sweep(measure, lambda rows, seed, n: f"{len(rows)} {seed} {n}", seed=[0, 1], n=[1])
    assert capsys.readouterr().out == "2 0 1\n2 1 1\n"


EXHIBIT = gallery.Exhibit("c", "p", "r", lambda out: gallery.Finding(f"{out.is_dir()}", True))


@study(EXHIBIT, files="nothing")
@options.training("--size", hidden=7, epochs=3, seed="0,1")
@options.layers("8-4", "Sizes.")
@options.sizes("--rates", "0.1,1")
@options.names("--wirings", "bp,fa")
@options.option("--dt", 2.0, above=0)
@options.train_trials()
@options.flag("--held-out", "Or not.")
def main(out: Path, **given: Any) -> str | None:
    click.echo(sorted(given.items()))
    return "Figures" if given["held_out"] else None


def test_options_are_parsed_before_a_study_gets_them(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--held-out", "--out", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    assert "('seeds', [0, 1])" in result.output and "('rates', [0.1, 1.0])" in result.output
    assert "('wirings', ['bp', 'fa'])" in result.output and "('dt', 2.0)" in result.output
    assert "('train_trials', None)" in result.output
    assert f"Figures: {tmp_path / 'new'}" in result.output and (tmp_path / "new").is_dir()
    quick = CliRunner().invoke(main, ["--quick", "--out", str(tmp_path / "quick")])
    assert quick.output == "True\n"  # the folder is there
    for refused in (["--dt", "0"], ["--epochs", "0"], ["--train-trials", "0"]):
        assert CliRunner().invoke(main, refused).exit_code == 2


def test_hidden_populations_of_training_may_be_many_or_none() -> None:
    @click.command
    @options.training(hidden="8-4", epochs=3)
    def several(**given: Any) -> None:
        click.echo(sorted(given.items()))

    @click.command
    @options.training(epochs=3)
    def none(**given: Any) -> None:
        click.echo(sorted(given))

    given = CliRunner().invoke(several, ["--hidden", "5-6-7"]).output
    assert "('hidden', [5, 6, 7])" in given and "('seeds', [0])" in given
    assert CliRunner().invoke(none, []).output == "['dataset', 'epochs', 'seeds']\n"


@pytest.mark.parametrize("text", ["", "8-0", "8--4", "a"])
def test_populations_without_neurons_are_refused(text: str) -> None:
    assert studies.layers("256-32") == [256, 32]
    with pytest.raises(ParameterError, match="joined by hyphens"):
        studies.layers(text)


def test_columns_of_a_table_may_come_first(tmp_path: Path) -> None:
    path = studies.write_table(tmp_path / "t.csv", ROWS, first=["seed", "epoch"])
    assert path.read_text().splitlines()[:2] == ["seed,epoch,wiring,error", "3,0,fa,30.0"]


def test_figures_have_a_panel_for_each_column_or_value(tmp_path: Path) -> None:
    for name, shown in {
        "one": {},
        "two": {"over": "wiring", "titles": {"fa": "a", "bp": "b"}},
    }.items():
        figures.draw(tmp_path / f"{name}.png", ROWS, "epoch", "error", "wiring", **shown)
    y = {"error": "error [%]", "seed": "seed"}
    own = {"error": {"title": "errors"}}
    figures.draw(tmp_path / "columns.png", ROWS, "epoch", y, "wiring", limits=(0, 50), panels=own)
    assert all((tmp_path / f"{n}.png").stat().st_size > 5000 for n in ("one", "two", "columns"))


def rates(data: ap.Dataset, eta: float = 0.1) -> ap.Network:
    net, rule = ap.Network(), ap.rules.three_factor(eta)
    x = ap.Stimulus("stimulus", data.n_inputs, ap.encoding.Graded())
    y = ap.Rate("output", data.n_classes, "linear")
    ap.chain(net, x, y, weights=ap.FanIn(), bias=ap.Zero(), rule=rule)
    net.teach(ap.feedback.direct(net.add(ap.RateError("error", data.n_classes)), net.forward))
    return net


def test_errors_are_those_of_training_and_evaluating() -> None:
    data = blobs(rng=np.random.default_rng(0))
    rows = learning.errors(rates(data), data, 2, batch=4, name="wrong")
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert rows[-1]["wrong"] == learning.last_error(rates(data), data, 2, batch=4)
    seen = list(
        learning.watch(
            rates(data),
            data,
            2,
            4,
            every=1,
            record=["output"],
            trace="drive",
            samples=len(data.test),
        )
    )
    assert [row["error"] for row, _, _ in seen] == [row["wrong"] for row in rows]


def test_networks_are_compared_over_levels_and_seeds(capsys: pytest.CaptureFixture) -> None:
    data = blobs(rng=np.random.default_rng(0))

    def network(eta: float, seed: int) -> ap.Network:
        return rates(data, eta)

    said = "rate {eta}: {wrong:.0f} %, mean of {n}"
    found = learning.compare(network, data, 1, 4, said, "wrong", eta=[0.1], seed=[0, 1])
    rows = learning.errors(rates(data, 0.1), data, 1, batch=4, name="wrong")
    assert found == [{"eta": 0.1, "seed": seed} | row for seed in (0, 1) for row in rows]
    assert capsys.readouterr().out == f"rate 0.1: {rows[-1]['wrong']:.0f} %, mean of 2\n"
    simulator, plan = ap.simulate(rates(data, 0.1), "array", batch=4), ap.training.Plan(1, 7, 1.0)
    followed = list(learning.follow(simulator, data, plan))
    assert [(k, 100 * (1 - share)) for k, share in followed] == [tuple(r.values()) for r in rows]


def test_feedback_angles_are_those_to_the_transpose() -> None:
    joins: dict[str, Any] = {"weights": ap.Uniform(1.0), "rule": ap.rules.three_factor(0.1)}
    for wiring in ("bp", "fa"):
        net = layers.feedforward([4, 3, 3, 2], "tanh", wiring=wiring, **joins)
        angles = learning.feedback_angles(ap.simulate(net, "array"))
        assert list(angles) == ["angle_1", "angle_2"]
        assert all((angle < 1e-3) == (wiring == "bp") for angle in angles.values())


def test_losses_of_an_autoencoder_are_mean_squared_errors() -> None:
    joins: dict[str, Any] = {"weights": ap.Uniform(0.1), "rule": ap.rules.three_factor(0.01)}
    net = layers.feedforward(
        [4, 2, 4], "tanh", "linear", wiring="bp", loss="squared error", **joins
    )
    values = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    simulator = ap.simulate(net, "array")
    rows = list(learning.losses(simulator, {"train": values, "test": values[:5]}, 3))
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3]
    assert rows[-1]["train"] < rows[0]["train"]
    last = np.mean(learning.squared_errors(simulator, values[:5]), dtype=np.float64)
    assert rows[-1]["test"] == last


def test_integrators_relay_the_error_as_they_are_told() -> None:
    joins: dict[str, Any] = {"weights": ap.Zero(), "rule": ap.rules.three_factor(1e-3)}
    for wiring, relay, relays in (
        ("dfa", "random", 0),
        ("ifa", "forward", 0),
        ("ifa", "random", 1),
    ):
        net = spiking.integrators(
            [4, 3, 3, 2], ap.encoding.Regular(), "1", wiring=wiring, relay=relay, **joins
        )
        named = [p.name for p in net.populations]
        assert sum(name.startswith("relay_") for name in named) == relays
        assert {"hidden_1", "hidden_2", "output", "error"} < {*named}
        assert next(p.size for p in net.populations if p.name == "error") == 4


def test_divergence_is_the_error_that_is_asked_for() -> None:
    data = blobs(rng=np.random.default_rng(0))
    assert learning.last_error(rates(data, 1e3), data, 2, diverged=90.0) == 90.0


def test_halves_of_the_classes_are_numbered_from_0() -> None:
    known, new = halves(ap.datasets.load("digits"))
    assert known.n_classes == new.n_classes == 5
    assert set(known.train.labels) == set(new.test.labels) == set(range(5))
