"""Studies of what saturates, dies, explodes: they write the table and the figure that they name."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from test_rate_models import script

SHORT: dict[str, Any] = {
    "born_dead": lambda *_: (0.5, 0.5),
    "STEPS": (0.03, 0.1),
    "ETAS": {"bp": (0.03,), "dfa": (0.03,)},
}
"""What a study does less of in a test."""


@pytest.mark.parametrize(
    ("name", "arguments", "rows"),
    [
        ("Sutskever_2013_momentum", "--trials 100 --epochs 1", 18),
        pytest.param(
            "Maas_2013_dead_units", "--epochs 1 --size 5 --seed 0", 6, marks=pytest.mark.thorough
        ),
        pytest.param(
            "Glorot_2010_saturation",
            "--epochs 1 --size 5 --seed 0",
            11 * (12 + 15 + 60),
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            "Ioffe_2015_batch_norm", "--epochs 1 --size 5 --seed 0", 18, marks=pytest.mark.thorough
        ),
        pytest.param(
            "Pascanu_2013_clipping",
            "--train-trials 240 --layers 2 --epochs 1 --seed 0",
            6,
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_studies_write_their_table_and_figure(
    name: str, arguments: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = script(name)
    for what in {*SHORT} & {*vars(study)}:
        monkeypatch.setattr(study, what, SHORT[what])
    given = ["--dataset", "digits", *arguments.split(), "--out", str(tmp_path)]
    result = CliRunner().invoke(study.main, given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (written,) = tmp_path.glob("*.csv")
    assert len(written.read_text().splitlines()) == 1 + rows
    assert next(tmp_path.glob("*.png")).stat().st_size > 10_000
