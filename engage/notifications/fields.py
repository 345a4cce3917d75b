"""Texts of a template's keys: placeholders, and WeChat's limits by the type in each key (WeChat §4).

A key is a type and a number, `thing1`. A text may hold placeholders, `{doctor}`, with words to stand in
where there is no value, `{doctor|at the desk}`. The patterns are read by Python and by the page's script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engage.kernel.errors import N_
from engage.notifications.rules import KINDS

Fields = Sequence[Mapping[str, str]]

# WeChat refuses an empty value; a dash is one that all free types take.
NOTHING: Final = "-"

_CLOCK = "([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
_DAY = (
    "([0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}"
    "|[0-9]{1,2}月[0-9]{1,2}日|[0-9]{1,2}-[0-9]{1,2})"
)
_TIME = f"({_DAY} ?)?{_CLOCK}"
_DATE = f"{_DAY}( ?{_CLOCK})?"
_HAN = "\u3400-\u9fff"


@dataclass(frozen=True, slots=True)
class Type:
    """What WeChat takes as a value of one type; one that `is_cut` may be shortened to fit."""

    limit: int
    pattern: str
    rule: str
    is_cut: bool = False


_FREE: Final = N_("At most 20 characters.")

TYPES: Final[Mapping[str, Type]] = {
    "thing": Type(20, ".{1,20}", _FREE, is_cut=True),
    "character_string": Type(32, "[ -~]{1,32}", N_("Digits, letters and signs, no Chinese; at most 32.")),
    "time": Type(48, f"{_TIME}( ?~ ?{_TIME})?", N_("A time such as 2026-01-31 15:00, or a range with ~.")),
    "date": Type(48, f"{_DATE}( ?~ ?{_DATE})?", N_("A date such as 2026-01-31, with or without a time.")),
    "amount": Type(
        16, "[¥￥$€£₩]?[0-9]{1,12}([.][0-9]+)?元?", N_("An amount such as ¥128.00: at most 12 digits.")
    ),
    "phone_number": Type(17, "[-0-9+() #*]{1,17}", N_("A telephone number: at most 17 digits and signs.")),
    "car_number": Type(
        8, f"(?=.{{1,8}}$)[{_HAN}]?[A-Z0-9]+[{_HAN}]?", N_("A number plate of at most 8 characters.")
    ),
    "name": Type(
        20,
        f"[{_HAN}·]{{1,10}}|[^0-9{_HAN}]{{1,20}}",
        N_("A name: at most 10 Chinese characters, or 20 letters."),
    ),
    "phrase": Type(5, f"[{_HAN}]{{1,5}}", N_("At most 5 characters, Chinese alone.")),
    "number": Type(32, "[0-9]{1,32}([.][0-9]+)?", N_("Digits alone, at most 32.")),
    "letter": Type(32, "[A-Za-z]{1,32}", N_("Letters alone, at most 32.")),
    "symbol": Type(
        5, "[!-/:-@\\[-`{-~\u2010-\u203b\u3001-\u303f\uff01-\uff0f]{1,5}", N_("Signs alone, at most 5.")
    ),
    "const": Type(20, ".{1,20}", N_("One of the words that WeChat approved for this template.")),
    "enum_string": Type(20, ".{1,20}", N_("One of the words that WeChat approved for this template.")),
    "short_thing": Type(20, ".{1,20}", _FREE),
}
# Keys of old templates name no type; WeChat shows 20 characters of them.
_UNTYPED: Final = Type(20, ".{1,20}", _FREE, is_cut=True)

# Values of the usual shape, to see whether a text can ever fit: names are Chinese, a time is a time.
USUAL: Final[Mapping[str, str]] = {
    "account": "康美口腔",
    "store": "徐汇店",
    "doctor": "林志远",
    "time": "2026-01-31 15:00",
    "address": "淮海中路 999 号",
    "phone": "021-54000101",
    "coupon": "洗牙抵扣券",
    "valid_until": "2026-01-31 23:59",
}
# The same of a visit without a doctor, at a store without a telephone.
SPARSE: Final[Mapping[str, str]] = {**USUAL, "doctor": "", "phone": ""}

# What a key probably wants, by its type or by a word of the label before it.
_BY_TYPE: Final = {
    "time": ("time", "valid_until"),
    "date": ("time", "valid_until"),
    "phone_number": ("phone",),
}
_BY_LABEL: Final = (
    ("优惠券", "coupon"),
    ("卡券", "coupon"),
    ("券名", "coupon"),
    ("有效期", "valid_until"),
    ("到期", "valid_until"),
    ("医生", "doctor"),
    ("医师", "doctor"),
    ("电话", "phone"),
    ("地址", "address"),
    ("时间", "time"),
    ("日期", "time"),
    ("门店", "store"),
    ("地点", "store"),
    ("诊所", "store"),
    ("机构", "store"),
    ("公众号", "account"),
)

_KEY = re.compile(r"\{\{\s*(\w+)\.DATA\s*\}\}")
_PLACEHOLDER = re.compile(r"\{([^{}|]+)(?:\|([^{}|]*))?\}")
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text cannot stand: a sentence for its author, and what fills it."""

    sentence: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a template's content: the label before a key."""

    key: str
    label: str


def type_of(key: str) -> Type:
    """Give the type that a key names."""
    return TYPES.get(key.rstrip("0123456789"), _UNTYPED)


def lines(content: str) -> list[Line]:
    """Give the keys of a template's content in order, each once, with the label before it."""
    found: dict[str, Line] = {}
    for text in content.splitlines():
        start = 0
        for match in _KEY.finditer(text):
            label = text[start : match.start()].strip().rstrip(":：").strip()
            found.setdefault(match[1], Line(match[1], label or match[1]))
            start = match.end()
    return list(found.values())


def suggested(kind: str, line: Line) -> str:
    """Give the placeholder that a key probably wants in messages of a kind; empty if none comes to mind."""
    by_type = _BY_TYPE.get(line.key.rstrip("0123456789"))
    wanted = by_type or [name for word, name in _BY_LABEL if word in line.label]
    name = next((name for name in wanted if name in KINDS[kind].placeholders), "")
    return f"{{{name}}}" if name else ""


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of placeholders; where there is none, the words beside it."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1]) or found[2] or "", text).strip() or NOTHING


def check(key: str, value: str) -> Problem | None:
    """Say why WeChat would refuse a value, or show it otherwise."""
    kind = type_of(key)
    if _EMOJI.search(value):
        return Problem(N_("WeChat shows a small picture as an empty box. Please use words."))
    if not value.isprintable():
        return Problem(N_("Please leave out special characters."))
    if len(value) > kind.limit:
        return Problem(
            N_("%(count)s characters; %(limit)s are allowed."), {"count": len(value), "limit": kind.limit}
        )
    if not re.fullmatch(kind.pattern, value):
        return Problem(kind.rule)
    return None


def check_text(kind: str, key: str, text: str) -> Problem | None:
    """Say why a text with placeholders cannot be a key's wording in messages of a kind.

    What stands in it must fit by itself; a placeholder's value that does not is cut where its type
    allows that, and must be of the right form where not, also where there is no doctor or telephone.
    """
    if not text.strip():
        return Problem(N_("WeChat refuses an empty value. Please write something."))
    allowed = KINDS[kind].placeholders
    for found in _PLACEHOLDER.finditer(text):
        if found[1] not in allowed:
            return Problem(N_("{%(name)s} is not known in this kind of message."), {"name": found[1]})
    bare = _PLACEHOLDER.sub("", text)
    if "{" in bare or "}" in bare:
        return Problem(N_("A placeholder is one word in braces. Choose one from the list."))
    filled = [fill(text, values) for values in (USUAL, SPARSE)]
    if type_of(key).is_cut and bare != text:
        filled = [bare.strip() or NOTHING, *(_cut(key, value) for value in filled)]
    return next((wrong for value in filled if (wrong := check(key, value))), None)


def problems(kind: str, content: str, fields: Fields) -> dict[str, Problem]:
    """Say of each key what is wrong with its wording; empty if nothing is.

    WeChat refuses a message that leaves out a key of its template.
    """
    texts = {line.key: "" for line in lines(content)} | {field["key"]: field["text"] for field in fields}
    checked = {key: check_text(kind, key, text) for key, text in texts.items()}
    return {key: problem for key, problem in checked.items() if problem is not None}


def render(fields: Fields, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Problem]]:
    """Give the values that are sent, and what is wrong with those that WeChat would refuse."""
    data = {field["key"]: _cut(field["key"], fill(field["text"], values)) for field in fields}
    checked = {key: check(key, value) for key, value in data.items()}
    return data, {key: problem for key, problem in checked.items() if problem is not None}


def as_read(content: str, data: Mapping[str, str]) -> str:
    """Give the text of a message as the patient reads it: labels and values, a line each."""
    labels = {line.key: line.label for line in lines(content)}
    return "\n".join(f"{labels.get(key, key)}：{value}" for key, value in data.items())


def _cut(key: str, value: str) -> str:
    kind = type_of(key)
    too_long = len(value) > kind.limit and kind.is_cut
    return f"{value[: kind.limit - 1].rstrip()}…" if too_long else value
