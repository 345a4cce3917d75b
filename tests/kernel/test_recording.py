"""Events recorded within one statement, and what handlers are told of each event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa

from engage.kernel import db as db_module
from engage.kernel import outbox
from engage.kernel.db import SCOPE, run_alone, unit_of_work
from engage.kernel.due import Due
from engage.kernel.outbox import OutboxRow, UnknownEvent
from engage.reactions import HANDLERS
from tests.conftest import Chain

NOW = dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC)

_SEVEN = sa.select(sa.literal_column("7").label("seven")).select_from(SCOPE).cte("happened")
STATEMENT = sa.select(_SEVEN.c.seven).add_cte(*outbox.recording(_SEVEN, number=_SEVEN.c.seven))

told: list[Mapping[str, Any]] = []


def first(_session: object, payload: Mapping[str, Any], *, now: object) -> None:
    """Remember what was told."""
    told.append(payload)


def second(_session: object, payload: Mapping[str, Any], *, now: object) -> None:
    """Remember it too."""
    told.append(payload)


@pytest.fixture(autouse=True)
def _handlers(scope: Chain) -> Iterator[None]:
    outbox.register({"test.heard": (first, second), "test.unheard": ()})
    told.clear()
    yield
    outbox.register(HANDLERS)


def count(chain: Chain) -> tuple[int, int]:
    """Give how many rows and marks there are."""
    with unit_of_work() as session:
        rows = session.scalar(sa.select(sa.func.count(OutboxRow.id)))
        marks = session.scalar(sa.select(sa.func.count(Due.id)).where(Due.tenant_id == chain.id))
        return rows or 0, marks or 0


@pytest.mark.parametrize(("event", "rows", "marks"), [("test.heard", 2, 1), ("test.unheard", 0, 0)])
def test_a_statement_records_a_row_per_handler_and_one_mark(
    scope: Chain, event: str, rows: int, marks: int
) -> None:
    assert run_alone(STATEMENT, outbox.values_of(event, now=NOW, more="words")) == 7
    assert count(scope) == (rows, marks)


def test_a_handler_is_told_the_event_its_id_and_when_it_was_recorded() -> None:
    run_alone(STATEMENT, outbox.values_of("test.heard", now=NOW, more="words"))
    with unit_of_work() as session:
        claimed = outbox.claim(session, now=NOW)
    with unit_of_work() as session:
        assert outbox.work(session, claimed, now=NOW).done == 2
        (event_id,) = session.scalars(sa.select(OutboxRow.event_id).distinct())
    stored = {"number": 7, "more": "words"}
    assert told == [{"event": "test.heard", "event_id": str(event_id), "at": NOW.isoformat(), **stored}] * 2


def test_an_event_that_knows_when_it_happened_says_so() -> None:
    with unit_of_work() as session:
        outbox.record(session, "test.heard", now=NOW, at="2026-11-21T08:00:00+00:00")
        session.info.pop("rings")
        claimed = outbox.claim(session, now=NOW)
        outbox.work(session, claimed, now=NOW)
    assert [payload["at"] for payload in told] == ["2026-11-21T08:00:00+00:00"] * 2


def test_an_event_that_nobody_lists_is_refused() -> None:
    with pytest.raises(UnknownEvent):
        outbox.values_of("test.unknown", now=NOW)


def test_a_statement_of_names_is_written_with_places() -> None:
    placed = db_module._placed("SELECT %(a)s, %(b)s::TEXT, %(a)s, '100%%'")
    assert placed == (b"SELECT $1, $2::TEXT, $1, '100%'", ("a", "b"))
