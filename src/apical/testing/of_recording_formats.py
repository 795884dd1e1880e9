"""Contracts of formats of recordings."""

import tempfile
from pathlib import Path

from apical.errors import ApicalError
from apical.recordings.formats import RecordingFormat, reading
from apical.testing.contracts import contract, expect

_DAMAGED = (b"", b"no recording at all", b"\x89HDF\r\n\x1a\n" + b"\0" * 200, b"\xff" * 4096)
"""Contents of files that are no recordings."""


@contract("recording format")
def says_what_it_is(form: RecordingFormat) -> None:
    """It has a name, a description, and suffixes in small letters that begin with a dot."""
    expect(form.name and form.about, f"{form!r} lacks a name or a description.")
    good = all(suffix[:1] == "." and suffix == suffix.lower() for suffix in form.suffixes)
    expect(good, f"The suffixes {form.suffixes!r} do not all begin with a dot, in small letters.")


@contract("recording format")
def asks_without_raising(form: RecordingFormat) -> None:
    """Whether a file fits is answered for any file, folder, or path of none."""
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        paths = [Path(folder), Path(folder, "none.xyz"), Path(folder, "none")]
        for number, content in enumerate(_DAMAGED):
            paths.append(Path(folder, f"{number}.xyz"))
            paths[-1].write_bytes(content)
        for path in paths:
            fits = form.fits(path)
            expect(isinstance(fits, bool), f"{form.name!r} answers {fits!r} for {path.name}.")


@contract("recording format")
def refuses_damaged_files_in_one_line(form: RecordingFormat) -> None:
    """A damaged file is an error of this package, in one line."""
    with tempfile.TemporaryDirectory(prefix="apical-") as folder:
        for content in _DAMAGED:
            path = Path(folder, f"it{(*form.suffixes, '.xyz')[0]}")
            path.write_bytes(content)
            said = ""
            try:
                with reading(path, form.name), form.open(path):
                    pass
            except ApicalError as error:
                said = str(error)
            expect(said, f"{form.name!r} takes {len(content)} bytes of no recording for one.")
            expect("\n" not in said, f"{form.name!r} has an error of several lines.")
