"""A talk inside its chain's scope."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engage.kernel import doorbell
from engage.kernel.db import tenant_scope
from tests.chat.scenes import Talk, make_talk
from tests.conftest import Chain


@pytest.fixture
def talk(chain: Chain, make_staff) -> Iterator[Talk]:
    """Two fans and two agents; what rings for them is forgotten."""
    made = make_talk(chain, make_staff)
    with tenant_scope(chain.id):
        yield made
    doorbell.connection().flushdb()
