"""The main journey while something dies or WeChat misbehaves: nothing is lost, nothing comes twice.

A person follows, asks for a code, binds, holds a time, books, changes and cancels. While they do each
step something is killed or emptied; they tap again until the page answers, as people do.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import pytest
import requests

from engage.booking.rules import Span
from engage.kernel.leases import LEASE
from engage.patients.rules import RESEND_AFTER
from tests.faults.blows import BLOWS, PATIENCE, advance, ask
from tests.journeys.pages import Page
from tests.journeys.phone import (
    APP_ID,
    BINDING,
    BOUND,
    CANCELLED,
    CHANGED,
    CREATED,
    ME,
    Phone,
    cards,
    code_in,
    free_times,
    number,
    other_day,
    settled,
    texts,
    times,
)
from tests.running.processes import wait_for
from tests.system import System, eventually

LARGE = pytest.mark.large
pytestmark = [LARGE, pytest.mark.enable_socket, pytest.mark.timeout(1800)]

SEND = "/cgi-bin/message/template/send"


@dataclass
class Person:
    """Somebody on their way through the journey; each step may be repeated until it is done."""

    system: System
    phone: Phone
    mobile: str = field(default_factory=number)
    page: Page | None = None
    at: str = ""
    visit: str = ""

    @property
    def openid(self) -> str:
        """Who they are to the account."""
        told = self.system.control("GET", f"/fans/{self.phone.fan}/openid", appid=APP_ID)
        return str(told["openid"])

    def follow(self) -> None:
        """Follow the account. A push that finds nobody is lost, as WeChat's are."""
        self.system.control("POST", f"/fans/{self.phone.fan}/follow", {"appid": APP_ID})

    def code(self) -> None:
        """Ask for a code."""
        self.page = self.phone.submit(self.phone.tap(BINDING), "phone", phone=self.mobile)

    def bind(self) -> None:
        """Type the code and, for a new chart, the name."""
        assert self.page
        page = self.phone.submit(self.page, "code", code=self._code())
        if any(form.has("name") for form in page.forms):
            page = self.phone.submit(page, "name", name="王小明")
        assert "王小明" in self.phone.tap(ME).text

    def hold(self) -> None:
        """Choose a time on the last day that has one."""
        page = other_day(self.phone, times(self.phone))
        self.at = free_times(page)[-1]
        self.page = self.phone.submit(page, "starts_at", starts_at=self.at)
        assert "/booking/held/" in self.page.url, self.page.text[-1500:]

    def book(self) -> None:
        """Book what is held."""
        assert self.page
        done = self.phone.submit(self.page, "patient_id")
        assert "/appointments/" in done.url, done.text[-1500:]
        self.visit = done.url
        assert self._visits() == [("confirmed", 1)]

    def change(self) -> None:
        """Move the visit to another time."""
        page = self.phone.open(f"{self.visit}/change")
        self.at = next(at for at in free_times(page) if at != self.at)
        assert self.phone.submit(page, "starts_at", starts_at=self.at).url == self.visit
        assert self._visits() == [("confirmed", 2)]

    def cancel(self) -> None:
        """Cancel it."""
        page = self.phone.open(f"{self.visit}/cancel")
        assert self.phone.submit(page, "version").url == self.visit
        assert self._visits() == [("cancelled", 3)]

    def _code(self) -> str:
        """Read the code; whoever waits in vain asks for another after a minute."""
        for _ in range(3):
            eventually(lambda: texts(self.system, self.mobile) or self._is_over())
            if messages := texts(self.system, self.mobile):
                return code_in(messages[-1])
            advance(self.system, RESEND_AFTER.total_seconds() + 1)
            self.code()
        raise AssertionError("no code ever came")

    def _is_over(self) -> bool:
        """Whether no code is on its way any more."""
        waits = "phone_code c join fan f on f.tenant_id = c.tenant_id and f.id = c.fan_id"
        pending = f"{waits} where f.openid = %s and c.state = 'pending'"
        return ask(lambda: self.system.count(pending, self.openid)) == 0

    def _visits(self) -> list[tuple[str, int]]:
        query = (
            "select a.state, a.version from appointment a"
            " join fan f on f.tenant_id = a.tenant_id and f.id = a.fan_id where f.openid = %s"
        )
        return ask(lambda: self.system.rows(query, self.openid))


STEPS = (
    Person.follow,
    Person.code,
    Person.bind,
    Person.hold,
    Person.book,
    Person.change,
    Person.cancel,
)

# After these a message is due.
_TELLS = (Person.bind, Person.book, Person.change, Person.cancel)


def arrive(system: System, nickname: str) -> Person:
    """Give a person who has done nothing yet."""
    fan = f"f{random.SystemRandom().getrandbits(40):x}"
    system.control("POST", "/fans", {"fan": fan, "nickname": nickname})
    return Person(system, Phone(system, fan, patience=PATIENCE))


def take(person: Person, step: Callable[[Person], None], blow: Callable[[System], None]) -> None:
    """Take a step, and strike while it is taken."""
    with ThreadPoolExecutor(1) as pool:
        walking = pool.submit(step, person)
        wait([walking], timeout=random.SystemRandom().uniform(0, 0.08))
        blow(person.system)
        walking.result(timeout=3 * PATIENCE)


def wait_until_settled(system: System, person: Person) -> None:
    """Wait until each message has ended; what a killed worker held, and what waits, comes with time."""
    eventually(lambda: _ready(system), seconds=PATIENCE)
    wait_through(system, person, lambda: settled(system, person.phone.fan))


def wait_through(system: System, person: Person, condition: Callable[[], bool]) -> None:
    """Wait until it is so; where that takes its time, let time pass."""
    for _ in range(30):
        if wait_for(lambda: ask(condition), seconds=1.5):
            return
        advance(system, LEASE.total_seconds())
    pytest.fail(f"never came: {messages_of(person)}")


def messages_of(person: Person) -> list[tuple[str, int, str, str | None]]:
    """Give kind, version, state and reason of each message to somebody."""
    return person.system.rows(
        "select d.kind, d.subject_version, d.state, d.reason from notification_delivery d"
        " join fan f on f.tenant_id = d.tenant_id and f.id = d.fan_id where f.openid = %s order by d.id",
        person.openid,
    )


def check_nothing_is_doubled(system: System, person: Person) -> None:
    """Look at what came to the phone, and at the ledger."""
    shown = Counter(card["title"] for card in cards(system, person.phone.fan))
    told = messages_of(person)
    titles = {
        "bound": BOUND,
        "appointment_created": CREATED,
        "appointment_changed": CHANGED,
        "appointment_cancelled": CANCELLED,
    }
    assert Counter(kind for kind, *_ in told) == Counter(dict.fromkeys(titles, 1)), told
    for kind, _version, state, _reason in told:
        allowed = {"sent": {1}, "delivered": {1}, "unknown": {0, 1}}.get(state, {0})
        assert shown[titles[kind]] in allowed, (told, shown)
    mine = "binding b join fan f on f.tenant_id = b.tenant_id and f.id = b.fan_id where f.openid = %s"
    assert system.count(mine, person.openid) == 1
    assert ledger(system) == live(system)


def ledger(system: System) -> dict[tuple[str, str], int]:
    """Give the places that the ledger says are taken, from now on."""
    taken = system.rows(
        "select tenant_id || ' ' || resource, grid_start, taken from booking_place where taken > 0"
    )
    return {(resource, f"{step:%F %T}"): count for resource, step, count in taken}


def live(system: System) -> dict[tuple[str, str], int]:
    """Give the places that visits and holds take."""
    spans = system.rows(
        "select tenant_id || ' ' || resource, starts_at, ends_at from appointment where state <> 'cancelled'"
        " union all select tenant_id || ' ' || resource, starts_at, ends_at from booking_hold"
    )
    return Counter(
        (span.resource, f"{step:%F %T}") for span in itertools.starmap(Span, spans) for step in span.steps
    )


def journey(system: System, blows: list[str]) -> None:
    """Go the whole way with a blow at each step."""
    person = arrive(system, "丁")
    for step, blow in zip(STEPS, blows, strict=True):
        take(person, step, BLOWS[blow])
    wait_until_settled(system, person)
    check_nothing_is_doubled(system, person)


def rotation(first: int) -> list[str]:
    """Give a blow for each step, another one in each rotation."""
    names = list(BLOWS)
    return [names[(first + number) % len(names)] for number in range(len(STEPS))]


@pytest.mark.parametrize("first", range(5))
def test_whatever_dies_at_whichever_step_nothing_is_lost_or_doubled(system: System, first: int):
    journey(system, rotation(first))


@LARGE
@pytest.mark.parametrize("blow", BLOWS)
@pytest.mark.parametrize("number", range(2))
def test_the_same_dies_at_every_step(system: System, blow: str, number: int):
    journey(system, [blow] * len(STEPS))


EFFECTS: tuple[dict[str, object], ...] = (
    {"errcode": -1},
    {"errcode": 40001},
    {"http": 502},
    {"drop": "before"},
    {"drop": "after"},
)


@pytest.mark.parametrize("first", range(5))
def test_each_message_arrives_once_whatever_wechat_does_to_it(system: System, first: int):
    """Each of the four messages of a journey is struck once, each in another way."""
    person, effects = arrive(system, "戊"), itertools.islice(itertools.cycle(EFFECTS), first, None)
    for step in STEPS:
        if step in _TELLS:
            fault = {"match": {"path": SEND}, "effect": next(effects), "times": 1}
            system.control("POST", "/faults", fault)
        step(person)
        if step in _TELLS:
            wait_until_settled(system, person)
    wait_through(system, person, lambda: {told[2] for told in messages_of(person)} == {"delivered"})
    check_nothing_is_doubled(system, person)


def test_messages_wait_for_the_next_day_when_the_calls_of_this_one_are_spent(system: System):
    person = arrive(system, "己")
    for step in STEPS[:3]:
        step(person)
    wait_until_settled(system, person)
    fault = system.control("POST", "/faults", {"match": {"path": SEND}, "effect": {"errcode": 45009}})
    person.hold()
    person.book()
    created = eventually(lambda: [told for told in messages_of(person) if told[3]])
    assert [(state, reason[:5]) for _kind, _version, state, reason in created] == [("pending", "45009")]
    system.control("DELETE", f"/faults/{fault['id']}")
    assert cards(system, person.phone.fan, CREATED) == []
    advance(system, 24 * 3600)
    wait_until_settled(system, person)
    assert len(cards(system, person.phone.fan, CREATED)) == 1


def test_an_older_message_that_waits_is_never_sent_after_a_change(system: System):
    """The calls are spent while a visit is booked and changed: only the change is told, the day after."""
    person = arrive(system, "庚")
    for step in STEPS[:3]:
        step(person)
    wait_until_settled(system, person)
    fault = system.control("POST", "/faults", {"match": {"path": SEND}, "effect": {"errcode": 45009}})
    person.hold()
    person.book()
    eventually(lambda: [told for told in messages_of(person) if told[3]])
    person.change()
    system.control("DELETE", f"/faults/{fault['id']}")
    advance(system, 24 * 3600)
    wait_until_settled(system, person)
    told = {kind: (state, reason) for kind, _version, state, reason in messages_of(person)}
    assert told["appointment_created"] == ("skipped", "superseded")
    assert told["appointment_changed"] in {("sent", None), ("delivered", None)}
    assert [card["title"] for card in cards(system, person.phone.fan)] == [BOUND, CHANGED]


def _ready(system: System) -> bool:
    try:
        return requests.get(f"{system.web}/readyz", timeout=5).ok
    except requests.RequestException:
        return False
