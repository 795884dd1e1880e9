"""The documentation site in a browser: every page, on a desk and on a phone."""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

webdriver = pytest.importorskip("selenium.webdriver")
pytest.importorskip("sphinx")

ROOT = Path(__file__).parents[2]
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WIDTHS = (1280, 390)
"""Widths of a desk and of a phone [pixels]."""
EVERY = 40
"""One of so many pages of the reference is opened; they are all made from one template."""

if BROWSER is None or DRIVER is None:
    pytest.skip("needs Chromium and ChromeDriver", allow_module_level=True)

FAULTS = """
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const images = [...document.images].filter(image => image.offsetParent !== null);
return [
    ...(wide > 0 ? [`${wide} pixels wider than the screen: ` + [...document.querySelectorAll("*")]
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(-1)
        .map(e => `${e.tagName}.${e.className}`)] : []),
    ...images.filter(i => !i.complete || !i.naturalWidth).map(i => `not loaded: ${i.src}`),
    ...images.filter(i => !i.alt.trim()).map(i => `no alt text: ${i.src}`),
    ...(document.querySelectorAll("h1").length === 1 ? [] : ["not one heading of level 1"]),
];
"""


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[tuple[Path, str]]:
    """Serve the site on this machine; yield its folder and address."""
    handler = functools.partial(_Silent, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield site, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for word in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def pages(folder: Path) -> list[str]:
    """Return the pages to open: those written by hand, and some of those made from docstrings."""
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.html"))
    made = [name for name in found if name.startswith("reference/generated/apical.")]
    hidden = ("_static", "_modules", "genindex", "py-modindex", "search")
    return [name for name in found if name not in made and not name.startswith(hidden)] + made[
        ::EVERY
    ]


def as_wide_as(browser: Any, width: int) -> None:
    """Let the page be as wide as a screen: headless windows have a least width of their own."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_the_screen_and_show_all_they_have(
    served: tuple[Path, str], browser: Any, width: int, theme: str
) -> None:
    folder, address = served
    as_wide_as(browser, width)
    browser.get(address)
    browser.execute_script(f"localStorage.mode = localStorage.theme = '{theme}'")
    browser.get_log("browser")
    faults = {}
    for name in pages(folder) if theme == "light" else pages(folder)[::5]:
        browser.get(f"{address}/{name}")
        assert browser.execute_script("return document.documentElement.dataset.theme") == theme
        log = browser.get_log("browser")
        said = [entry["message"] for entry in log if entry["level"] in ("WARNING", "SEVERE")]
        found = browser.execute_script(FAULTS) + said
        if found:
            faults[name] = found
    assert not faults, "\n".join(f"{name}: {found}" for name, found in faults.items())


def test_faults_are_noticed(browser: Any, tmp_path: Path) -> None:
    as_wide_as(browser, 390)
    page = tmp_path / "page.html"
    page.write_text(
        '<meta name="viewport" content="width=device-width"><h1>A</h1><h1>B</h1>'
        '<div style="width: 900px">wide</div><img src="none.png" width=9 height=9>'
    )
    browser.get(page.as_uri())
    found = browser.execute_script(FAULTS)
    assert [text.partition(":")[0] for text in found] == [
        "518 pixels wider than the screen",
        "not loaded",
        "no alt text",
        "not one heading of level 1",
    ]


def test_what_is_searched_is_found(served: tuple[Path, str], browser: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    _, address = served
    browser.get(f"{address}/search.html?q=surrogate+gradient")
    results = WebDriverWait(browser, 20).until(
        lambda driver: driver.find_elements("css selector", "#search-results li a")
    )
    assert results
