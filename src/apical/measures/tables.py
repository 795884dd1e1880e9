"""Analysis of recorded activity: all measures as tables, files and arrays for figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from apical._base.checking import check_fields, checked
from apical.errors import DataError
from apical.measures.kernels import cka, cka_by_chance, cka_debiased
from apical.measures.representation import (
    LARGEST_RDM,
    Dissimilarities,
    dissimilarities,
    participation_ratio,
    rdm_similarity,
    responding,
    responses,
)
from apical.measures.spike_statistics import (
    falls_below_zero,
    input_balance,
    intervals,
    lifetime_sparseness,
    population_sparseness,
    spike_statistics,
)
from apical.measures.statistic import Statistic, single
from apical.measures.tuning import readout_accuracy, tuning
from apical.neurons.error import Error, RateError, RateTarget
from apical.neurons.relay import Relay
from apical.records.arrays import Records

if TYPE_CHECKING:
    import pandas

ENOUGH_INTERVALS = 5
"""Mean number of intervals in a trial above which the bias of their CV is negligible (Nawrot et al.
2008, doi:10.1016/j.jneumeth.2007.10.013)."""
SHOWN_LABELS = frozenset(kind.__name__ for kind in (Error, RateError, RateTarget, Relay))
"""Kinds of populations whose activity holds the labels, since they are shown them."""

_NO_RSA = "fewer than 3 classes that both tell apart from silence, or all are as unlike as any"
WHY = {
    "rsa": _NO_RSA,
    "rsa_rho_a": _NO_RSA,
    "cka": "the responses of one never change",
    "cka_debiased": "the responses of one never change, or there are fewer than 4 trials",
}
"""Similarity measures, and the reason where one is undefined."""


@dataclass(frozen=True)
class Analysis:
    """All measures of recorded activity. An undefined value is counted and has a reason.

    Parameters
    ----------
    measures
        A row for each measure of each population: mean over neurons, trials or pairs, and standard
        deviation (``value``, ``sd``, in ``unit``); ``each``: over what; ``n``: over how many;
        ``undefined``: how many have no value and were left out, and ``why``; ``note``, ``source``.
    neurons
        A row for each neuron: its population, index, sign, and its value of each single-neuron
        measure.
    similarity
        A row for each pair of populations: ``rsa``, ``cka``, ``cka_by_chance``, ``rsa_rho_a``,
        ``cka_debiased``, as in `apical.measures.representation.Similarity`.
    notes
        Remarks on measures that were left out and on limits of others.
    populations
        The analysed populations, in the order of the matrices.
    rdms
        Dissimilarities of the mean responses to classes, by population.
    likeness
        Similarity matrices: ``rsa``, ``rsa_rho_a``, ``cka``, ``cka_debiased`` -> shape
        (n_populations, n_populations) [dimensionless].
    rates
        Mean rate of each neuron [Hz], shape (n,), by spiking population.
    cvs
        CV of the interspike intervals of each neuron that has one, by spiking population.

    Examples
    --------
    >>> import apical as ap
    >>> from apical.measures.tables import analyze
    >>> from apical.records.recording import record
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array", record=["hidden"], traces=["x"]) as simulator:
    ...     found = analyze(record(simulator, data.test, range(50)))
    >>> found.populations, found.rdms["hidden"].matrix.shape
    (('hidden',), (10, 10))
    >>> found.measures["measure"].tolist()  # doctest: +NORMALIZE_WHITESPACE
    ['activity', 'activity_sd', 'dimensionality', 'readout_accuracy', 'selectivity', 'anova_f',
    'mutual_information']
    """

    measures: "pandas.DataFrame"
    neurons: "pandas.DataFrame"
    similarity: "pandas.DataFrame"
    notes: tuple[str, ...]
    populations: tuple[str, ...]
    rdms: Mapping[str, Dissimilarities]
    likeness: Mapping[str, np.ndarray]
    rates: Mapping[str, np.ndarray]
    cvs: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def cka(self) -> np.ndarray:
        """Linear centred kernel alignment of each pair of populations."""
        return self.likeness["cka"]

    @property
    def rsa(self) -> np.ndarray:
        """Spearman's correlation of the dissimilarities of each pair of populations."""
        return self.likeness["rsa"]

    def write(self, folder: str | Path) -> list[Path]:
        """Write the tables as CSV files into a folder, and return the files.

        ``measures.csv``, ``neurons.csv``, ``similarity.csv``, ``notes.csv`` and
        ``rdm_<population>.csv``. An empty cell is an undefined value.
        """
        import pandas

        tables = {
            "measures": self.measures,
            "neurons": self.neurons,
            "similarity": self.similarity,
            "notes": pandas.DataFrame({"note": self.notes}),
        }
        for name, rdm in self.rdms.items():
            names = rdm.patterns.tolist()
            table = pandas.DataFrame(rdm.matrix, columns=names)
            table.insert(0, "class", names)
            tables[f"rdm_{name}"] = table
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for name, table in tables.items():
            files.append(folder / f"{name}.csv")
            table.to_csv(files[-1], index=False, lineterminator="\n")
        return files


@checked()
def analyze(records: Records, *, weights: Mapping[str, np.ndarray] | None = None) -> Analysis:
    """Compute all measures that the records allow.

    Spike statistics of spiking populations; for all populations dimensionality, linear decoding,
    tuning, and representational similarity. Measures that the records do not allow are left out,
    and reported in `Analysis.notes` or in the column ``why``.

    Parameters
    ----------
    records
        Recorded activity.
    weights
        Weights of projections, name -> shape (n_pre, n_post), for the excitation and inhibition
        that neurons receive. What they join is in ``records.about["projections"]``.

    Raises
    ------
    DataError
        If there is no trial, or no population of which spikes or activities were recorded; if a
        library is not installed.

    See Also
    --------
    apical.runs.analysis.analyze_run : The same of a finished run, with its weights and their cost.
    apical.measures.comparison.compare : A network beside a recording.

    Examples
    --------
    >>> import tempfile
    >>> import apical as ap
    >>> from apical.measures.tables import analyze
    >>> from apical.records.recording import record
    >>> data = ap.datasets.load("digits").subset(200, 50)
    >>> net = ap.models.load("rate_dfa").build(data, 0, hidden=20)
    >>> with ap.simulate(net, "array", record=["hidden"], traces=["x"]) as simulator:
    ...     found = analyze(record(simulator, data.test, range(50)))
    >>> row = found.measures.set_index("measure").loc["readout_accuracy"]
    >>> row["each"], int(row["n"]), row["unit"]
    ('trial', 50, '1')
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(file.name for file in found.write(folder))
    ['measures.csv', 'neurons.csv', 'notes.csv', 'rdm_hidden.csv', 'similarity.csv']
    """
    import pandas

    patterns, notes = _patterns(records)
    found = {name: _statistics(records, name, x) for name, x in patterns.items()}
    for name in patterns:
        notes += _notes(records, name)
        onto = _onto(records, name, weights or {})
        if onto:
            received = input_balance(records, onto)
            if len(received.values) != len(records.units[name]):
                raise DataError(
                    f"Weights onto {name!r} are for {len(received.values)} neurons, but it has "
                    f"{len(records.units[name])}; give those of the network that was recorded."
                )
            found[name]["input_excitation_inhibition"] = received
    rdms, too_many = _rdms(records, patterns)
    likeness, table = _similarity(patterns, rdms)
    kept = [name for name in patterns if name in records.spikes]
    rows = [
        {"population": name, "measure": measure, **statistic.row()}
        for name, statistics in found.items()
        for measure, statistic in statistics.items()
    ]
    return Analysis(
        pandas.DataFrame(rows).astype({"value": float, "sd": float}),
        pandas.concat([_neurons(records, *part) for part in found.items()], ignore_index=True),
        table,
        (*notes, *too_many),
        tuple(patterns),
        rdms,
        likeness,
        {name: found[name]["rate"].values for name in kept},
        {name: found[name]["cv"].defined for name in kept},
    )


def _patterns(records: Records) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the responses of each recorded population, and notes on those left out."""
    if not len(records):
        raise DataError("These records hold no trial; record one or more.")
    found, notes, has = {}, [], responding(records)
    for name, units in records.units.items():
        if not len(units):
            notes.append(f"{name}: has no neurons, and is left out.")
        elif name not in has:
            notes.append(f"{name}: neither spikes nor activities were recorded; it is left out.")
        else:
            try:
                found[name] = responses(records, name)
            except DataError as error:
                notes.append(f"{name}: is left out. {error.message}")
    if not found:
        said = " ".join(notes) or "They hold no populations."
        raise DataError(f"These records hold nothing to analyse. {said}")
    return found, notes


def _statistics(records: Records, name: str, patterns: np.ndarray) -> dict[str, Statistic]:
    if name in records.spikes:
        found = spike_statistics(records, name)
    else:
        found = _of_activity(records, patterns)
    why = "the responses never change, or there is one trial only"
    source = "participation ratio, Gao et al. 2017, doi:10.1101/214262"
    note = f"cannot be above {len(records) - 1}, the number of trials less one"
    found["dimensionality"] = single(participation_ratio(patterns), "1", source, why, note)
    return {**found, "readout_accuracy": readout_accuracy(records, name), **tuning(records, name)}


def _onto(records: Records, name: str, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the weights of forward projections onto a population, by presynaptic population."""
    return {
        p["pre"]: weights[p["name"]]
        for p in records.about.get("projections", ())
        if p["kind"] == "forward"
        and p["post"] == name
        and p["name"] in weights
        and p["pre"] in responding(records)
    }


def _of_activity(records: Records, patterns: np.ndarray) -> dict[str, Statistic]:
    """Return the statistics of a rate population."""
    mean, spread = patterns.mean(axis=0), np.full(patterns.shape[1], np.nan)
    if len(patterns) > 1:
        spread = patterns.std(axis=0, ddof=1)
    why = "there is one trial only"
    found = {
        "activity": Statistic(mean, "1", "neuron", "mean over trials"),
        "activity_sd": Statistic(spread, "1", "neuron", "standard deviation over trials", why),
    }
    if not falls_below_zero(patterns):
        found["lifetime_sparseness"] = lifetime_sparseness(patterns, records.samples)
        found["population_sparseness"] = population_sparseness(patterns)
    return found


def _notes(records: Records, name: str) -> list[str]:
    """Return the caveats on the measures of a population."""
    notes = []
    if records.units[name].kind in SHOWN_LABELS:
        notes.append(f"{name}: is shown the labels, so its class information is trivial.")
    return notes + _notes_on_firing(records, name)


def _notes_on_firing(records: Records, name: str) -> list[str]:
    if name not in records.spikes:
        below = falls_below_zero(records.rates(name))
        signed = ", as is sparseness: some are below 0" if below else ""
        return [f"{name}: has activities, not spikes; spike statistics are left out{signed}."]
    gaps = intervals(records.spikes[name]).length
    rate = records.rates(name).mean()
    if not rate:
        return [f"{name}: is silent in all trials."]
    fit = records.duration * 1e-3 * rate
    if len(gaps) and fit < ENOUGH_INTERVALS:
        return [
            f"{name}: a trial holds {fit:.2g} mean intervals between spikes; below "
            f"{ENOUGH_INTERVALS}, the CV of intervals is too low (longer ones are never seen)."
        ]
    return []


def _rdms(
    records: Records, patterns: Mapping[str, np.ndarray]
) -> tuple[dict[str, Dissimilarities], list[str]]:
    n = len(np.unique(records.labels))
    if n > LARGEST_RDM:
        return {}, [f"{n} classes: above {LARGEST_RDM}, dissimilarities are left out."]
    found = {name: dissimilarities(records, name) for name in patterns}
    notes = []
    for name, rdm in found.items():
        missing = rdm.patterns[~rdm.defined].tolist()
        if missing:
            more = ", ..." if len(missing) > 10 else ""
            notes.append(
                f"{name}: the mean response to {len(missing)} of {n} classes "
                f"({', '.join(map(str, missing[:10]))}{more}) is the same in all neurons, so it "
                "has no dissimilarities."
            )
    if n < 3:
        notes.append(f"Classes in the records: {n}; RSA needs 3, and is left out.")
    return found, notes


def _similarity(
    patterns: Mapping[str, np.ndarray], rdms: Mapping[str, Dissimilarities]
) -> tuple[dict[str, np.ndarray], "pandas.DataFrame"]:
    """Return the matrices of RSA and CKA, and all as a table of the pairs above the diagonal."""
    import pandas

    names, n, rows = list(patterns), len(patterns), []
    found = {measure: np.full((n, n), np.nan) for measure in WHY}
    for i, a in enumerate(names):
        for j, b in enumerate(names[i:], i):
            pair = {"cka": cka(patterns[a], patterns[b])}
            pair["cka_debiased"] = cka_debiased(patterns[a], patterns[b])
            if rdms:
                pair["rsa"] = rdm_similarity(rdms[a], rdms[b])
                pair["rsa_rho_a"] = rdm_similarity(rdms[a], rdms[b], "rho-a")
            for measure, value in pair.items():
                found[measure][i, j] = found[measure][j, i] = value
            if i < j:
                pair["cka_by_chance"] = cka_by_chance(patterns[a], patterns[b])
                why = "; ".join(f"{m}: {w}" for m, w in WHY.items() if np.isnan(found[m][i, j]))
                rows.append({"population_a": a, "population_b": b, **pair, "why": why})
    columns = ["rsa", "cka", "cka_by_chance", "rsa_rho_a", "cka_debiased"]
    columns = ["population_a", "population_b", *columns, "why"]
    return found, pandas.DataFrame(rows, columns=columns)


def _neurons(
    records: Records, name: str, statistics: Mapping[str, Statistic]
) -> "pandas.DataFrame":
    import pandas

    units = records.units[name]
    columns: dict[str, Any] = {"population": name, "neuron": np.arange(len(units))}
    columns["sign"] = units.signs
    columns |= {key: s.values for key, s in statistics.items() if s.each == "neuron"}
    return pandas.DataFrame(columns)
