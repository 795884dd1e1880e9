"""Notebooks and tutorials run from top to bottom, and are stored with clean outputs."""

import importlib.util
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))
NOTEBOOKS = [*sorted((ROOT / "notebooks").glob("*.ipynb")), *TUTORIALS]

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

ABSOLUTE = re.compile(
    r"(?<![\w.])(?:/(?:root|home|work|tmp|Users|usr|opt|private|var)/|[A-Z]:\\\\?Users)"
)
LARGEST = 1_000_000
"""Largest notebook [bytes]: it is read in a browser."""


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def words(output: Any) -> str:
    """Return all text of an output: streams, tracebacks, and data that are no image."""
    data = output.get("data", {})
    shown = [str(value) for kind, value in data.items() if not kind.startswith("image/")]
    parts = [output.get("text", ""), *output.get("traceback", []), str(output.get("metadata", ""))]
    return "\n".join([*parts, *shown])


def kinds(notebook: Any) -> list[list[tuple[str, str]]]:
    """Return what each cell shows, in order: (kind of output, name of the stream).

    How many pieces a text arrives in depends on how busy the machine is: they count as one.
    """
    shown = []
    for cell in notebook.cells:
        pieces = [(each.output_type, each.get("name", "")) for each in cell.get("outputs", [])]
        shown.append([kind for kind, _ in itertools.groupby(pieces)])
    return shown


def errors(notebook: Any) -> list[str]:
    return [
        f"{output.ename}: {output.evalue}"
        for output in outputs(notebook)
        if output.output_type == "error"
    ]


def test_pieces_of_one_text_count_once() -> None:
    def shows(*names: str) -> Any:
        pieces = [nbformat.v4.new_output("stream", name=name, text="x") for name in names]
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=pieces)])

    assert kinds(shows("stdout")) == kinds(shows("stdout", "stdout"))
    assert kinds(shows("stdout")) != kinds(shows("stdout", "stderr"))
    assert kinds(shows("stdout")) != kinds(shows())


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/home/me/x.py:3: UserWarning", True),
        ('File "/tmp/a.py"', True),
        ("C:\\Users\\me", True),
        ("bits/home/x", False),
        ("https://example.org/home/x", False),
        ("a/b [Hz]", False),
    ],
)
def test_absolute_paths_are_told_from_other_text(text: str, found: bool) -> None:
    assert bool(ABSOLUTE.search(text)) == found


@every_notebook
def test_stored_outputs_are_there_and_clean(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    # executed once, from top to bottom
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in output.get("data", {}) for output in outputs(notebook))
    assert not errors(notebook)
    for output in outputs(notebook):
        assert output.get("name") != "stderr", f"a warning is stored: {words(output)}"
        assert not ABSOLUTE.search(words(output)), words(output)


@every_notebook
def test_stored_metadata_name_no_machine(path: Path) -> None:
    notebook = read(path)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    stored = [notebook.metadata, *(cell.metadata for cell in notebook.cells)]
    assert not ABSOLUTE.search(str(stored))
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_describe_their_figures(path: Path) -> None:
    for cell in read(path).cells:
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            image = cell.metadata.get("mystnb", {}).get("image", {})
            assert image.get("alt"), f"a figure without alt text: {cell.source}"


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_say_what_they_are_for_and_where_to_go_on(path: Path) -> None:
    first, *_, last = [c.source for c in read(path).cells if c.cell_type == "markdown"]
    assert first.startswith("# ") and "\n\nAt the end of this tutorial you can " in first
    assert "## Exercises\n\n1. " in last and "\n\n## Where to go next\n\n- " in last


def test_links_in_tutorials_lead_somewhere() -> None:
    for path in TUTORIALS:
        text = "\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")
        for target in re.findall(r"\]\(([^)\s#]+)", text):
            assert "://" in target or (path.parent / target).exists(), f"{path.stem}: {target}"


def test_tutorials_are_in_an_order_of_their_own() -> None:
    index = (ROOT / "docs" / "tutorials" / "index.md").read_text()
    tree = index.partition("```{toctree}")[2].partition("```")[0]
    named = [line for line in tree.splitlines() if line and not line.startswith(":")]
    assert sorted(named) == [path.stem for path in TUTORIALS]


LONG = (
    "compare_with_recordings",
    "delay_and_noise",
    "does_dales_law_hurt",
    "does_sharing_hurt",
    "how_far_from_bptt",
    "layers_on_separate_machines",
    "when_do_spike_times_matter",
    "which_measure_tells_wirings_apart",
    "beside_a_recording",
    "recurrent_network_in_time",
)
"""Notebooks that compile spiking networks, or need about a minute: for `make test-all`."""


NEEDS = {
    "compare_with_recordings": ("neo", "nitime", "nixio", "pynapple", "pynwb"),
    "how_far_from_bptt": ("torch",),
    "layers_on_separate_machines": ("mpi4py",),
}
"""Libraries of optional extras that a notebook cannot do without."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.thorough if path.stem in LONG else ())
        for path in NOTEBOOKS
    ],
    ids=lambda path: path.stem,
)
def test_notebook_runs(path: Path, tmp_path: Path) -> None:
    for library in NEEDS.get(path.stem, ()):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    assert not errors(notebook)
    stored, fresh = read(path), notebook
    assert kinds(stored) == kinds(fresh), "it now shows something else: run it, and store it"
    assert not list(tmp_path.iterdir()), "a notebook leaves no files"
