"""What a customer-service message may hold (WeChat §3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Words; may hold links as `<a href>`."""

    content: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that was uploaded."""

    media_id: str


@dataclass(frozen=True, slots=True)
class Voice:
    """A recording that was uploaded."""

    media_id: str


@dataclass(frozen=True, slots=True)
class Video:
    """A film that was uploaded, with its thumbnail."""

    media_id: str
    thumb_media_id: str
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Music:
    """A piece of music that stands on the web."""

    url: str
    thumb_media_id: str
    title: str = ""
    description: str = ""
    high_quality_url: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """A card that leads to a page; one a message."""

    title: str
    description: str
    url: str
    picture_url: str


@dataclass(frozen=True, slots=True)
class Menu:
    """A question with answers to tap, as (id, words); a tap comes back as a text with the id."""

    items: tuple[tuple[str, str], ...]
    head: str = ""
    tail: str = ""


@dataclass(frozen=True, slots=True)
class MiniProgramPage:
    """A card that opens a mini program; its thumbnail is 520 × 416."""

    title: str
    app_id: str
    path: str
    thumb_media_id: str


Content = Text | Image | Voice | Video | Music | News | Menu | MiniProgramPage
