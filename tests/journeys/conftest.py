"""Journeys drive a whole system, one for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system import System, running


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Engage as `engage up` starts it, with the demo chain."""
    with running(tmp_path_factory.mktemp("journeys") / "home") as started:
        yield started
