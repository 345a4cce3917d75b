"""What WeChat tells when asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who authorised a page: `is_snapshot` visitors are virtual and never kept (WeChat §8)."""

    openid: str
    is_snapshot: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """Who authorised a page and agreed to be known; of a snapshot visitor the openid only (WeChat §8)."""

    openid: str
    nickname: str
    avatar_url: str
    unionid: str
    is_snapshot: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """A fan as WeChat knows them; who does not follow has no more than an openid (WeChat §5)."""

    openid: str
    follows: bool
    followed_at: dt.datetime | None = None
    remark: str = ""
    tag_ids: tuple[int, ...] = ()
    came_by: str = ""  # ADD_SCENE_…
    scene: str = ""  # of the QR code scanned
    unionid: str = ""


@dataclass(frozen=True, slots=True)
class OpenidPage:
    """A page of openids; `after` asks for the next one and is empty on the last."""

    openids: tuple[str, ...]
    total: int
    after: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag and how many fans bear it."""

    id: int
    name: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class QrCode:
    """A parametric QR code: `url` is what it holds, `ticket` gets its image (WeChat §6)."""

    ticket: str
    url: str
    seconds: int | None  # None: permanent


@dataclass(frozen=True, slots=True)
class Media:
    """A file that was downloaded; of a video WeChat gives the address in place of the content."""

    content: bytes
    content_type: str
    video_url: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A message template of the account; `content` holds lines like `{{thing1.DATA}}` (WeChat §4)."""

    id: str
    title: str
    content: str
    example: str


@dataclass(frozen=True, slots=True)
class CallbackCheck:
    """How WeChat reaches the account's server: addresses found, and tries (WeChat §2)."""

    dns: Sequence[Mapping[str, Any]]
    ping: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Quota:
    """A path's calls today, by WeChat's own count (WeChat §11)."""

    daily_limit: int
    used: int
    left: int


@dataclass(frozen=True, slots=True)
class Usage:
    """A path's calls today, by our count; `limit` is what new accounts have, where it is known."""

    path: str
    used: int
    limit: int | None
    is_spent: bool
