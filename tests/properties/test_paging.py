"""Keyset pages: one after another they are the whole list, each row once, in order."""

from __future__ import annotations

import base64
import datetime as dt
import json
import string

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engage.kernel import paging
from engage.kernel.db import Session
from engage.kernel.due import Due
from engage.kernel.errors import Malformed
from engage.kernel.paging import Keyset

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)

# Few times, so that many rows have the same.
TIMES = st.lists(st.integers(0, 3).map(lambda hours: NOW + dt.timedelta(hours=hours)), max_size=25)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(times=TIMES, size=st.integers(1, 8), descending=st.booleans())
def test_the_pages_are_the_whole_list(
    session: Session, times: list[dt.datetime], size: int, descending: bool
) -> None:
    with session.begin_nested() as savepoint:
        if times:
            session.execute(
                sa.insert(Due),
                [{"tenant_id": session.tenant_id, "queue": "test-queue", "at": at} for at in times],
            )
        keyset = Keyset((Due.at, Due.id), descending=descending)
        all_rows = sa.select(Due).where(Due.tenant_id == session.tenant_id)
        found, cursor, pages = [], None, 0
        while pages == 0 or cursor:
            page = keyset.page(session.scalars(keyset.statement(all_rows, cursor, size)).all(), size)
            assert len(page.items) <= size
            assert page.next is None or len(page.items) == size
            found += [(row.at, row.id) for row in page.items]
            cursor, pages = page.next, pages + 1
            assert pages <= len(times) + 1
        assert found == sorted(found, reverse=descending)
        assert len(set(found)) == len(found) == len(times)
        assert [at for at, _id in found] == sorted(times, reverse=descending)
        assert pages == max(1, -(-len(times) // size))
        savepoint.rollback()


VALUES = st.lists(
    st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.text(),
        st.datetimes(timezones=st.just(dt.UTC)),
        st.none(),
        st.booleans(),
    )
)


@given(values=VALUES)
def test_a_cursor_says_where_it_was(values: list[object]) -> None:
    cursor = paging.encode(values)
    assert paging.decode(cursor) == values
    assert set(cursor) <= set(string.ascii_letters + string.digits + "-_")


@given(cursor=st.text(max_size=60))
def test_a_cursor_that_was_made_up_is_refused_or_read(cursor: str) -> None:
    """It may break nothing else."""
    try:
        paging.decode(cursor)
    except Malformed:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.just("at") | st.text(), inner),
    max_leaves=8,
)
KEYSET = Keyset((Due.at, Due.id))


@given(document=JSON)
def test_a_cursor_of_another_shape_is_refused(document: object) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(document).encode()).decode()
    with pytest.raises(Malformed):
        KEYSET.statement(sa.select(Due), cursor, 10)


def test_a_cursor_that_is_too_deep_is_refused() -> None:
    with pytest.raises(Malformed):
        paging.decode(base64.urlsafe_b64encode(b"[" * 100_000).decode())


@pytest.mark.parametrize("values", [[NOW], [1, 2], [NOW, "1"], [NOW, True], [NOW, None], [NOW, 1, 2]])
def test_a_cursor_of_another_list_is_refused(values: list[object]) -> None:
    with pytest.raises(Malformed):
        KEYSET.statement(sa.select(Due), paging.encode(values), 10)


def test_its_own_cursor_is_taken() -> None:
    statement = KEYSET.statement(sa.select(Due), paging.encode([NOW, 1]), 10)
    assert " > " in str(statement)
