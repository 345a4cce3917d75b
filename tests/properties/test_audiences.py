"""Filters in SQL against the same filters in plain Python, on random small worlds."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engage.audiences import queries, services
from engage.audiences.filters import Facts, Filter, Person, Span, holds
from engage.audit.services import OPERATOR
from engage.chat.models import Conversation
from engage.fans.models import Fan, FanTag, Tag, TagGroup
from engage.kernel.db import Session
from engage.patients.models import Binding, Patient, PatientFact, ProfileSubmission
from engage.tenancy import services as tenancy
from engage.tenancy.rules import Grant, StoreScope
from engage.tenancy.services import StaffDetails
from tests.campaigns.scenes import Town, settle_town
from tests.conftest import Chain

NOW = dt.datetime(2026, 11, 22, 16, 30, tzinfo=dt.UTC)
TAGS, SEXES, REGIONS, MONTHS, CODES = 3, ("f", "m"), ("31", "32", "44"), (1, 2, 12), (70, 71)
# Some lie to the moment where a span ends.
AGES = (0.5, 6.9, 7, 7.1, 30, 45)
SPANS = [Span(when, days) for when in ("within", "before") for days in (7, 30)]  # type: ignore[arg-type]

_numbers = itertools.count(1)


@pytest.fixture
def town(chain: Chain) -> Town:
    return settle_town(chain, followers=0)


def ago(days: float) -> dt.datetime:
    return NOW - dt.timedelta(days=days)


ages = st.sampled_from(AGES).map(ago)
persons = st.builds(
    Person,
    st.none() | st.sampled_from(SEXES),
    st.none() | st.sampled_from(REGIONS),
    st.none() | st.sampled_from(MONTHS),
)
# Charts of a fan: who, when here last, whether bound still.
charts = st.lists(st.tuples(persons, st.none() | ages, st.booleans()), max_size=2)
fans = st.fixed_dictionaries(
    {
        "account": st.integers(0, 1),
        "following": st.booleans(),
        "first_seen_at": ages,
        "last_seen_at": ages,
        "at_store": st.booleans(),
        "source_code_id": st.none() | st.sampled_from(CODES),
        "has_agent": st.none() | st.booleans(),
        "sent_by": st.none() | st.integers(0, 1),
        "tags": st.frozensets(st.integers(0, TAGS - 1)),
        "charts": charts,
        "profile": st.none() | persons,
    }
)
some_tags = st.frozensets(st.integers(0, TAGS - 1), max_size=2)
WISHES = {
    "tags_any": some_tags,
    "tags_all": some_tags,
    "tags_none": some_tags,
    "sexes": st.frozensets(st.sampled_from(SEXES)),
    "regions": st.frozensets(st.sampled_from(REGIONS), max_size=2),
    "birth_months": st.frozensets(st.sampled_from(MONTHS), max_size=2),
    "source_code_ids": st.frozensets(st.sampled_from(CODES)),
    "has_agent": st.just(True),
    "referrers": st.frozensets(st.integers(0, 1)),
    "referred": st.booleans(),
    "contacted": st.sampled_from(SPANS),
    "first_seen": st.sampled_from(SPANS),
    "visited": st.sampled_from([*SPANS, Span("never")]),
    "bound": st.booleans(),
    "following": st.none() | st.booleans(),
    "account": st.integers(0, 1),
    "at_store": st.just(True),
}
# Few at a time, for what asks for everything means nobody.
asked_filters = st.frozensets(st.sampled_from(sorted(WISHES)), max_size=3).flatmap(
    lambda names: st.fixed_dictionaries({name: WISHES[name] for name in sorted(names)})
)


def born(month: int | None) -> dt.date | None:
    return dt.date(1990, month, 28) if month else None


class World:
    """Fans written to the database, and what is known of each."""

    def __init__(self, session: Session, town: Town) -> None:
        self.session, self.town = session, town
        session.execute(sa.delete(Fan))  # the town's own
        group = TagGroup(name=f"Group {next(_numbers)}", position=1, version=1)
        session.add(group)
        session.flush()
        made = [Tag(group_id=group.id, name=f"Tag {n}", position=n, version=1) for n in range(TAGS)]
        session.add_all(made)
        session.flush()
        self.tags = [tag.id for tag in made]
        agent = StaffDetails(f"agent{next(_numbers)}", "小林", "zh_Hans", frozenset({Grant("agent", None)}))
        self.agent_id = tenancy.create_staff(
            session, agent, password_hash="none", one_time=False, by=OPERATOR, now=NOW
        ).id
        self.facts: list[Facts] = []

    def add(self, one: dict[str, Any]) -> None:
        """Write a fan down, with tags, charts and a profile that waits."""
        has = frozenset(self.tags[number] for number in one["tags"])
        fan = Fan(
            account_id=self.town.account_ids[one["account"]],
            openid=f"o-{next(_numbers)}",
            following=one["following"],
            first_seen_at=one["first_seen_at"],
            last_seen_at=one["last_seen_at"],
            store_id=self.town.chain.store.id if one["at_store"] else None,
            source_code_id=one["source_code_id"],
            referrer_fan_id=self._referrer(one["sent_by"]),
        )
        self.session.add(fan)
        self.session.flush()
        agent_id = self.agent_id if one["has_agent"] else None
        if one["has_agent"] is not None:  # else they never wrote
            self._talk(fan, agent_id)
        self.session.add_all(FanTag(tag_id=tag_id, fan_id=fan.id, added_at=NOW, how="hand") for tag_id in has)
        live = [(person, came) for person, came, is_bound in one["charts"] if is_bound]
        for person, came, is_bound in one["charts"]:
            self._chart(fan.id, person, came, is_bound=is_bound)
        if one["profile"]:
            self._profile(fan, one["profile"])
        handed_in = (one["profile"],) if one["profile"] else ()
        self.facts.append(
            Facts(
                fan_id=fan.id,
                account_id=fan.account_id,
                following=fan.following,
                first_seen_at=fan.first_seen_at,
                last_seen_at=fan.last_seen_at,
                visited_at=max((came for _person, came in live if came), default=None),
                store_id=fan.store_id,
                agent_id=agent_id,
                source_code_id=fan.source_code_id,
                referrer_id=fan.referrer_fan_id,
                tags=has,
                bound=bool(live),
                people=tuple(person for person, _came in live) or handed_in,
            )
        )

    def read(self, asked: dict[str, Any]) -> Filter:
        """Give a filter in the ids of this world."""
        wished = dict(asked)
        for name in {"tags_any", "tags_all", "tags_none"} & wished.keys():
            wished[name] = frozenset(self.tags[number] for number in wished[name])
        if "account" in wished:
            wished["account_id"] = self.town.account_ids[wished.pop("account")]
        if wished.pop("at_store", False):
            wished["store_ids"] = frozenset({self.town.chain.store.id})
        if wished.pop("has_agent", False):
            wished["agent_ids"] = frozenset({self.agent_id})
        if "referrers" in wished:
            asked_for = map(self._referrer, wished.pop("referrers"))
            wished["referrer_ids"] = frozenset(one for one in asked_for if one is not None)
        return Filter(**wished)

    def found(self, asked: Filter, scope: StoreScope | None = None) -> set[int]:
        """Give who the statement finds."""
        return {row.fan_id for row in self.session.execute(queries.matching(asked, scope=scope, now=NOW))}

    def meant(self, asked: Filter) -> set[int]:
        """Give who is meant by plain Python."""
        return {one.fan_id for one in self.facts if holds(asked, one, now=NOW)}

    def _referrer(self, number: int | None) -> int | None:
        """Give one of the first two fans of this world, if they are there yet."""
        return self.facts[number].fan_id if number is not None and number < len(self.facts) else None

    def _talk(self, fan: Fan, agent_id: int | None) -> None:
        self.session.add(
            Conversation(
                account_id=fan.account_id,
                fan_id=fan.id,
                seq=0,
                touched_at=NOW,
                last_at=NOW,
                last_in_seq=0,
                answered_seq=0,
                window_left=0,
                dedicated_staff_id=agent_id,
            )
        )

    def _chart(self, fan_id: int, person: Person, came: dt.datetime | None, *, is_bound: bool) -> None:
        chart = Patient(
            number=next(_numbers),
            name="某某",
            sex=person.sex,
            region=person.region,
            birth_date=born(person.birth_month),
            source="wechat",
            memo="",
            created_at=NOW,
            version=1,
        )
        self.session.add(chart)
        self.session.flush()
        self.session.add(
            Binding(
                fan_id=fan_id,
                patient_id=chart.id,
                how="desk",
                bound_at=ago(60),
                unbound_at=None if is_bound else ago(1),
            )
        )
        self.session.add(
            PatientFact(patient_id=chart.id, first_visit_at=came, last_visit_at=came, visits=int(bool(came)))
        )

    def _profile(self, fan: Fan, person: Person) -> None:
        answers = {"name": "某某", "sex": person.sex, "region": person.region}
        if day := born(person.birth_month):
            answers["birth_date"] = day.isoformat()
        self.session.add(
            ProfileSubmission(
                fan_id=fan.id,
                account_id=fan.account_id,
                key=uuid.uuid4(),
                form_version=0,
                data=json.dumps({name: text for name, text in answers.items() if text}),
                state="waiting",
                version=1,
                submitted_at=NOW,
            )
        )


@given(st.lists(fans, max_size=8), st.lists(asked_filters, min_size=4, max_size=10))
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_statement_finds_whom_plain_python_means(
    session: Session, town: Town, people: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    with session.begin_nested() as world_ends:
        world = World(session, town)
        for one in people:
            world.add(one)
        session.flush()
        services.recompute(session, [one.fan_id for one in world.facts])
        for wish in map(world.read, asked):
            assert world.found(wish) == world.meant(wish)
            assert queries.count(session, wish, now=NOW) == len(world.meant(wish))
            here = StoreScope(everywhere=False, store_ids=frozenset({town.chain.store.id}))
            assert world.found(wish, here) == world.meant(wish)
            elsewhere = replace(here, store_ids=frozenset())
            nobodys = {one.fan_id for one in world.facts if one.store_id is None}
            assert world.found(wish, elsewhere) == world.meant(wish) & nobodys
        world_ends.rollback()
        session.expunge_all()
