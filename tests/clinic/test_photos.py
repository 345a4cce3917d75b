"""Pictures of stores and doctors in the console: checked by content, ten at most, for whom (ST-5)."""

from __future__ import annotations

import io
import re
import threading
from collections import Counter
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from engage.audit.services import OPERATOR
from engage.clinic import queries, services
from engage.clinic.models import Store
from engage.clinic.services import Picture
from engage.clinic.services import pictures as added
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from tests.concurrency.race import WAIT, race
from tests.conftest import Chain
from tests.contracts.callers import log_in_directly


def photo(colour: str, size: tuple[int, int] = (3000, 2000)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, colour).save(made, "JPEG")
    return made.getvalue()


@pytest.fixture
def manager(app, chain):
    return log_in_directly(app, chain, "manager")


@pytest.fixture
def store_id(chain) -> int:
    """A store that misses everything but its hours."""
    told = {"by": OPERATOR, "now": clock.now(), "zone": "Asia/Shanghai", "position": 1}
    names = {"name": "新店", "short_name": "新店", "address": "一号"}
    with tenant_scope(chain.id), unit_of_work() as session:
        return services.create_store(session, slug="new", **names, **told).id


@pytest.fixture
def doctor_id(chain) -> int:
    with tenant_scope(chain.id), unit_of_work() as session:
        told = {"by": OPERATOR, "now": clock.now()}
        return services.create_doctor(session, name="李明", title="", position=0, **told).id


def send(person, path: str, **files: bytes | list[bytes]):
    """Send files as a browser does."""
    lists = {name: content if isinstance(content, list) else [content] for name, content in files.items()}
    parts = {name: [(io.BytesIO(one), "photo.jpg") for one in many] for name, many in lists.items()}
    return person.client.post(path, data={"csrf_token": person.csrf, **parts})


def pictures_of(chain, store_id: int):
    with tenant_scope(chain.id), unit_of_work() as session:
        return queries.pictures(session, [store_id])[store_id]


def test_a_new_store_is_shown_once_it_has_what_is_asked_for(app, chain, manager, store_id):
    listed = manager.ask("GET", "/console/stores").text
    assert "Missing: Logo, At least one picture" in listed
    path = f"/console/stores/{store_id}"
    page = manager.ask("GET", f"{path}/pictures").text
    assert "Patients do not see this store yet" in page
    assert len(re.findall(r'<li class="open">', page)) == 2
    assert send(manager, f"{path}/logo", logo=photo("teal")).status_code == 303
    assert send(manager, f"{path}/pictures", pictures=[photo("red"), photo("blue")]).status_code == 303
    page = manager.ask("GET", f"{path}/pictures").text
    assert "Patients see this store" in page
    shown = pictures_of(chain, store_id)
    assert [(one.width, one.height) for one in shown] == [(1600, 1067)] * 2
    drawn = manager.ask("GET", f"/console/photos/{shown[0].file}")
    assert (drawn.status_code, drawn.content_type) == (200, "image/jpeg")
    assert "Missing" not in manager.ask("GET", "/console/stores").text


def test_what_is_no_picture_is_refused_beside_its_field(chain, manager, store_id):
    path = f"/console/stores/{store_id}"
    for name, field in (("logo", "logo"), ("pictures", "pictures")):
        for content in (b"<svg onload='x'>", b""):
            refused = send(manager, f"{path}/{name}", **{field: content})
            assert refused.status_code == 422
            assert "This is not a picture" in refused.text
    # All of them or none.
    assert send(manager, f"{path}/pictures", pictures=[photo("red"), b"no"]).status_code == 422
    assert pictures_of(chain, store_id) == []


def test_pictures_are_moved_and_removed(chain, manager, store_id):
    path = f"/console/stores/{store_id}/pictures"
    send(manager, path, pictures=[photo(colour, (30, 20)) for colour in ("red", "blue", "green")])
    first, second, third = (one.id for one in pictures_of(chain, store_id))
    assert manager.ask("POST", f"/console/pictures/{third}/move", {"direction": "up"}).status_code == 303
    assert [one.id for one in pictures_of(chain, store_id)] == [first, third, second]
    assert manager.ask("POST", f"/console/pictures/{first}/remove").status_code == 303
    assert [one.id for one in pictures_of(chain, store_id)] == [third, second]
    many = [photo("red", (20 + number, 20)) for number in range(9)]
    refused = send(manager, path, pictures=many)
    assert refused.status_code == 409
    assert "There are 10 pictures already" in refused.text
    assert len(pictures_of(chain, store_id)) == 2


def add(number: int) -> Callable[[Session], str]:
    """Make the call of somebody who adds a picture to the first store there is."""

    def call(session: Session) -> str:
        (store_id,) = session.scalars(sa.select(Store.id).where(Store.slug == "new"))
        picture = Picture(f"{number:064x}", 30, 20)
        services.add_picture(session, store_id, picture, by=OPERATOR, now=clock.now())
        return "added"

    return call


def come_together(app: Flask, chain: Chain) -> dict[str, int]:
    """Let four at once add a picture to a store that has eight; gives what came of them."""
    with tenant_scope(chain.id), unit_of_work() as session:
        for number in range(8):
            add(number)(session)
    came = race(app, chain.id, [add(number) for number in range(8, 12)])
    return Counter(one if isinstance(one, str) else type(one).__name__ for one in came)


def test_many_at_once_add_ten_pictures_and_no_more(app, chain, store_id):
    assert come_together(app, chain) == {"added": 2, "TooManyPictures": 2}
    assert [one.position for one in pictures_of(chain, store_id)] == list(range(10))


def test_control_without_the_lock_they_meet_at_one_place(app, chain, store_id, monkeypatch):
    """All have seen eight: they want the same position, and the database lets one have it."""
    seen, pictures = threading.Barrier(4), queries.pictures

    def all_have_seen(session: Session, store_ids: list[int]):
        found = pictures(session, store_ids)
        if len(found[store_id]) == 8:
            seen.wait(WAIT)
        return found

    monkeypatch.setattr(added, "_locked_store", lambda _session, _store_id: None)
    monkeypatch.setattr(queries, "pictures", all_have_seen)
    assert come_together(app, chain) == {"added": 1, "IntegrityError": 3}


def test_a_portrait_is_kept_and_taken_away(app, chain, manager, doctor_id):
    path = f"/console/doctors/{doctor_id}/portrait"
    assert send(manager, path, portrait=b"no").status_code == 422
    assert send(manager, path, portrait=photo("teal")).status_code == 303
    assert 'class="portrait-shown"' in manager.ask("GET", path).text
    assert manager.ask("POST", path, {"remove": "yes"}).status_code == 303
    assert 'class="portrait-shown"' not in manager.ask("GET", path).text


def test_a_manager_of_one_store_sets_up_that_store_alone(app, chain, store_id, doctor_id):
    here = log_in_directly(app, chain, "manager", store_id=store_id)
    there = f"/console/stores/{chain.store.id}"
    assert send(here, f"/console/stores/{store_id}/pictures", pictures=photo("red")).status_code == 303
    (picture,) = pictures_of(chain, store_id)
    for path in (f"{there}/pictures", f"{there}/logo", f"/console/doctors/{doctor_id}/portrait"):
        assert send(here, path, logo=photo("red"), pictures=photo("red")).status_code == 403
    elsewhere = log_in_directly(app, chain, "manager", store_id=chain.store.id)
    for act in ("move", "remove"):
        assert elsewhere.ask("POST", f"/console/pictures/{picture.id}/{act}").status_code == 403
