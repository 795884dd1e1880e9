"""The gallery: every script finds in seconds what it claims, and a page shows what they say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from test_rate_models import script

from apical import Block, datasets, simulate
from apical.cli import app as cli
from apical.errors import ClaimError, DataError, ParameterError, ScriptError
from apical.scripts import gallery, studies

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NIELSEN = "Nielsen_2015_vanishing"
SCRIPTS = gallery.scripts()


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_finds_what_it_claims(name: str, tmp_path: Path) -> None:
    line = gallery.entry(name, tmp_path)
    assert line.finding and line.finding.holds, line.finding
    assert all(gallery.cells(line))


def test_scripts_with_an_exhibit_take_part() -> None:
    with_one = {p.stem for p in (ROOT / "models").glob("*.py") if "EXHIBIT =" in p.read_text()}
    assert set(SCRIPTS) == with_one
    assert "spiking_dfa" not in SCRIPTS


def logistic(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def test_learning_speeds_are_those_of_backpropagation_by_hand() -> None:
    study, data = script(NIELSEN), datasets.load("digits")
    net = study.network([64, 30, 30, 30, 10], 4, "bp")
    x, labels = data.train.block(slice(200))
    simulator = simulate(net, "array", dtype="float64")
    w = [simulator.weights(p) for p in net.forward]
    b = [simulator.weights(f"bias_to_{p.post.name}") for p in net.forward]
    a = [x.astype(np.float64)]
    for weights, biases in zip(w, b, strict=True):
        a.append(logistic(a[-1] @ weights + biases))
    delta, norms = a[-1] - np.eye(10)[labels], []
    for k in (3, 2, 1):  # Nielsen's BP2, with the cross-entropy's delta at the output
        delta = delta @ w[k].T * a[k] * (1 - a[k])
        norms.insert(0, np.linalg.norm(delta.mean(axis=0)))
    assert study.speeds(net, Block(x, labels)) == pytest.approx(norms, rel=1e-9)


def test_initial_weights_are_those_of_the_book() -> None:
    net = script(NIELSEN).network([784, 30, 30, 10], 0, "bp")
    first, second, _ = (net.initial_weights(p) for p in net.forward)
    assert first.std() * 28 == pytest.approx(1, rel=0.02)
    assert second.std() * 30**0.5 == pytest.approx(1, rel=0.1)
    biases = [net.initial_weights(net.projection(f"bias_to_hidden_{k}")) for k in (1, 2)]
    assert np.std(biases) == pytest.approx(1, rel=0.3)


def test_ratios_of_neighbouring_layers_are_published_ones() -> None:
    """The speeds hang on the images, their ratios hardly: those of digits are within 30 % too."""
    study, data = script(NIELSEN), datasets.load("digits")
    block = Block(*data.train.block(slice(1000)))
    for hidden, published in study.PUBLISHED.items():
        sizes = [64, *[30] * hidden, 10]
        found = [study.speeds(study.network(sizes, s, "bp"), block) for s in range(20)]
        mean = np.mean(found, axis=0)
        ratios = np.divide(published[1:], published[:-1])
        assert mean[1:] / mean[:-1] == pytest.approx(ratios, rel=0.3)


def test_gradients_explode_by_weight_times_slope() -> None:
    study = script(NIELSEN)
    assert study.exploding() == pytest.approx([25.0] * 3)
    assert study.exploding(4.0, 6) == pytest.approx([1.0] * 5)


def test_descent_begins_at_the_speeds_before_training_and_lowers_them() -> None:
    study, data = script(NIELSEN), datasets.load("digits")
    first = study.speeds(
        study.network([64, 30, 30, 10], 0, "bp"), Block(*data.train.block(slice(1000)))
    )
    found = np.array([speeds for _, speeds in study.descent(data, 2, epochs=30).series.values()])
    assert found[:, 0] == pytest.approx(first, rel=1e-9)
    assert (found[:, -1] < 0.5 * found[:, 0]).all()


def test_identity_neuron_is_as_exact_as_its_weight_is_small() -> None:
    """What is left of the logistic is its cubic term, (w/2)**3/48 of an input of 1/2 times 4/w."""
    study = script(NIELSEN)
    assert study.identity(0.1) == pytest.approx(0.05**3 / 48 * 4 / 0.1, rel=0.01)
    assert study.identity(2.0) > 0.02


def test_study_trains_as_in_the_book_and_writes_its_table_and_figure(tmp_path: Path) -> None:
    study = script(NIELSEN)
    result = CliRunner().invoke(
        study.main,
        ["--dataset", "digits", "--seeds", "1", "--out", str(tmp_path)],
        catch_exceptions=False,
    )
    assert result.exit_code == 0 and "25. 25. 25." in result.output
    assert (tmp_path / "speeds.png").stat().st_size > 10_000
    lines = (tmp_path / "speeds.csv").read_text().splitlines()
    assert lines[0] == "wiring,hidden,seed,layer,speed" and len(lines) == 1 + 4 * (2 + 3 + 4)
    data = datasets.load("digits").held_out(400)
    assert (len(data.train), len(data.test), data.name) == (1037, 400, "digits:validation")
    assert study.accuracy(data, "bp", 1, 0, 10)["accuracy"] > 85


def test_quick_option_of_a_study_prints_what_it_found(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        script("Lillicrap_2016_linear").main, ["--quick", "--out", str(tmp_path)]
    )
    assert result.exit_code == 0 and "degrees at the start" in result.output


NOTHING = gallery.Exhibit("pigs fly", "1", "0", lambda _: gallery.Finding("no wings", False))


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let the gallery hold one script alone."""
    path = tmp_path / "pigs.py"
    path.write_text(text)
    monkeypatch.setattr(gallery, "scripts", lambda: {"pigs": path})


PIGS = (
    '"""Pigs."""\nfrom apical.scripts import gallery\n'
    'EXHIBIT = gallery.Exhibit("pigs fly", "1", "0", lambda _: gallery.Finding("no", False))\n'
)


def test_claim_that_does_not_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ClaimError, match="'pigs fly' does not hold.*no wings"):
        gallery.checked(NOTHING, tmp_path)
    made(tmp_path, monkeypatch, PIGS)
    result = CliRunner().invoke(cli.commands, ["gallery", "--quick", "--out", str(tmp_path)])
    assert isinstance(result.exception, ClaimError) and "NOT" in result.output
    assert CliRunner().invoke(cli.commands, ["gallery"]).exit_code == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("sheep", PIGS, "has no script 'sheep'; it has pigs"),
        ("pigs", "EXHIBIT = 3\n", "needs EXHIBIT = gallery.Exhibit"),
    ],
)
def test_what_cannot_be_shown_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    made(tmp_path, monkeypatch, text)
    with pytest.raises(ScriptError, match=said):
        gallery.entry(name)


def test_table_goes_between_its_marks(tmp_path: Path) -> None:
    line = gallery.Entry("pigs", tmp_path, NOTHING)
    page = tmp_path / "page.md"
    for finding, heads in ((None, 4), (gallery.Finding("a|b", True), 6)):
        page.write_text(f"before\n{gallery.MARKS[0]}\nold\n{gallery.MARKS[1]}\nafter\n")
        gallery.write(page, gallery.markdown([replace(line, finding=finding)]))
        rows = page.read_text().splitlines()
        assert (rows[0], rows[-1], len(rows)) == ("before", "after", 7)
        assert [row.count(" | ") for row in rows[2:5]] == [heads - 1] * 3
    gallery.write(tmp_path / "new.md", "table\n")
    assert (tmp_path / "new.md").read_text() == "<!-- gallery -->\ntable\n<!-- /gallery -->\n"
    page.write_text("no marks\n")
    with pytest.raises(DataError, match="needs the lines <!-- gallery -->"):
        gallery.write(page, "table\n")


def test_a_page_shows_every_script_as_it_says() -> None:
    """Made by 'apical gallery --quick --markdown docs/gallery/quick_checks.md'."""
    page = (ROOT / "docs" / "gallery" / "quick_checks.md").read_text()
    inside = page.partition(gallery.MARKS[0])[2].partition(gallery.MARKS[1])[0]
    rows = inside.strip().splitlines()[2:]
    assert len(rows) == len(SCRIPTS)
    for row, name in zip(rows, SCRIPTS, strict=True):
        said = gallery.markdown([gallery.entry(name)]).splitlines()[2].removesuffix(" |")
        assert row.startswith(said) and "NOT FOUND" not in row


@pytest.mark.parametrize("text", ["", "0,a", "-1", "0,nan", "0,inf"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    assert studies.sizes("0,0.03,1e-1") == [0.0, 0.03, 0.1]
    with pytest.raises(ParameterError, match="Sizes must be numbers of 0 or more"):
        studies.sizes(text)


def test_noise_study_writes_its_table_and_figure(tmp_path: Path) -> None:
    arguments = ["--dataset", "digits", "--hidden", "10", "--epochs", "1"]
    arguments += ["--seed", "0,1", "--sigmas"]
    study = script("Jang_go_up")
    result = CliRunner().invoke(study.main, [*arguments, "0,0.1,1", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert len((tmp_path / "errors.csv").read_text().splitlines()) == 1 + 3 * 3 * 2
    assert (tmp_path / "errors.png").stat().st_size > 10_000
    result = CliRunner().invoke(study.main, [*arguments, "0", "--out", str(tmp_path)])
    assert result.exit_code == 2 and "above 0" in result.output
