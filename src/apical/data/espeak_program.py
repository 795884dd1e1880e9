"""Speak words by eSpeak NG, as a program of its own: it imports nothing but the standard library.

eSpeak NG is under the GPL, and keeps state from one word to the next. It is therefore loaded by
this program alone, which is started anew for each list of words, so that the same list gives the
same sound. `apical.data.espeak` starts it::

    python espeak_program.py LIBRARY VOICES < words.json > sound

Words are a list of [voice, text, words a minute, pitch, range of pitch]. What is written is the
version of eSpeak NG in one line, the sampling rate in another, and of each word the number of its
samples in 4 bytes and the samples as int16, in the byte order of the machine.
"""

import ctypes
import json
import sys

RETRIEVAL, PHONEMES_OFF, UTF8 = 2, 0, 1
RATE, PITCH, RANGE = 1, 3, 4  # espeak_PARAMETER of speak_lib.h


class _Library:
    """The functions of libespeak-ng that are used, and the sound that they gave."""

    def __init__(self, library: str, voices: str) -> None:
        self.lib = ctypes.CDLL(library)
        self.lib.espeak_Info.restype = ctypes.c_char_p
        self.lib.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        self.rate = self.lib.espeak_Initialize(RETRIEVAL, 0, voices.encode(), PHONEMES_OFF)
        if self.rate <= 0:
            raise OSError(f"eSpeak NG finds no voices in {voices}")
        self.version = self.lib.espeak_Info(None).decode().split()[0]
        self.sound = bytearray()
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
        )
        self._kept = kind(self._heard)  # else it would be collected while it is called
        self.lib.espeak_SetSynthCallback(self._kept)
        self.lib.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]

    def _heard(self, samples: "ctypes._Pointer[ctypes.c_short]", n: int, events: int) -> int:
        if samples and n > 0:
            self.sound += ctypes.string_at(samples, 2 * n)
        return 0

    def say(self, number: int, voice: str, text: str, rate: int, pitch: int, spread: int) -> bytes:
        """Return the sound of a word."""
        if self.lib.espeak_SetVoiceByName(voice.encode()):
            raise OSError(f"eSpeak NG has no voice {voice!r}")
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, spread)):
            self.lib.espeak_SetParameter(parameter, value, 0)
        self.lib.espeak_ng_SetRandSeed(number)
        self.sound.clear()
        spelt = text.encode()
        if self.lib.espeak_Synth(spelt, len(spelt) + 1, 0, 1, 0, UTF8, None, None):
            raise OSError(f"eSpeak NG cannot speak {text!r}")
        self.lib.espeak_Synchronize()
        return bytes(self.sound)


def main() -> int:
    """Speak the words that stand on standard input."""
    try:
        espeak = _Library(*sys.argv[1:])
        out = sys.stdout.buffer
        out.write(f"{espeak.version}\n{espeak.rate}\n".encode())
        for number, word in enumerate(json.load(sys.stdin)):
            sound = espeak.say(number, *word)
            out.write((len(sound) // 2).to_bytes(4, sys.byteorder) + sound)
    except (OSError, AttributeError) as error:  # a library that lacks a function
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
