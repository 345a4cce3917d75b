"""Pushes: signed, encrypted and repeated HTTP calls to an account's server (WeChat §1)."""

import heapq
import itertools
import secrets
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests
from flask import current_app

from sandbox import crypto, replies, xml
from sandbox.state import State
from sandbox.state.accounts import Account
from sandbox.state.clock import real_seconds
from sandbox.state.faults import PUSH

ATTEMPTS = 3  # "three retries in total", read as SDKs read it
TIMEOUT = 5.0
REORDER_WAIT = 3.0  # a push held back for reordering goes out alone after so many seconds
BACKGROUND_THREADS = 16


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
    """Sends pushes, at once in the caller's thread or later in its own."""

    def __init__(self, state: State, *, timeout: float = TIMEOUT) -> None:
        """`timeout` is in seconds, for each attempt."""
        self._state = state
        self._timeout = timeout
        self._ids = itertools.count(time.time_ns())
        self._changed = threading.Condition()
        self._sent: Counter[str] = Counter()  # pushes gone out per account, for reordering
        self._waiting: list[tuple[float, int, Push]] = []
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
        effect = self._state.faults.strike(push.account.appid, PUSH + push.label)
        if "latency_ms" in effect:
            time.sleep(effect["latency_ms"] / 1000)
        if effect.get("reorder"):
            self._let_another_pass(push.account.appid)
        if effect.get("drop") == "before":
            delivery.problem = "dropped by a fault"
        else:
            self._attempt(push, delivery, lose_first_answer=effect.get("drop") == "after")
            for _ in range(int(effect.get("duplicate", 0))):
                self._post(push)
            with self._changed:
                self._sent[push.account.appid] += 1
                self._changed.notify_all()
        self._settle(push, delivery)
        return delivery

    def later(self, push: Push, *, seconds: float) -> None:
        """Send a push after so many real seconds; pushes still waiting are lost with the process."""
        with self._changed:
            heapq.heappush(self._waiting, (time.monotonic() + seconds, next(self._ids), push))
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
            response = _http("GET", f"{account.callback_url}{joint}{urlencode(query)}", b"", self._timeout)
        except requests.RequestException as error:
            return {"ok": False, "problem": type(error).__name__}
        return {"ok": response.text == echo, "status": response.status_code}

    def _attempt(self, push: Push, delivery: Delivery, *, lose_first_answer: bool) -> None:
        for number in range(ATTEMPTS):
            attempt, answer = self._post(push)
            delivery.attempts.append(attempt)
            if number == 0 and lose_first_answer:
                attempt["problem"] = "answer lost by a fault"
            elif answer is not None:
                delivery.answer = answer
                return
        delivery.problem = "no answer"

    def _post(self, push: Push) -> tuple[dict[str, Any], bytes | None]:
        started = time.monotonic()
        attempt: dict[str, Any] = {"at": time.time()}
        answer = None
        try:
            response = _http("POST", push.url, push.body, self._timeout)
        except requests.RequestException as error:
            attempt["problem"] = type(error).__name__
        else:
            attempt["status"] = response.status_code
            if response.status_code < 500:
                # An error page is an answer, though not a reply: it is not asked again.
                answer = response.content if response.ok else b"HTTP error"
        attempt["ms"] = round((time.monotonic() - started) * 1000, 1)
        return attempt, answer

    def _settle(self, push: Push, delivery: Delivery) -> None:
        account, fan = push.account, push.fan
        if delivery.answer is not None:
            try:
                delivery.reply = replies.read(
                    account, push.openid, delivery.answer, to_message=push.is_message
                )
            except replies.BadReply as error:
                delivery.problem = str(error)
        if delivery.reply:
            self._state.inbox.add(
                account.appid, fan, kind="passive", msgtype=delivery.reply.msgtype, body=delivery.reply.body
            )
        elif delivery.problem and push.is_message:
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
                while not self._waiting or self._waiting[0][0] > time.monotonic():
                    pause = self._waiting[0][0] - time.monotonic() if self._waiting else None
                    self._changed.wait(pause)
                push = heapq.heappop(self._waiting)[2]
            self._pool.submit(self.deliver, push)


def pusher() -> Pusher:
    """The pusher of the running sandbox."""
    found: Pusher = current_app.extensions["sandbox.pusher"]
    return found


def _http(method: str, url: str, body: bytes, timeout: float) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False  # the callback is local: no proxy of the environment
        return session.request(
            method,
            url,
            data=body,
            timeout=timeout,
            allow_redirects=False,
            headers={"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0", "Connection": "close"},
        )
