"""The town, and the test's session once it is there."""

from __future__ import annotations

import pytest

from engage.kernel.db import Session
from tests.campaigns.scenes import Town, settle_town
from tests.conftest import Chain


@pytest.fixture
def town(chain: Chain) -> Town:
    return settle_town(chain)


@pytest.fixture
def session(town: Town, session: Session) -> Session:
    """The test's session, once the town is there."""
    return session
