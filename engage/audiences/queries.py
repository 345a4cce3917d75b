"""Filters in SQL: the conditions that features export, combined to one statement.

Fans, tags, bindings and visits are read as they are at this moment; sex, region and month of birth from
`audience_person`, which follows charts and bindings by reactions.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from engage.audiences.filters import Filter, Span
from engage.audiences.models import AudiencePerson
from engage.chat import choosing as chat
from engage.fans import choosing as fans
from engage.kernel.db import Session
from engage.patients import choosing as patients
from engage.tenancy.rules import StoreScope

Condition = sa.ColumnElement[bool]


def matching(asked: Filter, *, scope: StoreScope | None = None, now: dt.datetime) -> sa.Select[int, int]:
    """Build the one statement of who is meant, as `fan_id` and `account_id`."""
    return fans.chosen(*conditions(asked, scope=scope, now=now))


def count(session: Session, asked: Filter, *, scope: StoreScope | None = None, now: dt.datetime) -> int:
    """Count who is meant, exactly; a million take a moment, so never in the request of a list."""
    these = matching(asked, scope=scope, now=now).subquery()
    return session.scalars(sa.select(sa.func.count()).select_from(these)).one()


def conditions(asked: Filter, *, scope: StoreScope | None = None, now: dt.datetime) -> tuple[Condition, ...]:
    """Give what must be true of a fan, as conditions for a statement of fans.

    `scope` are the stores whose fans may be seen; fans of no store are seen at all of them.
    """
    return (*_of_fan(asked, scope, now), *_of_people(asked), *_of_bindings(asked, now))


def _of_fan(asked: Filter, scope: StoreScope | None, now: dt.datetime) -> Iterator[Condition]:
    if scope is not None and not scope.everywhere:
        yield fans.seen_at_stores(scope.store_ids)
    if asked.following is not None:
        yield fans.follows(is_so=asked.following)
    if asked.account_id is not None:
        yield fans.of_account(asked.account_id)
    if asked.store_ids:
        yield fans.of_stores(asked.store_ids)
    if asked.consultant_ids:
        yield fans.of_consultants(asked.consultant_ids)
    if asked.agent_ids:
        yield fans.among(chat.of_agents(asked.agent_ids))
    yield from _of_source(asked)
    if asked.first_seen is not None:
        yield _within(asked.first_seen, fans.new_since(asked.first_seen.since(now)))
    if asked.contacted is not None:
        yield _within(asked.contacted, fans.seen_since(asked.contacted.since(now)))


def _of_source(asked: Filter) -> Iterator[Condition]:
    if asked.source_code_ids:
        yield fans.from_codes(asked.source_code_ids)
    if asked.referrer_ids:
        yield fans.sent_by(asked.referrer_ids)
    if asked.referred is not None:
        yield fans.was_sent(is_so=asked.referred)


def _within(span: Span, since: Condition) -> Condition:
    return since if span.when == "within" else ~since


def _of_people(asked: Filter) -> Iterator[Condition]:
    """What is asked of persons, and of tags.

    Where persons are asked of, tags are compared with their rows, which are narrow, and what is left with
    the wide rows of fans. The planner cannot turn that round by itself.
    """
    if not asked.asks_of_people:
        yield from _of_tags(asked)
        return
    person = AudiencePerson
    wished = (
        (person.sex, asked.sexes),
        (person.region, asked.regions),
        (person.birth_month, asked.birth_months),
    )
    asks = [column.in_(sorted(values)) for column, values in wished if values]
    yield fans.among(sa.select(person.fan_id).where(*asks, *_of_tags(asked, person.fan_id)))


def _of_tags(asked: Filter, *fan_id: Any) -> Iterator[Condition]:
    if asked.tags_any:
        yield fans.among(fans.tagged(asked.tags_any), *fan_id)
    for tag_id in sorted(asked.tags_all):
        yield fans.among(fans.tagged([tag_id]), *fan_id)
    if asked.tags_none:
        yield fans.not_among(fans.tagged(asked.tags_none), *fan_id)


def _of_bindings(asked: Filter, now: dt.datetime) -> Iterator[Condition]:
    if asked.bound is not None:
        yield fans.among(patients.bound()) if asked.bound else fans.not_among(patients.bound())
    if asked.visited is not None:
        yield from _of_visits(asked.visited, now)


def _of_visits(span: Span, now: dt.datetime) -> Iterator[Condition]:
    if span.when == "within":
        yield fans.among(patients.visited(span.since(now)))
        return
    if span.when == "before":
        yield fans.among(patients.visited())
    yield fans.not_among(patients.visited(span.since(now) if span.when == "before" else None))
