"""Downloads, checked by their SHA-256."""

import warnings
from pathlib import Path

from apical._base.extras import undisturbed
from apical._base.folders import make_folder
from apical.errors import DataError

with undisturbed():
    warnings.simplefilter("ignore")  # in notebooks tqdm warns, of progress bars that are not used
    import pooch
    from rich.console import Console
    from rich.progress import Progress


class _Bar:
    """Progress bar of downloads: the interface that pooch expects, drawn by rich."""

    def __init__(self, progress: Progress, label: str) -> None:
        self.total = 0
        self._progress = progress
        self._task = progress.add_task(label, total=None)

    def update(self, n_bytes: int) -> None:
        self._progress.update(self._task, advance=n_bytes, total=self.total or None)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        self._progress.stop_task(self._task)


def download(url: str, sha256: str, folder: Path, otherwise: str) -> None:
    """Download a file into a folder unless the right one is there already.

    Parameters
    ----------
    url
        Where it is.
    sha256
        Its check sum; what has another is not kept.
    folder
        Where to put it; made if it is not there.
    otherwise
        What the user can do without a download, for messages.

    Raises
    ------
    DataError
        If it cannot be downloaded, or is not what was published.
    """
    name = url.rsplit("/", 1)[-1]
    make_folder(folder)
    pooch.get_logger().setLevel("WARNING")  # the bar says what is downloaded
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        downloader = pooch.HTTPDownloader(
            progressbar=_Bar(progress, name),
            chunk_size=1 << 16,
            # The sums are those of the gzip files: nothing may unpack them on the way.
            headers={"Accept-Encoding": "identity"},
        )
        try:
            pooch.retrieve(url, sha256, fname=name, path=folder, downloader=downloader)
        except OSError as error:  # requests raises its own OSErrors
            raise DataError(
                f"{name}: cannot be downloaded from {url} to {folder} ({error}); check the "
                f"network, or {otherwise}.",
                object=str(name),
            ) from error
        except ValueError as error:
            raise DataError(
                f"{name}: SHA-256 of what {url} sent is not {sha256}; nothing was kept. Try "
                f"again later, or {otherwise}.",
                object=str(name),
            ) from error
