"""Alternative texts of the figures of a report: the content in words, with numbers."""

from collections.abc import Mapping, Sequence

import numpy as np

from apical._base.numbers_as_text import number
from apical.measures.comparison import Row
from apical.measures.representation import Dissimilarities
from apical.network.description import Network
from apical.projections.projection import Projection
from apical.records.arrays import Records
from apical.runs.beside_recording import title

MOST = 6
"""Largest number of curves or populations that a text goes through."""


def curves(shown: Mapping[str, tuple[np.ndarray, np.ndarray]], what: str, unit: str) -> str:
    """Return where each curve begins and ends, and which way it goes.

    Parameters
    ----------
    shown
        Name -> epochs, shape (n,), and values, shape (n_runs, n).
    what
        What is drawn, for instance ``"Test error"``.
    unit
        Its unit.

    Examples
    --------
    >>> import numpy as np
    >>> from apical.report import seen
    >>> dfa = np.array([0, 1, 2]), np.array([[90.0, 20.0, 8.0]])
    >>> seen.curves({"DFA": dfa}, "Test error", "%")
    'Test error over epochs. DFA falls from 90 to 8 % between epochs 0 and 2.'
    """
    said = []
    for name, (at, runs) in list(shown.items())[:MOST]:
        mean = runs.mean(axis=0)
        ends = f"{number(mean[0], 3)} to {number(mean[-1], 3)} {unit}"
        way = "falls" if mean[-1] < mean[0] else "rises" if mean[-1] > mean[0] else "stays"
        if len(at) < 2:
            said.append(f"{name}: {number(mean[0], 3)} {unit} at epoch {at[0]:g}.")
            continue
        several = f" (mean of {len(runs)} seeds)" if len(runs) > 1 else ""
        said.append(f"{name}{several} {way} from {ends} between epochs {at[0]:g} and {at[-1]:g}.")
    return " ".join([f"{what} over epochs.", *said, *_more(len(shown), "curve")])


def network(described: Network) -> str:
    """Return the populations of a network with their sizes, and what joins them."""
    sizes = [f"{p.name} ({p.size:,})" for p in described.populations]
    learning = [f"{p.pre.name} to {p.post.name}" for p in described.plastic]
    pathway = described.feedback
    said = f"Populations as boxes: {_listed(sizes)}. Synapses that learn: {_listed(learning)}."
    return said + (f" The error comes back by {pathway.name}." if pathway else "")


def raster(records: Records, trial: int) -> str:
    """Return how many spikes each population fires in a trial."""
    counts = {k: int(np.sum(s.trial == trial)) for k, s in records.spikes.items()}
    said = [f"{n:,} of {name}" for name, n in counts.items()]
    return f"Dots at the spikes of trial {trial}, {records.duration:g} ms: {_listed(said)}."


def rates(of: Mapping[str, np.ndarray]) -> str:
    """Return the median rate of each population, and how many neurons are silent."""
    said = [
        f"{name}: median {number(float(np.median(values)), 3)} Hz, highest "
        f"{number(float(values.max()), 3)} Hz, {int(np.sum(values == 0))} of {len(values)} silent"
        for name, values in list(of.items())[:MOST]
    ]
    return f"Cumulative distributions of rates. {'; '.join(said)}."


def medians(of: Mapping[str, np.ndarray], what: str) -> str:
    """Return the median and the range of a quantity of single neurons for each population."""
    said = [
        f"{name}: median {number(float(np.median(values)), 3)}, from "
        f"{number(float(values.min()), 3)} to {number(float(values.max()), 3)} in {len(values)}"
        for name, values in list(of.items())[:MOST]
        if len(values)
    ]
    return f"Cumulative distributions of {what}. {'; '.join(said)}."


def traces(records: Records, population: str, signals: Sequence[str], trial: int) -> str:
    """Return the range of each signal of a population in a trial, and its spikes."""
    said = []
    for name in signals:
        values = records.signals[f"{population}.{name}"][trial]
        low, high = number(float(values.min()), 3), number(float(values.max()), 3)
        said.append(f"{name} goes from {low} to {high}")
    fired = records.spikes.get(population)
    spikes = [] if fired is None else [f"{int(np.sum(fired.trial == trial)):,} spikes above"]
    return f"{population} in trial {trial}, over time: {_listed([*said, *spikes])}."


def dissimilarities(rdms: Mapping[str, Dissimilarities]) -> str:
    """Return the mean dissimilarity of each population, and its most and least alike classes."""
    said = []
    for name, rdm in list(rdms.items())[:MOST]:
        d = np.where(np.eye(len(rdm.matrix), dtype=bool), np.nan, rdm.matrix)
        if not np.isfinite(d).any():
            continue
        low, high = (np.unravel_index(k, d.shape) for k in (np.nanargmin(d), np.nanargmax(d)))
        pairs = [f"{rdm.patterns[a]} and {rdm.patterns[b]}" for a, b in (low, high)]
        mean = number(float(np.nanmean(d)), 2)
        said.append(f"{name}: mean {mean}, least for {pairs[0]}, most for {pairs[1]}")
    return f"Matrices of the dissimilarity of classes. {'; '.join(said)}."


def likeness(matrix: np.ndarray, names: Sequence[str], measure: str) -> str:
    """Return the most and the least alike pair of populations."""
    pairs = [(float(matrix[i, j]), i, j) for i in range(len(names)) for j in range(i)]
    said = [
        f"{word} {names[j]} and {names[i]} ({value:.2f})"
        for word, (value, i, j) in (("most alike are", max(pairs)), ("least", min(pairs)))
    ]
    return f"Matrix of {measure} of {len(names)} populations: {', '.join(said)}."


def weights(w: np.ndarray, projection: Projection) -> str:
    """Return how many neurons have their weights drawn, and in what range these lie.

    Parameters
    ----------
    w
        Weights: a matrix, or those of the synapses that exist.
    projection
        Which weights they are.
    """
    low, high = (number(float(x), 2) for x in (w.min(initial=0.0), w.max(initial=0.0)))
    inputs, neurons = projection.shape
    return (
        f"Weights of {projection.name} as images, one for each neuron, of those with the largest "
        f"weights: {inputs} inputs to {neurons} neurons, from {low} (blue) to {high} (red)."
    )


def beside_recording(rows: Sequence[Row]) -> str:
    """Return the values of network and recording of each measure, for one pair of populations."""
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        values.setdefault(row.measure, {})[row.system] = row.value
    said = [
        f"{title(measure)} {number(by['network'], 3)} and {number(by['recording'], 3)}"
        for measure, by in values.items()
        if np.isfinite([by["network"], by["recording"]]).all()
    ]
    where = f"{rows[0].population} and {rows[0].area or 'the recording'}"
    return f"Panels of measures, points with intervals, of {where}: {'; '.join(said) or 'none'}."


def _listed(words: Sequence[str]) -> str:
    first = list(words[:MOST]) + _more(len(words), "other")
    return ", ".join(first[:-1]) + (" and " if len(first) > 1 else "") + first[-1] if first else "-"


def _more(n: int, what: str) -> list[str]:
    more = n - MOST
    return [f"{more} {what}{'s' if more > 1 else ''} more"] if more > 0 else []
