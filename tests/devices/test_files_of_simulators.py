"""Files of networks and of states: where they are written, and which of them is which."""

from pathlib import Path

import pytest

import apical as ap
from apical.errors import DataError, RunError
from apical.testing.references import rates


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A file beside the folder, which the ending makes of its name, is not what was meant."""
    folder = tmp_path / "kept"
    folder.mkdir()
    with pytest.raises(RunError, match="it is a folder; name a file in it"):
        rates().save(folder)
    with (
        ap.simulate(rates(), "array") as simulator,
        pytest.raises(DataError, match="it is a folder; name a file in it"),
    ):
        simulator.save(folder)
    assert list(tmp_path.rglob("*")) == [folder]


def test_a_network_is_no_state_and_a_state_no_network(tmp_path: Path) -> None:
    network = rates().save(tmp_path / "network")
    with ap.simulate(rates(), "array") as simulator:
        state = simulator.save(tmp_path / "state")
        with pytest.raises(DataError, match="holds a network, no state.*Network.load reads it"):
            simulator.load(network)
    with pytest.raises(RunError, match="holds the state of a simulator, no network"):
        ap.Network.load(state)
