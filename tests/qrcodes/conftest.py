"""What tests of channel codes stand on."""

from __future__ import annotations

import pytest

from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain


@pytest.fixture
def scene(chain: Chain) -> Scene:
    """A chain with an account, a doctor, and two fans who speak for a patient each."""
    return make_scene(chain)
