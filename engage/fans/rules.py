"""What fans are called, when they are asked for name and picture, and words for tags, as pure functions."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Final

from engage.fans.errors import WrongRemark, WrongTagName
from engage.kernel import pinyin
from engage.kernel.errors import N_

# Names and pictures change now and then; a person who refused is left in peace as long.
PROFILE_LIFE = dt.timedelta(days=30)

# After a failure that was not the person's wish.
PROFILE_RETRY = dt.timedelta(hours=1)

NAME_LENGTH = 64
REMARK_LENGTH: Final = 40
TAG_LENGTH: Final = 16

# How a fan came to have a tag.
HOW: Final = {
    "hand": N_("By hand"),
    "scan": N_("By scanning a code"),
    "form": N_("By a form"),
    "claim": N_("By claiming a coupon"),
    "import": N_("By import"),
}

# What a worker does to all fans who match a filter.
TASKS: Final = {
    "tag": N_("Add tags"),
    "untag": N_("Remove tags"),
    "store": N_("Assign a store"),
    "consultant": N_("Assign a consultant"),
    "export": N_("Excel export"),
    "untag_all": N_("Delete a tag"),
}
TASK_STATES: Final = ("waiting", "running", "finished", "failed")
QUEUE: Final = "tagging"

# What an erased person's openid begins with.
ERASED: Final = "erased:"

# How long the file of an export can be fetched.
FILE_LIFE: Final = dt.timedelta(hours=24)

# Digits of short codes: none that are mistaken for each other.
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHORTEST: Final = 4
# Odd, so that no two fans share a code; neighbours look nothing alike.
_STRIDE: Final = 0x9E3779B97F4A7C15


def wants_profile(ask_at: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether the person may be asked for name and picture now; `ask_at` is empty before the first time."""
    return ask_at is None or ask_at <= now


def shown_name(nickname: str) -> str:
    """Give a nickname as pages can hold it: printable, without line breaks, not endless."""
    printable = "".join(letter if letter.isprintable() else " " for letter in nickname)
    return " ".join(printable.split())[:NAME_LENGTH].strip()


def short_code(fan_id: int) -> str:
    """Give the code that stands where no name is known: 7K3F. No two fans of a chain have the same."""
    length = _SHORTEST
    while fan_id >= 32**length:
        length += 1
    number = fan_id * _STRIDE % 32**length
    return "".join(_DIGITS[number // 32**place % 32] for place in reversed(range(length)))


def fan_of_code(code: str) -> int | None:
    """Give the fan of a short code, None if it is none; O and I, L are read as 0 and 1."""
    read = code.strip().upper().translate(str.maketrans("OIL", "011"))
    if not _SHORTEST <= len(read) <= 13 or not set(read) <= set(_DIGITS):
        return None
    number = 0
    for digit in read:
        number = number * 32 + _DIGITS.index(digit)
    fan_id = number * pow(_STRIDE, -1, 32 ** len(read)) % 32 ** len(read)
    return fan_id if short_code(fan_id) == read and fan_id < 2**63 else None


def remark(text: str) -> str | None:
    """Give what staff call a fan as it is stored; None for nothing.

    Raises:
        WrongRemark: it is too long.
    """
    tidy = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if len(tidy) > REMARK_LENGTH:
        raise WrongRemark
    return tidy or None


def tag_name(text: str) -> str:
    """Give the name of a tag or group as it is stored.

    Raises:
        WrongTagName: nothing is left, or too much.
    """
    tidy = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if not 0 < len(tidy) <= TAG_LENGTH:
        raise WrongTagName
    return tidy


def terms_of(*names: str | None) -> frozenset[str]:
    """Give what a fan of these names is searched by: from each character or word on, and in letters."""
    found: set[str] = set()
    for name in filter(None, names):
        lower = name.casefold()
        found |= {lower[begin:] for begin in _beginnings(lower)} | pinyin.terms(name)
    return frozenset(found)


def _beginnings(name: str) -> list[int]:
    """Give where a search may begin: at each character of 小红妈妈, at the words of Anna Lee."""
    later = [
        place
        for place, (before, here) in enumerate(itertools.pairwise(name), start=1)
        if not here.isspace() and not (before.isascii() and before.isalnum())
    ]
    return [0, *later]


def erased_openid(digest: bytes) -> str:
    """Give what stands in the place of an erased person's openid; `digest` is keyed, not to be read back."""
    return f"{ERASED}{digest.hex()}"


def is_erased(openid: str) -> bool:
    """Whether it stands for somebody who was erased; WeChat's own hold no colon."""
    return openid.startswith(ERASED)
