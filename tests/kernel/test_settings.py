"""A tenant's own settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from engage.kernel import settings
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.errors import Invalid
from engage.kernel.settings import REGISTRY, Setting, Stored
from tests.conftest import Chain


@pytest.fixture
def limit() -> Iterator[Setting[int]]:
    """A setting of this test."""
    made = Setting("test.limit", 10, allowed=lambda value: 0 <= value <= 100)
    yield made
    del REGISTRY[made.name]


def test_unset_it_has_its_default(session: Session, limit: Setting[int]) -> None:
    assert settings.get(session, limit) == 10
    assert session.scalars(sa.select(Stored)).all() == []


def test_changed_it_keeps_its_value(session: Session, limit: Setting[int]) -> None:
    for value in (0, 100, 10):
        settings.put(session, limit, value)
        assert settings.get(session, limit) == value


@pytest.mark.parametrize("value", [-1, 101, "10", True, None, 10.0])
def test_what_it_may_not_be_is_refused(session: Session, limit: Setting[int], value: object) -> None:
    settings.put(session, limit, 5)
    with pytest.raises(Invalid) as refusal:
        settings.put(session, limit, value)
    assert list(refusal.value.fields) == ["test.limit"]
    assert settings.get(session, limit) == 5


def test_each_tenant_has_its_own(chain: Chain, other_chain: Chain, limit: Setting[int]) -> None:
    with tenant_scope(chain.id), unit_of_work() as session:
        settings.put(session, limit, 5)
    with tenant_scope(other_chain.id), unit_of_work() as session:
        assert settings.get(session, limit) == 10


def test_every_default_is_allowed() -> None:
    for setting in REGISTRY.values():
        assert setting.allowed(setting.default), setting.name
