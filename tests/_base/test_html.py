"""What notebooks show of networks, scorecards and records: well-formed, escaped, small.

Numbers are read back from the HTML and compared with those of the objects.
"""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import made_records
import numpy as np
import pytest
from test_training import FakeSimulator

import apical
from apical import LIF, Error, LearningRule, Network, Normal, Stimulus, check, feedback, rules
from apical._base.html_tables import MOST_ROWS, card, folded, table
from apical.data.datasets import blobs
from apical.plausibility import Finding, Scorecard, audit
from apical.plausibility.findings import LEVELS
from apical.training.loop import Evaluation, History, train

VOID = ("br", "hr", "img")
ALLOWED = {
    *("div", "span", "strong", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"),
}
SMALL = 40_000
"""Most characters of anything that is shown."""


class Reader(HTMLParser):
    """Reads strictly: every tag is closed, in order, and nothing is there that is not allowed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.text = ""
        self.sides: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, f"<{tag}> is shown"
        for name, value in attrs:
            assert name in ("style", "class", "scope"), f"{name}={value!r}"
            assert not re.search(r"url\(|expression|background|#[0-9a-f]{3}", value or "")
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.sides.append(dict(attrs)["style"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes another"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment is shown")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration is shown")


def read(shown: Any) -> Reader:
    """Return the parsed HTML of an object, or of HTML."""
    html = shown if isinstance(shown, str) else shown._repr_html_()
    assert len(html) < SMALL
    assert not re.search(r"<script|javascript:|\son\w+=", html)
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open, f"not closed: {reader.open}"
    return reader


def described(name: str = "hidden", *, n: int = 3) -> Network:
    net = Network(seed=7, trial=50.0)
    x, h, y = Stimulus("x", 4), LIF(name, n), LIF("y", 2)
    apical.chain(net, x, h, y, weights=Normal(), rule=rules.three_factor(0.1))
    error = net.add(Error("error", 4))
    net.teach(feedback.direct(error, net.forward))
    return net


def test_a_network_shows_its_populations_and_projections() -> None:
    net = described(n=1000)
    shown = read(net)
    populations, projections = shown.tables
    assert populations[0] == ["population", "model", "role", "neurons"]
    assert populations[2] == ["hidden", "LIF", net.populations[1].role, "1,000"]
    assert len(populations) == 1 + len(net.populations)
    by_name = {row[0]: row for row in projections[1:]}
    assert set(by_name) == {p.name for p in net.projections}
    assert by_name["x_to_hidden"][1:4] == ["x", "hidden", "4,000"]
    assert by_name["x_to_hidden"][-1] == "three_factor"
    assert by_name["error_to_hidden"][-1] == "fixed"
    assert by_name["error_to_hidden"][-2].endswith(" to teach")
    neurons = sum(p.size for p in net.populations)
    synapses = sum(p.shape[0] * p.shape[1] for p in net.projections)
    assert f"neurons {neurons:,} · synapses {synapses:,}" in shown.text
    assert "wiring DFA" in shown.text and "trial 50 ms" in shown.text and "seed 7" in shown.text


def test_an_empty_and_an_unfinished_network_are_shown() -> None:
    assert "neurons 0" in read(Network()).text
    net = Network()
    net.add(Stimulus("x", 4))
    shown = read(net)
    assert "wiring none" in shown.text and len(shown.tables) == 1


def test_a_large_network_is_shown_in_few_characters_and_draws_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Network()
    parts = [net.add(Stimulus("p0", 10_000_000))]
    parts += [net.add(LIF(f"p{k}", 10_000_000)) for k in range(1, 300)]
    for pre, post in pairwise(parts):
        net.connect(pre, post, weights=Normal())
    monkeypatch.setattr(Normal, "draw", lambda *_: pytest.fail("weights are drawn"))
    shown = read(net)
    assert [len(rows) for rows in shown.tables] == [1 + MOST_ROWS] * 2
    assert f"and {300 - MOST_ROWS} more" in shown.text
    assert f"and {299 - MOST_ROWS} more" in shown.text


HOSTILE = "<script>alert('&\")</script>"


def test_texts_are_escaped() -> None:
    rule = LearningRule("mine <b>", "0.1 * x_pre * teach_post")
    net = Network()
    x, y = net.add(Stimulus("x", 2)), net.add(LIF("y", 2))
    net.connect(x, y, weights=Normal(), rule=rule)
    assert read(net).tables[1][1][-1] == "mine <b>"
    finding = Finding("network", "locality", "not local", HOSTILE)
    assert read(Scorecard((finding,))).tables[0][1][3] == HOSTILE
    assert HOSTILE in read(card(HOSTILE, {HOSTILE: HOSTILE}, table([HOSTILE], [[HOSTILE]]))).text
    assert HOSTILE in read(folded(HOSTILE, "<div></div>")).text
    hostile = made_records.records({}, np.array([0]))
    hostile = replace(hostile, about={"model": HOSTILE.replace("/", "")})
    assert HOSTILE.replace("/", "") in read(hostile).text


def test_a_scorecard_shows_every_finding_and_the_worst_first() -> None:
    net = described()
    found = read(check(net))
    rows = [row for rows in found.tables for row in rows[1:]]
    expected = {(f.level, f.aspect, f.subject, f.reason) for f in check(net).findings}
    assert {tuple(row[:4]) for row in rows} == expected
    assert "Scorecard: learning is local" in found.text
    levels = [row[0] for row in found.tables[0][1:]]
    assert levels == sorted(levels, key=lambda level: -LEVELS.index(level))
    assert {row[0] for row in found.tables[1][1:]} == {"local"}
    for level, n in check(net).counts.items():
        assert not n or f"{level} {n}" in found.text


def test_a_scorecard_says_what_is_not_local_and_names_no_folder() -> None:
    net = Network()
    apical.chain(
        net,
        Stimulus("x", 3, apical.encoding.Graded()),
        apical.Rate("h", 3, "tanh"),
        apical.Rate("y", 2, "logistic"),
        weights=Normal(),
        rule=rules.three_factor(0.1),
    )
    error = net.add(apical.RateError("error", 2))
    net.teach(feedback.transposed(error, net.forward))
    shown = read(audit(net))
    assert "learning is not local" in shown.text
    assert shown.tables[0][1][0] == "not local"
    assert str(Path(__file__).parent) not in shown.text


def test_an_evaluation_shows_accuracy_by_class_and_rates() -> None:
    labels, decided = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    rates = {"hidden": np.array([0.0, 10.0, 20.0, 0.0])}
    shown = read(Evaluation(labels, decided, rates))
    assert "accuracy 66.67% · samples 6" in shown.text
    assert shown.tables[0][1:] == [
        ["0", "3", "3", "66.67%"],
        ["1", "2", "3", "100.00%"],
        ["2", "1", "0", "0.00%"],
    ]
    assert shown.tables[1][1:] == [["hidden", "4", "7.5", "20", "2"]]
    assert len(read(Evaluation(np.arange(500), np.arange(500))).tables[0]) == 1 + MOST_ROWS


def test_the_history_of_training_is_a_list_that_is_shown_as_a_table() -> None:
    data = blobs(24, 8, 4, 2, rng=np.random.default_rng(0))
    history = train(FakeSimulator(described()), data, 2, block=10, progress=False)
    assert isinstance(history, list) and isinstance(history, History)
    shown = read(history)
    tested = [step for step in history if "test_accuracy" in step.metrics]
    rows = shown.tables[0]
    assert rows[0][:3] == ["epoch", "trials", "test_accuracy"]
    assert [row[1] for row in rows[1:]] == [str(step.position.trial) for step in tested]
    assert [float(row[2]) for row in rows[1:]] == pytest.approx(
        [step.metrics["test_accuracy"] for step in tested], rel=1e-3
    )
    assert repr(history).startswith(f"History({len(history)} steps, 48 trials, test accuracy ")
    assert repr(History()) == "History(0 steps, 0 trials)" and read(History())


def test_records_show_units_with_rates_and_signals() -> None:
    rates = np.full((20, 5), 40.0)
    spikes = {"hidden": (made_records.poisson(rates, 200.0), 5)}
    records = made_records.records(
        spikes, np.arange(20) % 2, 200.0, signals={"graded": np.ones((20, 3))}
    )
    shown = read(records)
    rows = {row[0]: row for row in shown.tables[0][1:]}
    assert set(rows) == set(records.units)
    for name, spikes in records.spikes.items():
        n = len(records.units[name])
        rate = len(spikes) / (n * len(records) * records.duration * 1e-3)
        assert rows[name][2:4] == [f"{n:,}", f"{len(spikes):,}"]
        assert float(rows[name][4].replace(",", "")) == pytest.approx(rate, rel=1e-3)
    assert rows["graded"][3:] == ["-", "-"]
    assert "of 200 ms in steps of 1 ms" in shown.text and "correctly 100.0%" in shown.text
    assert f"trials {len(records)}" in shown.text
    assert shown.tables[-1][1][:2] == ["graded.x", "20 x 1 x 3"]
    assert len(repr(records)) < 1000 and f"{len(records)} trials" in repr(records)


def test_numbers_are_right_aligned_and_texts_are_not() -> None:
    shown = read(table(["a", "b"], [["text", 3.14159], ["x" * 1000, 1234567]]))
    assert shown.tables[0][1:] == [["text", "3.142"], ["x" * 299 + "…", "1,234,567"]]
    assert [side.rpartition(":")[2] for side in shown.sides[2:]] == ["left", "right"] * 2
    assert table(["a"], []) == "" and folded("a", "") == ""
