"""Pages on commands: their commands exist, and what they promise of completion is true."""

import re
from pathlib import Path

import pytest
from test_completion import offered

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "how_to" / f"{name}.md" for name in ("cite", "complete_in_the_shell")]
PAGES.append(ROOT / "docs" / "how_to" / "start_a_model.md")


def lines() -> list[list[str]]:
    """Return the words of every command line of the pages."""
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"^```bash\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    ]
    return [line.split() for block in blocks for line in block.splitlines() if line.strip()]


def test_commands_and_options_of_the_pages_exist() -> None:
    found = [words for words in lines() if words[0] == "apical"]
    assert len(found) > 10
    for words in found:
        assert words[1] in offered("apical ")
        known = offered(f"apical {' '.join(words[1:3])} --")
        for word in words[2:]:
            assert not word.startswith("--") or word in known, words


TABLE = re.findall(r"^\| `(apical [^`]*)` \| (.*) \|$", PAGES[1].read_text(), re.MULTILINE)


@pytest.mark.parametrize(("typed", "said"), TABLE)
def test_the_table_of_completions_is_true(
    typed: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = re.findall(r"`([\w+,-]+)`", said)
    if names:
        assert offered(typed) == names
    else:
        assert offered(typed) or "run directories" in said


def test_the_table_has_rows() -> None:
    assert len(TABLE) == 7
