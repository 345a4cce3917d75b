"""One statement past the session reads what the tenant in scope may see, whatever PostgreSQL plans."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from engage.clinic.models import Store
from engage.kernel.db import BRIEF, NoTenantScope, db, read_alone, scoped, tenant_scope
from tests.conftest import Chain

STORE = Store.__table__
ALL = scoped(sa.select(sa.func.count().label("stores")).select_from(STORE))
ONE = scoped(sa.select(STORE.c.id, STORE.c.name).where(STORE.c.id == sa.bindparam("store_id")))


@pytest.fixture
def plans() -> Iterator[sa.Connection]:
    """The one connection that is used, so that what it is forbidden holds."""
    db.engines[BRIEF].dispose()
    with db.engines[BRIEF].connect() as connection:
        yield connection
    db.engines[BRIEF].dispose()


@pytest.mark.parametrize("forbidden", ["", "enable_nestloop", "enable_hashjoin", "enable_material"])
def test_the_tenant_is_told_before_anything_is_read(
    scope: Chain, plans: sa.Connection, forbidden: str
) -> None:
    if forbidden:
        plans.exec_driver_sql(f"set {forbidden} = off")
    plans.close()
    found = read_alone(ONE, {"store_id": scope.store.id})
    assert found is not None
    assert (found.id, found.name) == (scope.store.id, scope.store.name)
    assert read_alone(ALL, {}).stores == 1


def test_nobody_elses_rows_are_read(chain: Chain, other_chain: Chain) -> None:
    with tenant_scope(chain.id):
        assert read_alone(ONE, {"store_id": other_chain.store.id}) is None
    with tenant_scope(other_chain.id):
        assert read_alone(ONE, {"store_id": other_chain.store.id}).id == other_chain.store.id


def test_without_a_scope_it_is_refused(chain: Chain) -> None:
    with pytest.raises(NoTenantScope):
        read_alone(ONE, {"store_id": chain.store.id})
