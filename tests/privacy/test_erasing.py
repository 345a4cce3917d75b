"""Erasure is proven by reading the whole database, sealed columns opened, and the disk."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Callable, Iterator

import openpyxl
import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from psycopg import sql

import engage.app  # noqa: F401 loads every model
from engage.audiences import filters
from engage.audit.services import OPERATOR, Actor
from engage.booking import queries as booking_queries
from engage.booking import services as booking
from engage.config import Config
from engage.fans import queries as fans
from engage.fans import services as fan_services
from engage.fans.models import Fan
from engage.fans.services import tasks
from engage.kernel import clock, sealing
from engage.kernel.db import db, unit_of_work
from engage.kernel.errors import NotFound
from engage.kernel.sealing import Sealed
from engage.patients import queries as patients
from engage.patients import services as patient_services
from engage.patients.errors import ChartErased
from engage.privacy import queries, services
from engage.privacy.errors import AppointmentsLeft, WrongNumber
from tests.conftest import Chain
from tests.privacy.scenes import (
    MAIL,
    NAME,
    OPENID,
    PHONE,
    PICTURE,
    WORDS,
    House,
    bind,
    chart,
    last_task,
    merge,
)
from tests.wechat.pushes import Sender, ids, message
from workers import events, fan_exports, tagging
from workers import privacy as worker

# What must not be found anywhere: also parts of the name and the number as it is stored and shown.
TRACES = (NAME, NAME[:2], PHONE, f"+86{PHONE}", PHONE[-8:], MAIL, MAIL.split("@")[0], WORDS, OPENID, "ouyang")


@pytest.fixture
def whole_database(settings: Config, chain: Chain) -> Callable[[], dict[str, str]]:
    """Read every row of the chain as the owner does, sealed columns opened: table → all its text."""

    def read() -> dict[str, str]:
        with psycopg.connect(settings.owner_database_url.replace("+psycopg", "")) as owner:
            return {table: "\n".join(cells(owner, table, chain.id)) for table in walled()}

    return read


def walled() -> list[str]:
    """Give every table with rows of a tenant."""
    return [table.name for table in db.metadata.sorted_tables if "tenant_id" in table.columns]


def cells(owner: psycopg.Connection, table: str, tenant_id: int) -> Iterator[str]:
    """Give each cell of a tenant's rows as text; what is sealed is opened."""
    sealed = {column.name for column in db.metadata.tables[table].columns if isinstance(column.type, Sealed)}
    found = owner.execute(
        sql.SQL("select * from {} where tenant_id = %s").format(sql.Identifier(table)), [tenant_id]
    )
    names = [column.name for column in found.description or ()]
    for row in found:
        for name, value in zip(names, row, strict=True):
            if name in sealed and value is not None:
                yield sealing.unseal(bytes(value))
            else:
                yield str(value)


def found_in(whole: dict[str, str]) -> dict[str, set[str]]:
    """Give which traces of the person stand in which tables."""
    found = {table: {trace for trace in TRACES if trace in text} for table, text in whole.items()}
    return {table: traces for table, traces in found.items() if traces}


def erase(house: House) -> None:
    """Have the person erased as staff do, and let the worker do it."""
    with unit_of_work() as session:
        number = str(patients.patient(session, house.patient_id).number)
        services.ask_erasure(session, house.patient_id, typed=f" {number} ", by=OPERATOR, now=clock.now())
    worker.drain()


def test_after_erasure_neither_name_number_mail_words_nor_openid_stand_anywhere(
    app: Flask, chain: Chain, house: House, whole_database: Callable[[], dict[str, str]]
) -> None:
    events.drain()
    before = found_in(whole_database())
    # The control: what is looked for is there, in every table where a person leaves it.
    assert before.keys() >= {
        "patient", "patient_term", "fan", "fan_term", "fan_phone", "phone_code", "appointment",
        "chat_message", "wechat_push",
    }  # fmt: skip
    assert {trace for traces in before.values() for trace in traces} == set(TRACES)
    erase(house)
    events.drain()
    assert last_task().state == "done"
    assert found_in(whole_database()) == {}
    with pytest.raises(NotFound):
        app.extensions["files"].get(chain.id, house.picture)


def test_ledgers_stay_without_identity_and_others_keep_everything(house: House) -> None:
    with unit_of_work() as session:
        other = patients.patient(session, house.scene.patient_ids[1])
        before = (other.name, fans.fan(session, house.scene.fan_ids[1]).openid)
    erase(house)
    with unit_of_work() as session:
        person = patients.patient(session, house.patient_id)
        assert (person.name, person.phone, person.memo) == ("—", None, "")
        assert person.erased_at is not None
        visits = booking_queries.of_patient(session, house.patient_id, store_ids=None, limit=5)
        assert [(visit.state, visit.complaint) for visit in visits] == [("cancelled", "")]
        other = patients.patient(session, house.scene.patient_ids[1])
        assert (other.name, fans.fan(session, house.scene.fan_ids[1]).openid) == before
        assert patients.search(session, NAME, limit=5) == []
        assert patients.search(session, PHONE, limit=5) == []


def test_an_erased_fan_keeps_a_keyed_number_is_logged_out_and_is_not_written_to(house: House) -> None:
    erase(house)
    with unit_of_work() as session:
        fan = fans.fan(session, house.fan_id)
        expected = sealing.index(f"openid {house.scene.account_id} {OPENID}").hex()
        assert fan.openid == f"erased:{expected}"
        assert fans.closed_of(session, [fan.id]) == {fan.id: "not_following"}
        assert queries.consent(session, fan.id) is None


def come_back(app: Flask, chain: Chain, house: House) -> None:
    """Let the erased person write to the account again."""
    text = f"<Content>你好</Content><MsgId>{next(ids)}</MsgId>"
    Sender(chain).sign(message(OPENID, rest=text)).send(app.test_client())


def fans_of_openid(house: House) -> dict[int, str]:
    """Give the fans that are the person, or were: id → openid."""
    with unit_of_work() as session:
        theirs = Fan.openid.like("erased:%") | (Fan.openid == OPENID)
        return {row.id: row.openid for row in session.scalars(sa.select(Fan).where(theirs))}


@pytest.mark.parametrize("way", ["message", "follow", "page"])
def test_who_comes_back_after_erasure_is_the_same_to_limits_and_has_nothing_else(
    app: Flask, chain: Chain, house: House, way: str
) -> None:
    erase(house)
    now = clock.now()
    account_id = house.scene.account_id
    if way == "message":
        come_back(app, chain, house)
    else:
        with unit_of_work() as session:
            if way == "follow":
                again = fan_services.follow(session, account_id, OPENID, changed_at=now, now=now)
            else:
                again = fan_services.recognise(session, account_id, OPENID, now=now)
            assert again == house.fan_id
    assert fans_of_openid(house) == {house.fan_id: OPENID}
    with unit_of_work() as session:
        fan = fans.fan(session, house.fan_id)
        assert (fan.nickname, fan.remark, fan.avatar) == (None, None, None)
        assert patients.of_fan(session, fan.id) == []
        assert fan.following == (way != "page")
        # Nobody writes to them before they agree to it again.
        assert fan.muted_at is not None


def test_who_came_back_can_be_erased_again(
    app: Flask, chain: Chain, house: House, whole_database: Callable[[], dict[str, str]]
) -> None:
    erase(house)
    come_back(app, chain, house)
    bind(house.fan_id, second := chart())
    erase(House(house.scene, second, house.fan_id, house.picture))
    assert last_task().state == "done"
    events.drain()
    assert found_in(whole_database()) == {}


def asked_export() -> int:
    """Ask for the Excel file of all fans, as the console does."""
    words = {"follows": "yes", "left": "no"}
    data = {
        "labels": dict.fromkeys(fan_exports.COLUMNS, "-"),
        "words": words,
        "zone": "UTC",
        "patients": True,
    }
    scope = {"everywhere": True, "store_ids": []}
    wanted = tasks.Asked("export", data, filters.to_json(filters.EVERYBODY), scope, uuid.uuid4())
    with unit_of_work() as session:
        return tasks.ask(session, wanted, by=OPERATOR, now=clock.now())


def nicknames_in(file: bytes) -> set[object]:
    """Give what stands in the column of nicknames."""
    return {row[1].value for row in openpyxl.load_workbook(io.BytesIO(file)).active.rows}


def test_excel_files_in_which_the_person_may_stand_go_too(app: Flask, chain: Chain, house: House) -> None:
    task_id = asked_export()
    tagging.drain()
    with unit_of_work() as session:
        file = fans.task(session, task_id).file
    assert file is not None
    assert NAME in nicknames_in(app.extensions["files"].get(chain.id, file))  # the control
    erase(house)
    with unit_of_work() as session:
        assert fans.task(session, task_id).file is None
    with pytest.raises(NotFound):
        app.extensions["files"].get(chain.id, file)


def test_an_excel_file_that_is_being_written_meanwhile_is_begun_anew(
    app: Flask, chain: Chain, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id, written = asked_export(), []

    def content(sheet: fan_exports.Sheet) -> bytes:
        written.append(whole(sheet))
        if len(written) == 1:
            erase(house)
        return written[-1]

    whole = fan_exports.Sheet.content
    monkeypatch.setattr(fan_exports.Sheet, "content", content)
    tagging.drain()
    with unit_of_work() as session:
        task = fans.task(session, task_id)
    assert (task.state, len(written)) == ("finished", 2)
    assert [NAME in nicknames_in(file) for file in written] == [True, False]
    keys = [hashlib.sha256(file).hexdigest() for file in written]
    assert task.file == keys[1]
    with pytest.raises(NotFound):
        app.extensions["files"].get(chain.id, keys[0])


def test_a_wechat_that_speaks_for_others_too_stays_theirs(house: House) -> None:
    bind(house.fan_id, house.scene.patient_ids[1])
    erase(house)
    with unit_of_work() as session:
        assert fans.fan(session, house.fan_id).openid == OPENID
        assert [row.id for row in patients.of_fan(session, house.fan_id)] == [house.scene.patient_ids[1]]


def test_charts_merged_into_the_person_are_erased_too(
    house: House, whole_database: Callable[[], dict[str, str]]
) -> None:
    twin = chart()
    with unit_of_work() as session:
        merge(session, house.patient_id, twin)
    erase(house)
    events.drain()
    assert found_in(whole_database()) == {}


def test_erasure_wants_the_charts_number(house: House) -> None:
    with unit_of_work() as session, pytest.raises(WrongNumber):
        services.ask_erasure(session, house.patient_id, typed="999999", by=OPERATOR, now=clock.now())


def test_visits_to_come_are_cancelled_first(house: House) -> None:
    book(house)
    with unit_of_work() as session:
        number = str(patients.patient(session, house.patient_id).number)
        with pytest.raises(AppointmentsLeft):
            services.ask_erasure(session, house.patient_id, typed=number, by=OPERATOR, now=clock.now())


def test_a_visit_booked_after_it_was_asked_stops_the_erasure_and_the_task_says_why(house: House) -> None:
    with unit_of_work() as session:
        number = str(patients.patient(session, house.patient_id).number)
        services.ask_erasure(session, house.patient_id, typed=number, by=OPERATOR, now=clock.now())
    book(house)
    worker.drain()
    task = last_task()
    assert (task.state, task.error) == ("failed", "appointments_left")
    with unit_of_work() as session:
        assert patients.patient(session, house.patient_id).name == NAME


def test_erasing_twice_is_refused_and_nothing_is_written_to_an_erased_chart(house: House) -> None:
    erase(house)
    with unit_of_work() as session, pytest.raises(ChartErased):
        services.ask_erasure(session, house.patient_id, typed="1", by=OPERATOR, now=clock.now())
    new = patient_services.NewChart(name=NAME)
    with unit_of_work() as session, pytest.raises(ChartErased):
        patient_services.change_chart(session, house.patient_id, new, version=2, by=OPERATOR, now=clock.now())


def test_a_picture_that_another_fan_has_too_stays(app: Flask, chain: Chain, house: House) -> None:
    with unit_of_work() as session:
        other = house.scene.fan_ids[1]
        fan_services.record_profile(session, other, nickname="小王", avatar=house.picture, now=clock.now())
    erase(house)
    assert app.extensions["files"].get(chain.id, house.picture).startswith(PICTURE)


def book(house: House) -> None:
    """Book a visit of the person."""
    with unit_of_work() as session:
        wish = house.scene.wish(slot=2, fan_id=house.fan_id, patient_id=house.patient_id)
        booking.book(session, wish, by=Actor("fan", house.fan_id), now=clock.now())
