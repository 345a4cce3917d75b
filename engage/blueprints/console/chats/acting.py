"""What is done in a conversation: answer, send again, end, note that no answer is needed (CH-4, CH-7)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.blueprints.console.chats.access import demand_answer
from engage.blueprints.console.chats.blueprint import bp
from engage.blueprints.console.chats.pictures import (
    LARGEST_IN,
    NoPicture,
    PictureTooLarge,
    recompressed,
)
from engage.blueprints.console.chats.showing import page, update
from engage.blueprints.console.refused import sentences
from engage.blueprints.guard import Staff
from engage.chat import queries, services
from engage.chat.errors import EmptyMessage, NotFailed, NotTheHolder, SessionHeld, TooLong, WindowClosed
from engage.chat.services import Picture
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import Invalid, NotFound
from engage.kernel.files import Files

REFUSALS: Final = (
    EmptyMessage,
    NoPicture,
    NotFailed,
    NotTheHolder,
    PictureTooLarge,
    SessionHeld,
    TooLong,
    WindowClosed,
)


class SeenIn(Schema):
    """The conversation's number that was on the screen."""

    class Meta:
        """What else a browser sends is of no interest."""

        unknown = EXCLUDE

    seen = fields.Integer(required=True, validate=validate.Range(0, 2**62))


class SendIn(SeenIn):
    """An answer: its key, what was on the screen, the words."""

    key = fields.UUID(required=True)
    text = fields.String(load_default="")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent wants to say."""

    key: uuid.UUID
    seen: int
    text: str
    picture: bytes


@bp.view("/<int:conversation_id>/messages", permission="chats.answer", methods=("POST",))
def send(staff: Staff, conversation_id: int) -> ResponseReturnValue:
    """Answer with words, a picture, or a picture and then words; a second press is the same answer."""
    with unit_of_work() as session:
        demand_answer(session, staff, conversation_id, now=clock.now())
    answer = _read()

    def work() -> None:
        picture = _keep(staff, answer.picture) if answer.picture else None
        with unit_of_work() as session:
            _reply(session, staff, conversation_id, answer, picture)

    return _done(staff, conversation_id, work, typed=answer.text)


@bp.view(
    "/<int:conversation_id>/messages/<int:chat_message_id>/retry",
    permission="chats.answer",
    methods=("POST",),
)
def retry(staff: Staff, conversation_id: int, chat_message_id: int) -> ResponseReturnValue:
    """Send again what failed, or may have."""

    def work() -> None:
        now = clock.now()
        with unit_of_work() as session:
            demand_answer(session, staff, conversation_id, now=now)
            within = queries.accounts_in_reach(session, staff.reach("chats.answer"))
            if queries.message(session, chat_message_id, within).conversation_id != conversation_id:
                raise NotFound(message=chat_message_id)
            services.retry(session, chat_message_id, by_staff=staff.id, now=now)

    return _done(staff, conversation_id, work)


@bp.view("/<int:conversation_id>/end", permission="chats.answer", methods=("POST",))
def end(staff: Staff, conversation_id: int) -> ResponseReturnValue:
    """End the session that one holds."""

    def work() -> None:
        now = clock.now()
        with unit_of_work() as session:
            demand_answer(session, staff, conversation_id, now=now)
            services.end(session, conversation_id, by_staff=staff.id, now=now)
        flash(gettext("The session has ended. Whoever answers next begins a new one."), "good")

    return _done(staff, conversation_id, work)


@bp.view("/<int:conversation_id>/ignore", permission="chats.answer", methods=("POST",))
def ignore(staff: Staff, conversation_id: int) -> ResponseReturnValue:
    """Take a conversation out of the queue until the fan writes again."""

    def work() -> None:
        now = clock.now()
        with unit_of_work() as session:
            demand_answer(session, staff, conversation_id, now=now)
            seen = _form(SeenIn())["seen"]
            services.ignore(session, conversation_id, seen=seen, by_staff=staff.id, by=staff.actor, now=now)
        flash(gettext("Noted. The conversation waits no more until the fan writes again."), "good")

    return _done(staff, conversation_id, work)


def _done(
    staff: Staff, conversation_id: int, work: Callable[[], None], *, typed: str = ""
) -> ResponseReturnValue:
    """Do it; answer the script with what changed, a browser without it with the page."""
    is_script = "HX-Request" in request.headers
    try:
        work()
    except REFUSALS as refusal:
        notice = gettext(refusal.title) % refusal.data
        if is_script:
            return update(staff, conversation_id, notice=notice), refusal.status
        return page(staff, conversation_id, notice=notice, typed=typed), refusal.status
    if is_script:
        return update(staff, conversation_id)
    return redirect(url_for("console_chats.show", conversation_id=conversation_id), 303)


def _reply(
    session: Session, staff: Staff, conversation_id: int, answer: Answer, picture: Picture | None
) -> None:
    """Send the picture under the form's key, and words beside it under one made of that."""
    about: dict[str, Any] = {"seen": answer.seen, "by_staff": staff.id, "now": clock.now()}
    key = answer.key
    if picture is not None:
        services.reply(session, conversation_id, picture=picture, key=key, **about)
        key = uuid.uuid5(key, "words")
    if picture is None or answer.text.strip():
        services.reply(session, conversation_id, text=answer.text, key=key, **about)


def _keep(staff: Staff, content: bytes) -> Picture:
    small = recompressed(content)
    files: Files = current_app.extensions["files"]
    return Picture(files.put(staff.house.id, small.content), small.width, small.height)


def _read() -> Answer:
    """Read an answer; of its picture no more than shows that it is too large."""
    found = _form(SendIn())
    file = request.files.get("picture")
    content = file.stream.read(LARGEST_IN + 1) if file else b""
    return Answer(found["key"], found["seen"], found["text"].replace("\r\n", "\n").replace("\0", ""), content)


def _form(schema: Schema) -> dict[str, Any]:
    """Read the form.

    Raises:
        Invalid: it is not ours.
    """
    try:
        found: dict[str, Any] = schema.load(request.form.to_dict())
    except ValidationError as error:
        raise Invalid(sentences(error)) from error
    return found
