"""One token owner per account: when it asks, whom it keeps waiting, and what it does without Redis (OA-3)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from engage.wechat import tokens
from engage.wechat.client import HttpGateway
from engage.wechat.gateway import Credentials, Trouble, WeChatError, WeChatUnreachable
from engage.wechat.tokens import Tokens
from tests.wechat.scripted import TOKEN, Answer, Scripted, told


class Source:
    """Where tokens come from: the same one until `number` moves, or force moves it."""

    def __init__(self) -> None:
        self.number, self.seconds = 1, 7200
        self.forced: list[bool] = []
        self.before: Callable[[], None] = lambda: None

    def __call__(self, account: Credentials, *, force: bool) -> tuple[str, int]:
        self.forced.append(force)
        self.before()
        self.number += force
        return f"token-{self.number}", self.seconds


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def owner(valkey: redis.Redis, source: Source) -> Tokens:
    return Tokens(valkey, source)


def key(account: Credentials) -> str:
    return f"wechat:token:{account.app_id}"


def fail(error: Exception) -> Callable[[], None]:
    def before() -> None:
        raise error

    return before


def test_a_token_is_asked_for_once_and_kept_for_its_life(
    owner: Tokens, source: Source, nobody: Credentials, valkey: redis.Redis
) -> None:
    source.seconds = 600
    assert [owner.current(nobody) for _ in range(3)] == ["token-1"] * 3
    assert source.forced == [False]
    assert 590 < valkey.ttl(key(nobody)) <= 600


def test_emptied_redis_costs_one_call(
    owner: Tokens, source: Source, nobody: Credentials, valkey: redis.Redis
) -> None:
    owner.current(nobody)
    valkey.delete(key(nobody))
    assert [owner.current(nobody) for _ in range(3)] == ["token-1"] * 3
    assert source.forced == [False, False]


def test_a_crowd_on_an_empty_cache_asks_once(owner: Tokens, source: Source, nobody: Credentials) -> None:
    barrier = threading.Barrier(16)

    def ask(_number: int) -> str:
        barrier.wait(10)
        return owner.current(nobody)

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {"token-1"}
    assert source.forced == [False]


def test_in_the_last_minutes_one_renews_and_the_others_go_on(
    owner: Tokens, source: Source, nobody: Credentials, valkey: redis.Redis
) -> None:
    owner.current(nobody)
    valkey.expire(key(nobody), tokens.RENEW_SECONDS)
    source.number = 2
    is_asked, may_answer = threading.Event(), threading.Event()
    source.before = lambda: (is_asked.set(), may_answer.wait(10))[0]
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(owner.current, nobody)
        assert is_asked.wait(10)
        assert [owner.current(nobody) for _ in range(3)] == ["token-1"] * 3
        may_answer.set()
        assert renewing.result(10) == "token-2"
    assert owner.current(nobody) == "token-2"
    assert source.forced == [False, False]


@pytest.mark.parametrize("error", [WeChatUnreachable("silence"), WeChatError(-1, "busy")])
def test_a_renewal_that_fails_early_leaves_the_token_that_still_works(
    owner: Tokens, source: Source, nobody: Credentials, valkey: redis.Redis, error: Exception
) -> None:
    owner.current(nobody)
    valkey.expire(key(nobody), 60)
    source.before = fail(error)
    assert [owner.current(nobody) for _ in range(3)] == ["token-1"] * 3
    assert source.forced == [False, False], "the next try waits"
    assert 0 < valkey.ttl(f"{key(nobody)}:renewing") <= tokens.LOCK_SECONDS


def test_a_refused_token_is_replaced_without_force_where_wechat_has_another(
    owner: Tokens, source: Source, nobody: Credentials
) -> None:
    stale = owner.current(nobody)
    source.number = 2
    assert owner.replaced(nobody, stale) == "token-2"
    assert owner.replaced(nobody, stale) == "token-2"
    assert source.forced == [False, False]


def test_a_token_that_wechat_insists_on_is_forced_once_in_thirty_seconds(
    owner: Tokens, source: Source, nobody: Credentials, valkey: redis.Redis
) -> None:
    stale = owner.current(nobody)
    second = owner.replaced(nobody, stale)
    assert (second, source.forced) == ("token-2", [False, False, True])
    assert owner.replaced(nobody, second) == second
    assert source.forced[3:] == [False]
    assert 0 < valkey.ttl(f"{key(nobody)}:forced:now") <= tokens.FORCE_GAP_SECONDS


def test_a_forced_refresh_that_gives_the_same_token_is_not_forced_again(
    owner: Tokens, source: Source, nobody: Credentials
) -> None:
    stale = owner.current(nobody)
    source.before = lambda: setattr(source, "number", source.number - source.forced[-1])
    assert [owner.replaced(nobody, stale) for _ in range(3)] == [stale] * 3
    assert source.forced.count(True) == 1


def test_force_is_used_at_most_twenty_times_a_day(
    owner: Tokens, source: Source, nobody: Credentials, valkey: redis.Redis
) -> None:
    for _ in range(25):
        owner.replaced(nobody, owner.current(nobody))
        valkey.delete(f"{key(nobody)}:forced:now")
    assert source.forced.count(True) == tokens.FORCES_A_DAY
    assert 0 < valkey.ttl(f"{key(nobody)}:forced") <= tokens.DAY_SECONDS


def test_where_wechat_allows_no_more_force_its_own_token_is_used(
    owner: Tokens, source: Source, nobody: Credentials
) -> None:
    def no_more() -> None:
        if source.forced[-1]:
            raise WeChatError(45009, "reach max api daily quota limit")

    stale = owner.current(nobody)
    source.before = no_more
    assert owner.replaced(nobody, stale) == stale


def test_a_killed_holder_keeps_others_waiting_until_its_lock_runs_out(
    owner: Tokens, source: Source, nobody: Credentials, valkey: redis.Redis
) -> None:
    valkey.set(f"{key(nobody)}:lock", "of a dead process", px=300)
    assert owner.current(nobody) == "token-1"
    assert source.forced == [False]


def test_nobody_waits_for_others_longer_than_a_lock_lives(
    owner: Tokens, source: Source, nobody: Credentials, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LOCK_SECONDS", 0.2)
    valkey.set(f"{key(nobody)}:lock", "of somebody slow", ex=60)
    with pytest.raises(WeChatError) as refusal:
        owner.current(nobody)
    assert refusal.value.trouble is Trouble.BUSY
    assert source.forced == []


def test_a_holder_slower_than_its_lock_still_gives_its_token(
    owner: Tokens, source: Source, nobody: Credentials, valkey: redis.Redis
) -> None:
    source.before = lambda: valkey.delete(f"{key(nobody)}:lock") and None
    assert owner.current(nobody) == "token-1"
    assert valkey.get(key(nobody)) == b"token-1"
    assert source.forced == [False]


def test_without_redis_wechat_itself_is_asked(source: Source, nobody: Credentials, tmp_path) -> None:
    alone = Tokens(redis.Redis.from_url(f"unix://{tmp_path}/nobody.sock"), source)
    assert [alone.current(nobody), alone.current(nobody)] == ["token-1", "token-1"]
    source.number = 2
    assert alone.replaced(nobody, "token-1") == "token-2"
    assert source.forced == [False] * 3
    assert alone.replaced(nobody, "token-2") == "token-3"


@pytest.mark.parametrize(
    "answer",
    [
        told({"errcode": 40125, "errmsg": "invalid appsecret"}),
        told({"errcode": 40164, "errmsg": "invalid ip 1.2.3.4, not in whitelist"}),
    ],
)
def test_what_is_wrong_with_the_account_is_told_as_wechat_says_it(
    scripted: Scripted, valkey: redis.Redis, nobody: Credentials, answer: Answer
) -> None:
    scripted.answers[TOKEN] = answer
    gateway = HttpGateway(scripted.url, valkey)
    for call in (lambda: gateway.check_credentials(nobody), lambda: gateway.tags(nobody)):
        with pytest.raises(WeChatError) as refusal:
            call()
        assert refusal.value.trouble is Trouble.SET_UP
        assert refusal.value.errmsg
