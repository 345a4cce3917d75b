"""What changed in a conversation, read for all lines at once and drawn as the page draws it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, render_template
from flask_babel import force_locale

from engage.blueprints.console.chats.shapes import message_view, row_view
from engage.chat import queries
from engage.kernel.db import Session

MESSAGES: Final = 500


@dataclass(frozen=True, slots=True)
class Change:
    """A conversation whose number moved: it is told from one number to another."""

    conversation_id: int
    account_id: int
    since: int
    seq: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """All there is to tell of a change, in no language yet."""

    change: Change
    row: queries.Row
    messages: Sequence[queries.MessageRow]

    def draw(self, app: Flask, language: str, zone: str) -> dict[str, Any]:
        """Draw the row and the messages with the page's own templates."""
        with app.test_request_context(), force_locale(language):
            row = render_template("console/chats/row.html", row=row_view(self.row, zone))
            messages = [
                render_template("console/chats/message.html", message=message_view(message, zone))
                for message in self.messages
            ]
        return {
            "conversation": self.change.conversation_id,
            "from": self.change.since,
            "to": self.change.seq,
            "row": row,
            "messages": "".join(messages),
        }


def read(session: Session, changes: Sequence[Change], *, now: dt.datetime) -> Sequence[Drawing]:
    """Read rows and messages of the changes, in the same few statements however many they are."""
    rows = queries.rows_of(session, [each.conversation_id for each in changes], now=now)
    found = queries.messages_since(
        session, {each.conversation_id: each.since for each in changes}, limit=MESSAGES
    )
    messages: defaultdict[int, list[queries.MessageRow]] = defaultdict(list)
    for message in found:
        messages[message.conversation_id].append(message)
    whole = _whole(changes, found)
    return [
        Drawing(whole[each.conversation_id], rows[each.conversation_id], messages[each.conversation_id])
        for each in changes
    ]


def _whole(changes: Sequence[Change], found: Sequence[queries.MessageRow]) -> Mapping[int, Change]:
    """Leave a gap where not all messages were read: who sees the gap reads them from the page."""
    cut = found[-1].conversation_id if len(found) >= MESSAGES else None
    return {
        each.conversation_id: (
            each
            if cut is None or each.conversation_id < cut
            else Change(each.conversation_id, each.account_id, each.seq, each.seq)
        )
        for each in changes
    }
