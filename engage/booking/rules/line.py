"""A booking typed as one line (BK-8): `王小红 明天 14:30 李医生 洗牙`, `wxh 1430 li`, `anna tue 2pm dr li`.

What is a day, a time, a doctor or an item is taken out wherever it stands; the rest is who comes.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from engage.kernel import pinyin

LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was read. Several ids are whom or what a word may mean; none means none was named."""

    who: str = ""
    day: dt.date | None = None
    minute: int | None = None
    doctors: tuple[int, ...] = ()
    anybody: bool = False
    items: tuple[int, ...] = ()
    unread: str = ""


_DIGITS: Final = {char: number for number, char in enumerate("〇一二三四五六七八九")} | {"两": 2, "零": 0}
_WEEKDAYS: Final = {char: number for number, char in enumerate("一二三四五六日")} | {"天": 6}
_ENGLISH_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NEAR_DAYS: Final = {
    "大后天": 3,
    "后天": 2,
    "明天": 1,
    "明日": 1,
    "明早": 1,
    "明晚": 1,
    "今天": 0,
    "今日": 0,
    "今早": 0,
    "今晚": 0,
    "tomorrow": 1,
    "tmr": 1,
    "today": 0,
}
# Words for a part of the day; those before noon leave the hour as it is written.
_MORNING: Final = ("早上", "早晨", "上午", "am")
_LATER: Final = ("中午", "下午", "傍晚", "晚上", "晚", "pm")
_TITLES: Final = "医生|大夫|主任|教授"
_ENGLISH_TITLES: Final = frozenset({"dr", "dr.", "doctor"})
_ANYBODY: Final = re.compile(r"不指定|任意|都可以|\bany(?:body|one)?\b", re.IGNORECASE)

_CJK: Final = r"[\u3400-\u9fff]"
_PART: Final = rf"(?P<part>{'|'.join((*_MORNING[:3], *_LATER[:5]))})?\s*"
_HOUR: Final = r"(?P<hour>\d{1,2}|[一二两三四五六七八九十]{1,3})"
_TIMES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_PART}{_HOUR}[点時时](?P<rest>半|一刻|三刻|[0-5]?\d分?|[一二三四五]?十[一二三四五六七八九]?分?)?",
        rf"{_PART}(?<!\d)(?P<hour>\d{{1,2}})[:：](?P<rest>[0-5]\d)(?!\d)\s*(?P<after>am|pm)?",
        r"(?<![\w])(?P<hour>\d{1,2})\s*(?P<after>am|pm)\b",
    )
)
_BARE: Final = re.compile(r"(?<!\S)(?P<hour>[01]?\d|2[0-3])(?P<rest>[0-5]\d)(?!\S)")


def read(
    text: str,
    *,
    now: dt.datetime,
    doctors: Mapping[int, str],
    items: Mapping[int, str],
    is_known: bool = False,
) -> Line:
    """Read a line; `now` is local. A time without a day is today's, or tomorrow's once it is over.

    `is_known` says that it is clear who comes: the first word need not be a name.
    """
    words, day = _cut_day(text[:LONGEST], now.date())
    words, minute = _cut_time(words)
    if minute is not None:
        past = minute <= now.hour * 60 + now.minute
        if day is None:
            day = now.date() + dt.timedelta(days=past)
        elif past and day == now.date() and _names_a_weekday(text):
            day += dt.timedelta(days=7)
    words, anybody = _cut(_ANYBODY, words)
    words, named = _cut_titled(words, doctors)
    words, done = _cut_items(words, items)
    who, named, done, unread = _sort_out(words.split(), named, done, doctors, items, is_known=is_known)
    return Line(who, day, minute, named, bool(anybody) and not named, done, unread)


# Days


def _cut_day(text: str, today: dt.date) -> tuple[str, dt.date | None]:
    """Take the first day out of a line; what looks like one and is none stays."""
    for pattern, day_of in _DAYS:
        for found in pattern.finditer(text):
            day = day_of(found, today)
            if day is not None:
                return f"{text[: found.start()]} {text[found.end() :]}", day
    return text, None


def _near(found: re.Match[str], today: dt.date) -> dt.date:
    return today + dt.timedelta(days=_NEAR_DAYS[found.group().lower()])


def _whole(found: re.Match[str], _today: dt.date) -> dt.date | None:
    return _date(int(found["year"]), int(found["month"]), int(found["date"]))


def _of_the_year(found: re.Match[str], today: dt.date) -> dt.date | None:
    """Give the next such day; one that has just gone by is next year's."""
    named = found["month"].lower()[:3]
    month = _MONTHS.index(named) + 1 if named in _MONTHS else int(named)
    day = _date(today.year, month, int(found["date"]))
    return _date(today.year + 1, month, int(found["date"])) if day and day < today else day


def _of_the_month(found: re.Match[str], today: dt.date) -> dt.date | None:
    number = int(found["date"])
    months = (
        today,
        today.replace(day=calendar.monthrange(today.year, today.month)[1]) + dt.timedelta(days=1),
    )
    days = (_date(month.year, month.month, number) for month in months)
    return next((day for day in days if day and day >= today), None)


def _weekday(found: re.Match[str], today: dt.date) -> dt.date:
    named, weeks = found["weekday"].lower(), found["next"] or ""
    weekday = _WEEKDAYS.get(named, int(named) - 1 if named.isdecimal() else None)
    if weekday is None:
        weekday = _ENGLISH_DAYS.index(named[:3])
    ahead = (weekday - today.weekday()) % 7
    if weeks:
        ahead = weekday - today.weekday() + 7 * (1 if weeks.isascii() else len(weeks.replace("个", "")))
    return today + dt.timedelta(days=ahead)


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


_MONTH_NAMES: Final = rf"(?P<month>(?:{'|'.join(_MONTHS)})[a-z]*)"
_CHINESE_WEEKDAY: Final = re.compile(
    r"(?P<next>下{1,2}个?)?[这本]?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天1-7])"
)
_ENGLISH_WEEKDAY: Final = re.compile(
    r"\b(?P<next>next\s+)?(?P<weekday>mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:r|rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)\b",
    re.IGNORECASE,
)
_DayOf = Callable[[re.Match[str], dt.date], dt.date | None]
_DAYS: Final[tuple[tuple[re.Pattern[str], _DayOf], ...]] = (
    (
        re.compile(r"(?<!\d)(?P<year>20\d\d)[-/.年](?P<month>\d{1,2})[-/.月](?P<date>\d{1,2})日?(?!\d)"),
        _whole,
    ),
    (re.compile(r"(?<!\d)(?P<month>\d{1,2})月(?P<date>\d{1,2})[日号]?(?!\d)"), _of_the_year),
    (re.compile(r"(?<![\w/-])(?P<month>\d{1,2})[/-](?P<date>\d{1,2})(?![\w/-])"), _of_the_year),
    (re.compile(rf"\b(?P<date>\d{{1,2}})\s*{_MONTH_NAMES}\b", re.IGNORECASE), _of_the_year),
    (re.compile(rf"\b{_MONTH_NAMES}\s*(?P<date>\d{{1,2}})\b", re.IGNORECASE), _of_the_year),
    (re.compile(r"(?<![\d月])(?P<date>\d{1,2})[日号]"), _of_the_month),
    (_CHINESE_WEEKDAY, _weekday),
    (_ENGLISH_WEEKDAY, _weekday),
    (re.compile("|".join(word for word in _NEAR_DAYS if not word.isascii())), _near),
    (re.compile(r"\b(?:today|tomorrow|tmr)\b", re.IGNORECASE), _near),
)


def _names_a_weekday(text: str) -> bool:
    return bool(_CHINESE_WEEKDAY.search(text) or _ENGLISH_WEEKDAY.search(text))


# Times


def _cut_time(text: str) -> tuple[str, int | None]:
    """Take the time out of a line. Of several bare numbers the last is the time, those before a person's."""
    whole = list(_BARE.finditer(text))
    for found in (*(found for time in _TIMES for found in time.finditer(text)), *reversed(whole)):
        minute = _minute(found)
        if minute is not None:
            return f"{text[: found.start()]} {text[found.end() :]}", minute
    return text, None


def _minute(found: re.Match[str]) -> int | None:
    told = {"part": "", "rest": "", "after": ""} | {
        name: word or "" for name, word in found.groupdict().items()
    }
    hour, minutes = _number(told["hour"]), _minutes(told["rest"])
    part = (told["part"] or told["after"]).lower()
    if part in _LATER and hour < 12:
        hour += 0 if part == "中午" and hour > 10 else 12
    elif part == "am" and hour == 12:
        hour = 0
    elif not part and 0 < hour < 8 and not told["hour"].startswith("0"):
        hour += 12  # 2:30 is said in the afternoon; who means the night writes 02:30
    return hour * 60 + minutes if hour < 24 and minutes < 60 else None


def _minutes(rest: str) -> int:
    words = {"": 0, "半": 30, "一刻": 15, "三刻": 45}
    return words[rest] if rest in words else _number(rest.removesuffix("分"))


def _number(text: str) -> int:
    """Give a number written in digits or, up to 99, in Chinese."""
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    return (_DIGITS.get(tens, 1) * 10 if ten else 0) + _DIGITS.get(ones, 0)


# Doctors, items, and who comes


def _cut(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    found = pattern.search(text)
    return (f"{text[: found.start()]} {text[found.end() :]}", found.group()) if found else (text, "")


def _cut_titled(text: str, doctors: Mapping[int, str]) -> tuple[str, tuple[int, ...]]:
    """Take a doctor with a title out of a line, also one that stands glued to other words."""
    for found in re.finditer(rf"(?P<before>(?:{_CJK}{{1,4}}|[A-Za-z]+))\s?(?:{_TITLES})", text):
        before = found["before"]
        for begin in range(0 if before.isascii() or len(before) > 1 else len(before) - 1, len(before)):
            fitting = _fitting(before[begin:], doctors)
            if fitting:
                return f"{text[: found.start() + begin]} {text[found.end() :]}", fitting
    return text, ()


def _cut_items(text: str, items: Mapping[int, str]) -> tuple[str, tuple[int, ...]]:
    """Take an item out of a line that is written whole; of two that fit the longer one."""
    for item_id, name in sorted(items.items(), key=lambda item: -len(item[1])):
        begin = text.casefold().find(name.casefold()) if name else -1
        if begin >= 0:
            same = tuple(other for other, called in items.items() if called == name)
            return f"{text[:begin]} {text[begin + len(name) :]}", same or (item_id,)
    return text, ()


def _sort_out(
    words: list[str],
    named: tuple[int, ...],
    done: tuple[int, ...],
    doctors: Mapping[int, str],
    items: Mapping[int, str],
    *,
    is_known: bool,
) -> tuple[str, tuple[int, ...], tuple[int, ...], str]:
    """Say what each word left is: who comes first, then a doctor, an item, or more of the name."""
    who: list[str] = []
    unread: list[str] = []
    titled = False
    for word in words:
        if word.lower() in _ENGLISH_TITLES:
            titled = True
            continue
        if (who or titled or is_known) and not named and (fitting := _fitting(word, doctors)):
            named, titled = fitting, False
        elif (who or is_known) and not done and (fitting := _fitting(word, items)):
            done = fitting
        elif not who or (who[-1].isascii() and word.isascii() and not unread and not word.isdecimal()):
            who.append(word)
        else:
            unread.append(word)
    return " ".join(who), named, done, " ".join(unread)


def _fitting(word: str, named: Mapping[int, str]) -> tuple[int, ...]:
    """Give whom or what a word means: exactly so, or else by how the name begins, in letters too."""
    asked = word.casefold().strip(".,，。")
    ways: Iterable[Callable[[str], bool]] = (
        lambda name: name.casefold() == asked,
        lambda name: asked in pinyin.terms(name),
        lambda name: (
            name.casefold().startswith(asked)
            or any(part.startswith(asked) for part in name.casefold().split())
        ),
        lambda name: len(asked) > 1 and pinyin.full(name).startswith(asked),
    )
    for fits in ways:
        found = tuple(number for number, name in named.items() if asked and fits(name))
        if found:
            return found
    return ()
