"""Roles and what they permit (CR-10, PL-2), as tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Final

from engage.kernel.errors import N_

ROLES: Final = {
    "owner": N_("Owner"),
    "manager": N_("Manager"),
    "marketer": N_("Marketer"),
    "desk": N_("Front desk"),
    "consultant": N_("Consultant"),
    "agent": N_("Agent"),
    "doctor": N_("Doctor"),
    "coordinator": N_("Coordinator"),
    "chief": N_("Chief doctor"),
    "accountant": N_("Accountant"),
}

EVERY_ROLE: Final = frozenset(ROLES)

# Permission → roles that have it. `self` is what everybody who is logged in may do for themselves.
PERMISSIONS: Final[dict[str, frozenset[str]]] = {
    "self": EVERY_ROLE,
    "appointments.view": EVERY_ROLE - {"marketer", "accountant"},
    "appointments.manage": EVERY_ROLE - {"marketer", "doctor", "chief", "accountant"},
    "appointments.treat": EVERY_ROLE - {"marketer", "accountant"},
    "people.view": EVERY_ROLE - {"marketer", "accountant"},
    "people.manage": frozenset({"owner", "manager", "desk", "consultant", "agent", "coordinator"}),
    "people.reveal": frozenset(
        {"owner", "manager", "desk", "consultant", "agent", "coordinator", "doctor", "chief"}
    ),
    "fans.view": EVERY_ROLE - {"doctor", "accountant"},
    "fans.manage": frozenset({"owner", "manager", "marketer", "desk", "consultant", "agent"}),
    "fans.export": frozenset({"owner", "manager", "marketer"}),
    "tags.manage": frozenset({"owner", "manager", "marketer"}),
    "people.merge": frozenset({"owner", "manager"}),
    "reports.view": frozenset({"owner", "manager", "coordinator", "chief"}),
    "privacy.manage": frozenset({"owner", "manager"}),
    "coupons.manage": frozenset({"owner", "manager", "marketer"}),
    "codes.manage": frozenset({"owner", "manager", "marketer"}),
    "coupons.redeem": frozenset({"owner", "manager", "desk", "consultant", "agent"}),
    "chats.view": frozenset({"owner", "manager", "desk", "consultant", "agent", "coordinator"}),
    "chats.answer": frozenset({"desk", "consultant", "agent"}),
    "tasks.work": frozenset({"owner", "manager", "desk", "consultant", "agent", "coordinator"}),
    "clinic.manage": frozenset({"owner", "manager"}),
    "notifications.manage": frozenset({"owner", "manager"}),
    "notifications.view": frozenset({"owner", "manager", "desk"}),
    "campaigns.manage": frozenset({"owner", "manager", "marketer"}),
    "replies.manage": frozenset({"owner", "manager", "marketer"}),
    "staff.view": frozenset({"owner", "manager"}),
    "staff.manage": frozenset({"owner"}),
    "operations.view": frozenset({"owner"}),
    "accounts.view": frozenset({"owner", "manager", "marketer"}),
    "accounts.manage": frozenset({"owner"}),
    "menu.manage": frozenset({"owner", "manager"}),
    "journal.view": frozenset({"owner"}),
    "audit.view": frozenset({"owner"}),
}

LOCK_AFTER: Final = 5
LOCK_FOR: Final = dt.timedelta(minutes=15)
PASSWORD_MINIMUM: Final = 10
SESSION_IDLE: Final = dt.timedelta(hours=12)
SESSION_SEEN_EVERY: Final = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """A role at one store, or at all stores when `store_id` is None."""

    role: str
    store_id: int | None = None


@dataclass(frozen=True, slots=True)
class StoreScope:
    """Stores whose rows may be shown: all of them, or these."""

    everywhere: bool
    store_ids: frozenset[int] = frozenset()

    def holds(self, store_id: int) -> bool:
        """Whether a row of the store may be shown."""
        return self.everywhere or store_id in self.store_ids


def is_permitted(grants: Iterable[Grant], permission: str) -> bool:
    """Whether any of the grants permits it, at some store."""
    return any(grant.role in PERMISSIONS[permission] for grant in grants)


def store_scope(grants: Iterable[Grant], permission: str, chosen: int | None) -> StoreScope:
    """Give the stores at which something is permitted, narrowed to the store chosen in the top bar."""
    permitting = [grant for grant in grants if grant.role in PERMISSIONS[permission]]
    everywhere = any(grant.store_id is None for grant in permitting)
    stores = frozenset(grant.store_id for grant in permitting if grant.store_id is not None)
    if chosen is None:
        return StoreScope(everywhere, stores)
    return StoreScope(
        everywhere=False, store_ids=frozenset({chosen}) if everywhere or chosen in stores else frozenset()
    )


def owners_left(owners: Set[int], *, without: int) -> bool:
    """Whether the chain still has an owner when this one goes."""
    return bool(owners - {without})
