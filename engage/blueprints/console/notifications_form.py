"""The form of a message's wording: what is typed, what is wrong with it, how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask_babel import gettext
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engage.kernel.errors import N_
from engage.notifications import fields as typed
from engage.notifications.fields import Line, Problem
from engage.notifications.rules import KINDS, PLACEHOLDERS

# The name of a key's field in the form.
PREFIX: Final = "text_"

# Words that stand in where a visit has no doctor yet.
_NO_DOCTOR: Final = N_("arranged at the clinic")


class WordingIn(Schema):
    """The form without its texts, whose names are the template's keys."""

    class Meta:
        """The texts are read apart."""

        unknown = EXCLUDE

    template_id = fields.String(
        required=True,
        validate=[
            validate.Length(min=1, error=N_("Please choose a template.")),
            validate.Length(max=64, error=N_("At most 64 characters.")),
            validate.Predicate("isprintable", error=N_("Please leave out special characters.")),
        ],
    )
    title = fields.String(
        required=True,
        validate=[
            validate.Length(max=40, error=N_("At most 40 characters.")),
            validate.Predicate("isprintable", error=N_("Please leave out special characters.")),
        ],
    )
    content = fields.String(
        required=True,
        validate=[
            validate.Length(max=1000, error=N_("At most 1000 characters.")),
            validate.ContainsNoneOf("\0", error=N_("Please leave out special characters.")),
            lambda content: _has_keys(content),
        ],
    )
    enabled = fields.Boolean(required=True)


def _has_keys(content: str) -> None:
    if not typed.lines(content):
        raise ValidationError(N_("No key such as {{thing1.DATA}} stands in it."))


def posted(form: Mapping[str, str]) -> dict[str, Any]:
    """Give what was typed, as the form shows it again."""
    return {
        "template_id": form.get("template_id", "").strip(),
        "title": form.get("title", "").strip(),
        "content": form.get("content", "").replace("\r\n", "\n").strip(),
        "enabled": "enabled" in form,
        **{name: form[name].strip() for name in form if name.startswith(PREFIX)},
    }


def texts(form: Mapping[str, Any]) -> list[dict[str, str]]:
    """Give the typed text of each key that the content has."""
    return [
        {"key": line.key, "text": str(form.get(f"{PREFIX}{line.key}", ""))}
        for line in typed.lines(form["content"])
    ]


def sentences(problems: Mapping[str, Problem]) -> dict[str, list[str]]:
    """Give each wrong field's sentence, translated."""
    return {
        f"{PREFIX}{key}": [gettext(problem.sentence, **problem.data)] for key, problem in problems.items()
    }


def rows(form: Mapping[str, Any], values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Give the editor's row of each key: its limits, and what it reads like with real values."""
    return [
        _row(line, str(form.get(f"{PREFIX}{line.key}", "")), values) for line in typed.lines(form["content"])
    ]


def chips(kind: str) -> list[dict[str, str]]:
    """Give the placeholders of a kind, and what each writes into a text."""
    names = KINDS[kind].placeholders
    written = {name: f"{{{name}}}" for name in names}
    if "doctor" in written:
        written["doctor"] = f"{{doctor|{gettext(_NO_DOCTOR)}}}"
    return [{"label": gettext(PLACEHOLDERS[name]), "text": written[name]} for name in names]


def suggested(kind: str, content: str) -> dict[str, str]:
    """Give a first text for each key of a template."""
    return {f"{PREFIX}{line.key}": typed.suggested(kind, line) for line in typed.lines(content)}


def _row(line: Line, text: str, values: Mapping[str, str]) -> dict[str, Any]:
    kind = typed.type_of(line.key)
    filled = typed.fill(text, values) if text else ""
    shown, _problems = typed.render([{"key": line.key, "text": text}], values)
    return {
        "key": line.key,
        "name": f"{PREFIX}{line.key}",
        "label": line.label,
        "text": text,
        "limit": kind.limit,
        "count": len(filled),
        "pattern": kind.pattern,
        "is_cut": kind.is_cut,
        "rule": gettext(kind.rule),
        "shown": shown[line.key] if text else "",
    }


def retyped(asked: Mapping[str, str]) -> dict[str, Any]:
    """Give what was typed before another template was chosen; its texts stay with their keys."""
    texts = {name: text.strip() for name, text in asked.items() if name.startswith(PREFIX) and text.strip()}
    return {**texts, "enabled": "enabled" in asked} if texts else {}


def as_stored(fields: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Give stored texts by the names of their fields."""
    return {f"{PREFIX}{field['key']}": field["text"] for field in fields}
