"""Calls counted by account, path and day; a spent kind is held back until midnight in China (OA-3)."""

from __future__ import annotations

import datetime as dt

import pytest
import redis

from engage.kernel import clock
from engage.wechat.answers import Usage
from engage.wechat.client import HttpGateway
from engage.wechat.gateway import Credentials, QuotaSpent, Text, Trouble, WeChatError
from engage.wechat.rules import day_ends_at, day_of
from tests.wechat.scripted import TOKEN, Scripted, told

SEND = "/cgi-bin/message/custom/send"
SPENT = told({"errcode": 45009, "errmsg": "reach max api daily quota limit rid: 1-2-3"})


@pytest.fixture
def gateway(scripted: Scripted, valkey: redis.Redis) -> HttpGateway:
    scripted.answers |= {SEND: told({"errcode": 0}), "/cgi-bin/tags/get": told({"tags": []})}
    return HttpGateway(scripted.url, valkey)


def say(gateway: HttpGateway, account: Credentials) -> None:
    gateway.send_custom(account, openid="openid", message=Text("你好"))


def test_calls_are_counted_with_the_limits_that_are_known(gateway: HttpGateway, nobody: Credentials) -> None:
    for _ in range(3):
        say(gateway, nobody)
    gateway.tags(nobody)
    assert gateway.usage(nobody) == [
        Usage(SEND, 3, 500_000, is_spent=False),
        Usage(TOKEN, 1, 500_000, is_spent=False),
        Usage("/cgi-bin/tags/get", 1, None, is_spent=False),
    ]


def test_a_spent_kind_is_held_back_for_its_account_alone(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials
) -> None:
    other = Credentials(f"{nobody.app_id}-other", "secret")
    scripted.answers[SEND] = SPENT
    for _ in range(5):
        with pytest.raises(QuotaSpent) as refusal:
            say(gateway, nobody)
        assert (refusal.value.errcode, refusal.value.path) == (45009, SEND)
        assert refusal.value.trouble is Trouble.QUOTA
    assert len(scripted.to(SEND)) == 1
    assert gateway.usage(nobody)[0] == Usage(SEND, 1, 500_000, is_spent=True)
    gateway.tags(nobody)
    scripted.answers[SEND] = told({"errcode": 0})
    say(gateway, other)


def test_the_next_day_of_china_calls_go_out_again(
    scripted: Scripted, valkey: redis.Redis, nobody: Credentials
) -> None:
    midnight = dt.datetime(2026, 3, 1, 16, tzinfo=dt.UTC)
    moments = [midnight - dt.timedelta(seconds=1)]
    gateway = HttpGateway(scripted.url, valkey, now=lambda: moments[-1])
    scripted.answers[SEND] = SPENT
    for _ in range(2):
        with pytest.raises(QuotaSpent):
            say(gateway, nobody)
    moments.append(midnight)
    scripted.answers[SEND] = told({"errcode": 0})
    say(gateway, nobody)
    assert len(scripted.to(SEND)) == 2


def test_what_wechat_says_is_left_goes_out_again(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials
) -> None:
    scripted.answers[SEND] = SPENT
    figures = {"daily_limit": 100, "used": 100, "remain": 0}
    scripted.answers["/cgi-bin/openapi/quota/get"] = told({"errcode": 0, "quota": figures})
    with pytest.raises(QuotaSpent):
        say(gateway, nobody)
    assert gateway.quota(nobody, SEND).left == 0
    with pytest.raises(QuotaSpent):
        say(gateway, nobody)
    assert len(scripted.to(SEND)) == 1
    figures |= {"used": 1, "remain": 99}
    scripted.answers |= {
        "/cgi-bin/openapi/quota/get": told({"errcode": 0, "quota": figures}),
        SEND: told({"errcode": 0}),
    }
    gateway.quota(nobody, SEND)
    say(gateway, nobody)
    assert scripted.to("/cgi-bin/openapi/quota/get")[0].json == {"cgi_path": SEND}


def test_tokens_are_asked_for_whatever_is_spent(
    scripted: Scripted, gateway: HttpGateway, nobody: Credentials
) -> None:
    give = scripted.answers[TOKEN]
    scripted.answers[TOKEN] = SPENT
    with pytest.raises(WeChatError, match="45009"):
        say(gateway, nobody)
    scripted.answers[TOKEN] = give
    say(gateway, nobody)


def test_without_redis_calls_go_out_uncounted(scripted: Scripted, nobody: Credentials, tmp_path) -> None:
    scripted.answers[SEND] = SPENT
    alone = HttpGateway(scripted.url, redis.Redis.from_url(f"unix://{tmp_path}/nobody.sock"))
    for _ in range(2):
        with pytest.raises(QuotaSpent):
            say(alone, nobody)
    assert len(scripted.to(SEND)) == 2
    assert alone.usage(nobody) == []


def test_figures_are_forgotten_after_two_days(
    gateway: HttpGateway, nobody: Credentials, valkey: redis.Redis
) -> None:
    say(gateway, nobody)
    key = f"wechat:calls:{nobody.app_id}:{day_of(clock.now())}"
    assert 0 < valkey.ttl(key) <= 2 * 86_400


@pytest.mark.parametrize(
    ("moment", "day", "ends_at"),
    [
        ("2026-03-01T15:59:59+00:00", "2026-03-01", "2026-03-01T16:00:00+00:00"),
        ("2026-03-01T16:00:00+00:00", "2026-03-02", "2026-03-02T16:00:00+00:00"),
    ],
)
def test_the_day_is_that_of_china(moment: str, day: str, ends_at: str) -> None:
    now = dt.datetime.fromisoformat(moment)
    assert (str(day_of(now)), day_ends_at(now).isoformat()) == (day, ends_at)
