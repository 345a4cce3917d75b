"""The first wall: what the session lets the program ask."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from engage.kernel.db import Model, NoTenantScope, TenantOwned, tenant_scope, unit_of_work
from tests.conftest import Chain

OWNED = sorted(
    (mapper.class_ for mapper in Model.registry.mappers if issubclass(mapper.class_, TenantOwned)),
    key=lambda owned: owned.__name__,
)


@pytest.mark.parametrize("model", OWNED)
def test_no_statement_without_a_scope(chain: Chain, model: type) -> None:
    with unit_of_work() as session:
        for statement in (
            sa.select(model),
            sa.select(sa.func.count()).select_from(model),
            sa.select(sa.exists().where(model.tenant_id == chain.id)),
            sa.insert(model),
            sa.update(model).values(tenant_id=chain.id),
            sa.delete(model),
        ):
            with pytest.raises(NoTenantScope):
                session.execute(statement)


@pytest.mark.parametrize("model", OWNED)
def test_statements_name_the_tenant(chain: Chain, model: type) -> None:
    """Even without the database's wall the row of another tenant would not be asked for."""
    asked = []
    with tenant_scope(chain.id), unit_of_work() as session:
        connection = session.connection()
        sa.event.listen(
            connection, "before_cursor_execute", lambda _c, _k, text, values, *_: asked.append((text, values))
        )
        session.execute(sa.select(model)).all()
    ((text, values),) = asked
    assert "tenant_id = " in text
    assert chain.id in dict(values).values()


def test_one_request_serves_one_tenant(chain: Chain, other_chain: Chain) -> None:
    with tenant_scope(chain.id):
        with tenant_scope(chain.id):
            pass
        with pytest.raises(RuntimeError, match="one tenant"), tenant_scope(other_chain.id):
            pass
