"""What tests of coupons stand on."""

from __future__ import annotations

import pytest

from engage.audit.services import OPERATOR, Actor
from engage.kernel.db import tenant_scope, unit_of_work
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant
from tests.conftest import Chain
from tests.coupons.scenes import NOW, Crowd, make_crowd


@pytest.fixture
def crowd(chain: Chain) -> Crowd:
    """Fans of a chain."""
    return make_crowd(chain)


@pytest.fixture
def desk(chain: Chain) -> Actor:
    """Somebody at the desk."""
    details = tenancy.StaffDetails("desk", "Desk", "en", frozenset({Grant("desk", None)}))
    with tenant_scope(chain.id), unit_of_work() as session:
        staff = tenancy.create_staff(
            session, details, password_hash="none", one_time=False, by=OPERATOR, now=NOW
        )
    return Actor("staff", staff.id)
