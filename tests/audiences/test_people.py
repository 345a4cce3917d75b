"""What is kept of people for audiences follows charts, bindings and profiles, once reactions have run."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engage.audiences import services
from engage.audiences.models import AudiencePerson
from engage.audit.services import OPERATOR
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import services as patients
from engage.patients.models import Patient
from engage.patients.services import NewChart, submissions
from tests.conftest import Chain
from tests.patients.scenes import People, make_people, prove
from workers import events

Kept = set[tuple[int, str, str, int]]

LINA = NewChart("李娜", sex="f", region="31", birth_date=dt.date(1990, 3, 8))


@pytest.fixture
def people(chain: Chain) -> Iterator[People]:
    made = make_people(chain)
    with tenant_scope(chain.id):
        yield made


def kept() -> Kept:
    columns = (AudiencePerson.fan_id, AudiencePerson.sex, AudiencePerson.region, AudiencePerson.birth_month)
    with unit_of_work() as session:
        return {tuple(row) for row in session.execute(sa.select(*columns))}


def make(new: NewChart) -> int:
    with unit_of_work() as session:
        return patients.create_chart(session, new, by=OPERATOR, now=clock.now()).id


def bind(fan_id: int, patient_id: int) -> None:
    with unit_of_work() as session:
        patients.bind(session, fan_id=fan_id, patient_id=patient_id, how="desk", by=OPERATOR, now=clock.now())


def unbind(fan_id: int, patient_id: int) -> None:
    with unit_of_work() as session:
        patients.unbind(session, fan_id=fan_id, patient_id=patient_id, by=OPERATOR, now=clock.now())


def change(patient_id: int, new: NewChart) -> None:
    with unit_of_work() as session:
        version = session.get_one(Patient, (session.tenant_id, patient_id)).version
        patients.change_chart(session, patient_id, new, version=version, by=OPERATOR, now=clock.now())


def hand_in(people: People, fan_id: int, **typed: str) -> None:
    with unit_of_work() as session:
        prove(session, fan_id, now=clock.now())
        submissions.submit(
            session, fan_id, typed, account_id=people.account_id, key=uuid.uuid4(), now=clock.now()
        )


def test_a_binding_and_its_end_are_followed(people: People) -> None:
    fan = people.fan_ids[0]
    chart = make(LINA)
    bind(fan, chart)
    assert kept() == set()  # until the reaction ran
    events.drain()
    assert kept() == {(fan, "f", "31", 3)}
    unbind(fan, chart)
    events.drain()
    assert kept() == set()


def test_of_a_family_each_person_is_kept_and_the_unknown_are_not(people: People) -> None:
    fan = people.fan_ids[0]
    for new in (LINA, NewChart("王小明", sex="m"), NewChart("王小红"), NewChart("王小刚", sex="m")):
        bind(fan, make(new))
    events.drain()
    assert kept() == {(fan, "f", "31", 3), (fan, "m", "", 0)}


def test_a_changed_chart_changes_all_who_speak_for_it(people: People) -> None:
    chart = make(LINA)
    for fan in people.fan_ids:
        bind(fan, chart)
    events.drain()
    change(chart, NewChart("李娜", sex="f", region="44"))
    events.drain()
    assert kept() == {(fan, "f", "44", 0) for fan in people.fan_ids}


def test_who_is_bound_to_nobody_counts_as_they_wrote_themselves(people: People) -> None:
    fan = people.fan_ids[0]
    hand_in(people, fan, name="李娜", sex="f", birth_date="1990-12-08")
    events.drain()
    assert kept() == {(fan, "f", "", 12)}
    bind(fan, make(NewChart("王小明", sex="m")))
    events.drain()
    assert kept() == {(fan, "m", "", 0)}


def test_what_was_missed_is_made_up_for_in_turns(people: People) -> None:
    """A chain that is older than the table, or whose events were lost: from one fan on to the next."""
    chart = make(LINA)
    for fan in people.fan_ids:
        bind(fan, chart)
    turns: list[int] = []
    while True:
        with unit_of_work() as session:
            turn = services.recompute_from(session, after=max(turns, default=0), limit=1)
        if not turn:
            break
        turns += turn
    assert turns == list(people.fan_ids)
    assert kept() == {(fan, "f", "31", 3) for fan in people.fan_ids}


def test_what_is_right_already_is_not_written_again(people: People) -> None:
    bind(people.fan_ids[0], make(LINA))
    events.drain()

    def at() -> object:
        with unit_of_work() as session:
            return session.execute(sa.text("select ctid, xmin from audience_person")).all()

    before = at()
    with unit_of_work() as session:
        services.recompute(session, people.fan_ids)
    assert at() == before


@dataclass
class Model:
    """What should be kept: charts by number, who speaks for whom."""

    charts: list[tuple[str, str, int]] = field(default_factory=list)
    bound: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def kept(self) -> Kept:
        return {
            (fan, *self.charts[chart])
            for fan, charts in self.bound.items()
            for chart in charts
            if self.charts[chart] != ("", "", 0)
        }


CHARTS = 3
told = st.tuples(st.sampled_from(["f", "m"]), st.sampled_from(["", "31", "44"]), st.sampled_from([0, 1, 12]))
acts = st.one_of(
    st.tuples(st.just("bind"), st.integers(0, 1), st.integers(0, CHARTS - 1)),
    st.tuples(st.just("unbind"), st.integers(0, 1), st.integers(0, CHARTS - 1)),
    st.tuples(st.just("change"), told, st.integers(0, CHARTS - 1)),
    st.just(("react", None, None)),
)


def chart_of(sex: str, region: str, month: int) -> NewChart:
    born = dt.date(1990, month, 1) if month else None
    return NewChart("某某", sex=sex, region=region or None, birth_date=born)


@given(st.lists(told, min_size=CHARTS, max_size=CHARTS), st.lists(acts, max_size=8))
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_reactions_end_with_the_truth(people: People, charts: list, done: list) -> None:
    ids = [make(chart_of(*one)) for one in charts]
    model = Model(list(charts))
    for act, what, which in done:
        if act == "react":
            events.drain()
        elif act == "change":
            change(ids[which], chart_of(*what))
            model.charts[which] = what
        elif act == "bind":
            bind(people.fan_ids[what], ids[which])
            model.bound[people.fan_ids[what]].add(which)
        else:
            unbind(people.fan_ids[what], ids[which])
            model.bound[people.fan_ids[what]].discard(which)
    events.drain()
    assert kept() == model.kept()
    for fan, bound in model.bound.items():
        for which in bound:
            unbind(fan, ids[which])
    events.drain()
    assert kept() == set()
