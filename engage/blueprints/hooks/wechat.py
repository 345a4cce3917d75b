"""WeChat's callback (design §3.9): journal, fan and answer in one transaction, well within five seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

import structlog
from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from engage.accounts import services as accounts
from engage.accounts.services import NewPush
from engage.blueprints.guard import OpenBlueprint
from engage.blueprints.hooks import endpoints
from engage.blueprints.hooks.endpoints import Endpoint
from engage.inbound import rules
from engage.inbound import services as inbound
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import DomainError, Malformed
from engage.wechat import envelope, messages
from engage.wechat.messages import Message
from engage.wechat.refusals import Refusals

log = structlog.get_logger()

bp = OpenBlueprint("hooks_wechat", __name__, url_prefix="/hooks/wechat")

SIGNED = "WeChat signs each request with the account's token"


@bp.open("/<app_id>", reason=SIGNED)
def check(app_id: str) -> ResponseReturnValue:
    """Answer the check of the address with what it sent (WeChat §1)."""
    endpoint = _endpoint(app_id)
    with _noting_refusals(app_id):
        envelope.check_address(endpoint.keys, request.args, now=clock.real_now())
    with tenant_scope(endpoint.tenant_id), unit_of_work() as session:
        accounts.address_checked(session, endpoint.account_id, now=clock.now())
    return Response(request.args.get("echostr", ""), content_type="text/plain; charset=utf-8")


@bp.open("/<app_id>", reason=SIGNED, methods=("POST",))
def push(app_id: str) -> ResponseReturnValue:
    """Keep what was pushed and answer it; a repeat gets the answer of the first."""
    endpoint, body = _endpoint(app_id), _body()
    with _noting_refusals(app_id):
        came = _Came.of(endpoint, request.args, body)
    with tenant_scope(endpoint.tenant_id):
        answer = came.answer(_reply(came))
    return Response(answer, content_type=content_type(answer))


def content_type(answer: str) -> str:
    """Give the type of an answer: a reply's XML, or the word that all is well."""
    return f"{'application/xml' if answer.startswith('<') else 'text/plain'}; charset=utf-8"


def answer_at_once(app_id: str, query: Mapping[str, str], body: bytes) -> str | None:
    """Do what `push` does for a push that is new; None leaves it, a repeat or a receipt, to `push`.

    Raises:
        Exception: whatever `push` is to meet again and to answer for.
    """
    endpoint = _endpoint(app_id)
    came = _Came.of(endpoint, query, body)
    if rules.is_for_a_worker(came.message):
        return None
    with tenant_scope(endpoint.tenant_id):
        reply = inbound.receive(came.push, came.message, book=endpoint.book, now=clock.now())
    return None if reply is None else came.answer(reply)


@dataclass(frozen=True, slots=True)
class _Came:
    """A push that came in order: to whom, as what, and how to answer."""

    endpoint: Endpoint
    push: NewPush
    message: Message
    encrypted: bool

    @classmethod
    def of(cls, endpoint: Endpoint, query: Mapping[str, str], body: bytes) -> _Came:
        """Check, open and read it.

        Raises:
            Forged: it is not from WeChat.
            Malformed: it cannot be read.
        """
        opened = envelope.open_push(endpoint.keys, query, body, now=clock.real_now())
        message = messages.parse(opened.xml)
        kept = inbound.arrived(
            endpoint.account_id,
            message,
            timestamp=query["timestamp"],
            nonce=query.get("nonce", ""),
            body=body,
            xml=opened.xml,
        )
        return cls(endpoint, kept, message, opened.encrypted)

    def answer(self, reply: str) -> str:
        """Give what WeChat is answered: the reply, encrypted if the push was, or that all is well."""
        if not reply:
            return "success"
        return envelope.seal(self.endpoint.keys, reply, now=clock.real_now()) if self.encrypted else reply


def _reply(came: _Came) -> str:
    """Give the reply; without one of the moment, empty."""
    attempt, reply, now = _AtOnce(), None, clock.now()
    for_a_worker = rules.is_for_a_worker(came.message)
    if not for_a_worker:
        with attempt:
            reply = inbound.receive(came.push, came.message, book=came.endpoint.book, now=now)
        if reply is not None:
            return reply
    with unit_of_work(statement_ms=rules.STATEMENT_MS) as session:
        if for_a_worker or attempt.failed:
            return inbound.put_off(session, came.push, late=attempt.failed, now=now)
        return inbound.reply_given(session, came.push)


class _AtOnce:
    """The attempt to be done with a push while WeChat waits; what goes wrong leaves it to a worker.

    Programming errors too: WeChat repeats a push for some seconds only, then it would be lost.
    """

    failed = False

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, DomainError):
            return False
        self.failed = True
        log.warning("push.put_off", error=type(error).__name__, exc_info=error)
        return True


@contextmanager
def _noting_refusals(app_id: str) -> Iterator[None]:
    """Let the account's page tell that something which is not WeChat, or has another token, called."""
    try:
        yield
    except envelope.Forged:
        refusals: Refusals = current_app.extensions["refusals"]
        refusals.note(app_id, now=clock.now())
        raise


def _endpoint(app_id: str) -> Endpoint:
    return endpoints.find(app_id, public_url=current_app.config["PUBLIC_URL"])


def _body() -> bytes:
    """Read the body; one without a stated length, or too large, is refused unread."""
    length = request.content_length
    if length is None or length > envelope.MAX_BODY:
        raise Malformed
    body: bytes = request.environ["wsgi.input"].read(length)
    return body
