"""A follow or leave is told once, with the fan it changed: at once, late, again, or not at all."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from rq import Queue
from rq.serializers import JSONSerializer

from engage.accounts import services as accounts
from engage.accounts.models import Push
from engage.audit.services import OPERATOR
from engage.config import Config
from engage.fans import services as fans
from engage.fans.models import Fan
from engage.inbound import services as inbound
from engage.kernel import clock, db, doorbell, outbox
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.kernel.outbox import OutboxRow
from engage.patients.models import TimelineEntry
from engage.qrcodes import queries as figures
from engage.qrcodes import services as qrcodes
from engage.wechat import messages
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Chain
from tests.wechat.pushes import Sender, Signed, event, message
from workers import events, pushes

AT = 1_795_000_000
SCANNED = "<EventKey>qrscene_store-7</EventKey><Ticket>t</Ticket>"
SCAN = "<EventKey>store-7</EventKey><Ticket>t</Ticket>"


@pytest.fixture
def scene(chain: Chain) -> Iterator[Scene]:
    """A chain whose account greets; what rings for it is forgotten."""
    yield make_scene(chain, welcome="欢迎 {booking} {bind}")
    doorbell.connection().flushdb()


@pytest.fixture
def wechat(scene: Scene) -> Sender:
    return Sender(scene.chain)


def told(chain: Chain) -> list[tuple[str, dict[str, Any]]]:
    """Give the events of fans that were recorded, oldest first."""
    with tenant_scope(chain.id), unit_of_work() as session:
        rows = session.execute(
            sa.select(OutboxRow.event_id, OutboxRow.event, OutboxRow.payload)
            .where(OutboxRow.event.like("fan.%"))
            .order_by(OutboxRow.id)
        )
        return list({row.event_id: (row.event, row.payload) for row in rows}.values())


def fan_id(chain: Chain, openid: str = "o-1") -> int | None:
    with tenant_scope(chain.id), unit_of_work() as session:
        return session.scalar(sa.select(Fan.id).where(Fan.openid == openid))


def push_ids(chain: Chain) -> list[int]:
    with tenant_scope(chain.id), unit_of_work() as session:
        return list(session.scalars(sa.select(Push.id).order_by(Push.id)))


def marks(chain: Chain) -> int:
    with unit_of_work() as session:
        mine = (Due.tenant_id == chain.id, Due.queue == outbox.QUEUE)
        return session.scalar(sa.select(sa.func.count()).select_from(Due).where(*mine)) or 0


def rings(chain: Chain) -> int:
    queue = Queue(outbox.QUEUE, connection=doorbell.connection(), serializer=JSONSerializer)
    return sum(job.args[0] == chain.id for job in queue.jobs)


def lines(chain: Chain) -> list[str]:
    """Let the reactions run, and give the kinds of the timeline's lines, as it happened."""
    with tenant_scope(chain.id):
        events.drain()
        with unit_of_work() as session:
            return list(session.scalars(sa.select(TimelineEntry.kind).order_by(TimelineEntry.at)))


@pytest.mark.parametrize(
    ("push", "name", "more"),
    [
        (event("subscribe", "o-1", at=AT), "fan.followed", {"is_first": True}),
        (event("subscribe", "o-1", SCANNED, at=AT), "fan.followed", {"is_first": True, "scene": "store-7"}),
        (event("unsubscribe", "o-1", at=AT), "fan.left", {}),
        (event("SCAN", "o-1", SCAN, at=AT), "fan.scanned", {"scene": "store-7"}),
    ],
)
def test_a_follow_is_told_with_ids_alone_and_rung_for(
    client: FlaskClient, wechat: Sender, push: bytes, name: str, more: dict[str, str]
) -> None:
    chain = wechat.chain
    wechat.sign(push).send(client)
    (push_id,) = push_ids(chain)
    at = "2026-11-18T11:06:40+00:00"
    assert told(chain) == [(name, {"fan_id": fan_id(chain), "push_id": push_id, "at": at, **more})]
    assert (marks(chain), rings(chain)) == (1, 1)
    assert lines(chain) == ([] if name == "fan.scanned" else [name])  # a scene that is none of ours


def test_the_welcome_is_the_answer_and_leads_to_booking_and_binding(
    app: Flask, client: FlaskClient, wechat: Sender
) -> None:
    answer = wechat.sign(event("subscribe", "o-1")).send(client).text
    pages = f"{app.config['PUBLIC_URL']}/p/a-{wechat.chain.slug}"
    assert f"欢迎 {pages}/booking {pages}/bind" in answer


@pytest.mark.parametrize("name", ["subscribe", "unsubscribe"])
def test_a_repeat_changes_nothing(client: FlaskClient, wechat: Sender, name: str) -> None:
    push = wechat.sign(event(name, "o-1", at=AT))
    answers = {push.send(client).text for _ in range(3)}
    again = wechat.sign(event(name, "o-1", at=AT)).send(client)  # WeChat signs its repeats anew
    assert answers == {again.text}
    assert (len(told(wechat.chain)), marks(wechat.chain), len(lines(wechat.chain))) == (1, 1, 1)


def test_copies_at_once_tell_once(app: Flask, wechat: Sender) -> None:
    push = wechat.sign(event("subscribe", "o-1"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: push.send(app.test_client()).status_code, range(8)))
    assert set(answers) == {200}
    assert len(told(wechat.chain)) == 1


@pytest.mark.parametrize(
    "push",
    [message("o-1"), event("CLICK", "o-1", "<EventKey>7</EventKey>"), event("VIEW", "o-1")],
)
def test_all_else_tells_nothing_and_rings_for_nobody(
    client: FlaskClient, wechat: Sender, push: bytes
) -> None:
    wechat.sign(push).send(client)
    assert fan_id(wechat.chain) is not None
    assert (told(wechat.chain), marks(wechat.chain), rings(wechat.chain)) == ([], 0, 0)


def test_the_common_push_is_one_statement_as_before(
    client: FlaskClient, wechat: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A follow and a scan too; only these know of events."""
    sent: list[str] = []
    standing = db._placed
    monkeypatch.setattr(db, "_placed", lambda text: sent.append(text) or standing(text))
    for push in (message("o-1"), event("subscribe", "o-1"), event("SCAN", "o-1", SCAN)):
        wechat.sign(push).send(client)
    assert [("outbox" in statement, "due" in statement) for statement in sent] == [
        (False, False),
        (True, True),
        (True, True),
    ]


def put_off(scene: Scene, xml: bytes) -> None:
    """Leave a push to a worker, as the callback does where it takes too long."""
    parsed = messages.parse(xml)
    push = inbound.arrived(
        scene.account_id, parsed, timestamp="1", nonce=str(random.random()), body=xml, xml=xml
    )
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        inbound.put_off(session, push, late=True, now=clock.now())


def test_only_the_first_follow_of_a_person_is_their_first(
    client: FlaskClient, wechat: Sender, scene: Scene
) -> None:
    """Who only looked at a page before has not followed; who left and comes back has."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        fans.recognise(session, scene.account_id, "o-1", now=clock.now())
    for place, name in enumerate(("subscribe", "unsubscribe", "subscribe")):
        wechat.sign(event(name, "o-1", at=AT + place)).send(client)
    put_off(scene, event("subscribe", "o-2", at=AT))
    put_off(scene, event("subscribe", "o-1", at=AT + 9))
    with tenant_scope(scene.chain.id):
        pushes.drain()
    follows = [payload["is_first"] for name, payload in told(scene.chain) if name == "fan.followed"]
    assert (follows[:2], sorted(follows[2:])) == ([True, False], [False, True])


@pytest.mark.parametrize("name", ["subscribe", "SCAN"])
def test_each_scan_of_a_code_is_counted_once_however_often_it_comes(
    client: FlaskClient, wechat: Sender, scene: Scene, name: str
) -> None:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        new = qrcodes.NewCode(scene.account_id, "promotion", "地铁广告")
        code = qrcodes.create(session, new, by=OPERATOR, now=clock.now() - dt.timedelta(days=400))
    key = f"qrscene_{code.scene}" if name == "subscribe" else code.scene
    xml = event(name, "o-1", f"<EventKey>{key}</EventKey><Ticket>t</Ticket>", at=AT)
    for _ in range(2):
        wechat.sign(xml).send(client)  # WeChat signs its repeats anew
    put_off(scene, event("SCAN", "o-1", f"<EventKey>{code.scene}</EventKey><Ticket>t</Ticket>", at=AT + 60))
    with tenant_scope(scene.chain.id):
        pushes.drain()
        for _ in range(2):
            events.drain()
        with unit_of_work() as session:
            counted = figures.funnel(session, code.id)
            assert (counted.scans, counted.people, counted.new) == (2, 1, int(name == "subscribe"))
            fan = session.scalars(sa.select(Fan).where(Fan.openid == "o-1")).one()
            assert (fan.source_code_id, fan.following) == (code.id, True)
            told_of = sa.select(TimelineEntry.kind).order_by(TimelineEntry.at)
            first = "fan.followed" if name == "subscribe" else "fan.scanned"
            assert list(session.scalars(told_of)) == [first, "fan.scanned"]


@pytest.mark.parametrize(("name", "line"), [("subscribe", "fan.followed"), ("unsubscribe", "fan.left")])
def test_what_is_left_to_a_worker_is_told_by_it_once(scene: Scene, name: str, line: str) -> None:
    put_off(scene, event(name, "o-1", SCANNED if name == "subscribe" else "", at=AT))
    assert told(scene.chain) == []
    with tenant_scope(scene.chain.id):
        for _ in range(2):
            pushes.drain()
    ((recorded, payload),) = told(scene.chain)
    assert recorded == line
    assert (payload["fan_id"], payload["at"][:10]) == (fan_id(scene.chain), "2026-11-18")
    assert payload.get("scene") == ("store-7" if name == "subscribe" else None)
    assert lines(scene.chain) == [line]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_replay_tells_nothing_again(scene: Scene, client: FlaskClient, at_once: bool) -> None:
    xml = event("subscribe", "o-1")
    if at_once:
        Sender(scene.chain).sign(xml).send(client)
    else:
        put_off(scene, xml)
    with tenant_scope(scene.chain.id):
        pushes.drain()
        with unit_of_work() as session:
            accounts.replay(session, push_ids(scene.chain)[0], by=OPERATOR, now=clock.now())
        pushes.drain()
    assert len(told(scene.chain)) == 1


def test_in_whatever_order_they_come_each_leaves_one_line(
    client: FlaskClient, wechat: Sender, scene: Scene
) -> None:
    names = ["subscribe", "unsubscribe"] * 3
    sent = [wechat.sign(event(name, "o-1", at=AT + place)) for place, name in enumerate(names)]
    copies: list[Signed] = sent * 2
    random.Random(4).shuffle(copies)
    for push in copies:
        push.send(client)
    assert lines(scene.chain) == ["fan.followed", "fan.left"] * 3
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        assert session.scalar(sa.select(Fan.following).where(Fan.openid == "o-1")) is False


@pytest.fixture
def refused_marks(settings: Config) -> Iterator[psycopg.Connection[Any]]:
    """The database refuses marks for reactions, the last of what a follow writes, until told otherwise."""
    body = "begin if new.queue = 'events' then raise exception 'no'; end if; return new; end"
    with psycopg.connect(settings.owner_database_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute(f"create function refuse_mark() returns trigger language plpgsql as $${body}$$")
        owner.execute(
            "create trigger refused before insert on due for each row execute function refuse_mark()"
        )
        yield owner
        owner.execute("drop function refuse_mark cascade")


def test_a_follow_is_whole_or_not_at_all(
    client: FlaskClient, wechat: Sender, scene: Scene, refused_marks: psycopg.Connection[Any]
) -> None:
    begun = time.monotonic()
    answer = wechat.sign(event("subscribe", "o-1")).send(client)
    assert (answer.status_code, answer.text) == (200, "success")
    assert time.monotonic() - begun < 4
    assert (fan_id(scene.chain), told(scene.chain)) == (None, [])
    with tenant_scope(scene.chain.id):
        pushes.drain()
        assert (fan_id(scene.chain), told(scene.chain)) == (None, [])
        refused_marks.execute("drop trigger refused on due")
        with unit_of_work() as session:
            (push,) = session.scalars(sa.select(Push)).all()
            assert push.error is not None
            push.available_at = clock.now()
        pushes.drain()
    assert [name for name, _ in told(scene.chain)] == ["fan.followed"]
    assert fan_id(scene.chain) is not None


def test_without_a_doorbell_it_is_told_all_the_same(
    client: FlaskClient, wechat: Sender, settings: Config
) -> None:
    doorbell.connect("redis://127.0.0.1:9/0")
    try:
        answer = wechat.sign(event("subscribe", "o-1")).send(client)
    finally:
        doorbell.connect(settings.redis_url)
    assert "欢迎" in answer.text
    assert (len(told(wechat.chain)), marks(wechat.chain)) == (1, 1)
