"""Spoken digits: speakers held out, structure by a stand-in for speech, lauscher's own numbers."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

import apical as ap
from apical.data import cochlea as ears
from apical.data import registry
from apical.data import spoken as module
from apical.data.cochlea import Cochlea
from apical.data.espeak import Spoken, Utterance, speak
from apical.data.events import EVENT
from apical.data.spoken import VOICES, WORDS, SpokenDigits, spoken_digits
from apical.errors import DataError, ParameterError
from apical.runs.experiment import fingerprint

RATE = 8000
FEW = SpokenDigits(speakers=4, held_out=2, takes=2, cochlea=Cochlea(channels=12))


def tones(utterances):
    """Speak each word as a tone, as long as it has letters: 100 ms each."""
    sounds = [np.sin(np.arange(len(u.text) * RATE // 10) / 5) for u in utterances]
    return Spoken(sounds, RATE, (("tones", "1"),))


def simple_ear(self, rate):
    """Hear one event every 10 ms, in a channel that is drawn."""

    def hear(sound, rng):
        found = np.empty(int(100 * len(sound) / rate), EVENT)
        found["time"] = 10_000 * np.arange(len(found))
        found["channel"] = rng.integers(self.channels, size=len(found))
        return found

    return hear


@pytest.fixture
def without_the_extra(monkeypatch):
    """Let stand-ins speak and hear."""
    monkeypatch.setattr(Cochlea, "hearing", simple_ear)
    monkeypatch.setattr(Cochlea, "versions", lambda self: (("stand-in", "1"),))


# ---- who speaks --------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(5))
def test_no_speaker_is_in_both_parts(seed):
    recipe = SpokenDigits(seed=seed)
    train, test = recipe.cast()
    assert (len(train), len(test)) == (24, 6)
    assert not {s.variant for s in train} & {s.variant for s in test}
    voices = [{u.voice.partition("+")[2] for u in recipe.script(part)[0]} for part in (train, test)]
    assert not voices[0] & voices[1] and voices[0] | voices[1] == {*VOICES}


def test_speakers_and_prosody_follow_from_the_seed_and_the_speaker_alone():
    assert SpokenDigits().cast() == SpokenDigits().cast() != SpokenDigits(seed=1).cast()
    train, _ = FEW.cast()
    assert FEW.script(train)[0] == FEW.script(train)[0]
    assert FEW.script([train[1]])[0] == FEW.script(train)[0][20:]
    both = replace(FEW, languages=("english", "german"))
    said, labels = both.script([train[0]])
    assert said[:20] == FEW.script(train)[0][:20]  # German changes no English
    assert [u.text for u in said[20:30]] == [*WORDS["german"]]
    assert labels[:10] == [*range(10)] and labels[-10:] == [*range(10, 20)]
    assert all(u.voice.startswith("de+") for u in said[20:])
    assert len({(u.rate, u.pitch) for u in said}) > 10


def test_a_recipe_that_makes_no_sense_is_refused():
    for wrong in ({"speakers": 31}, {"held_out": 30}, {"speakers": 3, "held_out": 3}):
        with pytest.raises(ParameterError, match="at most 30 speakers"):
            SpokenDigits(**wrong)
    for languages in ((), ("german", "german")):
        with pytest.raises(ParameterError, match="one language or more"):
            SpokenDigits(languages=languages)
    with pytest.raises(ParameterError, match="languages"):
        SpokenDigits(languages=("latin",))
    with pytest.raises(ParameterError, match="pitch"):
        Utterance("one", "en", pitch=100)


# ---- the same pipeline, with stand-ins ----------------------------------------------------------
@pytest.mark.usefixtures("without_the_extra")
def test_a_data_set_has_durations_channels_and_classes_of_what_was_said():
    data = spoken_digits(FEW, synthesiser=tones)
    assert (data.name, data.shape, data.n_classes) == ("spoken_digits", (12,), 10)
    assert (len(data.train), len(data.test)) == (40, 40)
    letters = np.array([len(word) for word in WORDS["english"]])
    assert data.train.labels.tolist() == [*range(10)] * 4
    np.testing.assert_array_equal(data.train.durations / 1e3, 100 * np.tile(letters, 4) + 20)
    np.testing.assert_array_equal(data.test.counts().sum(axis=1), 10 * np.tile(letters, 4))
    assert data.duration == 520
    assert data.source == "made by tones 1, stand-in 1"
    german = replace(FEW, languages=("german",))
    assert spoken_digits(german, synthesiser=tones).duration == 620


@pytest.mark.usefixtures("without_the_extra")
def test_threads_change_nothing_and_seeds_do():
    one, two = (spoken_digits(FEW, synthesiser=tones, jobs=jobs) for jobs in (1, 3))
    other = spoken_digits(replace(FEW, seed=1), synthesiser=tones)
    assert fingerprint(one) == fingerprint(two) != fingerprint(other)


@pytest.mark.usefixtures("without_the_extra")
def test_what_was_made_is_kept_with_its_sum_and_versions(tmp_path, monkeypatch):
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "speak", tones)
    monkeypatch.setattr(module, "lacking", lambda extra: ())
    monkeypatch.setattr(module.metadata, "version", lambda name: "1")
    monkeypatch.setattr(module, "SpokenDigits", lambda: FEW)
    where = {source.name: source.where for source in registry.available()}
    assert where["spoken_digits"] == "to be made, by apical[speech]"
    assert registry.path("spoken_digits") is None
    file = registry.fetch("spoken_digits")
    record = json.loads(file.with_suffix(".json").read_text())
    assert record["versions"] == {"tones": "1", "stand-in": "1"}
    assert record["recipe"]["takes"] == 2
    assert record["test_speakers"] == [s.variant for s in FEW.cast()[1]]
    made = ap.datasets.load("spoken_digits")
    assert registry.path("spoken_digits") == file
    where = {source.name: source.where for source in registry.available()}
    assert where["spoken_digits"] == "cached"
    with pytest.raises(DataError, match="events have no scale"):
        ap.datasets.load("spoken_digits", scale=2.0)
    # without the extra it is read; damaged, it is made again
    monkeypatch.setattr(module, "lacking", lambda extra: ("lauscher",))
    again = ap.datasets.load("spoken_digits")
    assert fingerprint(again) == fingerprint(made) and again.source == made.source
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"^spoken_digits are made .* lauscher.*apical\[speech\]"):
        ap.datasets.load("spoken_digits")
    monkeypatch.setattr(module, "lacking", lambda extra: ())
    assert fingerprint(ap.datasets.load("spoken_digits")) == fingerprint(made)
    monkeypatch.setattr(module.metadata, "version", lambda name: "2")
    assert registry.path("spoken_digits") is None  # other versions, another file


def test_without_the_extra_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "lacking", lambda extra: ("espeakng-loader", "lauscher"))
    told = (
        "spoken_digits are made on this machine, by espeakng-loader and lauscher, not installed: "
        "pip install 'apical[speech]'."
    )
    for ask in (ap.datasets.load, ap.datasets.fetch):
        with pytest.raises(DataError) as raised:
            ask("spoken_digits")
        assert raised.value.message == told
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(DataError, match=r"needs espeakng_loader.*apical\[speech\]"):
        speak([])
    monkeypatch.setitem(sys.modules, "lauscher", None)
    with pytest.raises(DataError, match=r"needs lauscher.*apical\[speech\]"):
        Cochlea().versions()


# ---- loops over time, interpreted ---------------------------------------------------------------
def bushy(fires, random, **other):
    """Return the steps in which one bushy cell fires, at 1 kHz."""
    constants = {"rate": 1000.0, "fibres": 4, "tau_mem": 5e-3, "tau_syn": 2e-3}
    constants |= {"tau_refrac": 3e-3, "weight": 100.0, **other}
    found = np.zeros((1, len(fires)), bool)
    ears._bushy_cells(np.array([fires]), np.array([random]), **constants, found=found)
    return found[0].nonzero()[0].tolist()


def test_a_bushy_cell_fires_as_calculated_by_hand():
    """Four fibres fire at once in step 1: the current is 4, and adds 4 * 400 * 0.001 = 1.6."""
    fires = np.zeros(12)
    fires[1] = 1
    assert bushy(fires, np.zeros(12), weight=400.0) == [1]
    # 0.4 in step 1, 0.4 e^(-1/5) + 0.4 e^(-1/2) = 0.570 in step 2, 0.614 in step 3, 0.592, ...
    keep, decay = np.exp(-1 / 5), np.exp(-1 / 2)
    third = 0.4 * (keep**2 + keep * decay + decay**2)
    assert bushy(fires, np.zeros(12), weight=100.0 / third * (1 + 1e-9)) == [3]
    assert bushy(fires, np.zeros(12), weight=100.0 / third * (1 - 1e-9)) == []


def test_fibres_that_fire_are_refractory():
    """All four fire in steps 0, 3, 6; the cell is refractory itself until step 4."""
    sure = np.ones(9)
    strong = {"weight": 1000.0, "tau_syn": 1e-9, "tau_refrac": 3e-3}  # one spike each time
    assert bushy(sure, np.zeros(9), **strong) == [0, 6]
    one = {**strong, "fibres": 1, "weight": 1100.0}
    assert bushy(np.r_[1, 1, 0, 0, 0, 0, 0], np.zeros(7), **one) == [0]


def test_numbers_of_fibres_that_fire_are_binomial():
    """One random number decides: 1 - u is compared with the cumulative probabilities."""
    from scipy import stats

    seen = []
    for u in np.linspace(0.0005, 0.9995, 400):
        counted = [
            k
            for k in range(1, 9)
            if bushy(
                [0.3, 0, 0], [u, 0, 0], fibres=8, weight=1000.0 / k * (1 + 1e-9), tau_syn=1e-9
            )
        ]  # fmt: skip
        seen.append(len(counted) and max(counted))
    expected = stats.binom(8, 0.3).ppf(1 - np.linspace(0.0005, 0.9995, 400))
    np.testing.assert_array_equal(seen, expected)


# ---- with the extra -----------------------------------------------------------------------------
@pytest.fixture
def lauscher():
    """Skip the test unless lauscher is installed; return its transformations."""
    return pytest.importorskip("lauscher.transformations")


@pytest.fixture
def sound():
    return np.sin(np.arange(800) ** 1.3 / 20) * np.hanning(800)


@pytest.mark.slow
def test_membrane_and_hair_cells_are_those_of_lauscher(lauscher, sound):
    ear = Cochlea(channels=6, longest=220.0).hearing(RATE)
    shaped = ear.shaped(sound)
    wave = ear._wave(sound.copy(), RATE).transform(lauscher.RmsNormalizer(0.3))
    np.testing.assert_array_equal(shaped, wave.transform(lauscher.HanningWindow()).samples)
    (_, velocity), *_ = ear.velocities(shaped)
    # the same sound at twice its rate, with nothing in between, is what lauscher gets
    spectrum = np.fft.rfft(shaped, ear.size - 1)
    twice = ear._wave(np.fft.irfft(2 * spectrum, 2 * (ear.size - 1)), 2 * RATE)
    membrane = lauscher.BasilarMembrane(channels=6)
    expected = membrane(twice)
    assert expected.sample_rate == RATE
    there = np.asarray(expected.channels)[:, : velocity.shape[1]]
    np.testing.assert_allclose(velocity, there, atol=1e-9 * np.abs(there).max())
    hair = lauscher.HairCell()
    fires = np.array([hair._meddis(one, RATE) for one in velocity])
    np.testing.assert_array_equal(ear.probabilities(velocity), fires)


@pytest.mark.slow
def test_bushy_cells_are_those_of_lauscher_where_nothing_is_random(lauscher):
    """Probabilities of 0 and 1 leave nothing to chance."""
    ear = Cochlea(channels=3, longest=100.0).hearing(RATE)
    fires = (ap.stream(0, "fires").random((3, 2000)) < [[0.02], [0.1], [0.5]]).astype(float)
    random = ap.stream(0, "random").random(fires.shape)
    bushy = lauscher.BushyCell()
    expected = [bushy._lif(bushy._sample(one, RATE), RATE) for one in fires]
    found = ear.spikes(fires, random)
    np.testing.assert_array_equal(found, expected)
    assert found.sum() > 100


@pytest.mark.slow
def test_bushy_cells_fire_as_often_as_those_of_lauscher(lauscher):
    """Counts of 200 trials, by their difference in standard errors."""
    ear = Cochlea(channels=200, longest=100.0).hearing(RATE)
    fires = np.tile(0.02 + 0.015 * np.sin(np.arange(1200) / 30), (200, 1))
    found = ear.spikes(fires, ap.stream(0, "random").random(fires.shape)).sum(axis=1)
    bushy = lauscher.BushyCell()
    np.random.seed(0)  # noqa: NPY002 - what lauscher draws from
    there = np.array([bushy._lif(bushy._sample(one, RATE), RATE).sum() for one in fires])
    error = np.sqrt((found.var() + there.var()) / 200)
    assert found.mean() > 5 and abs(found.mean() - there.mean()) < 3 * error
    assert 0.7 < found.var() / there.var() < 1.4


@pytest.mark.slow
def test_the_same_seed_and_versions_give_the_same_bits(lauscher, tmp_path, monkeypatch):
    pytest.importorskip("espeakng_loader")
    recipe = SpokenDigits(
        speakers=3, held_out=1, takes=1, languages=("english", "german"), cochlea=Cochlea(20)
    )
    one, again = (spoken_digits(recipe, jobs=jobs) for jobs in (1, 2))
    assert fingerprint(one) == fingerprint(again)
    assert fingerprint(spoken_digits(replace(recipe, seed=1))) != fingerprint(one)
    assert (len(one.train), len(one.test), one.n_classes) == (40, 20, 20)
    assert len({*one.train.durations.tolist()}) > 10
    assert (one.train.counts().sum(axis=1) > 20).all()
    assert "espeak-ng 1." in one.source and "lauscher 1." in one.source
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "SpokenDigits", lambda: recipe)
    file = ap.datasets.fetch("spoken_digits")
    assert fingerprint(ap.datasets.load("spoken_digits")) == fingerprint(one)
    record = json.loads(file.with_suffix(".json").read_text())
    assert {*record["versions"]} == {"espeak-ng", "lauscher", "numba", "numpy", "scipy"}


@pytest.mark.slow
def test_what_cannot_be_spoken_or_heard_is_named(lauscher, sound):
    pytest.importorskip("espeakng_loader")
    with pytest.raises(DataError, match="eSpeak NG has no voice 'nobody'"):
        speak([Utterance("one", "nobody")])
    spoken = speak([Utterance(word, "en+m1") for word in ("one", "two")])
    assert spoken.rate == 22050 and 0.2 < len(spoken.sounds[1]) / 22050 < 0.6
    assert 0.2 < np.abs(spoken.sounds[0]).max() <= 1
    ear = Cochlea(channels=2, longest=110.0).hearing(RATE)
    with pytest.raises(DataError, match="120 ms with its silence is longer than longest, 110 ms"):
        ear(sound, ap.stream(0, "x"))
    with pytest.raises(DataError, match="a sound is silent"):
        ear(0 * sound[:80], ap.stream(0, "x"))
