"""The callback: what is kept, what is refused, what becomes a fan (OA-2)."""

from __future__ import annotations

import time
import uuid

import pytest
import sqlalchemy as sa

from engage.accounts.models import Push
from engage.fans.models import Fan
from engage.kernel.db import tenant_scope, unit_of_work
from engage.wechat import callbacks
from tests.booking.scenes import make_scene


@pytest.fixture
def push(chain, client):
    """Push a body to the chain's account, signed: `push(body, signed_with="token")` gives the answer."""
    make_scene(chain)

    def send(body: bytes, *, signed_with: str = "token", at: float | None = None, **headers: str):
        timestamp, nonce = str(int(at or time.time())), uuid.uuid4().hex
        signature = callbacks.sign(token=signed_with, timestamp=timestamp, nonce=nonce)
        query = {"signature": signature, "timestamp": timestamp, "nonce": nonce}
        return client.post(f"/hooks/wechat/wx-{chain.slug}", query_string=query, data=body, headers=headers)

    return send


def body(
    openid: str = "openid-new", kind: str = "text", rest: str = "<Content>hi</Content><MsgId>1</MsgId>"
) -> bytes:
    """Write a push as WeChat does."""
    return (
        f"<xml><ToUserName>gh_1</ToUserName><FromUserName>{openid}</FromUserName>"
        f"<CreateTime>{int(time.time())}</CreateTime><MsgType>{kind}</MsgType>{rest}</xml>"
    ).encode()


def event(name: str, openid: str = "openid-new", rest: str = "") -> bytes:
    """Write an event as WeChat does."""
    return body(openid, "event", f"<Event>{name}</Event>{rest}")


def count(chain, model) -> int:
    """Count the chain's rows."""
    with tenant_scope(chain.id), unit_of_work() as session:
        return session.scalar(sa.select(sa.func.count(model.id)).where(model.tenant_id == chain.id))


def test_a_message_is_kept_once_however_often_it_comes(chain, push):
    fans, message = count(chain, Fan), body()
    assert [push(message).text for _ in range(3)] == ["success"] * 3
    assert (count(chain, Push), count(chain, Fan)) == (1, fans + 1)


@pytest.mark.parametrize(
    ("message", "token", "age", "status"),
    [
        (body(), "another token", 0, 403),
        (body(), "token", 400, 403),
        (b"not xml", "token", 0, 400),
        (b"", "token", 0, 400),
        (b"<xml><a/></xml>", "token", 0, 400),
        (b"<!DOCTYPE x [<!ENTITY e 'e'>]>" + body(), "token", 0, 400),
        (b'<?xml version="1.0" encoding="foo"?>' + body(), "token", 0, 400),
        (body(rest="<Content>without an id</Content>"), "token", 0, 400),
        (b"<xml>" + b"x" * 70_000 + b"</xml>", "token", 0, 400),
    ],
)
def test_what_is_forged_stale_or_malformed_leaves_no_row(chain, push, message, token, age, status):
    assert push(message, signed_with=token, at=time.time() - age).status_code == status
    assert count(chain, Push) == 0


def test_a_long_event_key_is_kept(chain, push):
    key = "".join(uuid.uuid4().hex for _ in range(400))
    assert push(event("VIEW", rest=f"<EventKey>{key}</EventKey>")).status_code == 200
    assert count(chain, Push) == 1


def test_what_wechat_itself_sends_makes_no_fan(chain, push):
    fans = count(chain, Fan)
    push(event("MASSSENDJOBFINISH", "mphelper", "<MsgID>5</MsgID><Status>send success</Status>"))
    assert count(chain, Fan) == fans


def test_follow_and_unfollow_in_the_wrong_order_end_right(chain, push):
    later = event("unsubscribe", "openid-9").replace(b"<CreateTime>1", b"<CreateTime>2", 1)
    push(later)
    push(event("subscribe", "openid-9"))
    with tenant_scope(chain.id), unit_of_work() as session:
        assert session.scalar(sa.select(Fan.following).where(Fan.openid == "openid-9")) is False


def test_the_welcomes_link_is_ours_whatever_host_was_called(app, chain, push):
    with tenant_scope(chain.id), unit_of_work() as session:
        session.execute(sa.text("update official_account set welcome = 'book {booking}'"))
    answer = push(event("subscribe"), Host="backend.internal:9999").text
    assert f"{app.config['PUBLIC_URL']}/p/" in answer
    assert "backend.internal" not in answer
