"""A whole system that is struck, one for all batteries that strike one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engage.kernel import clock
from tests.system import System, running


@pytest.fixture(scope="session")
def struck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose clock is moved and whose programs die."""
    with running(tmp_path_factory.mktemp("struck") / "home") as started:
        yield started


@pytest.fixture
def system(struck: System) -> Iterator[System]:
    """That system, with a test that moves its clock; no fault is left in it."""
    before = clock._offset.file
    clock.use_offset(struck.home / "clock-offset")
    yield struck
    clock.use_offset(before)  # other tests of this process move a clock of their own
    struck.control("DELETE", "/faults")
