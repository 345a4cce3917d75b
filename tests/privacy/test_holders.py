"""Every table that keeps something of a person is in the list that merging, copies and erasure read."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import sqlalchemy as sa

import engage.app  # noqa: F401 loads every model
from engage.kernel import clock
from engage.kernel.db import db
from engage.kernel.people import Kept
from engage.kernel.sealing import Sealed
from engage.privacy.holders import HOLDERS, everything

# Whoever refers to one of these keeps something of a person.
PERSONS = {"patient", "fan", "conversation"}
# A column of such a name means a person, also without a foreign key.
NAMED = re.compile(r"(^|_)(patient_id|fan_id|openid|unionid|conversation_id)$")
# A column of such a name holds a key of `kernel.files`.
FILES = re.compile(r"(^|_)(file|avatar|picture|image|logo|photo)$")
TABLES = {table.name: table for table in db.metadata.sorted_tables}
KEPT = {kept.table: kept for kept in everything()}


def columns_of_people(table: sa.Table) -> set[str]:
    """Give the columns that name a person."""
    named = {column.name for column in table.columns if NAMED.search(column.name)}
    for key in table.foreign_key_constraints:
        if key.referred_table.name in PERSONS:
            named |= {element.parent.name for element in key.elements} - {"tenant_id"}
    return named


PEOPLES = {name: found for name, table in TABLES.items() if (found := columns_of_people(table))}


@pytest.mark.parametrize("table", sorted(PEOPLES.keys() | PERSONS))
def test_a_table_that_names_people_is_kept_by_one_holder_with_all_its_columns(table: str) -> None:
    assert table in KEPT, f"{table} names people: list it in a people.py (ADR 0015)"
    assert PEOPLES.get(table, set()) <= set(KEPT[table].columns)


def test_each_table_is_kept_once_and_each_feature_listed_once() -> None:
    assert [name for name, count in Counter(kept.table for kept in everything()).items() if count > 1] == []
    assert len({holder.name for holder in HOLDERS}) == len(HOLDERS)


@pytest.mark.parametrize("kept", list(everything()), ids=lambda kept: kept.table)
def test_a_holder_speaks_of_columns_that_exist(kept: Kept) -> None:
    columns = set(TABLES[kept.table].columns.keys())
    emptied = kept.emptied(clock.now()) if kept.emptied else {}
    assert {*kept.columns, *kept.shown, *emptied, *filter(None, [kept.file])} <= columns
    assert set(kept.words) <= set(kept.shown)


def test_each_column_that_names_a_file_is_known_so_that_no_file_in_use_is_removed() -> None:
    known = {column.class_.__table__.c[column.key] for holder in HOLDERS for column in holder.file_columns()}
    files = {
        column
        for table in TABLES.values()
        for column in table.columns
        if FILES.search(column.name) and isinstance(column.type, sa.Text | sa.String)
    }
    assert files - known == set()


@pytest.mark.parametrize("kept", list(everything()), ids=lambda kept: kept.table)
def test_what_is_encrypted_is_emptied_or_goes_with_its_row(kept: Kept) -> None:
    sealed = {column.name for column in TABLES[kept.table].columns if isinstance(column.type, Sealed)}
    emptied = kept.emptied(clock.now()) if kept.emptied else {}
    assert kept.removed or sealed <= set(emptied)


@pytest.mark.parametrize("kept", list(everything()), ids=lambda kept: kept.table)
def test_what_names_a_chart_moves_with_it_or_says_why_not(kept: Kept) -> None:
    table = TABLES[kept.table]
    names_a_chart = any(key.referred_table.name == "patient" for key in table.foreign_key_constraints)
    assert (kept.move is not None) == names_a_chart or kept.table in STAYS


# Rows that stay with the chart that goes: what was done with it.
STAYS = {"privacy_task"}
