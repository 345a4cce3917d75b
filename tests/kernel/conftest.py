"""A handler for each taste, registered for the test alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engage.kernel import outbox
from engage.reactions import HANDLERS


@pytest.fixture
def react() -> Iterator[Callable[..., None]]:
    """Say who reacts: `react("test.happened", one, two)`; the usual handlers come back afterwards."""

    def register(event: str, *handlers: Callable[..., Any]) -> None:
        outbox.register({event: handlers})

    yield register
    outbox.register(HANDLERS)
