"""Writes into the pages what was run on a graphics card, from ``results/gpu.json``.

    python benchmarks/gpu_pages.py      # --check: only says whether pages are as they should be

What stands between ``<!-- gpu -->`` and ``<!-- /gpu -->`` is replaced. As long as there is no such
file, or it is of a trial run without a card, pages say that nothing was run on one.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import click

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "gpu.json"
BEGIN, END = "<!-- gpu -->\n", "<!-- /gpu -->"
NOTHING = """\
Everything here was run on CPUs, and nothing of apical ever on a GPU: `library="torch:cuda"` is the
code of `library="torch"`, which tests run on the CPU, and programs of `cuda_standalone` are
generated, compiled and run on the CPU with headers that stand in for CUDA's. What is said of the
speed of a card is an estimate. `make gpu` runs what there is to be run on one, and replaces
estimates by numbers.
"""


def measured(path: Path) -> Mapping[str, Any] | None:
    """Return what a card gave; None where there is no such file, or it is not of a card."""
    if not path.exists():
        return None
    found: Mapping[str, Any] = json.loads(path.read_text())
    about = found["machine"]
    return None if about["small"] or "card" not in about else found


def sentence(found: Mapping[str, Any] | None) -> str:
    """Return what was run where, in plain words."""
    if found is None:
        return NOTHING
    about, by_status = found["machine"], dict[str, list[str]]()
    for stage in found["stages"]:
        by_status.setdefault(stage["status"], []).append(stage["name"])
    parts = [f"{status}: {', '.join(names)}" for status, names in by_status.items()]
    return (
        f"`make gpu` ran on an {about['card']} (PyTorch {about['torch']}, CUDA {about['cuda']}, "
        f"commit `{about['commit']}`); {'; '.join(parts)}.\nAll else was run on CPUs. Estimates "
        "that the card did not replace are marked as such.\n"
    )


def table(found: Mapping[str, Any] | None) -> str:
    """Return the outcome of every stage, and the measured speeds, as tables of Markdown."""
    if found is None:
        return sentence(found)
    rows = [
        f"| {s['name']} | {s['status']} | {s['seconds']:g} s | {s['said'] or _gist(s)} |"
        for s in found["stages"]
    ]
    head = ["| stage | ended | took | found |", "| --- | --- | ---: | --- |"]
    text = "\n".join([sentence(found), *head, *rows, ""])
    speeds = list(_speeds(found))
    if speeds:
        columns = "| network | device | hidden | batch | trials a second | GPU memory |"
        text += "\n".join(["", columns, "| --- | --- | ---: | ---: | ---: | ---: |", *speeds, ""])
    return text


def _gist(stage: Mapping[str, Any]) -> str:
    """Return what a stage found, in few words."""
    found = stage["result"] or {}
    if "agree" in found:
        return f"{found['agree']} of {found['of']} networks within {found['limit']:g}"
    if "ms_per_trial" in found:
        return f"{found['ms_per_trial']:.3g} ms a trial, batch {found['batch']:,}, learning"
    if "throughput_ratio" in found:
        return f"{found['replicas']} replicas: {found['throughput_ratio']:.2f} times one by one"
    if "difference" in found:
        return f"weights differ by {found['difference']:.1e} of their change"
    return f"{len(found['rows'])} measurements" if "rows" in found else ""


def _speeds(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield a row for every measurement of `apical bench`."""
    for stage in found["stages"]:
        for row in (stage["result"] or {}).get("rows", ()):
            case, got = row["case"], row["measured"]
            if got is None:
                said = f"failed: {row['problem']} | "
            else:
                card = "" if got["card_mb"] is None else f"{got['card_mb']:,.0f} MB"
                said = f"{median(got['trials_per_second']):,.0f} | {card}"
            sizes = f"{case['hidden']:,} | {case['batch']:,}"
            yield f"| {case['network']} | `{case['name']}` | {sizes} | {said} |"


PAGES = {
    "README.md": sentence,
    "docs/explanation/devices.md": sentence,
    "docs/how_to/run_on_a_gpu.md": sentence,
    "docs/results/devices.md": table,
}
"""Pages, and what stands there."""


def written(text: str, inside: str) -> str:
    """Return a page with another text between the marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise click.UsageError(f"A page lacks the marks {BEGIN.strip()} and {END}.")
    return f"{before}{BEGIN}{inside}{END}{after}"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if a page is old.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Of make gpu.")
def main(check: bool, results: Path) -> None:
    """Write the pages."""
    found, stale = measured(results), list[str]()
    for name, made in PAGES.items():
        page = ROOT / name
        text = page.read_text()
        new = written(text, made(found))
        if new != text:
            stale.append(name)
            if not check:
                page.write_text(new)
    click.echo(f"{'not up to date' if check else 'written'}: {', '.join(stale) or 'none'}")
    sys.exit(int(check and bool(stale)))


if __name__ == "__main__":
    main()
