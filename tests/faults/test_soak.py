"""Fans write, agents answer and coupons go out, while programs die and Redis is killed and emptied.

In the end every message of a fan is stored once and stands on every screen, every answer was sent or has
its reason, and everybody has one coupon and at most one message of each campaign.
"""

from __future__ import annotations

import functools
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engage.kernel.leases import LEASE
from tests.faults.blows import advance, ask, empty_redis, kill, kill_redis
from tests.faults.soak import Agent, Browser, Fans, Screen, answers, at_work, every, inbox, words
from tests.journeys.phone import APP_ID, person
from tests.running.processes import wait_for
from tests.system import System, eventually

pytestmark = [pytest.mark.large, pytest.mark.enable_socket, pytest.mark.timeout(1200)]

BLOWS = (kill("worker"), kill("live"), kill_redis, empty_redis)
SEED = 20261122

WAITS = {
    "reactions": "outbox where available_at is not null",
    "pushes": "wechat_push where available_at is not null",
    "answers": "chat_message where direction = 'out' and state in ('pending', 'sending')",
    "notices": "notification_delivery where state in ('pending', 'sending')",
    "recipients": "campaign_recipient where state = 'pending'",
}
TITLE = "优惠券到账通知"
# What became of an answer, and how often the fan may have got it.
ENDS = {"sent": {1}, "unknown": {0, 1}, "failed": {0}}
# How often WeChat took a notice; of one that it took it may tell later that it did not arrive.
TOLD = {"sent": {1}, "delivered": {1}, "unknown": {0, 1}, "failed": {0, 1}, "skipped": {0}}


@contextmanager
def watching(*screens: Screen) -> Iterator[None]:
    """Let screens listen until the block is left."""
    threads = [threading.Thread(target=screen.watch) for screen in screens]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for screen in screens:
            screen.close()
        for thread in threads:
            thread.join(30)


def push(marketer: Browser) -> int:
    """Plan a campaign for a coupon that nobody has yet, and let it begin at once; gives its id."""
    draft = marketer.submit(
        marketer.get("/console/coupons/new"), "amount", name="浸泡券", kind="cash", amount="20"
    )
    published = marketer.submit(draft, "online", online="yes")
    coupon = published.url.rsplit("/", 1)[1]
    page = marketer.get("/console/campaigns/new")
    made = marketer.submit(page, "coupon", coupon=coupon, name=f"浸泡 {uuid.uuid4().hex[:6]}")
    assert made.status == 200, made.text[-1500:]
    number = int(made.url.rsplit("/", 1)[1])
    assert marketer.submit(made, "action", action="start").status == 200
    return number


def rest(system: System) -> None:
    """Wait until nothing is under way; what the dead held comes back with time."""
    for _ in range(30):
        if wait_for(lambda: not left(system), seconds=3):
            return
        advance(system, LEASE.total_seconds())
    pytest.fail(f"never at rest: {left(system)}")


def left(system: System) -> dict[str, int]:
    """Give how much of what is still under way."""
    found = {name: ask(functools.partial(system.count, rows)) for name, rows in WAITS.items()}
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize(
    ("seconds", "people", "pushes"),
    [
        pytest.param(12, 12, 2, id="small"),
        pytest.param(300, 150, 6, id="large", marks=pytest.mark.large),
    ],
)
def test_whatever_dies_each_message_and_each_coupon_arrives_once(
    system: System, seconds: int, people: int, pushes: int
) -> None:
    chosen = random.Random(SEED)
    fans = Fans(system, [person(system, f"浸泡{number}") for number in range(people)])
    agents = [Agent(Browser(system, login)) for login in ("agent1", "agent2")]
    screens = [Screen(Browser(system, login)) for login in ("agent1", "agent2")]
    marketer, campaigns = Browser(system, "marketer"), []
    struck: Counter[int] = Counter()

    def strike() -> None:
        time.sleep(chosen.uniform(0.5, 2.0))
        blow = chosen.randrange(len(BLOWS))
        BLOWS[blow](system)
        struck[blow] += 1

    answering = (every(0.2, functools.partial(agent.answer, random.Random(SEED + 1))) for agent in agents)
    writing = every(0.1, functools.partial(fans.write, random.Random(SEED + 2)))
    with watching(*screens):
        with at_work(writing, *answering, strike) as wrong:
            for _ in range(pushes):
                campaigns.append(push(marketer))
                over = time.monotonic() + seconds / pushes
                eventually(lambda until=over: wrong or time.monotonic() > until, seconds=seconds + 60)
        assert wrong == []
        assert fans.unanswered == []
        assert all(struck[number] for number in range(len(BLOWS))), struck
        rest(system)
        check_what_fans_wrote(system, fans, screens)
    check_what_was_answered(system, agents)
    told = sum((check_campaign(system, fans, campaign) for campaign in campaigns), Counter[str]())
    for fan in fans.people:
        cards = [entry for entry in inbox(system, fan) if entry.get("title") == TITLE]
        assert len(cards) == told[openid(system, fan)], (fan, cards)


def test_control_a_screen_that_reads_nothing_again_misses_what_was_said_meanwhile(system: System) -> None:
    fans = Fans(system, [person(system, "对照")])
    trusting, careful = (Screen(Browser(system, "agent1"), rereads=rereads) for rereads in (False, True))
    with watching(trusting, careful):
        eventually(lambda: trusting.opened and careful.opened, seconds=60)
        fans.write(random.Random(SEED))
        (first,) = fans.wrote[fans.people[0]]
        eventually(lambda: first in trusting.shown and first in careful.shown)
        said = _say_while_live_is_away(system, fans, (trusting, careful))
        last = words("fan")
        system.control("POST", f"/fans/{fans.people[0]}/send", {"appid": APP_ID, "content": last})
        eventually(lambda: last in trusting.shown and last in careful.shown)
    assert said in careful.shown
    assert said not in trusting.shown


def _say_while_live_is_away(system: System, fans: Fans, screens: tuple[Screen, ...]) -> str:
    """Let a fan write while nobody listens; gives what, once all listen again."""
    before = [screen.opened for screen in screens]
    kill("live")(system)
    fans.write(random.Random(SEED))
    eventually(
        lambda: all(screen.opened > count for screen, count in zip(screens, before, strict=True)), seconds=60
    )
    return fans.wrote[fans.people[0]][-1]


def check_what_fans_wrote(system: System, fans: Fans, screens: list[Screen]) -> None:
    """Each message is stored once, in the fan's one conversation, and stands on every screen."""
    stored = (
        "select count(*) from chat_message m"
        " join conversation c on c.tenant_id = m.tenant_id and c.id = m.conversation_id"
        " join fan f on f.tenant_id = c.tenant_id and f.id = c.fan_id"
        " where m.direction = 'in' and f.openid = %s"
    )
    for fan, wrote in fans.wrote.items():
        assert system.rows(stored, openid(system, fan)) == [(len(wrote),)]
    everything = {said for wrote in fans.wrote.values() for said in wrote}
    for screen in screens:
        wait_for(lambda seen=screen.shown: everything <= seen, seconds=90)
        missing = everything - screen.shown
        assert missing == set(), (
            f"{len(missing)} of {len(everything)}; the line was opened {screen.opened} times"
        )
        assert screen.opened > 1, "the line never broke"


def check_what_was_answered(system: System, agents: list[Agent]) -> None:
    """Each answer that was taken was sent and came once, or says why not."""
    came = Counter(
        str(entry["content"])
        for somebody in system.control("GET", "/fans")
        for entry in inbox(system, somebody["fan"])
        if entry["kind"] == "custom" and entry["msgtype"] == "text"
    )
    written = system.rows("select state, reason from chat_message where key is not null")
    assert [state for state, reason in written if state in {"failed", "unknown"} and not reason] == []
    assert sum(len(agent.taken) for agent in agents) > 0
    agent = agents[0].browser
    for conversation in {number for one in agents for number in one.taken.values()}:
        shown = answers(agent, conversation)
        mine = [said for one in agents for said, number in one.taken.items() if number == conversation]
        for said in mine:
            assert len(shown[said]) == 1, (said, shown)
            assert came[said] in ENDS[shown[said][0]], (said, shown[said], came[said])


def check_campaign(system: System, fans: Fans, campaign: int) -> Counter[str]:
    """Everybody has one coupon, or a reason why not, and at most one message of it; gives whose was taken."""
    recipients = system.rows(
        "select fan_id, state, reason from campaign_recipient where campaign_id = %s", campaign
    )
    assert len(recipients) >= len(fans.people)
    assert {state for _fan, state, _reason in recipients} == {"granted"}
    held = Counter(
        fan
        for (fan,) in system.rows(
            "select fan_id from coupon_grant where cause = 'campaign' and cause_id = %s", campaign
        )
    )
    assert held == Counter(fan for fan, state, _reason in recipients if state == "granted")
    notices = system.rows(
        "select f.openid, d.id, d.tenant_id, d.state, d.reason from notification_delivery d"
        " join fan f on f.tenant_id = d.tenant_id and f.id = d.fan_id"
        " where d.kind = 'coupon_arrived' and d.subject_id = %s",
        campaign,
    )
    assert max(Counter(who for who, *_rest in notices).values()) == 1
    came = _notices_by_id(system)
    for who, number, tenant, state, reason in notices:
        assert state in {"sent", "delivered"} or reason, (who, state)
        assert came[who, f"engage-{tenant}-{number}"] in TOLD[state], (who, state, reason)
    mine = {f"engage-{tenant}-{number}" for _who, number, tenant, *_rest in notices}
    return Counter(who for who, key in came if key in mine)


def _notices_by_id(system: System) -> Counter[tuple[str, str]]:
    """Count what WeChat took of each person's messages, by the id under which repeats are one."""
    calls = system.control("GET", "/calls", path="/cgi-bin/message/template/send")
    taken = {
        (call["body"]["touser"], call["body"]["client_msg_id"])
        for call in calls
        if call["body"].get("client_msg_id") and call["errcode"] == 0
    }
    return Counter(taken)


def openid(system: System, fan: str) -> str:
    """Give who somebody is to the account."""
    return str(system.control("GET", f"/fans/{fan}/openid", appid=APP_ID)["openid"])
