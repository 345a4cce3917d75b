"""The wall around a tenant's rows: row-level security and what the application may do (design §3.1)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

TENANT = "nullif(current_setting('engage.tenant_id', true), '')::bigint"


def wall(table: str, *, column: str = "tenant_id", may: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
    """Let engage_app see and write the current tenant's rows of a table alone."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    mine = f"{column} = {TENANT}"
    op.execute(f"CREATE POLICY tenant_wall ON {table} TO engage_app USING ({mine}) WITH CHECK ({mine})")
    op.execute(f"GRANT {may} ON {table} TO engage_app")


def wall_for_planning(table: str) -> None:
    """Let a wall's condition be asked as a subquery, of which the planner guesses an average tenant.

    What runs past a session, as the callback's statement does, is planned before its tenant is told. A plain
    condition then counts as one that no row meets, any index that begins with the tenant looks free, and a
    look-up reads all of a tenant's rows. A subquery is asked once per statement, when it is needed first.
    """
    mine = f"tenant_id = (SELECT {TENANT})"
    op.execute(f"ALTER POLICY tenant_wall ON {table} USING ({mine}) WITH CHECK ({mine})")


def plain_wall(table: str) -> None:
    """Take `wall_for_planning` back."""
    mine = f"tenant_id = {TENANT}"
    op.execute(f"ALTER POLICY tenant_wall ON {table} USING ({mine}) WITH CHECK ({mine})")


def owner_column() -> sa.Column[int]:
    """Give the column that says whose row it is; the database fills it from the scope."""
    return sa.Column(
        "tenant_id", sa.BigInteger(), server_default=sa.text(TENANT), autoincrement=False, nullable=False
    )
