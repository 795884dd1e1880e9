"""Provenance of exported data, as text and as plain data; every file carries it."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from apical._base.private_paths import bare
from apical.data.licences import spdx
from apical.records.arrays import Records

SIMULATED = (
    "Simulated data: made by an artificial neural network in a computer. No animal, no electrode "
    "and no recording device took part."
)
"""Statement in every file that its data are simulated."""


def provenance(records: Records, form: str, libraries: Iterable[str] = ()) -> dict[str, Any]:
    """Return the provenance of records, as plain data.

    Parameters
    ----------
    records
        Recorded activity.
    form
        The format of the file.
    libraries
        Distributions that write it, whose versions are noted.
    """
    about = bare(dict(records.about))
    return {
        "simulated": True,
        "statement": SIMULATED,
        "format": form,
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "exported_with": {name: version(name) for name in ("apical", "numpy", *libraries)},
        "trials": len(records),
        "trial_duration_ms": records.duration,
        "time_step_ms": records.dt,
        "time_axis": axis(records),
        "populations": {
            name: {
                "units": len(units),
                "kind": units.kind,
                "spikes_recorded": name in records.spikes,
            }
            for name, units in records.units.items()
        },
        "signals": list(records.signals),
        "projections": {
            name: {
                "pre": one.pre,
                "post": one.post,
                "synapses": len(one),
                "role": one.role,
                "delay_ms": one.delay,
            }
            for name, one in records.synapses.items()
        },
        "licence_of_the_stimuli": licence(about),
        "scorecard": scorecard(about),
        "citations": citations(about),
        "about": about,
    }


def as_text(data: Mapping[str, Any]) -> str:
    """Return plain data as JSON; NumPy numbers are converted."""
    return json.dumps(data, indent=1, default=_plain)


def citations(about: Mapping[str, Any]) -> list[str]:
    """Return the citations of each learning rule and of the feedback, without duplicates."""
    found = [
        f"Learning rule {rule.get('name', '')}: {rule['source']}"
        for rule in about.get("rules") or ()
        if rule.get("source")
    ]
    feedback = about.get("feedback") or {}
    if feedback.get("source"):
        found.append(f"Feedback {feedback.get('name', '')}: {feedback['source']}")
    return list(dict.fromkeys(found))


def dois(about: Mapping[str, Any]) -> list[str]:
    """Return the DOIs in the citations, each as ``doi:10...``; arXiv gives each preprint one."""
    text = re.sub(r"\barXiv:(\d{4}\.\d{4,5})", r"10.48550/arXiv.\1", " ".join(citations(about)))
    found = (doi.rstrip(".)]") for doi in re.findall(r"\b10\.\d{4,9}/[^\s,;\"'<>]+", text))
    return [f"doi:{doi}" for doi in dict.fromkeys(found)]


def licence(about: Mapping[str, Any]) -> str:
    """Return the licence of the data set, as an expression of SPDX."""
    return spdx(str(about.get("licence") or ""))


def scorecard(about: Mapping[str, Any]) -> list[Any]:
    """Return the findings of the scorecard: as judged after the run, or of the description."""
    described = (about.get("config") or {}).get("scorecard")
    return list(about.get("scorecard") or described or ())


def title(about: Mapping[str, Any]) -> str:
    """Return a title: the name of the run, or of the model, or a generic one."""
    return str(bare(about.get("run") or about.get("model") or "records"))


def story(records: Records) -> str:
    """Return a description of the simulation in a few sentences."""
    about = records.about
    model, data = (bare(about.get(name, "not stated")) for name in ("model", "dataset"))
    doc = " ".join(str(about.get("model_doc") or "").strip().split("\n\n")[0].split())
    return " ".join(
        filter(
            None,
            (
                SIMULATED,
                f"Model: {model}." if not doc else f"Model: {model} ({doc.rstrip('.')}).",
                f"Stimuli: {len(records)} samples of the data set {data}, shown for "
                f"{records.duration:g} ms each, with learning off "
                f"(licence of the data: {licence(about)}).",
                f"Seed: {about.get('seed', 'not stated')}.",
                f"Time step: {records.dt:g} ms.",
                *(f"{citation.rstrip('.')}." for citation in citations(about)),
            ),
        )
    )


def axis(records: Records) -> str:
    """Return a description of the time axis: trials are concatenated into one session."""
    return (
        "Time 0 is the onset of the first trial. Trials are laid one after another on one time "
        "axis: trial k, counted from 0, starts at "
        f"k * {records.duration / 1e3:g} s and lasts {records.duration / 1e3:g} s."
    )


def created(about: Mapping[str, Any]) -> datetime | None:
    """Return the time at which the records were made; None if it is unknown or invalid."""
    try:
        time = datetime.fromisoformat(str(about["created"]))
    except (KeyError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
