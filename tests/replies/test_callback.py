"""What WeChat is answered, by one statement, and what the conversation shows of it (OA-5)."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from engage.accounts.models import Push
from engage.audit.services import OPERATOR
from engage.chat.models import ChatMessage, Conversation
from engage.coupons.models import Coupon
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.notifications.models import Delivery
from engage.qrcodes import services as qrcodes
from engage.replies import services
from engage.replies.rules import EQUAL, Content
from engage.replies.services import NewReply
from tests.accounts.menus import published as menu_published
from tests.coupons.scenes import published
from tests.qrcodes.scenes import make
from tests.replies.conftest import added, says, within
from tests.wechat.pushes import event, message
from workers import pushes

FAN = "openid-0"


def text(content: str) -> bytes:
    """Write what a fan writes."""
    text.number += 1
    return message(FAN, rest=f"<Content>{content}</Content><MsgId>{text.number}</MsgId>")


text.number = 10_000


def scanned(name, key):
    """Write what a scan of a code pushes."""
    return event(name, FAN, rest=f"<EventKey>{key}</EventKey><Ticket>t</Ticket>")


def spoken(scene):
    """Give the conversation's messages in their order, as who and what."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        rows = session.scalars(sa.select(ChatMessage).order_by(ChatMessage.seq)).all()
        return [(row.seq, row.direction, row.kind, row.text, row.state) for row in rows]


def conversation(scene):
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return session.scalars(sa.select(Conversation)).one()


def test_a_word_is_answered_and_the_agent_sees_both(scene, wechat, client):
    added(scene, says("先看这里", "价格"))
    assert "先看这里" in wechat.sign(text("请问价格")).send(client).text
    assert wechat.sign(text("你好")).send(client).text == "success"
    assert spoken(scene) == [
        (1, "in", "text", "请问价格", "received"),
        (2, "out", "text", "先看这里", "sent"),
        (3, "in", "text", "你好", "received"),
    ]
    talk = conversation(scene)
    assert (talk.seq, talk.last_in_seq, talk.answered_seq) == (3, 3, 0)
    assert talk.waiting_since is not None  # an answer by itself is no answer of an agent
    assert talk.window_left == 5  # and takes nothing of what WeChat lets agents send


def test_a_first_message_that_is_answered_begins_the_conversation(scene, wechat, client):
    added(scene, says("先看这里", "价格"))
    wechat.sign(text("价格")).send(client)
    talk = conversation(scene)
    assert (talk.seq, talk.last_in_seq) == (2, 1)


def test_a_repeat_is_answered_the_same_and_shown_once(scene, wechat, client):
    added(scene, says("先看这里", "价格"))
    push = wechat.sign(text("价格"))
    answers = {push.send(client).text for _ in range(3)}
    assert len(answers) == 1
    assert len(spoken(scene)) == 2


def test_who_follows_again_is_welcomed_in_the_conversation_that_is_there(scene, wechat, client):
    with within(scene) as session:
        services.set_welcome(session, scene.account_id, Content("text", "欢迎"), by=OPERATOR, now=clock.now())
    wechat.sign(event("subscribe", "openid-1")).send(client)
    assert spoken(scene) == []  # who never wrote has no conversation
    wechat.sign(text("你好")).send(client)
    assert "欢迎" in wechat.sign(event("subscribe", FAN)).send(client).text
    assert spoken(scene)[1:] == [(2, "out", "text", "欢迎", "sent")]


@pytest.mark.parametrize("kind", ["text", "subscribe", "subscribe by a code", "SCAN", "CLICK"])
def test_every_answer_is_part_of_one_statement_and_of_each_repeat(scene, wechat, client, count_queries, kind):
    with within(scene) as session:
        code = make(session, scene, welcome="欢迎来到徐汇店")
        services.set_welcome(session, scene.account_id, Content("text", "欢迎"), by=OPERATOR, now=clock.now())
        menu_published(session, scene.account_id)
    (rule,) = added(scene, says("先看这里", "价格"))
    wechat.sign(text("你好")).send(client)  # the book is read, and there is a conversation
    xml, answered = {
        "text": (text("价格"), "先看这里"),
        "subscribe": (event("subscribe", FAN), "欢迎"),
        "subscribe by a code": (scanned("subscribe", f"qrscene_{code.scene}"), "欢迎来到徐汇店"),
        "SCAN": (scanned("SCAN", code.scene), "欢迎来到徐汇店"),
        "CLICK": (event("CLICK", FAN, rest="<EventKey>r:said</EventKey>"), "淮海中路 999 号"),
    }[kind]
    push = wechat.sign(xml)
    with count_queries() as counted:
        first = push.send(client).text
    assert (answered in first, counted.n) == (True, 1)
    assert spoken(scene)[-1][1:] == ("out", "text", answered, "sent")

    with within(scene) as session:  # a repeat is told what the first was, whatever is answered by now
        services.remove(session, rule.id, by=OPERATOR, now=clock.now())
        qrcodes.retire(session, code.id, by=OPERATOR, now=clock.now())
        services.set_welcome(session, scene.account_id, Content("text", "又"), by=OPERATOR, now=clock.now())
    before = spoken(scene)
    assert [push.send(client).text for _ in range(2)] == [first, first]
    assert spoken(scene) == before


def test_a_card_leads_to_the_page_and_shows_as_a_link(scene, wechat, client, app):
    card = Content("news", "周末也开", "预约洗牙", "{booking}")
    added(scene, NewReply(card, EQUAL, ["预约"]))
    answer = wechat.sign(text("预约")).send(client).text
    url = f"{app.config['PUBLIC_URL']}/p/{scene.account_slug}/booking"
    for part in ("<ArticleCount>1</ArticleCount>", "预约洗牙", "周末也开", url):
        assert part in answer
    assert spoken(scene)[1][2:4] == ("link", "预约洗牙")


def test_a_coupon_is_offered_while_it_is_given(scene, wechat, client, app):
    with within(scene) as session:
        coupon_id = published(session, now=clock.now())
    (rule,) = added(scene, NewReply(Content("coupon", coupon_id=coupon_id), EQUAL, ["券"]))
    answer = wechat.sign(text("券")).send(client).text
    assert f"/p/{scene.account_slug}/coupons/offer/{rule.id}" in answer
    assert "新客立减" in answer
    with within(scene) as session:
        session.execute(sa.update(Coupon).values(state="withdrawn"))
    assert wechat.sign(text("券")).send(client).text == "success"


def test_what_is_off_or_waits_for_its_picture_is_not_answered(scene, wechat, client):
    with within(scene) as session:
        services.keep_picture(session, scene.account_id, file="f" * 64, width=3, height=2)
    added(
        scene,
        says("off", "价格", is_on=False),
        NewReply(Content("image", file="f" * 64), EQUAL, ["价格"]),
        says("third", "价格"),
    )
    assert "third" in wechat.sign(text("价格")).send(client).text


def test_a_codes_own_welcome_goes_before_the_accounts(scene, wechat, client):
    with within(scene) as session:
        code = make(session, scene, welcome="欢迎来到徐汇店 {booking}")
        services.set_welcome(session, scene.account_id, Content("text", "欢迎"), by=OPERATOR, now=clock.now())
    scanned = f"<EventKey>qrscene_{code.scene}</EventKey><Ticket>t</Ticket>"
    by_code = wechat.sign(event("subscribe", "openid-1", rest=scanned)).send(client).text
    assert "欢迎来到徐汇店 http" in by_code
    plain = wechat.sign(event("subscribe", "openid-2")).send(client).text
    assert "欢迎" in plain
    assert "徐汇店" not in plain
    again = f"<EventKey>{code.scene}</EventKey><Ticket>t</Ticket>"
    assert "欢迎来到徐汇店" in wechat.sign(event("SCAN", "openid-1", rest=again)).send(client).text


def test_a_tap_in_the_menu_is_answered_and_shown(scene, wechat, client):
    with within(scene) as session:
        menu_published(session, scene.account_id)
    wechat.sign(text("你好")).send(client)
    answer = wechat.sign(event("CLICK", FAN, rest="<EventKey>r:said</EventKey>")).send(client).text
    assert "淮海中路 999 号" in answer
    assert spoken(scene)[1:] == [(2, "out", "text", "淮海中路 999 号", "sent")]


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (Content("text", "先看这里"), {"text": "先看这里"}),
        (Content("news", "下面", "标题", "https://a.example"), {"title": "标题", "url": "https://a.example"}),
    ],
)
def test_a_reply_that_is_late_is_the_same(scene, wechat, client, monkeypatch, content, fields):
    added(scene, NewReply(content, EQUAL, ["价格"]))
    monkeypatch.setattr("engage.inbound.services.run_alone", broken)
    assert wechat.sign(text("价格")).send(client).text == "success"
    monkeypatch.undo()
    with tenant_scope(scene.chain.id):
        pushes.drain()
        with unit_of_work() as session:
            assert session.scalars(sa.select(Push.late)).one()
            late = session.scalars(sa.select(Delivery)).one()
    assert fields.items() <= late.fields.items()
    assert late.text == (fields.get("text") or fields["title"])


def broken(*_all, **_more):
    """Stand for a database that is too slow."""
    raise TimeoutError
