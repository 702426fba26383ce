"""A browser for the tests of the site and of JupyterLab: a Chromium that is there."""

import os
import shutil

import pytest

BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
)
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium found, and CI is set: .ci/run sees to one")
        pytest.skip(f"none of {', '.join(BROWSERS)} is on the path")
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright()
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright as driver:
        running = driver.chromium.launch(executable_path=BROWSER, args=arguments)
        yield running
        running.close()
