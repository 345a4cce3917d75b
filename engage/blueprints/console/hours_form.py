"""The editor of a week's opening hours: a choice, an opening and a break for each weekday."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flask_babel import gettext

from engage.blueprints.opening import time_of_day, weekday_name
from engage.clinic.rules import DAY, Hours, check_hours
from engage.clinic.schemas import minute_of
from engage.kernel.errors import N_, Invalid

MODES: Final = {"closed": N_("Closed"), "hours": N_("Open"), "whole": N_("All day")}
_LATER: Final = N_("A store closes after it opens, on the same day.")


@dataclass(frozen=True, slots=True)
class Day:
    """One weekday as the form shows it; times stand ready for a change of mind."""

    weekday: int
    mode: str
    opens: str = "09:00"
    closes: str = "18:00"
    has_break: bool = False
    break_from: str = "12:00"
    break_to: str = "13:30"

    @property
    def key(self) -> str:
        """What the names of its fields begin with."""
        return f"hours-{self.weekday}"

    @property
    def name(self) -> str:
        """The weekday in full."""
        return weekday_name(self.weekday, width="wide")


def stored_days(hours: Iterable[Hours]) -> list[Day]:
    """Write stored hours as the form shows them."""
    by_day: list[list[Hours]] = [[] for _ in range(7)]
    for one in sorted(hours):
        by_day[one.weekday].append(one)
    return [_stored(weekday, day) for weekday, day in enumerate(by_day)]


def typed_days(form: Mapping[str, str]) -> list[Day]:
    """Give the week as it was typed; a mode that nobody knows is closed."""
    return [_typed(weekday, form) for weekday in range(7)]


def read_days(days: Iterable[Day]) -> tuple[Sequence[Hours], dict[str, list[str]]]:
    """Read the week: its hours, and a sentence for each weekday that is wrong."""
    hours: list[Hours] = []
    wrong: dict[str, list[str]] = {}
    for day in days:
        try:
            hours += _read(day)
        except Invalid as refusal:
            (told,) = refusal.fields["hours"]
            wrong[day.key] = [gettext("%(day)s: %(sentence)s", day=day.name, sentence=gettext(told))]
    return hours, wrong


def _stored(weekday: int, day: Sequence[Hours]) -> Day:
    if not day:
        return Day(weekday, "closed")
    if (day[0].opens, day[0].closes) == (0, DAY):
        return Day(weekday, "whole")
    opens, closes = time_of_day(day[0].opens), time_of_day(day[-1].closes % DAY)
    if len(day) == 1:
        return Day(weekday, "hours", opens, closes)
    break_from, break_to = time_of_day(day[0].closes), time_of_day(day[1].opens)
    return Day(weekday, "hours", opens, closes, has_break=True, break_from=break_from, break_to=break_to)


def _typed(weekday: int, form: Mapping[str, str]) -> Day:
    blank = Day(weekday, "closed")
    mode = form.get(f"{blank.key}-mode", "")
    return Day(
        weekday,
        mode if mode in MODES else "closed",
        form.get(f"{blank.key}-opens", blank.opens).strip(),
        form.get(f"{blank.key}-closes", blank.closes).strip(),
        f"{blank.key}-break" in form,
        form.get(f"{blank.key}-break_from", blank.break_from).strip(),
        form.get(f"{blank.key}-break_to", blank.break_to).strip(),
    )


def _read(day: Day) -> list[Hours]:
    if day.mode == "closed":
        return []
    if day.mode == "whole":
        return [Hours(day.weekday, 0, DAY)]
    typed = [(day.opens, False), *([(day.break_from, False), (day.break_to, False)] if day.has_break else [])]
    minutes = [minute_of(text, ends=ends) for text, ends in [*typed, (day.closes, True)]]
    known = [minute for minute in minutes if minute is not None]
    if len(known) < len(minutes):
        raise Invalid({"hours": [N_("Please give times such as 09:30.")]})
    if known != sorted(known):
        told = N_("The break lies between opening and closing.") if day.has_break else _LATER
        raise Invalid({"hours": [told]})
    hours = [Hours(day.weekday, begin, end) for begin, end in zip(known[::2], known[1::2], strict=True)]
    check_hours(hours)
    return hours
