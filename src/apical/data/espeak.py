"""Speech by eSpeak NG, from a program of its own (`apical.data.espeak_program`)."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from apical._base.checking import check_fields
from apical._base.extras import library
from apical._base.parameters import Count, Number
from apical.errors import DataError, brief

Percent = Annotated[int, Number(least=0, most=99, whole=True)]


@dataclass(frozen=True)
class Utterance:
    """A word, and how it is spoken.

    Parameters
    ----------
    text
        What is said.
    voice
        Name of the voice, as eSpeak NG writes it: ``"en-us+f2"`` is American English with the
        variant of the voice ``f2``.
    rate
        Speed [words/min].
    pitch, spread
        Pitch, and how far it rises and falls, from 0 to 99 [dimensionless]; 50 is the voice's own.

    Examples
    --------
    >>> from apical.data.espeak import Utterance
    >>> Utterance("seven", "en-us+f2", rate=150, pitch=45)
    Utterance(text='seven', voice='en-us+f2', rate=150, pitch=45, spread=50)
    """

    text: str
    voice: str
    rate: Count = 160
    pitch: Percent = 50
    spread: Percent = 50

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, eq=False)
class Spoken:
    """The sound of some words, and what made it.

    Parameters
    ----------
    sounds
        Samples of each word, shape (n_samples,).
    rate
        Samples in a second [Hz].
    versions
        Versions of what spoke, by name.

    See Also
    --------
    apical.data.spoken.spoken_digits : Takes a function that returns it, in place of eSpeak NG.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.data.espeak import Spoken
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(2000) / 8000)
    >>> Spoken([tone], 8000, (("tones", "1"),)).rate
    8000
    """

    sounds: Sequence[NDArray[np.float64]]
    rate: Count
    versions: tuple[tuple[str, str], ...] = ()


def speak(utterances: Sequence[Utterance]) -> Spoken:
    """Speak words by eSpeak NG, which ``apical[speech]`` brings.

    The same list of words gives the same samples: a new process speaks it, from its first word on,
    since eSpeak NG remembers where oscillators and noise were at the end of the word before.

    Parameters
    ----------
    utterances
        The words.

    Raises
    ------
    DataError
        If eSpeak NG is not installed, or cannot speak them.

    See Also
    --------
    apical.data.spoken.spoken_digits : A data set of spoken digits.

    Examples
    --------
    >>> from apical.data.espeak import Utterance, speak
    >>> spoken = speak([Utterance("seven", "en-us+f2")])  # doctest: +SKIP
    >>> spoken.rate, spoken.versions  # doctest: +SKIP
    (22050, (('espeak-ng', '1.52.0'),))
    """
    loader = library("espeakng_loader", "speech")
    program = Path(__file__).with_name("espeak_program.py")
    command = [sys.executable, "-I", str(program), loader.get_library_path()]
    words = [[u.voice, u.text, u.rate, u.pitch, u.spread] for u in utterances]
    ended = subprocess.run(
        [*command, loader.get_data_path()], input=json.dumps(words).encode(), capture_output=True
    )
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().splitlines()
        raise DataError(f"eSpeak NG failed: {brief(said[-1] if said else ended.returncode)}.")
    version, rate, sound = ended.stdout.split(b"\n", 2)
    return Spoken(_parted(sound), int(rate), (("espeak-ng", version.decode()),))


def _parted(sound: bytes) -> list[NDArray[np.float64]]:
    """Return the samples of each word."""
    found, at = list[NDArray[np.float64]](), 0
    while at < len(sound):
        n = int.from_bytes(sound[at : at + 4], sys.byteorder)
        found.append(np.frombuffer(sound, np.int16, n, at + 4).astype(np.float64) / 2**15)
        at += 4 + 2 * n
    return found
