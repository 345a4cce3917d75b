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
    ("console_accounts.index", N_("Official accounts"), "accounts.manage"),
    ("console_notifications.index", N_("Notifications"), "notifications.manage"),
    ("console_messages.index", N_("Messages sent"), "notifications.view"),
    ("console_journal.index", N_("WeChat journal"), "journal.view"),
    ("console_operations.index", N_("Operations"), "operations.view"),
)
MARKETING: Final = (
    ("console_campaigns.index", N_("Campaigns"), "campaigns.manage"),
    ("console_coupons.index", N_("Coupons"), "coupons.manage"),
    ("console_coupons.redeem", N_("Redeem"), "coupons.redeem"),
)
# What all stores share is for those who may change it at all of them.
CHAIN_WIDE: Final = frozenset({"console_doctors.index", "console_items.index", "console_campaigns.index"})


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


def settings_pages(staff: Staff) -> list[dict[str, Any]]:
    """Give the pages of the settings that the person may open."""
    return [
        {"label": gettext(label), "url": url_for(endpoint), "current": endpoint == request.endpoint}
        for endpoint, label, permission in SETTINGS
        if may_open(staff, endpoint, permission)
    ]


def may_open(staff: Staff, endpoint: str, permission: str) -> bool:
    """Whether a page is for the person: what all stores share, only with the permission at all of them."""
    return staff.reach(permission).everywhere if endpoint in CHAIN_WIDE else staff.may(permission)
