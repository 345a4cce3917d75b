"""Every feature that keeps something of people (ADR 0015); a test compares the list with the schema."""

from __future__ import annotations

from collections.abc import Iterator

from engage.accounts import people as accounts
from engage.audiences import people as audiences
from engage.audit import people as audit
from engage.booking import people as booking
from engage.campaigns import people as campaigns
from engage.chat import people as chat
from engage.clinic import people as clinic
from engage.coupons import people as coupons
from engage.fans import people as fans
from engage.kernel.people import Holder, Kept
from engage.notifications import people as notifications
from engage.patients import people as patients
from engage.privacy import people as privacy
from engage.qrcodes import people as qrcodes
from engage.replies import people as replies
from engage.tasks import people as tasks

# In the order of locks (docs/locking.md): merging and erasure go through it from top to bottom.
HOLDERS: tuple[Holder, ...] = (
    patients.HOLDER,
    booking.HOLDER,
    tasks.HOLDER,
    chat.HOLDER,
    accounts.HOLDER,
    coupons.HOLDER,
    campaigns.HOLDER,
    qrcodes.HOLDER,
    audiences.HOLDER,
    replies.HOLDER,
    clinic.HOLDER,
    notifications.HOLDER,
    audit.HOLDER,
    privacy.HOLDER,
    fans.HOLDER,
)


def everything() -> Iterator[Kept]:
    """Give each table that keeps something of people."""
    for holder in HOLDERS:
        yield from holder.kept
