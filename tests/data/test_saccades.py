"""Saccadic images: events of single pixels by hand, the path, determinism, the cache."""

import numpy as np
import pytest

import apical as ap
from apical.data import saccades as module
from apical.data.saccades import Saccades, saccadic
from apical.errors import DataError
from apical.neurons.eye_movements import Gaze
from apical.runs.experiment import fingerprint


def images(*pictures):
    x = np.array(pictures, np.float32)
    return ap.Dataset.from_arrays("pictures", x, range(len(x)), x, range(len(x)), scale=1.0)


def test_events_of_one_bright_pixel_are_where_log_intensity_crosses_levels():
    """A pixel of intensity 1 moves once diagonally: where it was goes off, where it gets to, on."""
    picture = np.zeros((5, 5))
    picture[2, 2] = 1
    theta, dark, lasts = 0.5, 0.1, 100.0
    eye = Saccades(reach=1, duration=lasts, threshold=theta, dark=dark, mismatch=0.0)
    data = saccadic(images(picture, np.zeros((5, 5))), eye)
    times, channels = data.train.pairs()[0]
    assert len(data.train.pairs()[1][0]) == 0  # nothing changes in a dark picture
    first = times < lasts  # the first saccade: from shift (0, -1) to (1, 0)
    left, reached = 2 * 5 + 1, 3 * 5 + 2
    assert set(channels[first].tolist()) == {left, 25 + reached}
    # level at which pixels begin, drawn within a threshold
    level = ap.stream(0, "levels", "train", 0).random((2, 25))[0]
    for pixel, polarity, begin, end in ((left, 0, 1.0, 0.0), (reached, 1, 0.0, 1.0)):
        offset = (level[pixel] - 0.5) * theta
        sign = 1 if polarity else -1
        levels = np.log(begin + dark) + offset + sign * theta * np.arange(1, 20)
        intensity = np.exp(levels) - dark
        share = (intensity - begin) / (end - begin)
        covered = share[(share >= 0) & (share <= 1)]
        expected = lasts * np.arccos(1 - 2 * covered) / np.pi
        found = times[first & (channels == 25 * polarity + pixel)]
        np.testing.assert_allclose(found, expected, atol=6e-4)
        assert len(found) >= 4


def test_the_path_is_an_isosceles_triangle_seen_as_gaze_shifts():
    shifts, times = Saccades(reach=2, duration=50.0).path()
    assert shifts.tolist() == [
        [0, -2], [1, -1], [2, 0], [1, 1], [0, 2], [0, 1], [0, 0], [0, -1], [0, -2],
    ]  # fmt: skip
    assert np.allclose(times[[0, 2, 4, 8]], [0, 50, 100, 150])
    assert np.allclose(times[[1, 3, 6]], [25, 75, 125])
    gaze = Gaze((5, 5), reach=2)
    image = np.arange(25.0)[None]
    seen = gaze.seen(image, shifts[:1])
    assert seen.reshape(5, 5)[:, :3].tolist() == image.reshape(5, 5)[:, 2:].tolist()


def test_polarities_balance_where_gaze_returns():
    """ON and OFF events of a pixel differ by less than two once gaze is back."""
    data = ap.datasets.load("saccadic_digits")
    counts = data.test.counts().reshape(-1, 2, 64)
    assert np.abs(counts[:, 0] - counts[:, 1]).max() <= 1
    assert data.shape == (2, 8, 8)
    assert data.duration == 300.0
    assert (data.train.labels == ap.datasets.load("digits").train.labels).all()


def test_the_same_seed_gives_the_same_events():
    digits = ap.datasets.load("digits").subset(40, 20)
    one, same, other = (saccadic(digits, Saccades(seed=seed)) for seed in (0, 0, 1))
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)
    few = saccadic(digits.subset(10, 10))
    assert all(map(np.array_equal, few.train.arrays, one.train.part(slice(10)).arrays))


def test_what_takes_long_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path))
    digits, eye = ap.datasets.load("digits").subset(30, 20), Saccades(reach=1)
    made = module._by_name(digits, eye, keep=True)
    assert len(list(tmp_path.rglob("*.npz"))) == 1
    monkeypatch.setattr(module, "_parts", None)  # it is read, not made
    again = module._by_name(digits, eye, keep=True)
    assert fingerprint(again) == fingerprint(made)
    assert (
        (again.name, again.licence)
        == (made.name, made.licence)
        == ("saccadic_digits", digits.licence)
    )
    monkeypatch.undo()
    monkeypatch.setenv("APICAL_CACHE_DIR", str(tmp_path))
    module._by_name(digits.subset(20, 20), eye, keep=True)
    assert len(list(tmp_path.rglob("*.npz"))) == 2


def test_only_images_have_saccades(tmp_path):
    blobs = ap.datasets.blobs(20, 10, rng=ap.stream(0, "data"))
    with pytest.raises(DataError, match="saccades need images"):
        saccadic(blobs)
    with pytest.raises(DataError, match="larger than their reach of 8"):
        saccadic(ap.datasets.load("digits").subset(20, 10), Saccades(reach=8))
    with pytest.raises(DataError, match="saccadic_mnist is made of mnist. mnist: .* lacks"):
        ap.datasets.load("saccadic_mnist", tmp_path)
    with pytest.raises(DataError, match="events have no scale"):
        ap.datasets.load("saccadic_digits", scale=3.0)
