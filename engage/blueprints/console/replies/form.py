"""Reading the form of a reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask import request
from flask_babel import gettext

from engage.kernel.errors import Invalid
from engage.replies import rules
from engage.replies.rules import Content
from engage.replies.services import NewReply

if TYPE_CHECKING:
    from engage.replies.models import ReplyRule

# In the order of the form.
FIELDS = ("match", "words", "kind", "text", "title", "lead", "url", "coupon", "picture")


def empty() -> dict[str, Any]:
    """Give the form of a new reply."""
    return {"match": rules.CONTAINS, "kind": rules.TEXT, "is_on": "yes"}


def filled(rule: ReplyRule) -> dict[str, Any]:
    """Give the form of a reply as it is."""
    content = rule.content
    return {
        "match": rule.match or "",
        "words": "\n".join(rule.words),
        "kind": content.kind,
        "text": content.text if content.kind == rules.TEXT else "",
        "lead": "" if content.kind == rules.TEXT else content.text,
        "title": content.title,
        "url": content.url,
        "coupon": str(content.coupon_id or ""),
        "picture": content.file or "",
        "is_on": "yes" if rule.is_on else "",
    }


def typed() -> dict[str, Any]:
    """Give what was typed, as the form shows it again."""
    names = ("match", "kind", "title", "url", "coupon", "picture", "is_on")
    texts = ("words", "text", "lead")
    return {name: request.form.get(name, "").strip() for name in names} | {
        name: request.form.get(name, "").replace("\r\n", "\n").strip() for name in texts
    }


def read(form: Mapping[str, Any]) -> NewReply:
    """Read what is wished; the service says what is wrong with it. Fields of other kinds are left out."""
    return NewReply(
        content_of(form),
        match=form["match"],
        words=rules.read_words(form["words"]),
        is_on=bool(form["is_on"]),
    )


def content_of(form: Mapping[str, Any]) -> Content:
    """Read what is answered."""
    kind, picture = form["kind"], form["picture"] or None
    if kind == rules.NEWS:
        return Content(kind, form["lead"], form["title"], form["url"], file=picture)
    if kind == rules.COUPON:
        return Content(kind, form["lead"], form["title"], file=picture, coupon_id=_number(form["coupon"]))
    return Content(kind, file=picture) if kind == rules.IMAGE else Content(kind, form["text"])


def sentences(refusal: Invalid, form: Mapping[str, Any]) -> dict[str, list[str]]:
    """Give what is wrong with each field, in the language of the answer and the order of the form."""
    beside = {"text": "text" if form["kind"] == rules.TEXT else "lead"}
    found = {
        beside.get(name, name): [gettext(text) for text in said] for name, said in refusal.fields.items()
    }
    return {name: found[name] for name in FIELDS if name in found}


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
