"""What a push says to a conversation: a message of the fan, or the opening of WeChat's window."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from engage.chat.rules import FETCHED, Trigger
from engage.wechat.messages import (
    CodeScanned,
    Followed,
    Image,
    Link,
    Location,
    MenuClicked,
    Message,
    Scanned,
    Text,
    Video,
    Voice,
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A fan's message: its kind, its words, and what the kind needs beside them."""

    kind: str
    text: str | None
    data: dict[str, Any]
    trigger: Trigger = Trigger.MESSAGE


@dataclass(frozen=True, slots=True)
class Automatic:
    """What was answered to a push by itself, as the conversation shows it; `file` is in `kernel.files`."""

    kind: str
    text: str | None
    data: dict[str, Any] = field(default_factory=dict)
    file: str | None = None


def arrival_of(message: Message) -> Arrival | None:
    """Give what the fan wrote; None of events."""
    if message.is_event:
        return None
    match message.content:
        case Text(content=words, menu_item=item):
            # A tap in a list of answers counts as a tap in the menu (WeChat §3).
            return Arrival("text", words, {}, Trigger.MENU if item else Trigger.MESSAGE)
        case Image() as picture:
            return Arrival("image", None, dataclasses.asdict(picture))
        case Voice(media_id=media_id, format=sound, recognition=words):
            return Arrival("voice", words or None, {"media_id": media_id, "format": sound})
        case Video(media_id=media_id, thumb_media_id=thumb):
            return Arrival("video", None, {"media_id": media_id, "thumb_media_id": thumb})
        case Location(latitude=latitude, longitude=longitude, label=label):
            return Arrival("location", label, {"latitude": latitude, "longitude": longitude})
        case Link(title=title, description=description, url=url):
            return Arrival("link", title or description or url, {"url": url})
        case _:
            return Arrival("other", None, {"type": message.kind})


def trigger_of(message: Message) -> Trigger | None:
    """Give which window an event opens; None of messages and of events that open none."""
    match message.content:
        case MenuClicked() | CodeScanned():
            return Trigger.MENU
        case Followed():
            return Trigger.FOLLOW
        case Scanned():
            return Trigger.SCAN
        case _:
            return None


def is_fetched(arrival: Arrival) -> bool:
    """Whether the message has a file to fetch from WeChat."""
    return arrival.kind in FETCHED and bool(arrival.data.get("media_id"))
