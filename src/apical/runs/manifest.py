"""The manifest of a run: what binds its files together, and what every command checks.

``manifest.json`` holds the SHA-256 of the configuration, of each of its entries, and of every file.
It is written before a file takes its place, and knows the file that was there before: whenever a
process is killed, either of the two is the right one, and nothing else is.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apical._base.whole_files import write_whole
from apical.errors import RunError

MANIFEST, CONFIG = "manifest.json", "config.json"
FORMAT, VERSION = "apical run", 1
LARGEST = 16_000_000
"""Largest size of a manifest [bytes]; one has some thousands."""

Entry = dict[str, Any]


def digest(file: Path, length: int | None = None) -> Entry:
    """Return the size and the SHA-256 of a file, or of its first `length` bytes.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with file.open("rb") as opened:
        if length is None:
            found = hashlib.file_digest(opened, "sha256")
            return {"bytes": opened.tell(), "sha256": found.hexdigest()}
        first = opened.read(length)
    return {"bytes": len(first), "sha256": hashlib.sha256(first).hexdigest()}


def of_config(config: Mapping[str, Any]) -> Entry:
    """Return the SHA-256 of a configuration, whatever the order of its entries, and of each."""
    return {"sha256": _sum(config), "entries": {k: _sum(v)[:16] for k, v in config.items()}}


class Manifest:
    """The manifest of one run.

    Parameters
    ----------
    folder
        Directory of the run.
    content
        What the file holds; by default that of a run that begins.
    """

    def __init__(self, folder: Path, content: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self._content = dict(content or {"configuration": {}, "files": {}})

    @classmethod
    def read(cls, folder: Path) -> "Manifest | None":
        """Read the manifest of a run; None where there is none.

        Raises
        ------
        RunError
            If it is damaged.
        """
        path = folder / MANIFEST
        try:
            if path.stat().st_size > LARGEST:
                raise RunError(f"{path} is damaged: it has more than {LARGEST:,} bytes.")
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunError(f"{path} is damaged: {error.strerror}.") from None
        try:
            content = json.loads(text)
            if content["format"] == FORMAT and content["version"] != VERSION:
                raise RunError(
                    f"{path} is of version {str(content['version'])[:20]}; this version of apical "
                    f"reads version {VERSION}. Use the version that wrote it."
                )
            found = cls(folder, {name: content[name] for name in _ENTRIES})
            found._check_shape()
            if found._text() != text:  # byte for byte, so that nothing in it can be changed
                raise ValueError("it does not agree with its own checksum")
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            said = " ".join(str(error).split())[:100]
            raise RunError(f"{path} is damaged: {said or type(error).__name__}.") from None
        return found

    @property
    def files(self) -> dict[str, Entry]:
        """The files of the run: name -> size, SHA-256, and what may be there instead."""
        files: dict[str, Entry] = self._content["files"]
        return files

    def write(self) -> None:
        """Write the manifest, atomically.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        write_whole(self.folder / MANIFEST, self._text())

    def expect(self, name: str, entry: Entry) -> None:
        """Expect a file that is about to take its place: until then the one before is right, too.

        Parameters
        ----------
        name
            Name of the file.
        entry
            Its size and SHA-256, and what else belongs to it.
        """
        before = self.files.get(name)
        self.files[name] = {**entry, "before": before and _without_before(before)}

    def settle(self, *names: str) -> None:
        """Forget what was there before files that are in their places now; all by default."""
        for name in names or self.files:
            self.files[name].pop("before", None)

    def configured(self, config: Mapping[str, Any]) -> None:
        """Bind the run to a configuration."""
        self._content["configuration"] = of_config(config)

    def check(self, *names: str) -> None:
        """Raise unless files are those of this run; the right one of two is known from then on.

        Raises
        ------
        RunError
            If one is missing, or another one.
        """
        for name in names:
            entry = self.files.get(name)
            path = self.folder / name
            if entry is None:
                if path.exists():
                    raise RunError(
                        f"{path} is not of this run: {MANIFEST} does not list it. Take it away."
                    )
                continue
            right = self._right(path, entry)
            if right is None:
                del self.files[name]
            else:
                self.files[name] = _without_before(right)

    def check_first(self, name: str, entry: Entry) -> None:
        """Raise unless a file begins with the bytes of an entry; more may have been added."""
        path = self.folder / name
        found = _found(path, entry["bytes"])
        if found != _plain(entry):
            raise RunError(
                f"{path} does not begin with the {entry['bytes']:,} bytes that this run wrote "
                f"(SHA-256 {entry['sha256'][:12]}..., found {_said(found)}). {_WHAT_THEN}"
            )

    def check_config(self, config: Mapping[str, Any] | None) -> None:
        """Raise unless the configuration is that of this run, and name what differs.

        Parameters
        ----------
        config
            What ``config.json`` holds; None if it cannot be read.
        """
        try:
            self.check(CONFIG)
        except RunError as error:
            known = self._content["configuration"].get("entries", {})
            now = of_config(config)["entries"] if config is not None else known
            differ = [name for name in {**known, **now} if known.get(name) != now.get(name)]
            if not differ:
                raise
            names = ", ".join(map(repr, sorted(differ)))[:100]
            raise RunError(
                f"{self.folder / CONFIG} is not the configuration that this run began with: "
                f"{names} {'differs' if len(differ) == 1 else 'differ'} from what {MANIFEST} says. "
                f"{_WHAT_THEN}"
            ) from error

    def _right(self, path: Path, entry: Entry) -> Entry | None:
        """Return the entry that a file fits: this one, or the one before; raise if neither."""
        candidates = [entry, *([entry["before"]] if "before" in entry else [])]
        found = _found(path)
        for candidate in candidates:
            if found == (candidate and _plain(candidate)):
                right: Entry | None = candidate
                return right
        if found is None:
            raise RunError(f"{path} is missing: {MANIFEST} lists it. {_WHAT_THEN}")
        raise RunError(
            f"{path} is not the file that this run wrote: {MANIFEST} says {_said(_plain(entry))}, "
            f"found {_said(found)}. {_WHAT_THEN}"
        )

    def _check_shape(self) -> None:
        entries = self._content["configuration"].get("entries", {})
        if not isinstance(entries, dict):
            raise TypeError("its configuration has no entries")
        for entry in self.files.values():
            befores = [entry["before"]] if entry.get("before") is not None else []
            inner = [e["metrics"] for e in (entry, *befores) if "metrics" in e]
            for each in (entry, *befores, *inner):
                if type(each["bytes"]) is not int or not isinstance(each["sha256"], str):
                    raise TypeError("a file has no size and SHA-256")

    def _text(self) -> bytes:
        content = {"format": FORMAT, "version": VERSION, **self._content}
        content["sha256"] = _sum(content)
        return (json.dumps(content, indent=1) + "\n").encode()


_ENTRIES = ("configuration", "files")
_WHAT_THEN = "Restore it, or start the run again elsewhere."


def _without_before(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if key != "before"}


def _plain(entry: Entry) -> Entry:
    return {"bytes": entry["bytes"], "sha256": entry["sha256"]}


def _found(path: Path, length: int | None = None) -> Entry | None:
    try:
        return digest(path, length)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from None


def _said(entry: Entry | None) -> str:
    if entry is None:
        return "no file"
    return f"{entry['bytes']:,} bytes with SHA-256 {entry['sha256'][:12]}..."


def _sum(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
