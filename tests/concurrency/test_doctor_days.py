"""Two who edit one doctor's day at once: the second is told."""

from __future__ import annotations

import threading

import pytest
from flask import Flask

from engage.audit.services import OPERATOR
from engage.clinic import services
from engage.clinic.errors import DayChanged
from engage.clinic.rules import Period
from engage.clinic.services import periods
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain


@pytest.fixture
def scene(chain: Chain) -> Scene:
    return make_scene(chain)


@pytest.mark.parametrize("guarded", [True, False])
def test_of_two_who_save_one_day_at_once_the_second_is_told(
    app: Flask, scene: Scene, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The control keeps nobody out: then both find the day as they saw it, and both save."""
    store_id = scene.chain.store.id
    date = clock.local(scene.opens_at, scene.chain.store.zone).date()
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        seen = services.periods_of(session, scene.doctor_id, date, date)
    begun, looked = threading.Barrier(2), threading.Barrier(2)
    if not guarded:
        before = periods._check_seen

        def check(*arguments):
            before(*arguments)
            looked.wait(10)

        monkeypatch.setattr(periods, "_keep_others_out", lambda *_: None)
        monkeypatch.setattr(periods, "_check_seen", check)
    saved, told = [], []

    def save(begin: int) -> None:
        wanted = {date: [Period(begin, begin + 120, store_id, 30, 1)]}
        with app.app_context(), tenant_scope(scene.chain.id):
            begun.wait(10)
            try:
                with unit_of_work() as session:
                    services.set_days(
                        session,
                        scene.doctor_id,
                        wanted,
                        store_ids={store_id},
                        by=OPERATOR,
                        now=clock.now(),
                        seen=seen,
                    )
                saved.append(begin)
            except DayChanged as refusal:
                told.append([one.begin_minute for one in refusal.data["periods"]])

    threads = [threading.Thread(target=save, args=(begin,)) for begin in (540, 780)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        stands = [
            one.begin_minute
            for one in services.periods_of(session, scene.doctor_id, date, date).get(date, ())
        ]
    if guarded:
        assert (stands, told) == (saved, [saved])
        assert len(saved) == 1
    else:
        assert (sorted(saved), told) == ([540, 780], [])
