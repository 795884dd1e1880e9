"""How the JSON that benchmarks write becomes tables: one function a table, named in its TOML file.

To add one, write a function from the parsed file to columns and rows of text, and list it in
`ADAPTERS`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

Table = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    return tuple(columns), tuple(tuple(row) for row in rows)


def _spread(stats: Mapping[str, float], digits: int) -> str:
    """Return a median and its range."""
    middle, low, high = (f"{stats[key]:.{digits}f}" for key in ("median", "min", "max"))
    return f"{middle} ({low}-{high})"


def _verdict(met: Sequence[bool]) -> str:
    if all(met):
        return "met"
    return "missed in part" if any(met) else "missed"


def at_the_prompt(results: Mapping[str, Any]) -> Table:
    """Processor time of commands, as multiples of that of ``python -c pass``."""
    rows = []
    for row in results["commands"][1:]:
        wanted = row["most"]
        met = "" if wanted is None else _verdict([row["ratio"]["median"] <= wanted])
        aim = "" if wanted is None else f"{wanted:g}"
        rows.append([row["name"], _spread(row["ratio"], 1), aim, met])
    return _table(["command", "times python -c pass", "aim, at most", "verdict"], rows)


def rate_times(results: Mapping[str, Any]) -> Table:
    """Milliseconds a batch of rate networks, one thread."""
    compared = [case for case in results["compared"] if case["threads"] == 1]
    columns = [f"{case['net']}, batch {case['batch']}" for case in compared]
    names = [name for name in compared[0]["contestants"] if "strips" not in name]
    rows = [
        [name, *(_spread(case["contestants"][name]["ms_per_batch"], 2) for case in compared)]
        for name in names
    ]
    return _table(["one thread", *columns], rows)


def rate_targets(results: Mapping[str, Any]) -> Table:
    """What was aimed at for rate networks, and the median ratios that were measured."""
    grouped: dict[str, dict[str, Any]] = {}
    for target in results["targets"]:
        net, batch, rest = target["target"].split(", ", 2)
        grouped.setdefault(rest, {})[f"{net}, {batch}"] = target
    columns = list(next(iter(grouped.values())))
    rows = []
    for name, targets in grouped.items():
        ratios = [f"{targets[column]['measured']['median']:.2f}" for column in columns]
        met = [targets[column]["met"] for column in columns]
        marked = [r if good else f"{r} (missed)" for r, good in zip(ratios, met, strict=True)]
        rows.append([name, *marked, _verdict(met)])
    return _table(["target", *columns, "verdict"], rows)


def rate_epoch(results: Mapping[str, Any]) -> Table:
    """One epoch of MNIST: seconds and memory."""
    memory = list(results["epoch"][0]["megabytes"])
    rows = [
        [
            str(one["threads"]),
            f"{one['seconds']['median']:.1f}",
            *(_megabytes(one["megabytes"][name]) for name in memory),
        ]
        for one in results["epoch"]
    ]
    return _table(["threads", "time", *memory], rows)


def _megabytes(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def rate_parts(results: Mapping[str, Any]) -> Table:
    """Where the time of DFA with RMSprop goes, and the whole over its floor."""
    case = results["compared"][0]
    over = case["contestants"]["apical DFA, rmsprop"]["time_over_floor"]["median"]
    rows = [[name, f"{ms:.2f}"] for name, ms in case["dfa_rmsprop_parts_ms"].items()]
    floor = case["dfa_rmsprop_parts_ms"]["matrix products (the floor)"]
    above = case["dfa_rmsprop_parts_ms"]["whole"] - floor
    rows += [["above the floor", f"{above:.2f}"], ["whole over floor (ratio)", f"{over:.2f}"]]
    return _table(["part", "time"], rows)


def eprop(results: Mapping[str, Any]) -> Table:
    """E-prop beside NEST: time of the processor a trial, ratios, spikes, and what was learned."""
    rows = [
        [
            name,
            _spread(row["cpu_ms_per_trial"], 1),
            _spread(row["ratio"], 1),
            "-" if name == "apical" else _verdict([results["met"][name]]),
            f"{row['hidden_spikes_per_trial'][0]:.0f}",
            *(f"{100 * row['right'][turn]:.0f}" for turn in (0, -1)),
        ]
        for name, row in results["contestants"].items()
    ]
    right = [f"right, {turn} turn" for turn in ("first", "last")]
    columns = ["contestant", "processor time of a trial", "over apical", "20 times or more"]
    return _table([*columns, "hidden spikes in a trial, first turn", *right], rows)


def sparse_curve(results: Mapping[str, Any]) -> Table:
    """Exponents of memory and time of sparse synapses, and what one takes."""
    rows = []
    for device in results["slope_memory"]:
        own = [row for row in results["rows"] if row["device"] == device]
        each = 1e6 * (own[-1]["MB"] - own[0]["MB"]) / own[-1]["synapses"]
        exponents = [f"{results[key][device]:.2f}" for key in ("slope_memory", "slope_time")]
        largest = [f"{own[-1]['synapses']:,}", f"{own[-1]['MB']:,.0f}"]
        rows.append([device, *largest, f"{each:.0f}", *exponents])
    columns = ("device", "most synapses", "memory of the process", "memory of a synapse")
    return _table([*columns, "exponent of memory", "exponent of time"], rows)


def spiking_times(results: Mapping[str, Any]) -> Table:
    """Milliseconds a trial of spiking networks."""
    cases = results["side_by_side"]
    rows = [
        [name, *(_spread(case["contestants"][name]["ms_per_trial"], 3) for case in cases)]
        for name in cases[0]["contestants"]
    ]
    return _table(["contestant", *(f"784-{case['hidden']}-10" for case in cases)], rows)


def spiking_targets(results: Mapping[str, Any]) -> Table:
    """What was aimed at for spiking networks: ratios with their range over the turns."""
    rows = [
        [target["target"], _spread(target["measured"], 1), _verdict([target["met"]])]
        for target in results["targets"]
    ]
    for case in results["side_by_side"]:
        size, stats = f"784-{case['hidden']}-10", case["contestants"]
        online, loop, rival = (
            stats[name]["ms_per_trial"]["median"]
            for name in (
                "apical, online form",
                "C++ loop, online form",
                "snnTorch, BPTT, batch 128",
            )
        )
        aim = "faster than snnTorch in batches"
        trial = stats["snnTorch, BPTT, batch 128"]["ratio"]
        times = "at most 2 times the time of the C++ loop"
        rows += [
            [
                f"{size}, online: {times} (of medians)",
                f"{online / loop:.1f}",
                _verdict([online <= 2 * loop]),
            ],
            [f"{size}: {aim}", _spread(trial, 1), _verdict([trial["median"] > 1])],
            [
                f"{size}, online: {aim} (of medians)",
                f"{rival / online:.1f}",
                _verdict([rival > online]),
            ],
        ]
    return _table(["target", "ratio", "verdict"], rows)


_PARTS = {
    "delivery of spikes": ("delivery of spikes",),
    "thresholds": ("thresholds",),
    "state of neurons": ("state of neurons",),
    "learning": ("learning",),
    "resets, starts of steps and trials, counts": ("resets", "start of steps and trials", "counts"),
    "files, and starting the program": ("files, and starting the program",),
}


def spiking_profile(results: Mapping[str, Any]) -> Table:
    """Where the microseconds of a trial go."""
    profiles = results["profile"]
    rows = [
        [name, *(f"{sum(p['us_per_trial'][part] for part in parts):.0f}" for p in profiles)]
        for name, parts in _PARTS.items()
    ]
    rows.append(["whole, without profiling", *(f"{p['whole_us']:.0f}" for p in profiles)])
    return _table(["part", *(f"{p['form']}, {p['hidden']}" for p in profiles)], rows)


def spiking_compiles(results: Mapping[str, Any]) -> Table:
    """What a second network compiles."""
    rows = [
        [one["change"], str(one["compiled"]), f"{one['seconds']:.2f}"]
        for one in results["compiles"]
    ]
    return _table(["change", "programs compiled", "time until its first trial"], rows)


def devices(results: Mapping[str, Any]) -> Table:
    """Trials a second on each device, and memory of the smallest and largest network."""
    sizes = sorted({row["case"]["hidden"] for row in results["rows"]})
    grouped: dict[tuple[str, ...], dict[int, Any]] = {}
    for row in results["rows"]:
        case = row["case"]
        network = {"rate": "rates"}.get(case["network"], case["network"])
        key = (network, case["name"], str(case["batch"]))
        grouped.setdefault(key, {})[case["hidden"]] = row["measured"]
    rows = []
    for which, measured in sorted(grouped.items(), key=lambda item: _order(item[0])):
        speeds = [median(measured[size]["trials_per_second"]) for size in sizes]
        memory = [measured[size]["memory_mb"] for size in (sizes[0], sizes[-1])]
        rows.append([*which, *map(_speed, speeds), *(f"{mb:.0f}" for mb in memory)])
    speed = [f"{size:,} hidden" for size in sizes]
    ends = [f"host memory, {size:,}" for size in (sizes[0], sizes[-1])]
    return _table(["network", "device", "batch", *speed, *ends], rows)


def _order(key: tuple[str, ...]) -> tuple[bool, str, int]:
    network, device, batch = key
    return network == "rates", device, int(batch)


def _speed(trials: float) -> str:
    return f"{trials:,.0f}" if trials >= 10 else f"{trials:.1f}"


def export(results: Mapping[str, Any]) -> Table:
    """Time and memory of each format of export."""
    rows = [
        [
            one["format"],
            f"{one['seconds']:.1f}" if one["seconds"] < 100 else f"{one['seconds']:.0f}",
            *(f"{one[key]:,.0f}" for key in ("peak_mb", "file_mb", "records_mb")),
        ]
        for one in results["formats"]
    ]
    columns = ("peak memory", "file", "of the peak, records and libraries")
    return _table(["format", "time", *columns], rows)


def export_cpu(results: Mapping[str, Any]) -> Table:
    """Time of the processor for NWB, as a multiple of that for Parquet in the same round."""
    seconds = results["cpu_seconds"]
    names = {"parquet": "Parquet", "nwb": "NWB", "nwb_before": "NWB, stimuli as images"}
    rows = []
    for name, called in names.items():
        pairs = zip(seconds[name], seconds["parquet"], strict=True)
        ratios = sorted(one / other for one, other in pairs)
        middle = ratios[len(ratios) // 2]
        size = f"{results['file_mb'][name]:,.0f}"
        rows.append([called, f"{middle:.1f}", f"{ratios[0]:.1f} to {ratios[-1]:.1f}", size])
    return _table(["format", "time, of that of Parquet", "least to most", "file"], rows)


def sweep(results: Mapping[str, Any]) -> Table:
    """What a sweep adds to its runs; times are from the first run to the last."""
    (turn,) = results["rounds"]
    alone, one, two = (turn[name] for name in ("alone", "workers1", "workers2"))
    rows = [
        ["one by one", f"{alone[1]:.1f} s"],
        ["sweep with one worker", f"{one[1]:.1f} s"],
        ["once, before and after (scheduler, imports, report)", f"{one[0] - one[1]:.1f} s"],
        ["between runs, of a run", f"{100 * (one[1] / one[2] - 1):.1f} %"],
        ["sweep with two workers", f"{two[1]:.1f} s"],
        ["efficiency of two workers", f"{100 * one[1] / (2 * two[1]):.0f} %"],
    ]
    return _table(["what", "measured"], rows)


def gpu_estimate(results: Sequence[Mapping[str, Any]]) -> Table:
    """Counted, measured and estimated for a time step and a trial on a GPU."""
    rows = [
        [
            one["update"],
            f"{one['hidden']:,}",
            str(one["launches"]),
            str(one["memsets"]),
            f"{one['bytes_in_a_step'] / 1e3:,.0f}",
            f"{one['cpu_ms_a_trial']:.2g}",
            "-".join(f"{ms:.2g}" for ms in one["gpu_ms_a_trial"]),
        ]
        for one in results
    ]
    columns = ("form", "hidden neurons", "launches a step", "counters set to 0 a step")
    times = ("one CPU core, measured", "GPU, estimated")
    return _table([*columns, "data a step, counted", *times], rows)


def false_positives(results: Mapping[str, Any]) -> Table:
    """How often p values of a comparison are 0.05 or less where nothing is to be found."""
    gains = results["gains"]
    measures = dict.fromkeys(measure for found in gains.values() for measure in found)
    rows = [
        [name.replace("_", " "), *(f"{100 * found[name]['wrong']:.1f}" for found in gains.values())]
        for name in measures
    ]
    return _table(["measure", *(f"gain {gain}" for gain in gains)], rows)


def large_comparison(results: Mapping[str, Any]) -> Table:
    """Time and memory of a large comparison."""
    keys = ("units", "trials", "classes", "values")
    counts = [f"{results[key]:,}" for key in keys]
    cost = [f"{results['cpu_seconds']:.0f}", f"{results['peak_mb']:,.0f}"]
    cost.append(f"{results['before_mb']:,.0f}")
    columns = ("time of the processor", "peak memory", "of it, libraries and records")
    return _table([*keys, *columns], [[*counts, *cost]])


ADAPTERS: dict[str, Callable[[Any], Table]] = {
    function.__name__: function
    for function in (
        at_the_prompt,
        rate_times,
        rate_targets,
        rate_epoch,
        rate_parts,
        eprop,
        sparse_curve,
        spiking_times,
        spiking_targets,
        spiking_profile,
        spiking_compiles,
        devices,
        export,
        export_cpu,
        sweep,
        gpu_estimate,
        false_positives,
        large_comparison,
    )
}
