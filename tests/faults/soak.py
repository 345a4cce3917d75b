"""Those who use a system while it is struck: fans who write, agents who answer, screens that show it."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import re
import socket
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests

from tests.journeys.pages import Page
from tests.journeys.phone import APP_ID
from tests.system import System

PASSWORD = "engage-demo"
SILENCE = 45.0  # seconds after which a line is taken for broken; it says something every 20
# What people write is one of these: it is looked for wherever it may show.
WORDS = re.compile(r"(?:fan|staff)-[0-9a-f]{12}")


def words(who: str) -> str:
    """Give words that nobody wrote yet."""
    return f"{who}-{uuid.uuid4().hex[:12]}"


@dataclass
class Browser:
    """Somebody of the clinic, logged in to the console."""

    system: System
    login: str
    http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        form = self.get("/console/login").form("username")
        filled = form.filled({"username": f"{self.login}@kangmei", "password": PASSWORD})
        answer = self.http.post(f"{self.system.web}/console/login", data=filled, timeout=30)
        assert answer.url.endswith("/console/"), answer.text[-1500:]

    def get(self, path: str) -> Page:
        """Open a page of the console."""
        return Page(self.http.get(self.system.web + path, timeout=30))

    def submit(self, page: Page, asked: str, /, **values: str) -> Page:
        """Send the form that asks for something."""
        form = page.form(asked)
        url = requests.compat.urljoin(page.url, form.action)
        return Page(self.http.post(url, data=form.filled(values), timeout=30))

    @property
    def cookie(self) -> str:
        """What the browser tells the live process of itself."""
        return "; ".join(f"{one.name}={one.value}" for one in self.http.cookies)


@dataclass
class Fans:
    """People who write to the account, one after the other; what each wrote."""

    system: System
    people: Sequence[str]
    wrote: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unanswered: list[str] = field(default_factory=list)

    def write(self, chosen: random.Random) -> None:
        """Let one of them write something."""
        fan, said = chosen.choice(self.people), words("fan")
        body = {"appid": APP_ID, "msgtype": "text", "content": said}
        told = self.system.control("POST", f"/fans/{fan}/send", body)
        self.wrote[fan].append(said)
        if told["problem"]:
            self.unanswered.append(f"{said}: {told}")


@dataclass
class Agent:
    """Somebody who answers whoever waits; what was taken of it, and the conversation it was said in."""

    browser: Browser
    taken: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    def answer(self, chosen: random.Random) -> None:
        """Answer one who waits, and now and then end the session so that another may."""
        queue = self.browser.get("/console/chats?which=waiting")
        waiting = re.findall(r'data-row="(\d+)"', queue.text)
        if not waiting:
            return
        number = int(chosen.choice(waiting))
        page = self.browser.get(f"/console/chats/{number}")
        if not any(form.has("text") for form in page.forms):
            return  # another talks
        said = words("staff")
        answered = self.browser.submit(page, "text", text=said)
        if answered.status == 200:
            self.taken[said] = number
        else:
            assert answered.status == 409, (answered.status, answered.text[-1500:])
            self.refused += 1
        ending = [form for form in answered.forms if form.action.endswith("/end")]
        if ending and chosen.random() < 0.3:
            url = requests.compat.urljoin(answered.url, ending[0].action)
            self.browser.http.post(url, data=ending[0].filled({}), timeout=30)


@dataclass
class Screen:
    """A console that listens: reads anew whenever its line opens and where it sees a gap.

    Without `rereads` it believes that the line tells it everything.
    """

    browser: Browser
    rereads: bool = True
    shown: set[str] = field(default_factory=set)
    opened: int = 0
    at: dict[int, int] = field(default_factory=dict)
    _socket: socket.socket | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Listen until it is closed; a line that breaks is opened again, as browsers do."""
        while not self._over.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
                self._listen()
            self._over.wait(0.1)

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def read(self) -> None:
        """Read every conversation that has changed since it was read last."""
        for number, seq in self._queue():
            self._read_one(number, seq)

    def _listen(self) -> None:
        place = urlsplit(self.browser.system.live)
        with contextlib.closing(
            http.client.HTTPConnection(place.hostname or "", place.port, timeout=SILENCE)
        ) as line:
            headers = {"Cookie": self.browser.cookie, "Origin": self.browser.system.web}
            line.request("GET", "/live/stream", headers=headers)
            answer = line.getresponse()
            if answer.status != 200:
                return
            self._socket = line.sock or answer.fp.raw._sock  # type: ignore[attr-defined]  # http.client lets go of it
            self.opened += 1
            if self.rereads:
                self.read()
            name = ""
            while not self._over.is_set():
                told = answer.readline().decode()
                if not told:
                    return
                if told.startswith("event: "):
                    name = told.removeprefix("event: ").strip()
                elif told.startswith("data: ") and name == "chat":
                    self._hear(json.loads(told.removeprefix("data: ")))

    def _hear(self, told: dict[str, object]) -> None:
        number, since, seq = (int(str(told[name])) for name in ("conversation", "from", "to"))
        self.shown.update(WORDS.findall(str(told["messages"])))
        if since > self.at.get(number, 0) and self.rereads:
            self._read_one(number, seq)
        self.at[number] = max(seq, self.at.get(number, 0))

    def _queue(self) -> Iterator[tuple[int, int]]:
        path = "/console/chats?which=all"
        while path:
            page = self.browser.get(path)
            for number, seq in re.findall(r'data-row="(\d+)" data-seq="(\d+)"', page.text):
                yield int(number), int(seq)
            older = page.links("cursor=")
            path = older[0].removeprefix(self.browser.system.web) if older else ""

    def _read_one(self, number: int, seq: int) -> None:
        while (after := self.at.get(number, 0)) < seq:
            page = self.browser.get(f"/console/chats/{number}/messages?after={after}")
            self.shown.update(WORDS.findall(page.text))
            self.at[number] = max(cursor(page), after)
            if cursor(page) <= after:
                return


def cursor(page: Page) -> int:
    """Give up to which number a page tells what changed in a conversation."""
    told = re.search(r'data-cursor="(\d+)"', page.text)
    assert told, page.text[-1500:]
    return int(told[1])


def answers(browser: Browser, conversation: int) -> dict[str, list[str]]:
    """Give the states in which each answer stands in a conversation."""
    states: dict[str, list[str]] = defaultdict(list)
    after, at = -1, 0
    while at > after:
        after = at
        page = browser.get(f"/console/chats/{conversation}/messages?after={after}")
        for message in page.text.split('<li class="message ')[1:]:
            if said := WORDS.search(message):
                states[said[0]] += re.findall(r"^out [^\"]*is-(\w+)", message)
        at = cursor(page)
    return states


@contextlib.contextmanager
def at_work(*doing: Callable[[], None]) -> Iterator[list[BaseException]]:
    """Let each do its work again and again until the block is left; gives what went wrong, as it does."""
    over, wrong = threading.Event(), list[BaseException]()

    def again(work: Callable[[], None]) -> None:
        try:
            while not over.is_set():
                work()
        except BaseException as error:  # noqa: BLE001 told to the test, which fails of it
            wrong.append(error)

    threads = [threading.Thread(target=again, args=(work,)) for work in doing]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


def inbox(system: System, fan: str) -> list[dict[str, object]]:
    """Give all that came to somebody's chat."""
    came: list[dict[str, object]] = []
    while more := system.control(
        "GET", f"/fans/{fan}/inbox", appid=APP_ID, after=str(came[-1]["seq"] if came else 0)
    ):
        came += more
    return came


def every(seconds: float, work: Callable[[], None]) -> Callable[[], None]:
    """Give work that takes a breath after each time."""

    def breathing() -> None:
        work()
        time.sleep(seconds)

    return breathing
