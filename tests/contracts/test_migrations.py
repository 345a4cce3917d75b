"""The schema: one numbered line of revisions, both directions, equal to the models."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

import engage.app  # noqa: F401 loads every model
from engage.kernel import embedded, migrations
from engage.kernel.db import db
from engage.kernel.embedded import Database

SHAPE = """
    select format('%s.%s %s %s', table_name, column_name, data_type, is_nullable)
      from information_schema.columns where table_schema = 'public'
    union all select indexdef from pg_indexes where schemaname = 'public'
    union all select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
      from pg_constraint where connamespace = 'public'::regnamespace
    union all select format('%s %s %s %s', tablename, policyname, qual, with_check) from pg_policies
    union all select format('%s %s', oid::regclass, relacl)
      from pg_class where relnamespace = 'public'::regnamespace
"""


@pytest.fixture
def empty(servers: embedded.Servers) -> Database:
    """A database without a table."""
    return servers.create_database("migrations")


def line() -> list[str]:
    """Give the revisions, first to last."""
    script = ScriptDirectory.from_config(migrations.alembic_config())
    return [revision.revision for revision in script.walk_revisions()][::-1]


def query(database: Database, statement: str) -> Iterator[str]:
    with psycopg.connect(database.owner_url.replace("+psycopg", "")) as connection:
        yield from (value for (value,) in connection.execute(statement).fetchall())


def shape(database: Database) -> set[str]:
    """Describe what a migration makes: columns, indexes, constraints, walls, permissions."""
    return {row for row in query(database, SHAPE) if "alembic" not in row}


def test_revisions_are_one_numbered_line() -> None:
    script = ScriptDirectory.from_config(migrations.alembic_config())
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1
    for number, revision in enumerate(line(), start=1):
        assert re.fullmatch(rf"{number:04}_[a-z0-9_]+", revision)
        found = script.get_revision(revision)
        assert found.path.endswith(f"{revision}.py")
        assert not found.is_merge_point
        assert not found.is_branch_point


def test_every_revision_goes_up_down_and_up_again(empty: Database) -> None:
    shapes = [shape(empty)]
    for revision in line():
        migrations.upgrade(empty.owner_url, revision)
        shapes.append(shape(empty))
    assert len(shapes) == len(line()) + 1
    for below, before in zip([*line()[-2::-1], "base"], shapes[-2::-1], strict=True):
        migrations.downgrade(empty.owner_url, below)
        assert shape(empty) == before
    migrations.upgrade(empty.owner_url)
    assert shape(empty) == shapes[-1]


def test_models_and_head_agree(database: Database) -> None:
    migrations.check(database.owner_url, db.metadata)


def test_the_tables_of_the_models_are_the_tables_of_the_database(database: Database) -> None:
    engine = sa.create_engine(database.owner_url)
    found = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    assert found - {"alembic_version"} == set(db.metadata.tables)


def test_migrations_stand_alone(root) -> None:
    """A migration that imported models would change with them."""
    for file in (root / "migrations").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) (engage|workers)", file.read_text(), re.MULTILINE), file
