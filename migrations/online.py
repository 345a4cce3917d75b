"""Indexes and constraints of tables that are written to meanwhile.

For use in `autocommit_block`, where nothing is rolled back: each step can be repeated after any
failure, since it looks for what an earlier run left.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op


def create_index_online(
    name: str,
    table: str,
    columns: Sequence[str],
    *,
    unique: bool = False,
    where: str | None = None,
    include: Sequence[str] = (),
) -> None:
    """Build an index; one that a failed build left invalid is built again."""
    is_valid = op.get_bind().scalar(
        sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"), {"name": name}
    )
    if is_valid is False:
        drop_index_online(name, table)
    if not is_valid:
        op.create_index(
            name,
            table,
            columns,
            unique=unique,
            postgresql_where=sa.text(where) if where else None,
            postgresql_include=list(include) or None,
            postgresql_concurrently=True,
        )


def drop_index_online(name: str, table: str) -> None:
    """Drop an index that is there, valid or not."""
    op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


def create_unique_online(name: str, table: str, columns: Sequence[str]) -> None:
    """Make columns unique by an index of the constraint's name, built before."""
    if not _has_constraint(name, table):
        create_index_online(name, table, columns, unique=True)
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}")


def create_check_online(name: str, table: str, condition: str) -> None:
    """Demand a condition of new rows, then look at the others while they are written to."""
    if not _has_constraint(name, table):
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def replace_check_online(name: str, table: str, condition: str) -> None:
    """Demand another condition under a constraint's name; until it holds, the one before does."""
    create_check_online(f"{name}_next", table, condition)
    op.drop_constraint(name, table, if_exists=True)
    op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {name}_next TO {name}")


def _has_constraint(name: str, table: str) -> bool:
    found = sa.text("SELECT 1 FROM pg_constraint WHERE conname = :name AND conrelid = to_regclass(:table)")
    return op.get_bind().scalar(found, {"name": name, "table": table}) is not None
