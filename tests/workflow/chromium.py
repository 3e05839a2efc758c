"""Chromium as tests run it; they are skipped where it, or what drives it, is not installed."""

import contextlib
import shutil

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: make browser installs it")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: make browser installs it")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NEEDS_BROWSER = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
SERIOUS = ("serious", "critical")
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@contextlib.contextmanager
def running():
    """A browser, closed at the end."""
    with sync_api.sync_playwright() as playwright:
        for last in (False, False, True):  # on a busy machine Chromium dies at its start now and then
            try:
                browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
                break
            except sync_api.Error:
                if last:
                    raise
        yield browser
        browser.close()
