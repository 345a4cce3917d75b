"""What both faces share: language, addresses of assets, how days and times are written, accent colours."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from babel.dates import format_date, format_timedelta
from flask import Flask, current_app, g, request, url_for
from flask_babel import Babel, get_locale, gettext

from engage.blueprints.console.subnav import may_open
from engage.blueprints.guard import House, Staff, Visitor
from engage.blueprints.live import address
from engage.kernel import clock
from engage.tenancy.rules import ROLES

LANGUAGES = ("zh_Hans", "en")
LANGUAGE_COOKIE = "engage_language"

NAVIGATION = (
    ("today", "console_today.index", "sun", "appointments.view"),
    ("today", "console_today.index", "sun", "campaigns.manage"),
    ("chats", "console_chats.index", "messages", "chats.view"),
    ("appointments", "console_appointments.index", "calendar-event", "appointments.view"),
    ("people", "console_fans.index", "users", "fans.view"),
    ("people", "console_people.index", "users", "people.view"),
    ("marketing", "console_campaigns.index", "speakerphone", "campaigns.manage"),
    ("marketing", "console_coupons.index", "speakerphone", "coupons.manage"),
    ("marketing", "console_codes.index", "speakerphone", "codes.manage"),
    ("marketing", "console_coupons.redeem", "speakerphone", "coupons.redeem"),
    ("reports", "console_reports.attendance", "chart-bar", "reports.view"),
    ("settings", "console_staff.index", "settings", "staff.view"),
    ("settings", "console_messages.index", "settings", "notifications.view"),
    ("settings", "console_accounts.index", "settings", "accounts.view"),
)

SETTINGS = frozenset(
    {
        "console_staff",
        "console_stores",
        "console_doctors",
        "console_photos",
        "console_items",
        "console_categories",
        "console_complaints",
        "console_rosters",
        "console_calendar",
        "console_accounts",
        "console_menu",
        "console_replies",
        "console_checkup",
        "console_journal",
        "console_audit",
        "console_operations",
        "console_notifications",
        "console_messages",
        "console_privacy",
    }
)

AREAS = {
    "console_today": "today",
    "console_chats": "chats",
    "console_appointments": "appointments",
    "console_waiting": "appointments",
    "console_arrivals": "appointments",
    "console_calls": "appointments",
    "console_fans": "people",
    "console_people": "people",
    "console_profiles": "people",
    "console_bindings": "people",
    "console_tags": "people",
    "console_duplicates": "people",
    "console_held": "people",
    "console_requests": "people",
    "console_campaigns": "marketing",
    "console_coupons": "marketing",
    "console_codes": "marketing",
    "console_reports": "reports",
}
# How a day is written: in this year, and in another.
_ZH_DAYS = ("M月d日 EEE", "y年M月d日 EEE")
_EN_DAYS = ("EEE d MMM", "EEE d MMM y")
# Pages that stand in another area than the rest of their blueprint.
PAGES_ELSEWHERE = {"console_calendar.outside": "appointments"}


def init_app(app: Flask) -> None:
    """Give the templates of both faces their language, filters and names."""
    Babel(app, locale_selector=select_language)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.filters.update(day=day, clock=clock_time, moment=moment, ago=ago)
    app.context_processor(_context)


def select_language() -> str:
    """Give the language of this answer: the person's, the choice made here, what the browser asks for."""
    staff: Staff | None = g.get("staff")
    if staff is not None:
        return staff.language
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    wished = request.accept_languages.best_match(["zh-Hans", "zh-CN", "zh", "en"], default="zh")
    return "en" if wished == "en" else "zh_Hans"


def asset(path: str) -> str:
    """Give the address of a static file, which changes with its content."""
    version = _hash(current_app.static_folder or "", path, current_app.debug)
    return f"{request.script_root}{current_app.static_url_path}/{path}?v={version}"


def day(value: dt.date) -> str:
    """Write a day: 11月22日 周日, Sun 22 Nov; with the year where that is not this one."""
    return dated(value, _now().date())


def dated(value: dt.date, today: dt.date) -> str:
    """Write a day as it is written today: on another year's days stands the year."""
    locale = get_locale()
    patterns = _ZH_DAYS if locale and locale.language == "zh" else _EN_DAYS
    return format_date(value, patterns[value.year != today.year], locale=locale)


def clock_time(value: dt.datetime) -> str:
    """Write a time of day: 14:30."""
    return f"{value:%H:%M}"


def moment(value: dt.datetime) -> str:
    """Write day and time: 11月22日 周日 14:30."""
    return f"{day(value)} {clock_time(value)}"


def ago(value: dt.datetime) -> str:
    """Write how long ago something was."""
    return format_timedelta(value - clock.now(), add_direction=True, locale=get_locale())


def language() -> str:
    """Give the language of this answer, as the catalogues are named."""
    locale = get_locale()
    return "en" if locale and locale.language == "en" else "zh_Hans"


def _now() -> dt.datetime:
    """Give the time of the chain that is looked at."""
    chain = house()
    return clock.local(clock.now(), chain.zone if chain else "Asia/Shanghai")


def house() -> House | None:
    """Give the chain of this request, where one is known."""
    caller: Staff | Visitor | None = g.get("staff") or g.get("visitor")
    return caller.house if caller else g.get("house")


def _context() -> dict[str, Any]:
    staff: Staff | None = g.get("staff")
    chain = house()
    return {
        "locale": language(),
        "now": _now(),
        "tenant": _tenant(chain),
        "me_url": _me_url(),
        "principal": _principal(staff),
        "nav": _navigation(staff),
    }


def _tenant(chain: House | None) -> dict[str, str]:
    if chain is None:
        return {"name": "Engage", "short_name": "Engage", "accent": "", "style_url": "", "logo_url": ""}
    return {
        "name": chain.name,
        "short_name": chain.short_name,
        "accent": chain.accent,
        "style_url": url_for("patient_style.accent", colour=chain.accent.removeprefix("#")),
        "logo_url": "",
    }


def _me_url() -> str:
    """Give the page of the fan who looks at a patient page; nothing for anybody else."""
    visitor: Visitor | None = g.get("visitor")
    return url_for("patient_me.show", account=visitor.account_slug) if visitor else ""


def _principal(staff: Staff | None) -> dict[str, Any] | None:
    if staff is None:
        return None
    roles = dict.fromkeys(grant.role for grant in staff.grants)
    return {
        "name": staff.name,
        "login": staff.login,
        "initial": staff.initial,
        "roles": [gettext(ROLES[role]) for role in roles],
        "stores": staff.stores,
        "store_id": staff.store_id,
        "session_id": staff.session_id,
        "stream_url": _stream_url(),
        "may": staff.may,
    }


def _stream_url() -> str:
    origin = address.origin()
    return f"{origin}{address.PATH}" if origin else ""


def _navigation(staff: Staff | None) -> list[dict[str, Any]]:
    if staff is None:
        return []
    labels = {
        "today": gettext("Today"),
        "chats": gettext("Chats"),
        "appointments": gettext("Appointments"),
        "people": gettext("People"),
        "marketing": gettext("Marketing"),
        "reports": gettext("Reports"),
        "settings": gettext("Settings"),
    }
    here = _area(request.blueprint or "", request.endpoint or "")
    return [
        {"key": key, "label": labels[key], "url": url_for(endpoint), "icon": icon, "current": key == here}
        for key, (endpoint, icon) in _open_to(staff).items()
    ]


def _open_to(staff: Staff) -> Mapping[str, tuple[str, str]]:
    """Give where each job begins for a person: its first page that they may open."""
    permitted: dict[str, tuple[str, str]] = {}
    for key, endpoint, icon, permission in NAVIGATION:
        if may_open(staff, endpoint, permission):
            permitted.setdefault(key, (endpoint, icon))
    return permitted


def _area(blueprint: str, endpoint: str) -> str:
    if endpoint in PAGES_ELSEWHERE:
        return PAGES_ELSEWHERE[endpoint]
    return "settings" if blueprint in SETTINGS else AREAS.get(blueprint, "")


def _hash(folder: str, path: str, fresh: bool) -> str:  # noqa: FBT001 part of the cache's key
    return _hashes(folder, path, (Path(folder) / path).stat().st_mtime_ns if fresh else 0)


@functools.lru_cache(maxsize=512)
def _hashes(folder: str, path: str, _changed: int) -> str:
    return hashlib.sha256((Path(folder) / path).read_bytes()).hexdigest()[:12]


def as_json(value: Any) -> str:
    """Write data for a problem's body; dates as ISO 8601."""
    return json.dumps(value, default=str, ensure_ascii=False)
