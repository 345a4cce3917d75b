"""Many messages at once: what becomes of each, and when no more go out (P7, R5–R8, R24)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping

import pytest
import redis

from engage.wechat.client import HttpGateway, bulk
from engage.wechat.gateway import Card, Credentials, Letter, QuotaSpent, WeChatError
from engage.wechat.outcomes import NotSent, Outcome, Refused, Sent, Unheard
from tests.wechat.conftest import Reached
from tests.wechat.scripted import Scripted, cut, told

SEND, STABLE = bulk.PATH, "/cgi-bin/stable_token"
CARD = Card("template", {"thing1": "洗牙抵扣券", "date2": "2026-12-31"}, "https://clinic.example/p/a/coupons")
TEMPLATE = {
    "template_id": "template",
    "title": "优惠券到账通知",
    "content": "优惠券：{{thing1.DATA}}\n有效期至：{{date2.DATA}}",
}
Became = Mapping[int, Outcome | NotSent]


@pytest.fixture
def crowd(reached: Reached) -> list[str]:
    """The openids of twelve fans; the account has a template."""
    same = {"appid": reached.account.app_id, "secret": reached.account.secret}
    reached.sandbox.account("http://127.0.0.1:9/", **same, templates=[TEMPLATE])
    openids = []
    for _ in range(12):
        fan = reached.sandbox.fan()
        followed = reached.sandbox.control(f"/fans/{fan}/follow", {"appid": reached.account.app_id})
        openids.append(followed["openid"])
    return openids


def letters(openids: list[str]) -> list[Letter]:
    return [Letter(number, openid, f"m-{number}") for number, openid in enumerate(openids)]


def send(reached: Reached, openids: list[str], **options) -> Became:
    options = {"card": CARD, "may_go": lambda: True, "connections": 4, **options}
    return reached.gateway.send_templates(reached.account, letters(openids), **options)


def fault(reached: Reached, effect: dict, **more) -> None:
    match = {"path": SEND, "appid": reached.account.app_id}
    reached.sandbox.control("/faults", {"match": match, "effect": effect, **more})


def kinds(became: Became) -> Counter[type]:
    return Counter(type(outcome) for outcome in became.values())


def test_all_are_sent_and_a_repeat_is_the_same_message(reached, crowd):
    first, again = send(reached, crowd), send(reached, crowd)
    assert kinds(first) == {Sent: 12}
    assert first == again
    assert len({outcome.msg_id for outcome in first.values()}) == 12
    usage = {use.path: use.used for use in reached.gateway.usage(reached.account)}
    assert usage == {SEND: 24, STABLE: 1}


def test_nobody_is_nothing(reached):
    assert send(reached, []) == {}


def test_what_is_sent_is_what_one_message_would_be(scripted: Scripted, valkey: redis.Redis, nobody):
    scripted.answers[SEND] = told({"errcode": 0, "errmsg": "ok", "msgid": 7})
    gateway = HttpGateway(scripted.url, valkey)
    gateway.send_template(
        nobody,
        openid="o-1",
        template_id=CARD.template_id,
        fields=dict(CARD.fields),
        url=CARD.url,
        client_msg_id="m-0",
    )
    gateway.send_templates(nobody, letters(["o-1"]), card=CARD, may_go=lambda: True)
    one, many = scripted.to(SEND)
    assert one.json == many.json
    assert one.query == many.query
    assert "洗牙抵扣券".encode() in many.body


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (told({"errcode": 0, "errmsg": "ok", "msgid": 3487542469355618313}), Sent(3487542469355618313)),
        (told({"errcode": 43004, "errmsg": "require subscribe"}), Refused(43004, "require subscribe")),
        (told(b"<html>"), Unheard("the answer cannot be read: JSONDecodeError")),
        (told(b"[]"), Unheard("the answer is no object")),
        (told({"errcode": 0}), Unheard("the answer cannot be read: KeyError")),
        (told({"msgid": 1}, status=502), Unheard("HTTP 502")),
        (told({"msgid": 1}, status=302), Unheard("HTTP 302")),
        (told(b"x" * (bulk.MAX_ANSWER + 1)), Unheard("libcurl 63")),
        (cut(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"), Unheard("libcurl 18")),
    ],
)
def test_what_an_answer_means(scripted: Scripted, valkey: redis.Redis, nobody, answer, outcome):
    scripted.answers[SEND] = answer
    gateway = HttpGateway(scripted.url, valkey)
    assert gateway.send_templates(nobody, letters(["o"]), card=CARD, may_go=lambda: True) == {0: outcome}


def test_those_who_left_are_told_apart_from_the_others(reached, crowd):
    fan = reached.sandbox.fan()
    followed = reached.sandbox.control(f"/fans/{fan}/follow", {"appid": reached.account.app_id})
    reached.sandbox.control(f"/fans/{fan}/unfollow", {"appid": reached.account.app_id})
    became = send(reached, [*crowd, followed["openid"], "o-nobody"])
    assert kinds(became) == {Sent: 12, Refused: 2}
    assert [became[12].errcode, became[13].errcode] == [43004, 40003]


def test_a_spent_quota_stops_what_has_not_begun_and_holds_the_next_run_back(reached, crowd):
    reached.sandbox.control(f"/accounts/{reached.account.app_id}/limits", {SEND: 5})
    became = send(reached, crowd, connections=2)
    counted = kinds(became)
    assert counted[Sent] == 5
    assert 1 <= counted[Refused] <= 2
    assert {outcome.errcode for outcome in became.values() if isinstance(outcome, Refused)} == {45009}
    calls = len(reached.calls(SEND))
    with pytest.raises(QuotaSpent):
        send(reached, crowd)
    assert len(reached.calls(SEND)) == calls <= 5 + 2


@pytest.mark.parametrize("errcode", [40001, 42001])
def test_a_token_that_dies_is_replaced_once_and_all_are_sent(reached, crowd, errcode):
    send(reached, crowd[:1])
    reached.sandbox.control(f"/accounts/{reached.account.app_id}/tokens/kill", {"as": errcode})
    assert kinds(send(reached, crowd)) == {Sent: 12}
    assert len(reached.calls(STABLE)) == 2
    refused = [call for call in reached.calls(SEND) if call["errcode"] == errcode]
    assert 1 <= len(refused) <= 4


def test_a_token_that_is_refused_always_is_asked_for_once(reached, crowd):
    fault(reached, {"errcode": 40001})
    became = send(reached, crowd)
    assert NotSent not in kinds(became)
    assert {outcome.errcode for outcome in became.values()} == {40001}
    assert len(reached.calls(STABLE)) <= 3  # the first, the same again, and by force


def test_without_a_token_nothing_goes_out(reached, crowd):
    wrong = Credentials(reached.account.app_id, "wrong")
    with pytest.raises(WeChatError) as refusal:
        reached.gateway.send_templates(wrong, letters(crowd), card=CARD, may_go=lambda: True)
    assert refusal.value.errcode == 40125
    assert reached.calls(SEND) == []


def test_an_account_that_must_be_mended_is_not_asked_for_all(reached, crowd):
    fault(reached, {"errcode": 48001})
    assert kinds(send(reached, crowd, connections=2)) == {Refused: 2, NotSent: 10}


@pytest.mark.parametrize("effect", [{"http": 502}, {"drop": "during"}], ids=str)
def test_calls_that_are_cut_are_unheard_and_the_others_go_on(reached, crowd, effect):
    fault(reached, effect, times=3)
    assert kinds(send(reached, crowd)) == {Unheard: 3, Sent: 9}


def test_a_call_that_hangs_ends(reached, crowd, monkeypatch):
    monkeypatch.setattr(bulk, "CALL_MS", 300)
    fault(reached, {"latency_ms": 3000}, times=1)
    assert kinds(send(reached, crowd, connections=3)) == {Unheard: 1, Sent: 11}


def test_where_nobody_listens_few_are_tried(valkey: redis.Redis, scripted: Scripted, nobody, monkeypatch):
    monkeypatch.setattr(bulk, "SILENT_AT_MOST", 5)
    HttpGateway(scripted.url, valkey)._tokens.current(nobody)
    nowhere = HttpGateway("http://127.0.0.1:9", valkey)
    became = nowhere.send_templates(
        nobody, letters(["o"] * 40), card=CARD, may_go=lambda: True, connections=2
    )
    counted = kinds(became)
    assert counted[Refused] <= 5 + 2
    assert counted[Refused] + counted[NotSent] == 40
    assert {outcome.errcode for outcome in became.values() if isinstance(outcome, Refused)} == {-1}


def test_whoever_says_stop_is_heard_within_two_seconds(reached, crowd):
    """Counted in messages, eight of which take two seconds."""
    fault(reached, {"latency_ms": 250})
    became = send(reached, crowd, connections=1, may_go=lambda: len(reached.calls(SEND)) < 2)
    assert 2 <= kinds(became)[Sent] <= 2 + 8
    assert len(reached.calls(SEND)) == kinds(became)[Sent] < len(became)


def test_no_call_begins_when_the_time_is_over(reached, crowd):
    assert kinds(send(reached, crowd, seconds=0.0)) == {NotSent: 12}
    fault(reached, {"latency_ms": 200})
    became = send(reached, crowd, connections=1, seconds=0.5)
    assert set(kinds(became)) == {Sent, NotSent}


def test_no_more_calls_at_once_than_connections(scripted: Scripted, valkey: redis.Redis, nobody):
    numbers = itertools.count(1)

    def answer(handler, asked):
        told({"errcode": 0, "msgid": next(numbers)})(handler, asked)

    scripted.answers[SEND] = answer
    gateway = HttpGateway(scripted.url, valkey)
    for _ in range(3):
        became = gateway.send_templates(
            nobody, letters(["o"] * 10), card=CARD, may_go=lambda: True, connections=3
        )
        assert kinds(became) == {Sent: 10}
    assert len(scripted.to(SEND)) == 30
