"""What a fan writes stands in their conversation once: at once, late, or again (ADR 0009, ADR 0011)."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from engage.accounts import services as accounts
from engage.accounts.models import Push
from engage.audit.services import OPERATOR
from engage.chat import rules
from engage.chat.models import ChatMessage, Conversation
from engage.inbound import services as inbound
from engage.kernel import clock, db, doorbell, live
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.wechat import messages
from tests.booking.scenes import Scene, make_scene
from tests.wechat.pushes import Sender, event, ids, message
from workers import pushes

FAN = "openid-0"
WINDOW = dt.timedelta(hours=48)


@pytest.fixture
def scene(chain) -> Iterator[Scene]:
    """A chain whose account greets; what rings for it is forgotten."""
    yield make_scene(chain, welcome="欢迎")
    doorbell.connection().flushdb()


@pytest.fixture
def wechat(scene: Scene) -> Sender:
    return Sender(scene.chain)


def told(scene: Scene) -> list[tuple[Any, ...]]:
    """Give the messages that stand, as (place, kind, text, data)."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        rows = session.scalars(sa.select(ChatMessage).order_by(ChatMessage.id))
        return [(row.seq, row.kind, row.text, row.data) for row in rows]


def conversation(scene: Scene) -> Conversation | None:
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return session.scalar(sa.select(Conversation))


def marks(scene: Scene, queue: str = rules.MEDIA) -> int:
    with unit_of_work() as session:
        mine = (Due.tenant_id == scene.chain.id, Due.queue == queue)
        return session.scalar(sa.select(sa.func.count()).select_from(Due).where(*mine)) or 0


def put_off(scene: Scene, xml: bytes) -> None:
    """Leave a push to a worker, as the callback does where it takes too long, and let it work."""
    push = inbound.arrived(
        scene.account_id,
        messages.parse(xml),
        timestamp="1",
        nonce=str(random.random()),
        body=xml,
        xml=xml,
    )
    with tenant_scope(scene.chain.id):
        with unit_of_work() as session:
            inbound.put_off(session, push, late=True, now=clock.now())
        pushes.drain()


def with_id(nodes: str) -> str:
    return f"{nodes}<MsgId>{next(ids)}</MsgId>"


KINDS = [
    ("text", "<Content>在吗</Content>", ("text", "在吗", {})),
    (
        "image",
        "<PicUrl>http://p</PicUrl><MediaId>m-1</MediaId>",
        ("image", None, {"picture_url": "http://p", "media_id": "m-1"}),
    ),
    (
        "voice",
        "<MediaId>m-2</MediaId><Format>amr</Format>",
        ("voice", None, {"media_id": "m-2", "format": "amr"}),
    ),
    (
        "video",
        "<MediaId>m-3</MediaId><ThumbMediaId>t-3</ThumbMediaId>",
        ("video", None, {"media_id": "m-3", "thumb_media_id": "t-3"}),
    ),
    (
        "location",
        "<Location_X>31.2</Location_X><Location_Y>121.5</Location_Y><Scale>16</Scale><Label>淮海中路</Label>",
        ("location", "淮海中路", {"latitude": 31.2, "longitude": 121.5}),
    ),
    (
        "link",
        "<Title>标题</Title><Description>说明</Description><Url>https://e.com</Url>",
        ("link", "标题", {"url": "https://e.com"}),
    ),
    ("hologram", "<Shape>round</Shape>", ("other", None, {"type": "hologram"})),
]


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
@pytest.mark.parametrize(("kind", "nodes", "stands"), KINDS, ids=[kind for kind, *_ in KINDS])
def test_a_message_stands_in_the_conversation(
    client: FlaskClient, scene: Scene, wechat: Sender, at_once: bool, kind: str, nodes: str, stands
):
    xml = message(FAN, kind, with_id(nodes))
    if at_once:
        assert wechat.sign(xml).send(client).text == "success"
    else:
        put_off(scene, xml)
    assert told(scene) == [(1, *stands)]
    made = conversation(scene)
    assert (made.fan_id, made.account_id, made.seq, made.last_in_seq) == (
        scene.fan_ids[0],
        scene.account_id,
        1,
        1,
    )
    assert (made.waiting_since, made.window_left, made.window_until) == (
        made.last_at,
        5,
        made.last_at + WINDOW,
    )
    assert marks(scene) == (kind in rules.FETCHED)


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
def test_the_next_one_takes_the_next_number(client: FlaskClient, scene: Scene, wechat: Sender, at_once: bool):
    begun = int(time.time()) - 100
    for place in range(3):
        xml = message(FAN, rest=with_id(f"<Content>{place}</Content>"), at=begun + place)
        if at_once:
            wechat.sign(xml).send(client)
        else:
            put_off(scene, xml)
    assert [row[:3] for row in told(scene)] == [(1, "text", "0"), (2, "text", "1"), (3, "text", "2")]
    made = conversation(scene)
    assert made.waiting_since == dt.datetime.fromtimestamp(begun, dt.UTC)
    assert made.last_at == dt.datetime.fromtimestamp(begun + 2, dt.UTC)
    assert made.window_until == made.last_at + WINDOW


def test_copies_at_once_stand_once(app: Flask, scene: Scene, wechat: Sender):
    push = wechat.sign(message(FAN, "image", with_id("<PicUrl>p</PicUrl><MediaId>m</MediaId>")))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: push.send(app.test_client()).status_code, range(16)))
    assert answers == [200] * 16
    assert [row[0] for row in told(scene)] == [1]
    assert (conversation(scene).seq, marks(scene)) == (1, 1)


def test_many_messages_at_once_each_have_a_place(app: Flask, scene: Scene, wechat: Sender):
    sent = [wechat.sign(message(FAN)) for _ in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda push: push.send(app.test_client()), sent))
    assert [row[0] for row in told(scene)] == list(range(1, 13))


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
def test_a_replay_changes_nothing(client: FlaskClient, scene: Scene, wechat: Sender, at_once: bool):
    for xml in (message(FAN), event("CLICK", FAN, "<EventKey>k</EventKey>")):
        if at_once:
            wechat.sign(xml).send(client)
        else:
            put_off(scene, xml)
    before = conversation(scene)
    with tenant_scope(scene.chain.id):
        with unit_of_work() as session:
            for push_id in session.scalars(sa.select(Push.id)).all():
                accounts.replay(session, push_id, by=OPERATOR, now=clock.now())
        pushes.drain()
    assert (len(told(scene)), conversation(scene).seq) == (1, before.seq)


def spend(scene: Scene) -> None:
    """Let the window be over, as after two days."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Conversation).values(window_left=0, window_until=sa.func.now()))


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
@pytest.mark.parametrize(
    ("xml", "left"),
    [
        (lambda: event("CLICK", FAN, "<EventKey>k</EventKey>"), 3),
        (lambda: event("SCAN", FAN, "<EventKey>s</EventKey><Ticket>t</Ticket>"), 3),
        (lambda: event("subscribe", FAN), 3),
        (
            lambda: event(
                "scancode_push",
                FAN,
                "<EventKey>k</EventKey><ScanCodeInfo><ScanType>qr</ScanType><ScanResult>1</ScanResult>"
                "</ScanCodeInfo>",
            ),
            3,
        ),
        (lambda: event("VIEW", FAN, "<EventKey>u</EventKey><MenuId>1</MenuId>"), 0),
        (lambda: event("unsubscribe", FAN), 0),
        (lambda: message(FAN, rest=with_id("<Content>好</Content><bizmsgmenuid>1</bizmsgmenuid>")), 3),
        (lambda: message(FAN), 5),
    ],
    ids=["click", "scan", "follow", "scancode", "view", "leave", "answer tapped", "message"],
)
def test_what_opens_a_window(
    client: FlaskClient, scene: Scene, wechat: Sender, at_once: bool, xml, left: int
):
    wechat.sign(message(FAN)).send(client)
    spend(scene)
    if at_once:
        wechat.sign(xml()).send(client)
    else:
        put_off(scene, xml())
    assert conversation(scene).window_left == left


def test_who_never_wrote_gets_no_conversation_by_a_tap(client: FlaskClient, scene: Scene, wechat: Sender):
    wechat.sign(event("CLICK", FAN, "<EventKey>k</EventKey>")).send(client)
    wechat.sign(event("subscribe", FAN)).send(client)
    assert conversation(scene) is None


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
def test_who_leaves_is_a_change_that_screens_see(
    client: FlaskClient, scene: Scene, wechat: Sender, at_once: bool
):
    wechat.sign(message(FAN)).send(client)
    before = conversation(scene)
    xml = event("unsubscribe", FAN, at=int(time.time()) + 1)
    for _ in range(2):
        if at_once:
            wechat.sign(xml).send(client)
        else:
            put_off(scene, xml)
    after = conversation(scene)
    assert (after.seq, after.last_in_seq, after.window_left) == (2, 1, 0)
    assert after.touched_at > before.touched_at
    wechat.sign(message(FAN)).send(client)  # whatever was told of following
    assert conversation(scene).window_left == 5


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
def test_who_left_and_came_back_is_not_shut_out_by_the_news_of_it(
    client: FlaskClient, scene: Scene, wechat: Sender, at_once: bool
):
    begun = int(time.time()) - 30
    wechat.sign(message(FAN)).send(client)
    wechat.sign(event("subscribe", FAN, at=begun + 20)).send(client)
    left = event("unsubscribe", FAN, at=begun + 10)
    if at_once:
        wechat.sign(left).send(client)
    else:
        put_off(scene, left)
    assert conversation(scene).window_left == 5


def test_it_is_one_statement(client: FlaskClient, wechat: Sender, scene: Scene, count_queries):
    wechat.sign(message(FAN)).send(client)  # the account becomes known
    with count_queries() as counted:
        wechat.sign(message(FAN)).send(client)
    assert counted.n == 1


@pytest.mark.parametrize("joining", ["enable_nestloop", "enable_hashjoin"])
def test_however_it_is_planned_the_tenant_is_told_first(
    client: FlaskClient, wechat: Sender, scene: Scene, joining: str
):
    """An UPDATE looks for its rows by a policy that must know the tenant by then."""
    wechat.sign(message(FAN)).send(client)
    spend(scene)
    engine = db.db.engines[db.BRIEF]
    engine.dispose()

    def plan_so(connection, _record) -> None:
        connection.execute(f"set {joining} = off")

    sa.event.listen(engine, "connect", plan_so)
    try:
        wechat.sign(event("CLICK", FAN, "<EventKey>k</EventKey>")).send(client)
    finally:
        sa.event.remove(engine, "connect", plan_so)
        engine.dispose()
    assert conversation(scene).window_left == 3


def test_what_is_written_is_sealed(client: FlaskClient, wechat: Sender, scene: Scene):
    wechat.sign(message(FAN, rest=with_id("<Content>secret words</Content>"))).send(client)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        (stored,) = session.scalars(sa.text("select text from chat_message")).all()
    assert b"secret" not in bytes(stored)
    assert told(scene)[0][2] == "secret words"


def test_screens_and_workers_are_told(client: FlaskClient, wechat: Sender, scene: Scene):
    listening = doorbell.connection().pubsub()
    listening.subscribe(live.CHANNEL)
    assert listening.get_message(timeout=5)["type"] == "subscribe"
    wechat.sign(message(FAN, "image", with_id("<PicUrl>p</PicUrl><MediaId>m</MediaId>"))).send(client)
    assert listening.get_message(timeout=5)["data"] == str(scene.chain.id).encode()
    assert doorbell.connection().exists(f"ring:{rules.MEDIA}:{scene.chain.id}")
    wechat.sign(event("unsubscribe", FAN)).send(client)
    assert listening.get_message(timeout=5)["data"] == str(scene.chain.id).encode()
    listening.close()
