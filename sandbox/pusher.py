"""Pushes: signed, encrypted and repeated HTTP calls to an account's server (WeChat §1)."""

import heapq
import http.client
import itertools
import json
import secrets
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import current_app

from sandbox import crypto, replies, xml
from sandbox.marks import Marks
from sandbox.state import State
from sandbox.state.accounts import Account
from sandbox.state.clock import real_seconds
from sandbox.state.faults import PUSH

ATTEMPTS = 3  # "three retries in total", read as SDKs read it
TIMEOUT = 5.0
REORDER_WAIT = 3.0  # a push held back for reordering goes out alone after so many seconds
BACKGROUND_THREADS = 16
HEADERS = {"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0", "Connection": "close"}
MARK_SECONDS = 60.0
UNREACHABLE = (OSError, http.client.HTTPException, UnicodeError)  # a host's name may be no name at all
# Of these the person learns nothing: the account will not hear them, or WeChat has stopped asking it.
BLACKLISTED, MARKED = "blacklisted", "markfail"


@dataclass(frozen=True)
class Push:
    """One push, byte for byte as every repetition sends it."""

    account: Account
    fan: str
    openid: str
    label: str  # MsgType, or the event's name
    fields: dict[str, Any]
    url: str
    body: bytes

    @property
    def is_message(self) -> bool:
        """Whether a person's message is pushed, not an event."""
        return bool(self.fields["MsgType"] != "event")


@dataclass
class Delivery:
    """What came of a push."""

    attempts: list[dict[str, Any]] = field(default_factory=list)
    answer: bytes | None = None  # None: the server never answered in a way that counts
    reply: replies.Reply | None = None
    problem: str = ""


class Pusher:
    """Sends pushes, at once in the caller's thread or later in its own.

    WeChat calls ports 80 and 443 only (WeChat §1); here any port will do, as development needs.
    """

    def __init__(self, state: State, *, timeout: float = TIMEOUT, mark_seconds: float = MARK_SECONDS) -> None:
        """`timeout` is in seconds, for each attempt; `mark_seconds` is how long MarkFail lasts.

        Pushes that an earlier process left waiting go out as soon as they are due.
        """
        self._state = state
        self._timeout = timeout
        self._marks = Marks(mark_seconds)
        self._ids = itertools.count(time.time_ns())
        self._changed = threading.Condition()
        self._sent: Counter[str] = Counter()  # pushes gone out per account, for reordering
        rows = state.store.all("SELECT due, id FROM waiting_push")
        self._waiting: list[tuple[float, int]] = sorted((row["due"], row["id"]) for row in rows)
        self._pool = ThreadPoolExecutor(BACKGROUND_THREADS, thread_name_prefix="push")
        threading.Thread(target=self._run_due, name="push-clock", daemon=True).start()

    def new_id(self) -> int:
        """A 19-digit id for messages and sends; rises, also over restarts."""
        return 2_000_000_000_000_000_000 + next(self._ids)

    def prepare(self, account: Account, fan: str, fields: dict[str, Any]) -> Push:
        """A push of `fields` (from MsgType on), stamped, signed and encrypted by the account's mode."""
        openid = self._state.fans.subscription(account.appid, fan).openid
        nodes = {
            "ToUserName": account.username,
            "FromUserName": openid,
            "CreateTime": real_seconds(),
            **fields,
        }
        timestamp, nonce = str(real_seconds()), str(secrets.randbelow(10**10))
        query = {
            "signature": crypto.signature(account.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "openid": openid,
        }
        document = xml.build(nodes)
        if account.mode != "plain":
            envelope = crypto.encrypt(account.encoding_aes_key, account.appid, document)
            query["encrypt_type"] = "aes"
            query["msg_signature"] = crypto.signature(account.token, timestamp, nonce, envelope)
            shown = nodes if account.mode == "compat" else {"ToUserName": account.username}
            document = xml.build({**shown, "Encrypt": envelope})
        joint = "&" if "?" in account.callback_url else "?"
        return Push(
            account=account,
            fan=fan,
            openid=openid,
            label=str(fields.get("Event") or fields["MsgType"]),
            fields=nodes,
            url=f"{account.callback_url}{joint}{urlencode(query)}",
            body=document.encode(),
        )

    def deliver(self, push: Push) -> Delivery:
        """Send a push now, up to three times, and put the reply in the person's inbox.

        Returns when the server has answered or has been given up. A user's own message that gets no
        proper answer leaves the notice `unavailable` in the chat.
        """
        delivery = Delivery()
        if push.is_message and self._state.fans.subscription(push.account.appid, push.fan).blacklisted:
            delivery.problem = BLACKLISTED
        elif self.is_marked(push.account):
            delivery.problem = MARKED
        else:
            self._send(push, delivery)
        self._settle(push, delivery)
        return delivery

    def is_marked(self, account: Account) -> bool:
        """Whether WeChat has stopped calling this server for a while (MarkFail)."""
        return self._marks.is_set(account.appid, account.callback_url)

    def lift_marks(self) -> None:
        """Call every server again."""
        self._marks.clear()

    def _send(self, push: Push, delivery: Delivery) -> None:
        effect = self._state.faults.strike(push.account.appid, PUSH + push.label)
        if "latency_ms" in effect:
            time.sleep(effect["latency_ms"] / 1000)
        if effect.get("reorder"):
            self._let_another_pass(push.account.appid)
        if effect.get("drop") == "before":
            delivery.problem = "dropped by a fault"
        else:
            self._attempt(push, delivery, drop_first=effect.get("drop", ""))
            for _ in range(int(effect.get("duplicate", 0))):
                self._post(push)
            with self._changed:
                self._sent[push.account.appid] += 1
                self._changed.notify_all()

    def later(self, appid: str, fan: str, fields: dict[str, Any], *, seconds: float) -> None:
        """Send a push after so many real seconds, also after a restart; it may then come twice."""
        due, number = time.time() + seconds, next(self._ids)
        self._state.store.run(
            "INSERT INTO waiting_push VALUES (?, ?, ?, ?, ?)", number, due, appid, fan, json.dumps(fields)
        )
        with self._changed:
            heapq.heappush(self._waiting, (due, number))
            self._changed.notify_all()

    def verify(self, account: Account) -> dict[str, Any]:
        """Ask the account's server to prove itself, as the configuration page does (`echostr`)."""
        timestamp, nonce, echo = str(real_seconds()), secrets.token_hex(5), secrets.token_hex(9)
        query = {
            "signature": crypto.signature(account.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "echostr": echo,
        }
        joint = "&" if "?" in account.callback_url else "?"
        try:
            status, answer = _http(
                "GET", f"{account.callback_url}{joint}{urlencode(query)}", b"", self._timeout
            )
        except UNREACHABLE as error:
            return {"ok": False, "problem": type(error).__name__}
        return {"ok": answer == echo.encode(), "status": status}

    def _attempt(self, push: Push, delivery: Delivery, *, drop_first: str) -> None:
        for number in range(ATTEMPTS):
            if number == 0 and drop_first == "during":
                _cut(push, self._timeout)
                delivery.attempts.append({"at": time.time(), "problem": "cut by a fault"})
                continue
            attempt, answer = self._post(push)
            delivery.attempts.append(attempt)
            if number == 0 and drop_first == "after":
                attempt["problem"] = "answer lost by a fault"
            elif answer is not None:
                delivery.answer = answer
                break
        else:
            delivery.problem = "no answer"
        self._marks.note(push.account.appid, push.account.callback_url, answered=delivery.answer is not None)

    def _post(self, push: Push) -> tuple[dict[str, Any], bytes | None]:
        started = time.monotonic()
        attempt: dict[str, Any] = {"at": time.time()}
        answer = None
        try:
            status, body = _http("POST", push.url, push.body, self._timeout)
        except UNREACHABLE as error:
            attempt["problem"] = type(error).__name__
        else:
            attempt["status"] = status
            if status < 500:
                # An error page is an answer, though not a reply: it is not asked again.
                answer = body if status < 400 else b"HTTP error"
        attempt["ms"] = round((time.monotonic() - started) * 1000, 1)
        return attempt, answer

    def _settle(self, push: Push, delivery: Delivery) -> None:
        account, fan = push.account, push.fan
        if delivery.answer is not None:
            try:
                delivery.reply = replies.read(
                    account,
                    push.openid,
                    delivery.answer,
                    to_message=push.is_message,
                    shelf=self._state.media,
                )
            except replies.BadReply as error:
                delivery.problem = str(error)
        if delivery.reply:
            self._state.inbox.add(
                account.appid, fan, kind="passive", msgtype=delivery.reply.msgtype, body=delivery.reply.body
            )
        elif push.is_message and delivery.problem not in ("", BLACKLISTED, MARKED):
            self._state.inbox.add(
                account.appid, fan, kind="notice", msgtype="notice", body={"code": "unavailable"}
            )
        self._state.pushes.add(
            {
                "at": real_seconds(),
                "appid": account.appid,
                "fan": fan,
                "label": push.label,
                "fields": push.fields,
                "attempts": delivery.attempts,
                "problem": delivery.problem,
            }
        )

    def _let_another_pass(self, appid: str) -> None:
        with self._changed:
            before = self._sent[appid]
            self._changed.wait_for(lambda: self._sent[appid] > before, timeout=REORDER_WAIT)

    def _run_due(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._waiting[0][0] > time.time():
                    pause = self._waiting[0][0] - time.time() if self._waiting else None
                    self._changed.wait(pause)
                number = heapq.heappop(self._waiting)[1]
            sent = self._pool.submit(self._deliver_waiting, number)
            sent.add_done_callback(Future.result)  # so that a failure is logged, not lost

    def _deliver_waiting(self, number: int) -> None:
        row = self._state.store.one("SELECT * FROM waiting_push WHERE id = ?", number)
        account = self._state.accounts.get(row["appid"]) if row else None
        if row and account:  # else all was forgotten meanwhile
            self.deliver(self.prepare(account, row["fan"], json.loads(row["fields"])))
        self._state.store.run("DELETE FROM waiting_push WHERE id = ?", number)


def pusher() -> Pusher:
    """The pusher of the running sandbox."""
    found: Pusher = current_app.extensions["sandbox.pusher"]
    return found


def _line(url: str, timeout: float) -> tuple[http.client.HTTPConnection, str]:
    """A connection to a server, and what to ask it for."""
    target = urlsplit(url)
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    return kind(target.netloc, timeout=timeout), f"{target.path or '/'}?{target.query}"


def _http(method: str, url: str, body: bytes, timeout: float) -> tuple[int, bytes]:
    """One request on a connection of its own: its status and the answer's body."""
    line, target = _line(url, timeout)
    with closing(line):
        line.request(method, target, body, HEADERS)
        response = line.getresponse()
        return response.status, response.read()


def _cut(push: Push, timeout: float) -> None:
    """Send half of a push's body and hang up."""
    line, target = _line(push.url, timeout)
    with closing(line), suppress(*UNREACHABLE):  # where nobody listens it is cut all the same
        line.putrequest("POST", target)
        for name, value in {**HEADERS, "Content-Length": str(len(push.body))}.items():
            line.putheader(name, value)
        line.endheaders(push.body[: len(push.body) // 2])
