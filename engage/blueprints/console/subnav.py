"""The pages of one job, side by side below the page's head."""

from __future__ import annotations

from typing import Any, Final

from flask import request, url_for
from flask_babel import gettext

from engage.blueprints.guard import Staff
from engage.kernel.errors import N_

SETTINGS: Final = (
    ("console_staff.index", N_("Staff"), "staff.view"),
    ("console_stores.index", N_("Stores"), "clinic.manage"),
    ("console_doctors.index", N_("Doctors"), "clinic.manage"),
    ("console_items.index", N_("Items"), "clinic.manage"),
    ("console_rosters.index", N_("Rosters"), "clinic.manage"),
    ("console_calendar.closed", N_("Closures"), "clinic.manage"),
    ("console_accounts.index", N_("Official accounts"), "accounts.view"),
    ("console_notifications.index", N_("Notifications"), "notifications.manage"),
    ("console_messages.index", N_("Messages sent"), "notifications.view"),
    ("console_privacy.edit", N_("Privacy"), "privacy.manage"),
    ("console_journal.index", N_("WeChat journal"), "journal.view"),
    ("console_audit.index", N_("Audit trail"), "audit.view"),
    ("console_operations.index", N_("Operations"), "operations.view"),
)
MARKETING: Final = (
    ("console_campaigns.index", N_("Campaigns"), "campaigns.manage"),
    ("console_coupons.index", N_("Coupons"), "coupons.manage"),
    ("console_codes.index", N_("Channel codes"), "codes.manage"),
    ("console_coupons.redeem", N_("Redeem"), "coupons.redeem"),
)
PEOPLE: Final = (
    ("console_fans.index", N_("Fans"), "fans.view"),
    ("console_people.index", N_("Patient charts"), "people.view"),
    ("console_profiles.index", N_("Profiles"), "people.manage"),
    ("console_duplicates.index", N_("Duplicates"), "people.merge"),
    ("console_requests.index", N_("Privacy requests"), "privacy.manage"),
    ("console_tags.index", N_("Tags"), "tags.manage"),
)
APPOINTMENTS: Final = (
    ("console_appointments.index", N_("Diary"), "appointments.view"),
    ("console_arrivals.index", N_("Waiting room"), "appointments.view"),
    ("console_calls.index", N_("Calls"), "tasks.work"),
    ("console_waiting.index", N_("Waiting list"), "appointments.manage"),
)
ACCOUNT: Final = (
    ("console_accounts.show", N_("Connection"), "accounts.manage"),
    ("console_menu.edit", N_("Menu"), "menu.manage"),
    ("console_replies.listed", N_("Replies"), "replies.manage"),
    ("console_checkup.show", N_("Check-up"), "accounts.manage"),
)
# What all stores share is for those who may change it at all of them.
CHAIN_WIDE: Final = frozenset(
    {
        "console_doctors.index",
        "console_items.index",
        "console_campaigns.index",
        "console_tags.index",
        "console_duplicates.index",
        "console_requests.index",
        "console_privacy.edit",
    }
)


def marketing_pages(staff: Staff) -> list[dict[str, Any]]:
    """Give the pages of marketing that the person may open; a page that was posted to counts as its own."""
    here = {
        "console_coupons.look": "console_coupons.redeem",
        "console_coupons.confirm": "console_coupons.redeem",
    }
    current = here.get(request.endpoint or "", request.endpoint)
    return [
        {"label": gettext(label), "url": url_for(endpoint), "current": endpoint == current}
        for endpoint, label, permission in MARKETING
        if may_open(staff, endpoint, permission)
    ]


def appointments_pages(staff: Staff) -> list[dict[str, Any]]:
    """Give the pages of appointments that the person may open; one below them counts as theirs."""
    return [
        {
            "label": gettext(label),
            "url": url_for(endpoint),
            "current": endpoint.partition(".")[0] == request.blueprint,
        }
        for endpoint, label, permission in APPOINTMENTS
        if may_open(staff, endpoint, permission)
    ]


def people_pages(staff: Staff) -> list[dict[str, Any]]:
    """Give the pages of people that the person may open; a page below one of them counts as that one."""
    return [
        {
            "label": gettext(label),
            "url": url_for(endpoint),
            "current": endpoint.partition(".")[0] == request.blueprint,
        }
        for endpoint, label, permission in PEOPLE
        if may_open(staff, endpoint, permission)
    ]


def settings_pages(staff: Staff) -> list[dict[str, Any]]:
    """Give the pages of the settings that the person may open."""
    return [
        {"label": gettext(label), "url": url_for(endpoint), "current": endpoint == request.endpoint}
        for endpoint, label, permission in SETTINGS
        if may_open(staff, endpoint, permission)
    ]


def account_pages(staff: Staff, account_id: int) -> list[dict[str, Any]]:
    """Give the pages of one official account that the person may open."""
    here = (request.endpoint or "").partition(".")[0]
    return [
        {
            "label": gettext(label),
            "url": url_for(endpoint, account_id=account_id),
            "current": endpoint.partition(".")[0] == here,
        }
        for endpoint, label, permission in ACCOUNT
        if may_open(staff, endpoint, permission)
    ]


def may_open(staff: Staff, endpoint: str, permission: str) -> bool:
    """Whether a page is for the person: what all stores share, only with the permission at all of them."""
    return staff.reach(permission).everywhere if endpoint in CHAIN_WIDE else staff.may(permission)
