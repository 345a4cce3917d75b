"""What a reply may hold, and which words it answers: pure functions and tables."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engage.accounts.rules import PLACE, has_signs, wrong_text
from engage.coupons.rules import PUBLISHED
from engage.kernel.errors import N_

# Pictures to hand to WeChat, and to hand again before it forgets them.
QUEUE: Final = "pictures"

WELCOME, KEYWORD = "welcome", "keyword"
KINDS: Final = (WELCOME, KEYWORD)

EQUAL, CONTAINS = "equal", "contains"
MATCHES: Final = {EQUAL: N_("is exactly"), CONTAINS: N_("contains")}

TEXT, IMAGE, NEWS, COUPON = "text", "image", "news", "coupon"
ANSWERS: Final = {TEXT: N_("Text"), IMAGE: N_("Picture"), NEWS: N_("Card"), COUPON: N_("Coupon")}

# How a reply stands, with the colour family of it (faces).
ON, OFF, WAITING, NO_PICTURE, NO_COUPON = "on", "off", "waiting", "no_picture", "no_coupon"
STANDINGS: Final = {
    ON: ("good", N_("On")),
    OFF: ("ended", N_("Off")),
    WAITING: ("waiting", N_("The picture is on its way to WeChat")),
    NO_PICTURE: ("bad", N_("WeChat did not take the picture")),
    NO_COUPON: ("bad", N_("The coupon is not given any more")),
}

# What still reads well of a card on a phone.
TITLE_LENGTH: Final = 30
LEAD_LENGTH: Final = 100
ADDRESS_BYTES: Final = 1024
WORD_LENGTH: Final = 30
MOST_WORDS: Final = 20
MOST_RULES: Final = 200

# The cause of the coupons that are taken from a reply.
CAUSE: Final = "reply"

# WeChat forgets a picture after three days (WeChat §10).
KEPT: Final = dt.timedelta(days=3)
RENEWED_AFTER: Final = dt.timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Content:
    """What a reply says. A text has `text`; a card `title`, `text` and `url`; a coupon's card no `url`.

    `file` is the key in `kernel.files` of a picture, of a card too.
    """

    kind: str
    text: str = ""
    title: str = ""
    url: str = ""
    file: str | None = None
    coupon_id: int | None = None

    def as_data(self) -> dict[str, Any]:
        """Write the words as they are stored."""
        return {"kind": self.kind, "text": self.text, "title": self.title, "url": self.url}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text as a phone shows it: words, or a link."""

    text: str
    url: str | None = None


def problems(content: Content) -> Mapping[str, str]:
    """Say what is wrong with a reply: a sentence for each field; nothing if it can be sent."""
    if content.kind not in ANSWERS:
        return {"kind": N_("Please choose what to answer with.")}
    wrong = {
        TEXT: lambda: _wrong_text(content.text),
        IMAGE: lambda: {} if content.file else {"picture": N_("Please choose a picture.")},
        NEWS: lambda: _wrong_card(content),
        COUPON: lambda: _wrong_offer(content),
    }[content.kind]()
    return {**_with_signs(content), **wrong}


def _wrong_text(text: str) -> dict[str, str]:
    if not text.strip():
        return {"text": N_("Please write what is answered.")}
    wrong = wrong_text(text)
    return {"text": wrong} if wrong else {}


def _wrong_card(content: Content) -> dict[str, str]:
    wrong = _wrong_words(content)
    if not content.title:
        wrong["title"] = N_("Please write a headline.")
    if not _ADDRESS.fullmatch(content.url) and not PLACE.fullmatch(content.url):
        wrong["url"] = N_("An address begins with https://. Or choose a page of yours, such as {booking}.")
    elif len(content.url.encode()) > ADDRESS_BYTES:
        wrong["url"] = N_("This address is too long.")
    return wrong


def _wrong_offer(content: Content) -> dict[str, str]:
    wrong = _wrong_words(content)
    if content.coupon_id is None:
        wrong["coupon"] = N_("Please choose a coupon from the list.")
    return wrong


def _wrong_words(content: Content) -> dict[str, str]:
    wrong = {}
    if len(content.title) > TITLE_LENGTH:
        wrong["title"] = N_("At most 30 characters.")
    if len(content.text) > LEAD_LENGTH:
        wrong["text"] = N_("At most 100 characters.")
    return wrong


def _with_signs(content: Content) -> dict[str, str]:
    texts = {"text": content.text, "title": content.title, "url": content.url}
    return {
        name: N_("Please leave out special characters.") for name, text in texts.items() if has_signs(text)
    }


def wrong_words(words: Sequence[str]) -> str:
    """Say what is wrong with the words that are answered; nothing if all is well."""
    if not words:
        return N_("Please write at least one word.")
    if len(words) > MOST_WORDS:
        return N_("At most 20 words in a reply.")
    if any(len(word) > WORD_LENGTH for word in words):
        return N_("At most 30 characters in a word.")
    return N_("Please leave out special characters.") if any(map(has_signs, words)) else ""


def read_words(typed: str) -> list[str]:
    """Read words as they were typed: one a line, or with commas between; each once."""
    found = (word.strip() for word in re.split(r"[\n,，、;；]", typed))
    unlike = {normal(word): word for word in reversed([*found]) if normal(word)}
    return list(unlike.values())[::-1]


def normal(text: str) -> str:
    """Write words so that wide and narrow letters, capitals and spaces make no difference."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def pieces(text: str) -> list[Piece]:
    """Take apart a text as a phone does: what stands in `<a href="…">` is a link."""
    found, end = [], 0
    for link in _LINK.finditer(text):
        found.append(Piece(text[end : link.start()]))
        found.append(Piece(link[2], link[1]))
        end = link.end()
    return [piece for piece in (*found, Piece(text[end:])) if piece.text]


def plain(text: str) -> str:
    """Write a text as it reads: links by their words alone."""
    return "".join(piece.text for piece in pieces(text))


def pages_url(public_url: str, slug: str) -> str:
    """Give where the patient pages of an account stand."""
    return f"{public_url}/p/{slug}"


def picture_url(pages_url: str, file: str) -> str:
    """Give the address at which WeChat finds a card's picture."""
    return f"{pages_url}/pictures/{file}"


def offer_url(pages_url: str, rule_id: int) -> str:
    """Give the page on which a reply's coupon is taken."""
    return f"{pages_url}/coupons/offer/{rule_id}"


def is_offered(state: str, *, online: bool) -> bool:
    """Whether a coupon in a state is given to who follows a link."""
    return state == PUBLISHED and online


def is_kept(uploaded_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether WeChat still has a picture."""
    return uploaded_at is not None and now < uploaded_at + KEPT


_LINK = re.compile(r"<a\s+href=[\"']([^\"'<>]*)[\"'][^>]*>(.*?)</a>", re.DOTALL | re.IGNORECASE)
_ADDRESS = re.compile(r"https://[^\s<>\"']+")
