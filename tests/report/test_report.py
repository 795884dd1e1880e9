"""Reports: one page that needs nothing else."""

import io
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from apical.cli.app import commands
from apical.errors import RunError
from apical.report import naming, page, write_report
from apical.runs.experiment import Experiment
from apical.runs.open import TrainedRun, open_run
from apical.runs.run import run
from apical.scripts import models

pytestmark = pytest.mark.slow

MODEL = str(Path(__file__).parents[2] / "models" / "Nokland_2016_mnist.py")
LEVELS = ("local", "doubtful", "noted", "broadcast", "idealised", "not")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[TrainedRun]:
    """Two seeds of DFA and one of BP, on digits."""
    folder = tmp_path_factory.mktemp("runs")
    described = Experiment(MODEL, epochs=3, closely=True)
    found = []
    for wiring, seed in (("dfa", 0), ("dfa", 1), ("bp", 0)):
        out = folder / f"{wiring}{seed}"
        options = {option.name: option.default for option in models.load(MODEL).options}
        options |= {"hidden": 20, "wiring": wiring, "rate": 3e-3}
        run(replace(described, options=options, seed=seed), out, progress=False)
        found.append(open_run(out))
    return found


@pytest.fixture(scope="module")
def text(runs: list[TrainedRun]) -> str:
    return page(runs, trials=20)


class _Reader(HTMLParser):
    """Collects what a page refers to, and whether its tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.anchors: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.refers += [values[k] or "" for k in ("src", "href") if k in values]
        self.anchors |= {values["id"] or ""} if "id" in values else set()
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    assert not reader.open
    return reader


def test_the_page_holds_everything_it_shows(text: str) -> None:
    reader = read(text)
    assert "<script" not in text and "@import" not in text and "url(" not in text
    pictures = [r for r in reader.refers if not r.startswith("#")]
    assert len(pictures) >= 6
    assert all(r.startswith("data:image/png;base64,iVBOR") for r in pictures)
    assert {r[1:] for r in reader.refers if r.startswith("#")} <= reader.anchors
    assert len(text) < 5e6


def test_the_page_says_what_was_reached(runs: list[TrainedRun], text: str) -> None:
    for trained in runs:
        assert f"{100 * trained.summary['test_accuracy']:.2f} %" in text
        assert naming.command(trained).replace("&", "&amp;") in text
    assert "DFA, seed 0" in text and "BP, seed 0" in text
    assert "not local" in text, "the scorecard of backpropagation"


def test_pictures_say_what_is_seen(text: str, runs: list[TrainedRun]) -> None:
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', text)
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    assert len(alts) == len(captions) >= 6
    for alt, caption in zip(alts, captions, strict=True):
        assert alt and alt != caption and re.search(r"\d", alt), caption
    assert any("DFA (mean of 2 seeds) falls from" in alt for alt in alts)
    assert "thin lines are single seeds" in text
    assert "thin lines" not in page(runs[2:], trials=5)


def test_the_page_has_a_dark_mode(text: str) -> None:
    assert "@media (prefers-color-scheme: dark)" in text and "color-scheme: light dark" in text
    levels = re.findall(r'<span class="level [a-z]*">([^<]*)</span>', text)
    assert levels and all(level.split()[0] in LEVELS for level in levels)


def test_numbers_have_no_needless_exponents(text: str) -> None:
    cells = re.findall(r"<td[^>]*>([^<]*)", text)
    assert not [cell for cell in cells if re.search(r"\de\+0[0-6]", cell)]


def test_runs_that_differ_in_their_seed_are_one_group(runs: list[TrainedRun]) -> None:
    groups = naming.groups(runs)
    assert {name: len(members) for name, members in groups.items()} == {"DFA": 2, "BP": 1}
    assert naming.labels(runs) == ["DFA, seed 0", "DFA, seed 1", "BP, seed 0"]
    assert naming.labels([runs[0], runs[0]]) == ["dfa0 (1)", "dfa0 (2)"]


def test_the_command_repeats_the_run(
    runs: list[TrainedRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(naming.command(runs[1]))
    assert words[0] == "apical"
    again = [*words[1:], "--out", "again", "--quiet", "--no-figures"]
    assert not commands.main(again, standalone_mode=False)
    repeated = open_run(tmp_path / "again")
    assert repeated.prepared.experiment == runs[1].prepared.experiment
    for name, w in runs[1].weights.items():
        np.testing.assert_array_equal(w, repeated.weights[name])


def test_text_of_others_is_not_markup(runs: list[TrainedRun]) -> None:
    named = replace(runs[0], config={**runs[0].config, "name": "<b>&</b>"})
    text = page([named, named], trials=5)
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in text and "<b>" not in text
    read(text)


def test_a_report_is_written_once(runs: list[TrainedRun], tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    write_report(runs[:1], out, trials=5)
    before = out.read_bytes()
    with pytest.raises(RunError, match=r"report.html exists; give another --out, or --overwrite"):
        write_report(runs, out)
    assert out.read_bytes() == before
    with pytest.raises(RunError, match="needs at least one run"):
        write_report([], out)


def test_an_unfinished_run_is_named(runs: list[TrainedRun], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs[0].path, copy)
    (copy / "weights.npz").unlink()
    with pytest.raises(RunError, match=r"has no weights.npz: it is not finished"):
        commands.main(["report", str(copy)], standalone_mode=False)
    assert not (copy / "report.html").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
@pytest.mark.slow
def test_a_browser_shows_the_page(text: str, tmp_path: Path) -> None:
    """Opened from disk without a network: no complaint, all pictures there, nothing overflows."""
    probe = """<script>addEventListener("load", () => {
        const all = [...document.images];
        const wide = document.documentElement.scrollWidth > innerWidth;
        document.title = `${all.filter(i => i.naturalWidth > 100).length} of ${all.length} ${wide}`;
    })</script></body>"""
    file, picture = tmp_path / "page.html", tmp_path / "page.png"
    file.write_text(text.replace("</body>", probe))
    base = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    base += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}"]
    options = {"capture_output": True, "text": True, "timeout": 120}
    dom = subprocess.run([*base, "--dump-dom", file.as_uri()], **options).stdout
    found = re.search(r"<title>(\d+) of (\d+) (\w+)</title>", dom)
    assert found is not None, dom[:500]
    shown, there, overflows = found.groups()
    assert shown == there and int(there) >= 6 and overflows == "false"
    shot = [*base, "--window-size=1200,2400", f"--screenshot={picture}", file.as_uri()]
    subprocess.run(shot, check=True, **options)
    image = imread(io.BytesIO(picture.read_bytes()))
    assert image.shape[:2] == (2400, 1200)
    rows = image[..., :3].std(axis=(1, 2)) > 0.01
    assert rows.mean() > 0.3, "most of the page is blank"
