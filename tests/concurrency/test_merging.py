"""Charts that are merged by two at once; without the guard, each ends in the other."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.booking import services as booking
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.patients import queries as patients
from engage.patients.errors import ChartMoved
from engage.patients.models import Patient
from engage.patients.services import NewChart, create_chart
from engage.privacy import services
from engage.privacy.errors import AlreadyMerged
from engage.privacy.models import PrivacyTask
from engage.privacy.services import merging
from tests.booking.scenes import Scene, make_scene
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain
from tests.privacy.scenes import merge
from workers import events

Call = Callable[[Session], str]


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain, per_slot=8)


def charts(scene: Scene) -> tuple[int, int]:
    """Make two charts of one person."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        new = NewChart(name="王小红", phone="13800001234", source="desk")
        one, two = (create_chart(session, new, by=OPERATOR, now=clock.now()).id for _ in range(2))
    return one, two


def merging_call(keep_id: int, drop_id: int) -> Call:
    """Merge as somebody does who looked at both before."""

    def call(session: Session) -> str:
        merge_as_shown(session, keep_id, drop_id)
        return "merged"

    return call


def merge_as_shown(session: Session, keep_id: int, drop_id: int) -> None:
    """Merge by the versions that both had at first."""
    services.merge(session, keep_id, drop_id, taken=(), versions=(1, 1), by=OPERATOR, now=clock.now())


def ends(scene: Scene, *patient_ids: int) -> list[int | None]:
    """Give into which chart each was merged."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return [patients.patient(session, patient_id).merged_into_id for patient_id in patient_ids]


def test_of_two_who_merge_both_ways_at_once_one_wins_and_the_other_is_told(app: Flask, scene: Scene) -> None:
    one, two = charts(scene)
    results = race(app, scene.chain.id, [merging_call(one, two), merging_call(two, one)])
    assert sorted(str(type(result).__name__) for result in results) == [AlreadyMerged.__name__, "str"]
    assert sorted(ends(scene, one, two), key=str) in ([one, None], [two, None])


def test_twenty_taps_merge_once(app: Flask, scene: Scene) -> None:
    one, two = charts(scene)
    results = race(app, scene.chain.id, [merging_call(one, two)] * 20)
    assert results.count("merged") == 1
    assert sum(isinstance(result, AlreadyMerged) for result in results) == 19


def test_control_without_the_lock_each_ends_in_the_other(
    app: Flask, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = charts(scene)
    read = threading.Barrier(2)

    def both_unlocked(session: Session, one_id: int, other_id: int) -> dict[int, Patient]:
        found = {chart.id: chart for chart in session.scalars(sa.select(Patient))}
        read.wait(WAIT)
        return {one_id: found[one_id], other_id: found[other_id]}

    monkeypatch.setattr(merging.booking_services, "hold_patients", lambda *_: None)
    monkeypatch.setattr(merging.merging, "both", both_unlocked)
    monkeypatch.setattr(merging, "_recompute", lambda *_, **__: None)
    monkeypatch.setattr(merging, "_move", lambda *_: None)
    monkeypatch.setattr(merging.merging.charts, "refresh_terms", lambda *_, **__: None)
    race(app, scene.chain.id, [merging_call(one, two), merging_call(two, one)])
    assert ends(scene, one, two) == [two, one]


def test_visits_booked_for_a_chart_while_it_is_merged_end_at_the_one_that_stays(
    app: Flask, scene: Scene
) -> None:
    one, two = charts(scene)

    def booked(slot: int) -> Call:
        def call(session: Session) -> str:
            wish = scene.wish(slot=slot, patient_id=two, fan_id=None)
            booking.book(session, wish, by=OPERATOR, now=clock.now())
            return "booked"

        return call

    results = race(app, scene.chain.id, [merging_call(one, two), *map(booked, range(6))])
    made = results.count("booked")
    moved = sum(isinstance(result, ChartMoved) for result in results)  # the merge was done before
    assert made + moved == 6
    with tenant_scope(scene.chain.id):
        if "merged" not in results:  # its version was right, so only a crossing of locks can have ended it
            with unit_of_work() as session:
                merge(session, one, two)
        events.drain()
        with unit_of_work() as session:
            of = sa.text("select count(*) from appointment where patient_id = :id")
            assert [session.scalar(of, {"id": patient_id}) for patient_id in (one, two)] == [made, 0]


def test_one_erasure_is_asked_for_by_many_at_once(app: Flask, scene: Scene) -> None:
    one, _ = charts(scene)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        number = str(patients.patient(session, one).number)

    def call(session: Session) -> str:
        services.ask_erasure(session, one, typed=number, by=OPERATOR, now=clock.now())
        return "asked"

    assert race(app, scene.chain.id, [call] * 8) == ["asked"] * 8
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(PrivacyTask)) == 1
