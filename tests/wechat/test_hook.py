"""The callback: what is kept, what is refused, what becomes a fan (OA-2)."""

from __future__ import annotations

import re
import time
import uuid

import psycopg
import pytest
import sqlalchemy as sa

from engage.accounts.models import OfficialAccount, Push
from engage.audit.services import OPERATOR
from engage.fans import services as fans
from engage.fans.models import Fan
from engage.inbound import services as inbound
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.replies import services as replies
from engage.replies.rules import TEXT, Content
from engage.wechat import messages
from sandbox import crypto
from tests.booking.scenes import AES_KEY, make_scene
from tests.conftest import Chain
from tests.wechat.pushes import Sender, event, message
from workers import pushes

MODES = ("plain", "compat", "safe")


@pytest.fixture
def wechat(chain):
    """The chain's account in plain mode, and WeChat pushing to it."""
    make_scene(chain)
    return Sender(chain)


def count(chain: Chain, model: type) -> int:
    """Count the chain's rows."""
    with tenant_scope(chain.id), unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count(model.id)).where(model.tenant_id == chain.id))


def opened(answer: str, app_id: str) -> str:
    """Open an encrypted answer as WeChat does."""
    nodes = dict(re.findall(r"<(\w+)>(?:<!\[CDATA\[)?([^<\]]+)", answer.removeprefix("<xml>")))
    signed = crypto.signature("token", nodes["TimeStamp"], nodes["Nonce"], nodes["Encrypt"])
    assert nodes["MsgSignature"] == signed
    return crypto.decrypt(AES_KEY, app_id, nodes["Encrypt"])


def test_a_message_is_kept_once_however_often_it_comes(chain, client, wechat):
    fans, push = count(chain, Fan), wechat.sign(message())
    assert [push.send(client).text for _ in range(3)] == ["success"] * 3
    assert (count(chain, Push), count(chain, Fan)) == (1, fans + 1)


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_is_read_and_answered_in_kind(chain, client, mode):
    make_scene(chain, mode=mode, welcome="欢迎 ]]> 您")
    answer = Sender(chain, mode).sign(event("subscribe", "o-1")).send(client)
    plain = answer.text if mode == "plain" else opened(answer.text, f"wx-{chain.slug}")
    assert answer.status_code == 200
    assert "<![CDATA[o-1]]>" in plain
    with tenant_scope(chain.id), unit_of_work() as session:
        kept = session.scalars(sa.select(Push)).one()
        assert session.scalar(sa.select(Fan.following).where(Fan.openid == "o-1"))
    assert kept.body.startswith("<xml><ToUserName>gh_1<")
    assert kept.reply == plain


@pytest.mark.parametrize(("wanted", "sent"), [("safe", "plain"), ("compat", "plain")])
def test_less_than_the_account_wants_is_refused(chain, client, wanted, sent):
    make_scene(chain, mode=wanted)
    assert Sender(chain, sent).sign(message()).send(client).status_code == 403
    assert count(chain, Push) == 0


@pytest.mark.parametrize(
    ("xml", "status"),
    [
        (b"not xml", 400),
        (b"", 400),
        (b"<xml><a/></xml>", 400),
        (b"<!DOCTYPE x [<!ENTITY e 'e'>]>" + message(), 400),
        (message().replace(b"text", b"te\xff\xfet"), 400),
        (message().replace(b"text", b"te\x00t"), 400),
        (b"<xml>" + b"x" * 70_000 + b"</xml>", 400),
    ],
)
def test_what_is_malformed_leaves_no_row(chain, client, wechat, xml, status):
    assert wechat.sign(xml).send(client).status_code == status
    assert count(chain, Push) == 0


@pytest.mark.parametrize("mode", ["plain", "safe"])
@pytest.mark.parametrize(
    ("change", "age"),
    [({"token": "another"}, 0), ({}, 400), ({}, -400), ({"key": AES_KEY[::-1]}, 0), ({"app_id": "wx-no"}, 0)],
)
def test_what_is_forged_or_stale_leaves_no_row(chain, client, mode, change, age):
    if mode == "plain" and change.keys() & {"key", "app_id"}:
        change = {"token": "another"}
    make_scene(chain, mode=mode)
    push = Sender(chain, mode, **change).sign(message(), at=time.time() - age)
    assert push.send(client).status_code in {400, 403}
    assert count(chain, Push) == 0


def test_a_signature_serves_one_body(chain, client, wechat):
    """Who overheard a push can repeat it, and nothing else."""
    first = wechat.sign(message(), nonce="overheard")
    forged = wechat.sign(message("somebody-else"), at=int(first.query["timestamp"]), nonce="overheard")
    assert first.send(client).status_code == 200
    assert forged.send(client).status_code == 403
    assert first.send(client).text == "success"
    assert count(chain, Push) == 1


def test_a_repeat_gets_the_stored_reply_after_the_welcome_changed(chain, client):
    make_scene(chain, welcome="first")
    push = Sender(chain).sign(event("subscribe"))
    first = push.send(client).text
    with tenant_scope(chain.id), unit_of_work() as session:
        account = session.scalars(sa.select(OfficialAccount)).one()
        replies.set_welcome(session, account.id, Content(TEXT, "second"), by=OPERATOR, now=clock.now())
    assert "first" in first
    assert push.send(client).text == first


@pytest.mark.parametrize("kind", ["text", "image", "something_new"])
def test_messages_without_an_id_are_told_apart(chain, client, wechat, kind):
    for content in ("a", "b", "a"):
        wechat.sign(message(kind=kind, rest=f"<Content>{content}</Content>", at=1_700_000_000)).send(client)
    assert count(chain, Push) == 2


def test_unknown_events_are_kept(chain, client, wechat):
    assert (
        wechat.sign(event("brand_new", rest="<Some><Thing>1</Thing></Some>")).send(client).text == "success"
    )
    with tenant_scope(chain.id), unit_of_work() as session:
        assert session.scalars(sa.select(Push.kind)).all() == ["event:brand_new"]


def test_a_long_event_key_is_kept(chain, client, wechat):
    key = "".join(uuid.uuid4().hex for _ in range(400))
    assert wechat.sign(event("VIEW", rest=f"<EventKey>{key}</EventKey>")).send(client).status_code == 200
    assert count(chain, Push) == 1


def test_what_wechat_itself_sends_makes_no_fan(chain, client, wechat):
    fans = count(chain, Fan)
    rest = "<MsgID>5</MsgID><Status>send success</Status>"
    wechat.sign(event("MASSSENDJOBFINISH", "mphelper", rest)).send(client)
    assert count(chain, Fan) == fans


def test_follow_and_unfollow_in_the_wrong_order_end_right(chain, client, wechat):
    now = int(time.time())
    wechat.sign(event("unsubscribe", "openid-9", at=now + 1)).send(client)
    wechat.sign(event("subscribe", "openid-9", at=now)).send(client)
    with tenant_scope(chain.id), unit_of_work() as session:
        assert session.scalar(sa.select(Fan.following).where(Fan.openid == "openid-9")) is False


def test_the_welcomes_link_is_ours_whatever_host_was_called(app, chain, client):
    make_scene(chain, welcome="book {booking}")
    answer = Sender(chain).sign(event("subscribe")).send(client, headers={"Host": "backend.internal:9"}).text
    assert f"{app.config['PUBLIC_URL']}/p/a-{chain.slug}/booking" in answer
    assert "backend.internal" not in answer


def test_the_check_of_the_address_is_answered_and_remembered(chain, client, wechat):
    push = wechat.sign(b"")
    answer = client.get(push.path, query_string=push.query | {"echostr": "41<b>"})
    assert (answer.status_code, answer.text) == (200, "41<b>")
    assert answer.content_type.startswith("text/plain")
    assert client.get(push.path, query_string=push.query | {"signature": "0" * 40}).status_code == 403
    with tenant_scope(chain.id), unit_of_work() as session:
        assert session.scalars(sa.select(OfficialAccount.verified_at)).one() is not None


def test_nobodys_account_is_not_found(client):
    assert client.post("/hooks/wechat/wx-nobody", data=b"<xml/>").status_code == 404


def following(chain: Chain, openid: str) -> bool | None:
    """Say whether the fan of an openid follows; None when there is none."""
    with tenant_scope(chain.id), unit_of_work() as session:
        return session.scalar(sa.select(Fan.following).where(Fan.openid == openid))


@pytest.mark.parametrize(
    ("push", "follows"),
    [
        (message("o-1"), True),
        (event("CLICK", "o-1", "<EventKey>A</EventKey>"), True),
        (event("SCAN", "o-1", "<EventKey>7</EventKey><Ticket>t</Ticket>"), True),
        (event("unsubscribe", "o-1"), False),
        (event("brand_new", "o-1"), None),
    ],
)
def test_who_followed_before_the_account_was_connected_is_known_by_what_they_do(
    chain, client, wechat, push, follows
):
    wechat.sign(push).send(client)
    assert following(chain, "o-1") is follows


def test_a_message_that_arrives_after_its_writer_left_makes_no_follower(chain, client, wechat):
    now = int(time.time())
    wechat.sign(event("unsubscribe", "o-1", at=now)).send(client)
    wechat.sign(message("o-1", at=now - 1)).send(client)
    assert following(chain, "o-1") is False


@pytest.mark.parametrize("name", ["user_info_modified", "user_authorization_revoke"])
def test_a_profile_that_changed_or_is_shown_no_more_is_forgotten(chain, client, wechat, name):
    wechat.sign(message("o-1")).send(client)
    with tenant_scope(chain.id), unit_of_work() as session:
        (fan_id,) = session.scalars(sa.select(Fan.id).where(Fan.openid == "o-1"))
        fans.record_profile(session, fan_id, nickname="小红", avatar="a" * 64, now=clock.now())
    rest = f"<OpenID>o-1</OpenID><AppID>wx-{chain.slug}</AppID><RevokeInfo>1</RevokeInfo>"
    assert wechat.sign(event(name, "o-1", rest)).send(client).text == "success"
    with tenant_scope(chain.id):
        pushes.drain()
        with unit_of_work() as session:
            fan = session.scalars(sa.select(Fan).where(Fan.openid == "o-1")).one()
    assert (fan.nickname, fan.avatar) == (None, None)


@pytest.fixture
def slow_fan(settings):
    """The database takes six seconds to write a certain fan."""
    body = "begin if new.openid = 'o-slow' then perform pg_sleep(6); end if; return new; end"
    with psycopg.connect(settings.owner_database_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute(f"create function slow_fan() returns trigger language plpgsql as $${body}$$")
        owner.execute("create trigger slow_fan before insert on fan for each row execute function slow_fan()")
        yield "o-slow"
        owner.execute("drop trigger slow_fan on fan")
        owner.execute("drop function slow_fan")


def test_what_takes_too_long_is_cut_and_left_to_a_worker(chain, client, slow_fan):
    make_scene(chain, welcome="欢迎")
    begun = time.monotonic()
    answer = Sender(chain).sign(event("subscribe", slow_fan)).send(client)
    assert (answer.status_code, answer.text) == (200, "success")
    assert time.monotonic() - begun < 4
    with tenant_scope(chain.id), unit_of_work() as session:
        assert session.execute(sa.select(Push.late, Push.handled_at)).one() == (True, None)
    assert following(chain, slow_fan) is None


def test_a_copy_that_gave_up_waiting_for_the_other_gets_its_reply(chain, client):
    """The one in flight commits just when the second one is put off."""
    make_scene(chain, welcome="欢迎")
    push = Sender(chain).sign(event("subscribe", "o-1"))
    first = push.send(client).text
    xml = push.body
    parsed = messages.parse(xml)
    with tenant_scope(chain.id), unit_of_work() as session:
        account_id = session.scalars(sa.select(OfficialAccount.id)).one()
        query = push.query
        again = inbound.arrived(
            account_id, parsed, timestamp=query["timestamp"], nonce=query["nonce"], body=xml, xml=xml
        )
        assert inbound.put_off(session, again, late=True, now=clock.now()) == first
