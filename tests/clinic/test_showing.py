"""What a store needs to be shown, its pictures, and how far away it is (ST-5)."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.clinic import queries, services, showing
from engage.clinic.errors import TooManyPictures
from engage.clinic.models import StorePicture
from engage.clinic.services import Picture
from engage.clinic.showing import Point, metres, nearest_first, point
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotFound

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
TOLD = {"by": OPERATOR, "now": NOW}

XUHUI, PUDONG, BERLIN = Point(31.1955, 121.4372), Point(31.2397, 121.4998), Point(52.52, 13.405)


def photo(number: int) -> Picture:
    return Picture(f"{number:064x}", 600, 400)


@pytest.fixture
def store(session, scope):
    told = {"name": "新店", "short_name": "新店", "address": "一号", "zone": "Asia/Shanghai", "position": 9}
    return services.create_store(session, slug="new", **told, **TOLD)


@pytest.mark.parametrize(
    ("one", "other", "about", "within"),
    [
        (XUHUI, XUHUI, 0, 0.001),
        (XUHUI, PUDONG, 7_720, 30),
        (XUHUI, BERLIN, 8_408_000, 30_000),
        (Point(0, 179.999), Point(0, -179.999), 222, 1),  # across the date line
        (Point(90, 0), Point(-90, 0), 20_015_115, 1),  # from pole to pole
    ],
)
def test_distances_are_those_over_ground(one, other, about, within):
    assert metres(one, other) == pytest.approx(about, abs=within)
    assert metres(other, one) == pytest.approx(metres(one, other))


def test_the_nearest_comes_first_and_who_has_no_place_last():
    places = {"pudong": PUDONG, "nowhere": None, "xuhui": XUHUI, "lost": None}
    found = nearest_first(places, XUHUI, places.get)
    assert [name for name, _ in found] == ["xuhui", "pudong", "nowhere", "lost"]
    assert [distance is None for _, distance in found] == [False, False, True, True]


def test_a_place_wants_both_coordinates():
    assert point(Decimal("31.5"), Decimal("121.5")) == Point(31.5, 121.5)
    assert point(None, None) is None


def test_a_store_is_shown_once_nothing_is_missing(session, store):
    def is_shown() -> bool:
        session.flush()
        return store.id in [one.id for one in queries.shown_stores(session)]

    assert queries.missing_of(session, [store.id]) == {store.id: ["logo", "pictures"]}
    assert not is_shown()
    with pytest.raises(NotFound):
        queries.shown_store(session, store.id)
    services.set_logo(session, store.id, photo(1).file, **TOLD)
    assert not is_shown()
    services.add_picture(session, store.id, photo(2), **TOLD)
    session.flush()
    assert queries.missing_of(session, [store.id]) == {store.id: []}
    assert is_shown()
    assert queries.shown_store(session, store.id) is store
    for field, value in (("address", ""), ("short_name", "")):
        kept = getattr(store, field)
        setattr(store, field, value)
        assert not is_shown(), field
        setattr(store, field, kept)
    session.execute(sa.text("DELETE FROM store_hours WHERE store_id = :id"), {"id": store.id})
    assert queries.missing_of(session, [store.id]) == {store.id: ["hours"]}
    assert not is_shown()


def test_a_store_that_was_shown_before_stays_so(session, store):
    store.shown_before = True
    session.flush()
    assert queries.missing_of(session, [store.id])[store.id]
    assert queries.shown_store(session, store.id) is store


def test_pictures_keep_an_order(session, store):
    def files() -> list[int]:
        session.expire_all()
        return [int(one.file, 16) for one in queries.pictures(session, [store.id])[store.id]]

    for number in (1, 2, 3, 2):  # the second time it is there already
        services.add_picture(session, store.id, photo(number), **TOLD)
    assert files() == [1, 2, 3]
    ids = [one.id for one in queries.pictures(session, [store.id])[store.id]]
    services.move_picture(session, ids[2], up=True, **TOLD)
    assert files() == [1, 3, 2]
    services.move_picture(session, ids[0], up=True, **TOLD)  # it is the first
    services.move_picture(session, ids[1], up=False, **TOLD)  # and that the last
    assert files() == [1, 3, 2]
    services.remove_picture(session, ids[0], **TOLD)
    assert files() == [3, 2]
    assert [one.position for one in queries.pictures(session, [store.id])[store.id]] == [0, 1]
    with pytest.raises(NotFound):
        services.remove_picture(session, ids[0], **TOLD)


def test_there_are_ten_at_most(session, store):
    for number in range(showing.PICTURES_AT_MOST):
        services.add_picture(session, store.id, photo(number), **TOLD)
    with pytest.raises(TooManyPictures):
        services.add_picture(session, store.id, photo(99), **TOLD)
    # The database holds the number itself.
    session.add(StorePicture(store_id=store.id, file="x", width=1, height=1, position=10))
    with pytest.raises(sa.exc.IntegrityError, match="at_most_ten"):
        session.flush()


def test_many_who_add_at_once_stay_within_ten(app, chain):
    def add(number: int) -> bool:
        with app.app_context(), tenant_scope(chain.id):
            try:
                with unit_of_work() as session:
                    services.add_picture(session, chain.store.id, photo(number), **TOLD)
            except TooManyPictures:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(add, range(16)))
    assert sum(added) == showing.PICTURES_AT_MOST
    with tenant_scope(chain.id), unit_of_work() as session:
        shown = queries.pictures(session, [chain.store.id])[chain.store.id]
    assert [one.position for one in shown] == list(range(10))


def test_files_of_nobody_are_no_photos(session, store):
    doctor = services.create_doctor(session, name="李明", title="", position=0, **TOLD)
    services.set_logo(session, store.id, photo(1).file, **TOLD)
    services.add_picture(session, store.id, photo(2), **TOLD)
    services.set_portrait(session, doctor.id, photo(3).file, **TOLD)
    session.flush()
    assert [queries.is_photo(session, photo(number).file) for number in range(5)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    services.set_portrait(session, doctor.id, None, **TOLD)
    session.flush()
    assert not queries.is_photo(session, photo(3).file)
    with pytest.raises(NotFound):
        services.set_portrait(session, doctor.id + 1, None, **TOLD)
