r"""Spoken digits: events of a cochlea that hears digits spoken by a speech synthesiser.

As the Spiking Heidelberg Digits (Cramer, Stradmann, Schemmel & Zenke 2022,
doi:10.1109/TNNLS.2020.3044364), whose cochlea model it is, but made on one's own machine: eSpeak NG
speaks in place of people, so that nothing is downloaded and everyone has the same kind of data.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from apical._base import seeds
from apical._base.bibliography import cite
from apical._base.checking import check_fields, checked
from apical._base.extras import lacking
from apical._base.folders import make_folder
from apical._base.parameters import Count, CountOrZero
from apical._base.progress import MakingProgress
from apical._base.reading import UnreadableError, read_arrays, read_json
from apical._base.whole_files import write_whole
from apical.data import event_files
from apical.data.cochlea import Cochlea, Hearing
from apical.data.datasets import Dataset
from apical.data.espeak import Spoken, Utterance, speak
from apical.data.events import EventSamples, from_stored, no_scale
from apical.data.registry import Source, cached
from apical.errors import DataError, ParameterError

Synthesiser = Callable[[Sequence[Utterance]], Spoken]
"""Speaks words, as `apical.data.espeak.speak` does."""

Language = Literal["english", "german"]

WORDS = {
    "english": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "german": ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
}
"""The digits of each language."""

ACCENTS = {"english": ("en", "en-us", "en-gb-x-rp", "en-gb-scotland"), "german": ("de",)}
"""Voices of eSpeak NG for each language, without variants."""

VOICES = (
    *("Alex", "Alicia", "Andy", "Annie", "Denis", "Lee", "Reed", "belinda", "boris", "croak"),
    *("david", "f1", "f2", "f3", "f4", "grandma", "grandpa", "gustave", "klatt3", "linda"),
    *("m1", "m2", "m3", "m4", "m7", "m8", "max", "norbert", "rob", "steph"),
)
"""Variants of voices, one for each speaker: those of eSpeak NG that sound like people and are not
nearly the same as another one."""


@dataclass(frozen=True)
class Speaker:
    """One who speaks: a voice, and how it speaks on average.

    Parameters
    ----------
    variant
        One of `VOICES`.
    accent
        Of English: one of `ACCENTS`.
    rate
        Speed [words/min].
    pitch
        From 0 to 99 [dimensionless].

    Examples
    --------
    >>> from apical.data.spoken import SpokenDigits
    >>> train, test = SpokenDigits().cast()
    >>> test[0]
    Speaker(variant='m3', accent='en-gb-scotland', rate=170.14, pitch=62.62)
    """

    variant: str
    accent: str
    rate: float
    pitch: float


@dataclass(frozen=True)
class SpokenDigits:
    r"""Who speaks which digits how often, and the cochlea that hears them.

    Speakers differ in the variant of the voice, in accent, in mean speed and in mean pitch, which
    are drawn from the streams ``"speakers"``. Those of the test part have no sample in the training
    part. Each speaker says each digit several times; speed, pitch and its range are drawn for each
    time from the stream ``"prosody"``.

    Parameters
    ----------
    speakers, held_out
        Number of speakers, at most 30, and how many of them are those of the test part.
    takes
        How often each speaker says each digit.
    languages
        ``"english"``, ``"german"`` or both, of which each has ten classes; the voices of a speaker
        are the same in all.
    cochlea
        The model that hears them.
    seed
        Of all that is random.

    See Also
    --------
    spoken_digits : Makes the data set.

    Examples
    --------
    >>> from apical.data.spoken import SpokenDigits
    >>> recipe = SpokenDigits(speakers=5, held_out=2, takes=1, seed=1)
    >>> train, test = recipe.cast()
    >>> len(train), len(test), {*train} & {*test}
    (3, 2, set())
    >>> utterances, labels = recipe.script(test)
    >>> utterances[7].text, labels[7], len(labels)
    ('seven', 7, 20)
    """

    speakers: Count = 30
    held_out: Count = 6
    takes: Count = 5
    languages: tuple[Language, ...] = ("english",)
    cochlea: Cochlea = field(default_factory=Cochlea)
    seed: CountOrZero = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.held_out < self.speakers <= len(VOICES):
            raise ParameterError(
                f"SpokenDigits needs at most {len(VOICES)} speakers, some of them held out and "
                f"some not; got speakers={self.speakers} and held_out={self.held_out}.",
                object="SpokenDigits",
                parameter="held_out",
            )
        if not self.languages or len({*self.languages}) < len(self.languages):
            raise ParameterError(
                f"SpokenDigits needs one language or more, each once; got {self.languages}.",
                object="SpokenDigits",
                parameter="languages",
            )

    @property
    def n_classes(self) -> int:
        """Ten of each language."""
        return 10 * len(self.languages)

    def cast(self) -> tuple[list[Speaker], list[Speaker]]:
        """Return the speakers of the training and of the test part."""
        order = seeds.stream(self.seed, "speakers").permutation(len(VOICES))
        found = list[Speaker]()
        for voice in order[: self.speakers]:
            rng = seeds.stream(self.seed, "speakers", VOICES[voice])
            accent = ACCENTS["english"][int(rng.integers(len(ACCENTS["english"])))]
            rate, pitch = rng.uniform(130, 190), rng.uniform(35, 65)
            found.append(Speaker(VOICES[voice], accent, round(rate, 2), round(pitch, 2)))
        return found[self.held_out :], found[: self.held_out]

    def script(self, speakers: Sequence[Speaker]) -> tuple[list[Utterance], list[int]]:
        """Return all that some speakers say, in order, and the class of each."""
        said, labels = list[Utterance](), list[int]()
        for speaker in speakers:
            for number, language in enumerate(self.languages):
                rng = seeds.stream(self.seed, "prosody", f"{speaker.variant}, {language}")
                accents = ACCENTS[language]
                accent = speaker.accent if speaker.accent in accents else accents[0]
                for _ in range(self.takes):
                    for digit, word in enumerate(WORDS[language]):
                        said.append(_varied(word, f"{accent}+{speaker.variant}", speaker, rng))
                        labels.append(10 * number + digit)
        return said, labels


def _varied(word: str, voice: str, speaker: Speaker, rng: np.random.Generator) -> Utterance:
    """Return a word as it is spoken this time."""
    rate = speaker.rate * float(np.exp(rng.normal(0, 0.08)))
    pitch, spread = speaker.pitch + float(rng.normal(0, 6)), float(rng.uniform(20, 80))
    return Utterance(word, voice, round(rate), min(max(round(pitch), 0), 99), round(spread))


@checked()
def spoken_digits(
    recipe: SpokenDigits | None = None,
    *,
    synthesiser: Synthesiser = speak,
    jobs: Count | None = None,
    progress: bool = False,
) -> Dataset:
    """Make a data set of spoken digits: events of a cochlea, with speakers held out for the test.

    Parameters
    ----------
    recipe
        Who speaks what, and who hears it; `SpokenDigits` with its defaults if none is given.
    synthesiser
        What speaks: eSpeak NG, or a function of one's own that takes a list of
        `apical.data.espeak.Utterance` and returns `apical.data.espeak.Spoken`.
    jobs
        Threads that hear at the same time; as many as there are processors by default. They change
        no result.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Dataset
        Events in `Cochlea.channels` channels; samples last as long as they are heard. ``source``
        names the versions of all that made them.

    Raises
    ------
    DataError
        If what ``apical[speech]`` brings is not installed.

    See Also
    --------
    apical.datasets.load : ``spoken_digits``, by name, made once and kept in the cache.
    apical.measures.event_controls.event_controls : How much is in counts, and how much in times.

    Examples
    --------
    >>> from apical.data.cochlea import Cochlea
    >>> from apical.data.spoken import SpokenDigits, spoken_digits
    >>> recipe = SpokenDigits(speakers=3, held_out=1, takes=1, cochlea=Cochlea(channels=70))
    >>> data = spoken_digits(recipe)  # doctest: +SKIP
    >>> data.train  # doctest: +SKIP
    EventSamples(20 x 70 channels, 9,873 events, up to 582 ms)
    """
    recipe = recipe or SpokenDigits()
    train, test, versions = _made(recipe, synthesiser, jobs, progress=progress)
    return _named(recipe, train, test, versions)


def _made(
    recipe: SpokenDigits, synthesiser: Synthesiser, jobs: int | None, *, progress: bool
) -> tuple[EventSamples, EventSamples, dict[str, str]]:
    """Return the training and the test part, and the versions of what made them."""
    scripts = [recipe.script(speakers) for speakers in recipe.cast()]
    (train, _), (test, _) = scripts
    with MakingProgress(len(train) + len(test), shown=progress) as bar:
        bar.update(0, "speaking")
        spoken = synthesiser([*train, *test])
        bar.update(0, "tabulating the cochlea")
        heard = _heard(recipe, spoken, jobs or os.cpu_count() or 1, bar)
    lasts = [recipe.cochlea.duration(len(sound), spoken.rate) for sound in spoken.sounds]
    versions = dict((*spoken.versions, *recipe.cochlea.versions()))
    parts, at = list[EventSamples](), 0
    for name, (said, labels) in zip(("train", "test"), scripts, strict=True):
        until = at + len(said)
        part = heard[at:until], labels, lasts[at:until]
        parts.append(from_stored(*part, recipe.cochlea.channels, f"spoken_digits, {name}"))
        at = until
    return parts[0], parts[1], versions


def _heard(
    recipe: SpokenDigits, spoken: Spoken, jobs: int, bar: MakingProgress
) -> list[NDArray[Any]]:
    """Return the events of each sound; random numbers are drawn for the place of each."""
    hearing: Hearing = recipe.cochlea.hearing(spoken.rate)

    def one(number: int) -> NDArray[Any]:
        return hearing(spoken.sounds[number], seeds.stream(recipe.seed, "cochlea", index=number))

    found = list[NDArray[Any]]()
    with ThreadPoolExecutor(jobs) as threads:
        for events in threads.map(one, range(len(spoken.sounds))):
            found.append(events)
            bar.update(len(found), "hearing")
    return found


def _named(
    recipe: SpokenDigits, train: EventSamples, test: EventSamples, versions: Mapping[str, str]
) -> Dataset:
    made_by = ", ".join(f"{name} {version}" for name, version in versions.items())
    return Dataset(
        SPOKEN_DIGITS.name,
        train,
        test,
        recipe.n_classes,
        (recipe.cochlea.channels,),
        SPOKEN_DIGITS.licence,
        f"made by {made_by}",
    )


# ---- by name, from the cache --------------------------------------------------------------------
_VERSION = 1
"""Of the recipe: what is in the cache was made by this one."""


@dataclass(frozen=True)
class _Record:
    """What is written beside the events."""

    recipe: dict[str, Any]
    versions: dict[str, str]
    sha256: str
    test_speakers: list[str]


def kept(recipe: SpokenDigits) -> Path | None:
    """Return the file of the cache that holds what a recipe makes; None if it was not made here.

    It is that of the versions that are installed; where the extra is not, of any.
    """
    folder = cached(SPOKEN_DIGITS.name)
    if not lacking("speech"):
        file = folder / _file_name(recipe)
        return file if file.is_file() else None
    return max(folder.glob(f"{_digest(recipe)}-*.npz"), default=None)


def keep(recipe: SpokenDigits) -> Path:
    """Return the file of the cache that holds what a recipe makes, made now if need be.

    Raises
    ------
    DataError
        If it has to be made, and what ``apical[speech]`` brings is not installed.
    """
    file = kept(recipe)
    if file is not None and _is_whole(file):
        return file
    missing = lacking("speech")
    if missing:
        raise DataError(
            f"{SPOKEN_DIGITS.name} are made on this machine, by {' and '.join(missing)}, not "
            "installed: pip install 'apical[speech]'.",
            object=SPOKEN_DIGITS.name,
        )
    train, test, versions = _made(recipe, speak, None, progress=sys.stderr.isatty())
    file = cached(SPOKEN_DIGITS.name) / _file_name(recipe)
    make_folder(file.parent)
    arrays: dict[str, Any] = event_files.arrays_of(train, test, (recipe.cochlea.channels,))
    record = _Record(
        asdict(recipe), versions, _sum(arrays), [speaker.variant for speaker in recipe.cast()[1]]
    )
    text = json.dumps(asdict(record), indent=1)
    write_whole(file.with_suffix(".json"), text.encode(), shared=True)
    return write_whole(file, lambda content: np.savez(content, **arrays), shared=True)


def _file_name(recipe: SpokenDigits) -> str:
    """Return the name of a recipe's file for the packages that are installed."""
    names = ("espeakng-loader", *(name for name, _ in recipe.cochlea.versions()))
    return f"{_digest(recipe)}-{_digest(*map(metadata.version, names))}.npz"


def _digest(*what: object) -> str:
    return hashlib.sha256(repr((_VERSION, what)).encode()).hexdigest()[:16]


def _sum(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of arrays."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        found.update(np.ascontiguousarray(arrays[name]).data)
    return found.hexdigest()


def _is_whole(file: Path) -> bool:
    """Say whether a file of the cache is what was written into it."""
    try:
        record = read_json(file.with_suffix(".json"), _Record)
        return bool(record["sha256"] == _sum(read_arrays(file)))
    except UnreadableError:
        return False


def _load(scale: float | None) -> Dataset:
    no_scale(SPOKEN_DIGITS.name, scale)
    recipe = SpokenDigits()
    file = keep(recipe)
    train, test, _ = event_files.parts_of(file, read_arrays(file))
    return _named(recipe, train, test, read_json(file.with_suffix(".json"))["versions"])


SPOKEN_DIGITS = Source(
    "spoken_digits",
    "not stated",
    "https://github.com/espeak-ng/espeak-ng",
    n_train=1200,
    n_test=300,
    where="to be made, by apical[speech]",
    load=_load,
    file=lambda: kept(SpokenDigits()),
    generate=lambda: keep(SpokenDigits()),
    source=cite("cramer2022"),
)
"""English digits of 24 speakers, and of 6 others for the test, made once and kept in the cache."""
