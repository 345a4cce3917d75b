"""People for the tests of patients."""

from __future__ import annotations

import pytest
from flask import Flask

from engage.kernel import outbox
from engage.reactions import HANDLERS
from tests.conftest import Chain
from tests.patients.scenes import People, make_people


@pytest.fixture
def people(chain: Chain) -> People:
    """A chain with two fans."""
    return make_people(chain)


def heard(_session: object, _payload: object, *, now: object) -> None:
    """Stand for whoever reacts, so that each event leaves a row."""


@pytest.fixture(autouse=True)
def _every_event_leaves_a_row(app: Flask):
    outbox.register({event: (*functions, heard) for event, functions in HANDLERS.items()})
    yield
    outbox.register(HANDLERS)
