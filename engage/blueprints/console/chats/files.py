"""Pictures in conversations and of fans; who may see the conversation may see them."""

from __future__ import annotations

from typing import Final

from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from engage.blueprints.console.chats.access import in_reach, visible
from engage.blueprints.console.chats.blueprint import bp
from engage.blueprints.guard import Staff
from engage.chat import queries
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.errors import NotFound
from engage.kernel.files import Files
from engage.wechat import pictures

# How recordings begin as WeChat keeps them: no browser plays them, a player finds them by this ending.
RECORDING: Final = b"#!AMR"


@bp.view("/files/<int:chat_message_id>", permission="chats.view")
def file(staff: Staff, chat_message_id: int) -> ResponseReturnValue:
    """Give the file of a message."""
    with unit_of_work() as session:
        key = queries.file_of(session, chat_message_id, in_reach(session, staff))
    return _answer(staff, key)


@bp.view("/<int:conversation_id>/face", permission="chats.view")
def face(staff: Staff, conversation_id: int) -> ResponseReturnValue:
    """Give the fan's picture."""
    with unit_of_work() as session:
        key = visible(session, staff, conversation_id, now=clock.now()).avatar
    if key is None:
        raise NotFound(conversation=conversation_id)
    return _answer(staff, key)


def _answer(staff: Staff, key: str) -> ResponseReturnValue:
    """Answer with a file; what is no picture is saved, never shown. Asked again, its key is its version."""
    files: Files = current_app.extensions["files"]
    content = files.get(staff.house.id, key)
    kind = pictures.kind_of(content)
    answer = Response(content, content_type=kind or "application/octet-stream")
    answer.headers["Cache-Control"] = "private, no-cache"
    if kind is None:
        name = f"{key[:8]}.amr" if content.startswith(RECORDING) else key[:8]
        answer.headers["Content-Disposition"] = f"attachment; filename={name}"
    answer.set_etag(key)
    return answer.make_conditional(request)
