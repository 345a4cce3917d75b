"""A whole system, and a real browser to look at it with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.pages import launched
from tests.system import System, running


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Engage as `engage up` starts it, with the demo chain."""
    with running(tmp_path_factory.mktemp("browser") / "home") as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, with our fonts; what is expected may take its time on a busy machine."""
    expect.set_options(timeout=20_000)
    with launched() as started:
        yield started
