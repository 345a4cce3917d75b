"""What is answered, as the phone's chat draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext

from engage.accounts.rules import linked
from engage.coupons.queries import Offer
from engage.replies import rules
from engage.replies.rules import Content


def bubble(content: Content, pages_url: str, offers: Mapping[int, Offer]) -> dict[str, Any]:
    """Give what a phone shows of a reply; what is still missing shows as what will stand there."""
    kind = content.kind if content.kind in rules.ANSWERS else rules.TEXT
    picture = rules.picture_url(pages_url, content.file) if content.file else ""
    if kind == rules.TEXT:
        text = linked(content.text, pages_url) or gettext("What is answered")
        return {"kind": kind, "pieces": rules.pieces(text)}
    if kind == rules.IMAGE:
        return {"kind": kind, "picture": picture}
    offered = offers.get(content.coupon_id or 0) if kind == rules.COUPON else None
    title = content.title or (offered.name if offered else gettext("Headline"))
    return {"kind": "card", "title": title, "text": content.text, "picture": picture}


def glance(content: Content, offers: Mapping[int, Offer]) -> str:
    """Give a reply in a line of a list."""
    if content.kind == rules.TEXT:
        return rules.plain(content.text).replace("\n", " ")
    if content.kind == rules.IMAGE:
        return str(gettext("Picture"))
    offered = offers.get(content.coupon_id or 0)
    return content.title or (offered.name if offered else "")
