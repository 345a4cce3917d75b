"""What a push can say (WeChat §1): one class for each message and event, in our words.

A text that WeChat left out is empty here, a list that it left out has no items.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

from engage.wechat.xml import Nodes

# --- What a person sent ---


@dataclass(frozen=True, slots=True)
class Text:
    """Words; `menu_item` is the id of the item when they come from a tap in a `msgmenu`."""

    content: str
    menu_item: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture."""

    picture_url: str
    media_id: str


@dataclass(frozen=True, slots=True)
class Voice:
    """Speech; `recognition` is what WeChat understood, where the account has that switched on."""

    media_id: str
    format: str
    recognition: str


@dataclass(frozen=True, slots=True)
class Video:
    """A film, or a short one taken in the chat."""

    media_id: str
    thumb_media_id: str
    short: bool


@dataclass(frozen=True, slots=True)
class Location:
    """A place on the map, sent in the chat. Degrees."""

    latitude: float
    longitude: float
    scale: int
    label: str


@dataclass(frozen=True, slots=True)
class Link:
    """A page that was shared with the account."""

    title: str
    description: str
    url: str


# --- Following, scanning, being somewhere ---


@dataclass(frozen=True, slots=True)
class Followed:
    """The person follows the account; by a QR code with its `scene` and `ticket`."""

    scene: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Left:
    """The person no longer follows the account."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A person who follows already scanned a QR code."""

    scene: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Located:
    """Where the person is, told when the chat is opened or every five seconds. Degrees, metres."""

    latitude: float
    longitude: float
    precision: float


# --- The menu ---


@dataclass(frozen=True, slots=True)
class MenuClicked:
    """A menu entry with a key."""

    key: str


@dataclass(frozen=True, slots=True)
class PageOpened:
    """A menu entry with a page."""

    url: str
    menu_id: str


@dataclass(frozen=True, slots=True)
class MiniProgramOpened:
    """A menu entry with a mini program's page."""

    page: str
    menu_id: str


@dataclass(frozen=True, slots=True)
class CodeScanned:
    """A code scanned from the menu; WeChat shows the result itself unless it `waits` for us."""

    key: str
    type: str
    result: str
    waits: bool


@dataclass(frozen=True, slots=True)
class PicturesChosen:
    """Pictures sent from the menu, by their MD5; the pictures follow as messages."""

    key: str
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlaceChosen:
    """A place sent from the menu; it follows as a message. Degrees."""

    key: str
    latitude: float
    longitude: float
    scale: int
    label: str
    name: str


# --- What became of what was sent ---


@dataclass(frozen=True, slots=True)
class TemplateFinished:
    """A template message arrived (`success`) or not (`failed: …`)."""

    msg_id: int
    status: str


@dataclass(frozen=True, slots=True)
class Article:
    """An article of several, counted from 1."""

    index: int
    url: str


@dataclass(frozen=True, slots=True)
class Originality:
    """What WeChat found of one article's originality; numbers as WeChat gives them."""

    article: int
    declared: str
    audit: str
    original_url: str
    original_type: str
    can_reprint: bool
    content_replaced: bool
    source_shown: bool


@dataclass(frozen=True, slots=True)
class MassFinished:
    """A mass message went out: how many it was for, left after filtering, reached and missed."""

    msg_id: int
    status: str
    total: int
    filtered: int
    sent: int
    failed: int
    originality: tuple[Originality, ...]
    check_state: str
    articles: tuple[Article, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """Publishing ended; `status` 0 is well, `failed` counts the articles that were not, from 1."""

    publish_id: str
    status: int
    article_id: str
    articles: tuple[Article, ...]
    failed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NoticeChoice:
    """What a person chose for one subscription notice; `scene` 1 is a page, 2 an article."""

    template_id: str
    accepted: bool
    scene: str


@dataclass(frozen=True, slots=True)
class NoticePopup:
    """The person was asked for subscription notices."""

    choices: tuple[NoticeChoice, ...]


@dataclass(frozen=True, slots=True)
class NoticeChanged:
    """The person changed their subscription notices; only rejections are told."""

    choices: tuple[NoticeChoice, ...]


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """What became of one subscription notice; `error_code` 0 is well."""

    template_id: str
    msg_id: int
    error_code: int
    error_status: str


@dataclass(frozen=True, slots=True)
class NoticeSent:
    """Subscription notices arrived or not."""

    results: tuple[NoticeResult, ...]


# --- WeChat's own agents; no longer documented, still sent ---


@dataclass(frozen=True, slots=True)
class AgentSessionOpened:
    """One of WeChat's own agents took the person."""

    agent: str


@dataclass(frozen=True, slots=True)
class AgentSessionClosed:
    """The session with one of WeChat's own agents ended."""

    agent: str


@dataclass(frozen=True, slots=True)
class AgentSessionMoved:
    """The session went from one of WeChat's own agents to another."""

    from_agent: str
    to_agent: str


# --- Consent, and the account itself ---


@dataclass(frozen=True, slots=True)
class ProfileChanged:
    """The person changed name or avatar: what is kept of them is out of date."""

    openid: str
    unionid: str
    app_id: str


@dataclass(frozen=True, slots=True)
class ConsentRevoked:
    """The person took back a consent given on a page: what it gave is to be deleted."""

    openid: str
    unionid: str
    app_id: str
    what: str


@dataclass(frozen=True, slots=True)
class PersonCancelled:
    """The person closed their WeChat account: what is kept of them is to be deleted."""

    openid: str
    unionid: str
    app_id: str


@dataclass(frozen=True, slots=True)
class AccountVerified:
    """WeChat verified the account's `what` (qualification, naming) until a time."""

    what: str
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class AccountRefused:
    """WeChat did not verify the account's `what` (qualification, naming)."""

    what: str
    failed_at: dt.datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RenewalDue:
    """The account is to be verified again before a time."""

    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class VerificationExpired:
    """The account's verification ended."""

    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Unknown:
    """A kind that is not known, or a known one of another shape: kept as it came."""

    fields: Nodes


Content: TypeAlias = (
    Text
    | Image
    | Voice
    | Video
    | Location
    | Link
    | Followed
    | Left
    | Scanned
    | Located
    | MenuClicked
    | PageOpened
    | MiniProgramOpened
    | CodeScanned
    | PicturesChosen
    | PlaceChosen
    | TemplateFinished
    | MassFinished
    | Published
    | NoticePopup
    | NoticeChanged
    | NoticeSent
    | AgentSessionOpened
    | AgentSessionClosed
    | AgentSessionMoved
    | ProfileChanged
    | ConsentRevoked
    | PersonCancelled
    | AccountVerified
    | AccountRefused
    | RenewalDue
    | VerificationExpired
    | Unknown
)
