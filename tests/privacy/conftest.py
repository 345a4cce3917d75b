"""A person of whom every feature holds something, inside the chain's scope."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from engage.kernel import doorbell
from engage.kernel.db import tenant_scope
from tests.conftest import Chain
from tests.privacy.scenes import House, make_house


@pytest.fixture
def house(app: Flask, chain: Chain) -> Iterator[House]:
    """The scene; what rings for it is forgotten."""
    with tenant_scope(chain.id):
        yield make_house(app, chain)
    doorbell.connection().flushdb()
