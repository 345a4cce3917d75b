"""A scene to book in, and the phones of its fans."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain
from tests.patient.phones import Phone, phone_of


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain)


@pytest.fixture
def phone(app: Flask, scene: Scene) -> Phone:
    """The phone of the first fan, who speaks for 王小红."""
    return phone_of(app, scene)


@pytest.fixture
def other(app: Flask, scene: Scene) -> Phone:
    """The phone of the second fan."""
    return phone_of(app, scene, 1)
