"""Fuzz the readers of files and the parsers of texts: nothing but errors of this package.

    python tests/fuzzing.py --inputs 100000 --seed 0

Every input is made from a good file or text by a few random changes of its bytes or of its
structure, all of them from the seed. A reader must return, or raise one `ApicalError` of one line
of at most 1,000 characters; anything else is printed with the number of the input, by which it
is repeated: ``--only KIND:NUMBER``.
"""

import argparse
import csv
import gzip
import io
import json
import platform
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from apical._base.reading import read_toml
from apical.data.datasets import load
from apical.data.idx import read_idx
from apical.errors import ApicalError
from apical.hypotheses.naming import applied
from apical.language import evaluation, expressions, linear, model_text, rank_one
from apical.plasticity.rules import LearningRule
from apical.records.arrays import Records
from apical.runs.directory import (
    COLUMNS,
    SUMMARY,
    Checkpoint,
    RunDirectory,
    read_arrays,
    read_json,
    read_metrics,
)
from apical.training.loop import Position

Change = Callable[[random.Random], bytes]

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    -1,
    0,
    99,
    2**31,
    2**63,
    10**30,
    1e308,
    -0.0,
    float("nan"),
    float("inf"),
    "",
    "\0",
    "x" * 2000,
    "../../etc/passwd",
    [],
    {},
    [[]],
    {"": None},
    [None] * 100,
)
"""Values that stand in for those of a file."""

TOKENS = (
    *("(", ")", "[", "]", "{", "}", ",", ":", ";", "=", "==", "<", ">", "+", "-", "*", "/", "**"),
    *("%", "//", "@", "~", "^", "&", "|", "!", "#", "\\", "\n", "\t", "'", '"', "\0", "\u0661"),
    *(" and ", " or ", " not ", " if ", " else ", " for ", " in ", "lambda x: ", ":=", "await "),
    *("0", "1", "1e999", "9" * 400, "0x1f", "1j", ".5", "1_0", "None", "True", "..."),
    *("x_pre", "x_post", "gain_post", "teach_post", "w", "eta", "t", "i", "dt", "xi", "v"),
    *("exp", "tanh(", "clip(", "int(", "abs(", "sqrt(", "log(", "rand()", "stimulus(t, i)"),
    *("d", "/dt = ", " : 1", " (unless refractory)", "+=", "*=", "\u00fc", "\U0001f9e0", "\ud800"),
)
"""Parts of texts in Brian2's grammar, and of others."""

RULES = (
    "eta * x_pre * gain_post * teach_post",
    "eta * x_post * (x_pre - x_post * w)",
    "clip(eta * (x_pre - 0.5) * teach_post, -1, 1) - decay * w",
    "int(x_pre > 0.1 and x_post < 2) * eta * exp(-abs(w) / 3) * (teach_post - w) ** 2",
)
EQUATIONS = "dv/dt = (I - v)/tau : 1 (unless refractory)\nI : 1\ngain = int(v > 0)*exp(-v) : 1"
STATEMENTS = "v -= theta; x += 1\nw = clip(w + eta*x_pre, 0, 1)"
HYPOTHESES = (
    "sparse_feedback(wires=1) + dale",
    "missing_synapses(share=0.5) + weights_of_bits(bits=4)",
    "noisy_feedback(std=0.5)",
    "quantised_error(levels=5) + sign_only",
)
DESIGN = """seeds = 2
baseline = {wiring = "bp"}
[experiment]
model = "rate_dfa"
[experiment.options]
hidden = 10
[factors]
wiring = ["dfa", "bp"]
"""


def odd(rng: random.Random) -> Any:
    """Return one of `ODD`."""
    return deepcopy(rng.choice(ODD))


def _few(rng: random.Random) -> int:
    """Return a number of changes: one in half of the cases, up to six."""
    return rng.choice((1, 1, 1, 2, 3, 6))


# Changes --------------------------------------------------------------------------------------


def of_bytes(good: bytes, rng: random.Random) -> bytes:
    """Return bytes with one to four changes: bits, cuts, repeats, numbers, text."""
    content = bytearray(good)
    for _ in range(_few(rng)):
        at = rng.randrange(len(content) + 1)
        match rng.randrange(7):
            case 0 if content:
                content[at % len(content)] ^= 1 << rng.randrange(8)
            case 1:
                del content[at:]
            case 2:
                del content[at : at + rng.randint(1, 40)]
            case 3:
                content[at:at] = content[at : at + rng.randint(1, 200)]
            case 4:
                content[at : at + 4] = rng.choice(
                    (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80")
                )
            case 5:
                content[at:at] = rng.randbytes(rng.randint(1, 20))
            case _:
                part = rng.choice(TOKENS).encode("utf-8", "surrogatepass")
                content[at : at + rng.randrange(3)] = part * rng.choice((1, 1, 1, 3, 200))
    return bytes(content)


def of_text(good: str, rng: random.Random) -> str:
    """Return text with one to six changes: characters, tokens, many of them in each other."""
    text = good
    for _ in range(_few(rng)):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(6):
            case 0:
                text = text[:at] + text[at + rng.randint(1, 8) :]
            case 1:
                text = (
                    text[:at]
                    + chr(rng.choice((rng.randrange(128), rng.randrange(65536))))
                    + text[at:]
                )
            case 2:
                many = rng.choice((2, 20, 150, 3000))
                text = rng.choice(("tanh(", "(", "-", "not ", "x_pre**")) * many + text
            case 3:
                joint = rng.choice((" + ", " * ", " and ", "**", ", "))
                text = joint.join([text[:60]] * rng.choice((2, 20, 100, 3000)))
            case _:
                token = rng.choice(TOKENS) * rng.choice((1, 1, 1, 2, 50))
                text = text[:at] + token + text[at + rng.randrange(4) :]
    return text


def of_json(good: Any, rng: random.Random) -> str:
    """Return JSON text of an object with one to three changes of its structure."""
    content = json.loads(json.dumps(good))
    for _ in range(_few(rng)):
        holder, key = rng.choice(list(_places(content)))
        match rng.randrange(5):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[rng.choice(("more", "", "\u00fc" * 50, key.upper()))] = odd(rng)
            case 2:
                holder[key] = [deepcopy(holder[key]) for _ in range(rng.choice((1, 2, 30)))]
            case _:
                holder[key] = odd(rng)
        if not list(_places(content)):
            break
    text = json.dumps(content, indent=rng.choice((None, 2)))
    match rng.randrange(12):
        case 0:  # a name given twice
            return text.replace("{", '{"name": 1, "name": 2, ', 1)
        case 1:
            return text.replace(": ", ": " + "[" * rng.choice((3, 70, 100_000)), 1)
        case 2:
            return text.replace(": ", ": " + "9" * rng.choice((5, 30, 5000)) + ", ", 1)
        case 3:
            return text.replace('"', '"\\ud800', 1)
    return text


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a value in lists and objects."""
    keys = content.keys() if isinstance(content, dict) else range(len(content))
    for key in keys if isinstance(content, dict | list) else ():
        yield content, key
        yield from _places(content[key]) if isinstance(content[key], dict | list) else ()


def of_arrays(good: dict[str, np.ndarray], rng: random.Random) -> bytes:
    """Return an npz file of arrays with changes of their values, types, shapes and headers."""
    arrays = dict(good)
    names = rng.sample(sorted(arrays), rng.randint(1, min(2, len(arrays))))
    for name in names:
        arrays[name] = _other(arrays[name], rng)
    if rng.random() < 0.2:
        arrays.pop(rng.choice(sorted(arrays)))
    target = io.BytesIO()
    packed = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(target, "w", packed) as archive:
        for name, values in arrays.items():
            file = io.BytesIO()
            np.lib.format.write_array(file, values, allow_pickle=False)
            raw = file.getvalue()
            if name in names and rng.random() < 0.4:
                raw = _other_header(raw, rng)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a name given twice
                for _ in range(1 if rng.random() < 0.97 else 2):
                    archive.writestr(f"{name}.npy", raw)
    raw = target.getvalue()
    return of_bytes(raw, rng) if rng.random() < 0.3 else raw


def _other(values: np.ndarray, rng: random.Random) -> np.ndarray:
    """Return an array with other values, of another type or of another shape."""
    if values.dtype.kind == "U":
        try:
            return np.array(of_json(json.loads(str(values)), rng))
        except ValueError:
            return np.array(of_text(str(values), rng).replace("\ud800", "?"))
    values = values.copy()
    match rng.randrange(6):
        case 0 if values.size and values.dtype.kind == "f":
            wrong = rng.choice((np.nan, np.inf, 1e30, -1e7))
            values.flat[rng.randrange(values.size)] = wrong
        case 1 if values.size and values.dtype.kind in "iu":
            limits = np.iinfo(values.dtype)
            values.flat[rng.randrange(values.size)] = rng.choice((limits.min, limits.max, 99))
        case 2:
            kinds = ("int64", "float16", "complex128", "bool", "U3", "S2", ">f4", "M8[s]", "V3")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    return values.astype(rng.choice(kinds))
                except (TypeError, ValueError):
                    return values[:0]
        case 3:
            return values.reshape(-1)
        case 4:
            return values[:-1] if values.ndim else np.array([values, values])
        case _:
            return values[np.newaxis] if values.ndim < 30 else values
    return values


def _other_header(raw: bytes, rng: random.Random) -> bytes:
    """Return the bytes of an array whose header declares something else."""
    shape = rng.choice(
        (b"(1000000000, 1)", b"(99999999999999999999,)", b"(-1,)", b"(1.5,)", b"None", b"(" * 90)
    )
    kind = rng.choice((b"'<f8'", b"'|O'", b"'<U1000000000'", b"[('a', '<f4')]", b"'nothing'"))
    start, end = raw.index(b"{"), raw.index(b"}")
    header = raw[start:end]
    if rng.random() < 0.6:
        at = header.index(b"'shape':") + 9
        header = header[:at] + shape + b", "
    else:
        at = header.index(b"'descr':") + 9
        header = header[:at] + kind + header[header.index(b", 'fortran") :]
    made = header + b"}" + b" " * rng.randrange(64) + b"\n"
    length = len(made) if rng.random() < 0.8 else rng.randrange(65536)
    return raw[:8] + length.to_bytes(2, "little") + made + raw[end + 1 :].lstrip(b" \n")


# Readers --------------------------------------------------------------------------------------


class Files:
    """Good files of every kind in a folder, and a place for those that are not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rng = np.random.default_rng(0)
        self.weights = {
            "stimulus_to_hidden": rng.normal(size=(6, 4)).astype(np.float32),
            "hidden_to_output": rng.normal(size=(4, 2)).astype(np.float32),
        }
        self.config = {
            "name": "run",
            "model": "rate_dfa",
            "epochs": 3,
            "model_sha256": "0" * 64,
            "data_sha256": "f" * 64,
            "scorecard": [{"subject": "a", "aspect": "b", "level": "local", "reason": "c"}],
            "versions": {"python": "3"},
        }
        self.summary = {
            "model": "m",
            "dataset": "digits",
            "device": "array",
            "seed": 0,
            "epochs": 3,
            "n_train": 10,
            "n_test": 5,
            "test_accuracy": 0.9,
            "train_seconds": 1.0,
            "compile_seconds": 0.0,
            "ms_per_trial": None,
        }
        run = RunDirectory(folder, self.config)
        (folder / "metrics.csv").write_text(",".join(COLUMNS) + "\n")
        state = {f"{name}.w": values for name, values in self.weights.items()}
        run.save(Checkpoint(Position(1, 0, 10), {**state, "v": np.zeros(4)}, 0, 1.0))
        self.checkpoint = dict(np.load(folder / "checkpoint.npz"))
        x, y = rng.integers(0, 255, (12, 2, 3)).astype(np.uint8), np.arange(12) % 3
        self.data = {"x_train": x, "y_train": y, "x_test": x, "y_test": y, "scale": np.array(255.0)}
        self.idx = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in x.shape) + x.tobytes()
        self.records = _records()
        rows = [["run", 0, k, 0, 10 * k, "test_accuracy", "", 0.1 * k] for k in range(4)]
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([COLUMNS, *rows])
        self.metrics = table.getvalue().encode()

    def __call__(self, name: str, content: bytes | str) -> Path:
        """Write a file, and return its path."""
        path = self.folder / name
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        path.write_bytes(raw)
        return path


def _records() -> dict[str, np.ndarray]:
    about = {
        "version": 1,
        "duration": 100.0,
        "dt": 1.0,
        "kinds": {"hidden": "LIF"},
        "about": {"run": "r", "rules": [{"name": "a", "source": "b"}], "feedback": {"name": "c"}},
    }
    per_trial = {"samples": np.arange(2), "labels": np.arange(2), "decisions": np.arange(2)}
    return {
        "records": np.array(json.dumps(about)),
        **per_trial,
        "values": np.zeros((2, 6)),
        "signs:hidden": np.ones(3, np.int8),
        "signal:hidden.v": np.zeros((2, 5, 3), np.float32),
        "trial:hidden": np.array([0, 1], np.int32),
        "time:hidden": np.array([1.0, 2.0]),
        "unit:hidden": np.array([0, 2], np.int32),
    }


Task = Callable[[Files, random.Random], Any]


def _config(files: Files, rng: random.Random) -> Any:
    good = json.dumps(files.config).encode()
    made = of_json(files.config, rng) if rng.random() < 0.7 else of_bytes(good, rng)
    return read_json(files("config.json", made))


def _summary(files: Files, rng: random.Random) -> Any:
    good = json.dumps(files.summary).encode()
    made = of_json(files.summary, rng) if rng.random() < 0.7 else of_bytes(good, rng)
    return read_json(files(SUMMARY, made))


def _metrics(files: Files, rng: random.Random) -> Any:
    path = files("rows.csv", of_bytes(files.metrics, rng))
    return [(int(row["epoch"]), float(row["value"])) for row in read_metrics(path)]


def _weights(files: Files, rng: random.Random) -> Any:
    found = read_arrays(files("weights.npz", of_arrays(files.weights, rng)))
    assert all(np.isfinite(w).all() and w.dtype.kind == "f" for w in found.values())


def _checkpoint(files: Files, rng: random.Random) -> Any:
    files("metrics.csv", ",".join(COLUMNS) + "\n")
    files("checkpoint.npz", of_arrays(files.checkpoint, rng))
    found = RunDirectory(files.folder, files.config).checkpoint()
    assert found is not None and 0 <= found.position.epoch <= files.config["epochs"]


def _read_records(files: Files, rng: random.Random) -> Any:
    found = Records.from_arrays(read_arrays(files("some.npz", of_arrays(files.records, rng))))
    from apical.export.about import citations, story

    return citations(found.about), story(found)


def _data(files: Files, rng: random.Random) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(files("data.npz", of_arrays(files.data, rng)))


def _idx(files: Files, rng: random.Random) -> Any:
    raw = gzip.compress(files.idx) if rng.random() < 0.5 else files.idx
    made = of_bytes(raw, rng)
    return read_idx(files("idx", gzip.compress(made) if rng.random() < 0.3 else made), 3)


def _design(files: Files, rng: random.Random) -> Any:
    return read_toml(files("sweep.toml", of_text(DESIGN, rng)))


def _rule(files: Files, rng: random.Random) -> Any:
    text = of_text(rng.choice(RULES), rng)
    return LearningRule("rule", text, {"eta": 0.1, "decay": 0.2}).signals


def _terms(files: Files, rng: random.Random) -> Any:
    text = of_text(rng.choice(RULES), rng)
    expressions.vanishes_with(text, "x_pre")
    return rank_one.terms(text)


def _model(files: Files, rng: random.Random) -> Any:
    found = model_text.equations(of_text(EQUATIONS, rng))
    return [equation.reads for equation in found]


def _statements(files: Files, rng: random.Random) -> Any:
    return [statement.reads for statement in model_text.statements(of_text(STATEMENTS, rng))]


def _values(files: Files, rng: random.Random) -> Any:
    text = of_text("int(v > 1)*(eta - v)/(20*ms) + clip(w, 0, 1)", rng)
    linear.coefficient(text, "v", {}, others=("w", "eta"))
    names = ("v", "w", "eta", "x_pre", "x_post", "gain_post", "teach_post", "t", "i", "dt", "xi")
    evaluation.comparisons(text)
    return evaluation.evaluated(text, dict.fromkeys(names, 0.5), {"rand": lambda: 0.5})


def _hypotheses(files: Files, rng: random.Random) -> Any:
    return applied(NETWORK, of_text(rng.choice(HYPOTHESES), rng))


TASKS: dict[str, Task] = {
    "config.json": _config,
    "summary.json": _summary,
    "metrics.csv": _metrics,
    "weights.npz": _weights,
    "checkpoint.npz": _checkpoint,
    "records.npz": _read_records,
    "data.npz": _data,
    "IDX": _idx,
    "sweep.toml": _design,
    "rule": _rule,
    "terms": _terms,
    "equations": _model,
    "statements": _statements,
    "values": _values,
    "hypotheses": _hypotheses,
}
"""What is fuzzed."""


def network() -> Any:
    """Return a small network of rates, to which hypotheses are applied."""
    from apical import FanIn, Network, Rate, RateError, Stimulus, feedback, rules
    from apical.neurons.encoding import Graded

    net = Network(trial=100.0)
    stimulus = net.add(Stimulus("stimulus", 6, Graded()))
    hidden, output = net.add(Rate("hidden", 4)), net.add(Rate("output", 2))
    rule = rules.three_factor(0.1)
    net.connect(stimulus, hidden, weights=FanIn(), rule=rule)
    net.connect(hidden, output, weights=FanIn(), rule=rule)
    net.teach(feedback.direct(net.add(RateError("error", 2)), net.forward))
    return net


NETWORK = network()


@contextmanager
def at_most(gigabytes: float) -> Iterator[None]:
    """Let this process take no more memory, so that what allocates too much fails."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 1e9), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


class LateError(BaseException):
    """A reader has not come to an end; no reader takes it for an error of its own."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise where something takes longer than this [s]; in the main thread, where signals come."""

    def late(number: int, frame: Any) -> None:
        raise LateError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tried(kind: str, number: int, seed: int, files: Files) -> str:
    """Give one input to a reader, and return "read", "refused", or what went wrong."""
    rng = random.Random(f"{seed} {kind} {number}")
    try:
        with np.errstate(all="ignore"), within(60):
            TASKS[kind](files, rng)
    except LateError:
        return f"{kind}:{number}, seed {seed}: no end: {traceback.format_exc(limit=-8)}"
    except ApicalError as error:
        text = str(error)
        if "\n" in text or len(text) > 1000 or not text:
            return f"{kind}:{number}: not one short line: {text[:300]!r}"
        return "refused"
    except Exception:
        return f"{kind}:{number}: {traceback.format_exc(limit=-3)}"
    return "read"


def fuzz(inputs: int, seed: int, folder: Path, say: Callable[[str], Any] = print) -> Counter[str]:
    """Fuzz every reader with its share of the inputs; return how many were read, refused, wrong."""
    files, found = Files(folder), Counter[str]()
    for kind, number in ((k, n) for n in range(-(-inputs // len(TASKS))) for k in TASKS):
        outcome = tried(kind, number, seed, files)
        if outcome not in ("read", "refused"):
            say(outcome)
            outcome = "wrong"
        found[outcome] += 1
        found[f"{kind} {outcome}"] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one input: KIND:NUMBER")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, at_most(8):
        if given.only:
            kind, _, number = given.only.rpartition(":")
            print(tried(kind, int(number), given.seed, Files(Path(folder))))
            return
        start = time.process_time()
        found = fuzz(given.inputs, given.seed, Path(folder))
    total = found["read"] + found["refused"] + found["wrong"]
    for kind in TASKS:
        counts = [found[f"{kind} {outcome}"] for outcome in ("read", "refused", "wrong")]
        print(f"{kind:16} {sum(counts):7,} inputs: {counts[0]:7,} read {counts[1]:7,} refused")
    print(
        f"{total:,} inputs, seed {given.seed}: {found['read']:,} read, {found['refused']:,} "
        f"refused in one line, {found['wrong']:,} tracebacks; {time.process_time() - start:.0f} s "
        f"of processor time, {platform.processor() or platform.machine()}, Python "
        f"{platform.python_version()}, NumPy {np.__version__}."
    )
    sys.exit(bool(found["wrong"]))


if __name__ == "__main__":
    main()
