"""Template messages to many, by libcurl: many calls at once over connections that stay open (ADR 0012).

What an answer means, tokens and counts are those of all other calls. libcurl itself repeats a call whose
kept connection turns out to be closed; with a `client_msg_id` that is one message (WeChat §4).
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import pycurl
import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from engage.wechat.client import transport
from engage.wechat.client.base import Calls
from engage.wechat.gateway import Card, Credentials, Letter, WeChatError, WeChatUnreachable
from engage.wechat.outcomes import NotSent, Outcome, Refused, Sent, Unheard
from engage.wechat.rules import BUSY, Trouble
from engage.wechat.tokens import Tokens

PATH: Final = "/cgi-bin/message/template/send"
CONNECT_MS: Final = 3050
# For a whole call; with the seconds in which calls begin, it must end within a worker's lease.
CALL_MS: Final = 12_000
# An answer of WeChat's to a message has less than 200 bytes.
MAX_ANSWER: Final = 64 * 1024
ASK_SECONDS: Final = 0.5
# So many calls one after the other without an answer: WeChat is away, and further ones would be unheard too.
SILENT_AT_MOST: Final = 20

# The request certainly did not reach WeChat.
_NEVER_CONNECTED: Final = frozenset(
    {
        pycurl.E_COULDNT_RESOLVE_PROXY,
        pycurl.E_COULDNT_RESOLVE_HOST,
        pycurl.E_COULDNT_CONNECT,
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
    }
)
# No further call has another chance: the day's calls are spent, or a person must mend the account.
_STOPS: Final = frozenset({Trouble.QUOTA, Trouble.SET_UP})


class BulkCalls(Calls):
    """Messages to many (WeChat §4), as `Gateway` describes it."""

    _lines = threading.local()

    def send_templates(
        self,
        account: Credentials,
        letters: Sequence[Letter],
        *,
        card: Card,
        may_go: Callable[[], bool],
        connections: int = 100,
        seconds: float = 25.0,
    ) -> Mapping[int, Outcome | NotSent]:
        self._counts.look(account.app_id, PATH)
        run = _Run(account, self._tokens, letters, card, may_go, ends_at=time.monotonic() + seconds)
        lines = self._opened(connections)
        try:
            outcomes = run.through(lines)
        finally:
            lines.hang_up()
            self._counts.went_out(account.app_id, PATH, run.calls)
        if run.is_spent:
            self._counts.spent(account.app_id, PATH)
        return outcomes

    def _opened(self, connections: int) -> _Lines:
        """Give this thread's connections; they stay open from one call to the next."""
        held: _Lines | None = getattr(self._lines, "held", None)
        if held is None or len(held.curls) != connections or held.address != self._api_url:
            held = _Lines(connections, self._api_url, self._session)
            self._lines.held = held
        return held


class _Lines:
    """Handles of libcurl over one set of connections; used by one thread."""

    def __init__(self, connections: int, address: str, session: requests.Session) -> None:
        self.address = address
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self.parts: dict[pycurl.Curl, list[bytes]] = {}
        self.curls = [self._made(session) for _ in range(connections)]
        self.idle = list(self.curls)
        self.busy: dict[pycurl.Curl, Letter] = {}

    def _made(self, session: requests.Session) -> pycurl.Curl:
        curl, parts = pycurl.Curl(), list[bytes]()
        curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:"])
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, CONNECT_MS)
        curl.setopt(pycurl.TIMEOUT_MS, CALL_MS)
        curl.setopt(pycurl.MAXFILESIZE, MAX_ANSWER)
        curl.setopt(
            pycurl.CAINFO, session.verify if isinstance(session.verify, str) else DEFAULT_CA_BUNDLE_PATH
        )
        if self.address != transport.API:
            curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.WRITEFUNCTION, parts.append)
        self.parts[curl] = parts
        return curl

    def call(self, letter: Letter, url: str, body: bytes) -> None:
        """Begin a call over an idle handle."""
        curl = self.idle.pop()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.POSTFIELDS, body)
        self.multi.add_handle(curl)
        self.busy[curl] = letter

    def ended(self, *, wait: float) -> Iterator[tuple[Letter, pycurl.Curl, int, bytes]]:
        """Give the calls that ended, each with libcurl's error (0: none) and its answer's body."""
        self.multi.perform()
        left = 1
        is_any = False
        while left:
            left, good, bad = self.multi.info_read()
            for curl, error in [*((curl, 0) for curl in good), *((curl, error) for curl, error, _ in bad)]:
                is_any = True
                body = b"".join(self.parts[curl])
                yield self._let_go(curl), curl, error, body
        if not is_any:
            self.multi.select(wait)

    def hang_up(self) -> None:
        """Leave no call behind, whatever interrupted them."""
        for curl in list(self.busy):
            self._let_go(curl)

    def _let_go(self, curl: pycurl.Curl) -> Letter:
        self.multi.remove_handle(curl)
        self.parts[curl].clear()
        self.idle.append(curl)
        return self.busy.pop(curl)


class _Run:
    """Letters on their way through the lines, and what became of them."""

    def __init__(
        self,
        account: Credentials,
        tokens: Tokens,
        letters: Sequence[Letter],
        card: Card,
        may_go: Callable[[], bool],
        *,
        ends_at: float,
    ) -> None:
        self.account, self.tokens, self.may_go, self.ends_at = account, tokens, may_go, ends_at
        self.waiting, self.again = deque(letters), list[Letter]()
        self.outcomes: dict[int, Outcome | NotSent] = {letter.id: NotSent() for letter in letters}
        self.tail = _tail(card)
        self.goes, self.is_spent, self.is_second = True, False, False
        self.calls = self.silent = 0
        self.asks_at = time.monotonic() + ASK_SECONDS

    def through(self, lines: _Lines) -> Mapping[int, Outcome | NotSent]:
        """Send until all have an outcome, or something says stop; those on their way are waited for.

        Raises:
            WeChatError: there is no token; nothing went out.
        """
        token = self._token(self.tokens.current)
        url = f"{lines.address}{PATH}?access_token={token}"
        while True:
            self._look_up()
            while self.goes and self.waiting and lines.idle and not self.again:
                letter = self.waiting.popleft()
                lines.call(letter, url, self._body(letter))
                self.calls += 1
            if not lines.busy:
                if not (self.goes and self.again):
                    return self.outcomes
                token = self._renewed(token)
                url = f"{lines.address}{PATH}?access_token={token}"
                continue
            for letter, curl, error, body in lines.ended(wait=0.2):
                self._heard(letter, _outcome(curl, error, body))

    def _look_up(self) -> None:
        """Stop once the time is over; ask now and then whether to go on."""
        now = time.monotonic()
        if now >= self.ends_at:
            self.goes = False
        elif now >= self.asks_at:
            self.goes = self.goes and self.may_go()
            self.asks_at = time.monotonic() + ASK_SECONDS

    def _heard(self, letter: Letter, outcome: Outcome) -> None:
        self.outcomes[letter.id] = outcome
        trouble = outcome.trouble if isinstance(outcome, Refused) else None
        if trouble is Trouble.TOKEN and not self.is_second:
            self.again.append(letter)  # once all that are on their way with it have ended
        elif trouble in _STOPS:
            self.goes = False
            self.is_spent = self.is_spent or trouble is Trouble.QUOTA
        is_silent = isinstance(outcome, Unheard) or outcome == _NO_CONNECTION
        self.silent = self.silent + 1 if is_silent else 0
        if self.silent >= SILENT_AT_MOST:
            self.goes = False

    def _renewed(self, stale: str) -> str:
        """Give another token than the refused one, once a run, and send again whom it was refused for."""
        self.is_second = True
        try:
            token = self._token(self.tokens.replaced, stale)
        except WeChatError:
            self.goes = False  # what went out has its outcome; the rest needs a token
            return stale
        self.waiting.extendleft(reversed(self.again))
        self.again.clear()
        return token

    def _token(self, source: Callable[..., str], *arguments: str) -> str:
        try:
            return source(self.account, *arguments)
        except WeChatUnreachable as silence:
            raise WeChatError(BUSY, f"no token: {silence}") from silence

    def _body(self, letter: Letter) -> bytes:
        who = f'{{"touser":{json.dumps(letter.openid)},"client_msg_id":{json.dumps(letter.client_msg_id)},'
        return who.encode() + self.tail


_NO_CONNECTION: Final = Refused(BUSY, "no connection")


def _tail(card: Card) -> bytes:
    """Give what all bodies of a run have in common: everything but whom they go to."""
    data = {key: {"value": value} for key, value in card.fields.items()}
    return transport.raw({"template_id": card.template_id, "url": card.url, "data": data})[1:]


def _outcome(curl: pycurl.Curl, error: int, body: bytes) -> Outcome:
    """Say what a call's end means, as `transport.ask` does."""
    if error:
        # Before anything could be sent; a time-out tells by the time it took to get so far.
        never = error in _NEVER_CONNECTED or (
            error == pycurl.E_OPERATION_TIMEDOUT and not curl.getinfo(pycurl.PRETRANSFER_TIME)
        )
        return _NO_CONNECTION if never else Unheard(f"libcurl {error}")
    if (status := curl.getinfo(pycurl.RESPONSE_CODE)) != requests.codes.ok:
        return Unheard(f"HTTP {status}")
    try:
        answer = transport.read(body)
        with transport.understood():
            return Sent(int(answer["msgid"]))
    except WeChatError as refusal:
        return Refused(refusal.errcode, refusal.errmsg)
    except WeChatUnreachable as silence:
        return Unheard(str(silence))
