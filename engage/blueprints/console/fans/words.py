"""Words of the pages of fans, and how filters stand in addresses."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from babel.numbers import format_decimal
from flask import url_for
from flask_babel import get_locale, gettext, ngettext

from engage.audiences import filters
from engage.audiences.filters import Filter
from engage.fans.queries import SOME
from engage.fans.rules import TASKS
from engage.kernel.errors import N_

if TYPE_CHECKING:
    from engage.fans.models import FanTask

ORDERS: Final = {"contact": N_("Last contact"), "new": N_("Newest")}
ACTS: Final = {
    "tag": N_("Add tags"),
    "untag": N_("Remove tags"),
    "store": N_("Assign a store"),
    "consultant": N_("Assign a consultant"),
}
EXPORT: Final = N_("Excel export")
STATES: Final = {
    "waiting": ("waiting", N_("Begins in a moment")),
    "running": ("running", N_("Under way")),
    "finished": ("good", N_("Done")),
    "failed": ("bad", N_("Failed")),
}
WHOLE: Final = 100


def arguments(asked: Filter) -> dict[str, Any]:
    """Give a filter as arguments of `url_for`."""
    together: dict[str, list[str]] = defaultdict(list)
    for name, value in filters.to_args(asked):
        together[name].append(value)
    return dict(together)


def about(number: int) -> str:
    """Say how many fans there are, beyond some only that there are more."""
    written = format_decimal(min(number, SOME), locale=get_locale())
    if number > SOME:
        return str(gettext("More than %(count)s fans", count=written))
    return str(ngettext("%(count)s fan", "%(count)s fans", number, count=written))


def task(one: FanTask) -> dict[str, Any]:
    """Give how a task stands."""
    tone, state = STATES[one.state]
    is_moving = one.state in {"waiting", "running"}
    percent = WHOLE if one.state == "finished" else 0
    if is_moving and one.total:
        percent = min(WHOLE - 1, one.done * WHOLE // one.total)
    return {
        "id": one.id,
        "kind": one.kind,
        "label": gettext(TASKS[one.kind]),
        "tone": tone,
        "state": gettext(state),
        "state_key": one.state,
        "is_moving": is_moving,
        "percent": percent,
        "number": one.done,
        "done": format_decimal(one.done, locale=get_locale()),
        "total": format_decimal(one.total, locale=get_locale()) if one.total is not None else "",
        "url": url_for("console_fans.task", fan_task_id=one.id),
        "file_url": url_for("console_fans.file", fan_task_id=one.id) if one.file else "",
    }
