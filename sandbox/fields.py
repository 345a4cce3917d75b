"""Template values held to their types (WeChat §4, Value limits)."""

import re

from sandbox.errors import WeChatError
from sandbox.state.accounts import Template

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\.DATA\s*\}\}")
TYPED_KEY = re.compile(r"([a-z_]+?)(\d+)")

_CLOCK = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?"
_DAY = (
    r"(\d{4}年\d{1,2}月\d{1,2}日|\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}"
    r"|\d{1,2}月\d{1,2}日|\d{1,2}-\d{1,2})"
)
_TIME = rf"({_DAY} ?)?{_CLOCK}"
_DATE = rf"{_DAY}( ?{_CLOCK})?"

RULES = {
    "thing": re.compile(r".{1,20}", re.DOTALL),
    "character_string": re.compile(r"[\x20-\x7e]{1,32}"),
    "time": re.compile(rf"{_TIME}( ?~ ?{_TIME})?"),
    "date": re.compile(rf"{_DATE}( ?~ ?{_DATE})?"),
    "amount": re.compile(r"[¥￥$€£₩₽]?\d{1,12}(\.\d+)?元?"),
    "phone_number": re.compile(r"[\d+\-() #*]{1,17}"),
    "car_number": re.compile(r"(?=.{1,8}\Z)[\u4e00-\u9fff]?[A-Z0-9]+[\u4e00-\u9fff]?"),
    "name": re.compile(r"[\u3400-\u9fff·]{1,10}|[^\d\u3400-\u9fff]{1,20}"),
    "phrase": re.compile(r"[\u3400-\u9fff]{1,5}"),
    "number": re.compile(r"\d{1,32}(\.\d+)?"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(r"[^\w\s]{1,5}"),
    # Approved lists belong to each template and are not modelled: only their length counts.
    "const": re.compile(r".{0,20}"),
    "enum_string": re.compile(r".{1,20}"),
    "short_thing": re.compile(r".{1,20}"),
}
SHOWN = 20  # characters of a value that the card shows (2023 change)
HIDDEN = ("first", "remark")
EMOJI = re.compile(r"[\U0001f000-\U0001faff]")


def keys_of(content: str) -> list[str]:
    """The keys of a template's text, in order."""
    return PLACEHOLDER.findall(content)


def is_typed(template: Template) -> bool:
    """Whether a template is a category template: all its keys name a type (WeChat §4)."""
    return all(_rule(key) for key in keys_of(template.content))


def check(template: Template, values: dict[str, str]) -> None:
    """Hold values to the types in their keys; keys without a type (old templates) pass.

    Raises:
        WeChatError: 47003, naming the key, for a missing or ill-typed value.
    """
    for key in keys_of(template.content):
        rule = _rule(key)
        if rule is None:
            continue
        if not values.get(key) and not rule.fullmatch(""):
            raise WeChatError(47003, f"data.{key}.value is empty")
        if not rule.fullmatch(values.get(key, "")):
            raise WeChatError(47003, f"data.{key}.value invalid")


def card_lines(template: Template, values: dict[str, str]) -> list[dict[str, str]]:
    """What the card shows: a label and a value per line, values cut after 20 characters, no emoji."""
    lines = []
    for line in template.content.splitlines():
        found = PLACEHOLDER.search(line)
        if found is None or found[1] in HIDDEN:
            continue
        value = EMOJI.sub("□", values.get(found[1], ""))
        shown = value if len(value) <= SHOWN else f"{value[: SHOWN - 1]}…"
        lines.append({"label": line[: found.start()].strip().rstrip(":：").strip(), "value": shown})
    return lines


def _rule(key: str) -> re.Pattern[str] | None:
    typed = TYPED_KEY.fullmatch(key)
    return RULES.get(typed[1]) if typed else None
