"""Tables of booking: the ledger of places, holds, and appointments."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engage.booking.rules import LIVE, STATES
from engage.booking.rules.arrivals import WALK_IN_STATES
from engage.booking.rules.keeping import TOUCH_STATES
from engage.booking.rules.waiting import OFFER_STATES, ON_THE_LIST, WISH_STATES
from engage.kernel.db import Identified, Model, TenantOwned, belongs_to
from engage.kernel.leases import Leased
from engage.kernel.sealing import Sealed


class Place(TenantOwned, Model):
    """Capacity of one resource at one step of the grid; `taken` never leaves 0..capacity.

    Made when the first place is taken: open time itself is computed, not stored (design §3.3).
    """

    __tablename__ = "booking_place"
    __table_args__ = (sa.CheckConstraint("taken BETWEEN 0 AND capacity", name="taken_within_capacity"),)

    resource: Mapped[str] = mapped_column(primary_key=True)
    grid_start: Mapped[dt.datetime] = mapped_column(primary_key=True)
    capacity: Mapped[int] = mapped_column(sa.Integer)
    taken: Mapped[int] = mapped_column(sa.Integer)


class Hold(Identified, Model):
    """A slot kept for a fan who fills in the form, or for whom the waiting list offers it to (BK-17).

    Offers to patients without WeChat have no fan. Whoever deletes the row gives its places back.
    """

    __tablename__ = "booking_hold"
    __table_args__ = (
        belongs_to("fan", "fan_id"),
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        sa.UniqueConstraint("tenant_id", "fan_id", "purpose"),
        sa.Index(None, "tenant_id", "expires_at"),
        sa.Index(None, "tenant_id", "resource", "starts_at"),
        sa.CheckConstraint("starts_at < ends_at", name="hold_has_length"),
        sa.CheckConstraint(
            "purpose = 'offer' OR (purpose = 'form' AND fan_id IS NOT NULL)", name="purpose_known"
        ),
    )

    fan_id: Mapped[int | None]
    purpose: Mapped[str] = mapped_column(server_default="form")
    resource: Mapped[str]
    store_id: Mapped[int]
    doctor_id: Mapped[int | None]
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]


class Appointment(Identified, Model):
    """A visit that was booked. `version` counts its changes; messages carry the one they are about.

    `fan_id` is the fan who booked it; staff book without. Without `doctor_id` it draws on the
    store's places of the hour. `agreed_version` is the version at which its time, doctor and store
    were agreed upon, which was at `moved_at` if not when it was booked; `rebooked_from_id` the visit in
    whose place it was made, as the patient did not come.
    """

    __tablename__ = "appointment"
    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        belongs_to("fan", "fan_id"),
        belongs_to("patient", "patient_id"),
        belongs_to("item", "item_id"),
        belongs_to("appointment", "rebooked_from_id"),
        sa.UniqueConstraint("tenant_id", "key"),
        sa.Index(
            None,
            "tenant_id",
            "rebooked_from_id",
            postgresql_where=sa.text("rebooked_from_id IS NOT NULL"),
        ),
        sa.Index(None, "tenant_id", "starts_at", "id"),
        sa.Index(
            "ix_appointment_requested",
            "tenant_id",
            "starts_at",
            postgresql_where=sa.text("state = 'requested'"),
        ),
        sa.Index(None, "tenant_id", "fan_id", "starts_at"),
        sa.Index(None, "tenant_id", "store_id", "starts_at"),
        sa.Index(None, "tenant_id", "doctor_id", "starts_at"),
        sa.Index(None, "tenant_id", "patient_id", "starts_at"),
        sa.Index(None, "tenant_id", "resource", "starts_at"),
        ExcludeConstraint(
            ("tenant_id", "="),
            ("patient_id", "="),
            (sa.func.tstzrange(sa.column("starts_at"), sa.column("ends_at")), "&&"),
            name="ex_appointment_patient_once",
            where=sa.text(f"state IN ({', '.join(repr(state) for state in LIVE)})"),
        ),
        sa.CheckConstraint(f"state IN ({', '.join(repr(state) for state in STATES)})", name="state_known"),
        sa.CheckConstraint("starts_at < ends_at", name="appointment_has_length"),
        sa.CheckConstraint("cancelled_by IN ('patient', 'staff')", name="cancelled_by_known"),
        sa.CheckConstraint("(state = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_has_time"),
    )

    key: Mapped[uuid.UUID]
    store_id: Mapped[int]
    doctor_id: Mapped[int | None]
    fan_id: Mapped[int | None]
    patient_id: Mapped[int]
    item_id: Mapped[int | None]
    resource: Mapped[str]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer)
    channel: Mapped[str]
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    complaint: Mapped[str] = mapped_column(Sealed)
    note: Mapped[str] = mapped_column(Sealed)
    booked_at: Mapped[dt.datetime]
    attendance_confirmed_at: Mapped[dt.datetime | None]
    checked_in_at: Mapped[dt.datetime | None]
    called_at: Mapped[dt.datetime | None]
    treatment_at: Mapped[dt.datetime | None]
    completed_at: Mapped[dt.datetime | None]
    left_at: Mapped[dt.datetime | None]
    no_show_at: Mapped[dt.datetime | None]
    corrected_at: Mapped[dt.datetime | None]
    kept_at: Mapped[dt.datetime | None]
    cancelled_at: Mapped[dt.datetime | None]
    cancelled_by: Mapped[str | None]
    cancel_reason: Mapped[str | None] = mapped_column(Sealed)
    late: Mapped[bool] = mapped_column(server_default=sa.false())
    agreed_version: Mapped[int] = mapped_column(sa.Integer, server_default="1")
    moved_at: Mapped[dt.datetime | None]
    rebooked_from_id: Mapped[int | None]


def _words(states: Iterable[str]) -> str:
    return ", ".join(repr(state) for state in states)


class WaitingWish(Identified, Model):
    """Somebody waits for a time (BK-17): where, with whom or (no doctor) whomever, and when they can come.

    `fan_id` is who is asked by WeChat; without one the desk calls. `weekdays` count from Monday, 0;
    minutes are of the store's local day, half-open, and dates are both included.
    """

    __tablename__ = "waiting_wish"
    __table_args__ = (
        belongs_to("fan", "fan_id"),
        belongs_to("patient", "patient_id"),
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        belongs_to("item", "item_id"),
        sa.UniqueConstraint("tenant_id", "key"),
        sa.Index(
            "ix_waiting_wish_list",
            "tenant_id",
            "store_id",
            "created_at",
            "id",
            postgresql_where=sa.text(f"state IN ({_words(ON_THE_LIST)})"),
        ),
        sa.Index(None, "tenant_id", "patient_id", "state"),
        sa.Index(None, "tenant_id", "fan_id", "state"),
        sa.Index(None, "tenant_id", "store_id", "ended_at"),
        sa.CheckConstraint(f"state IN ({_words(WISH_STATES)})", name="wish_state_known"),
        sa.CheckConstraint(
            "cardinality(weekdays) > 0 AND weekdays <@ '{0,1,2,3,4,5,6}'::smallint[]", name="weekdays_known"
        ),
        sa.CheckConstraint(
            "0 <= from_minute AND from_minute < to_minute AND to_minute <= 1440", name="within_a_day"
        ),
        sa.CheckConstraint("from_date <= to_date", name="dates_in_order"),
        sa.CheckConstraint(f"(state IN ({_words(ON_THE_LIST)})) = (ended_at IS NULL)", name="ended_has_time"),
    )

    key: Mapped[uuid.UUID]
    fan_id: Mapped[int | None]
    patient_id: Mapped[int]
    store_id: Mapped[int]
    doctor_id: Mapped[int | None]
    item_id: Mapped[int | None]
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(sa.SmallInteger))
    from_minute: Mapped[int] = mapped_column(sa.Integer)
    to_minute: Mapped[int] = mapped_column(sa.Integer)
    from_date: Mapped[dt.date]
    to_date: Mapped[dt.date]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer)
    unanswered: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    created_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
    reason: Mapped[str] = mapped_column(server_default="")


class WaitingOffer(Identified, Model):
    """A time offered to one wish, and what came of it. `hold_id` is what keeps it meanwhile."""

    __tablename__ = "waiting_offer"
    __table_args__ = (
        belongs_to("waiting_wish", "wish_id", ondelete="CASCADE"),
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        belongs_to("appointment", "appointment_id"),
        sa.Index(
            "uq_waiting_offer_open",
            "tenant_id",
            "wish_id",
            unique=True,
            postgresql_where=sa.text("state = 'open'"),
        ),
        sa.Index(
            "ix_waiting_offer_due", "tenant_id", "expires_at", postgresql_where=sa.text("state = 'open'")
        ),
        sa.Index(None, "tenant_id", "wish_id", "id"),
        sa.Index(None, "tenant_id", "appointment_id"),
        sa.CheckConstraint(f"state IN ({_words(OFFER_STATES)})", name="offer_state_known"),
        sa.CheckConstraint("(state = 'open') = (answered_at IS NULL)", name="answered_has_time"),
        sa.CheckConstraint("(state = 'taken') = (appointment_id IS NOT NULL)", name="taken_has_visit"),
    )

    wish_id: Mapped[int]
    hold_id: Mapped[int]
    store_id: Mapped[int]
    doctor_id: Mapped[int | None]
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime]
    state: Mapped[str]
    offered_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    answered_at: Mapped[dt.datetime | None]
    appointment_id: Mapped[int | None]


class BookingTerms(TenantOwned, Model):
    """What a store allows patients who book by themselves (BK-2); a store without a row has the chain's.

    Visits begin from minute `earliest` to before `latest` of the local day; `notice_days` and `horizon_days`
    count from today, which is 0.
    """

    __tablename__ = "booking_terms"
    __table_args__ = (
        belongs_to("store", "store_id"),
        sa.CheckConstraint("0 <= earliest AND earliest < latest AND latest <= 1440", name="within_the_day"),
        sa.CheckConstraint(
            "slot_minutes BETWEEN 5 AND 240 AND slot_minutes % 5 = 0", name="slots_on_the_grid"
        ),
        sa.CheckConstraint(
            "0 <= notice_days AND notice_days <= horizon_days AND horizon_days <= 365", name="days_in_order"
        ),
        sa.CheckConstraint("change_until_minutes BETWEEN 0 AND 10080", name="change_until_a_week"),
    )

    store_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    earliest: Mapped[int] = mapped_column(sa.Integer)
    latest: Mapped[int] = mapped_column(sa.Integer)
    slot_minutes: Mapped[int] = mapped_column(sa.Integer)
    notice_days: Mapped[int] = mapped_column(sa.Integer)
    horizon_days: Mapped[int] = mapped_column(sa.Integer)
    same_day: Mapped[bool]
    change_until_minutes: Mapped[int] = mapped_column(sa.Integer)
    approval: Mapped[bool]
    self_booking: Mapped[bool]


class Touch(Leased, Model):
    """Something that is due about a visit as it was agreed upon, once of each kind (BK-11, BK-12).

    `version` is the visit's `agreed_version`. `at` is when; a reminder's message has the row's id for its
    subject. It is `dropped` once the visit is another, or there is nothing to say any more.
    """

    __tablename__ = "appointment_touch"
    __table_args__ = (
        belongs_to("appointment", "appointment_id"),
        sa.UniqueConstraint("tenant_id", "appointment_id", "version", "kind"),
        sa.Index(
            None, "tenant_id", "queue", "available_at", postgresql_where=sa.text("available_at IS NOT NULL")
        ),
        sa.CheckConstraint(
            f"state IN ({', '.join(repr(state) for state in TOUCH_STATES)})", name="touch_state_known"
        ),
    )

    appointment_id: Mapped[int]
    version: Mapped[int] = mapped_column(sa.Integer)
    kind: Mapped[str]
    at: Mapped[dt.datetime]
    state: Mapped[str]
    ended_at: Mapped[dt.datetime | None]


class WalkIn(Identified, Model):
    """Somebody who came without an appointment, until they were seen or went (BK-19).

    `patient_id` is their chart, where they have one; `name` is what they told.
    """

    __tablename__ = "walk_in"
    __table_args__ = (
        belongs_to("store", "store_id"),
        belongs_to("doctor", "doctor_id"),
        belongs_to("patient", "patient_id"),
        belongs_to("item", "item_id"),
        sa.UniqueConstraint("tenant_id", "key"),
        sa.Index(None, "tenant_id", "store_id", "arrived_at"),
        sa.Index(None, "tenant_id", "patient_id"),
        sa.CheckConstraint(f"state IN ({_words(WALK_IN_STATES)})", name="walk_in_state_known"),
    )

    key: Mapped[uuid.UUID]
    store_id: Mapped[int]
    doctor_id: Mapped[int | None]
    patient_id: Mapped[int | None]
    item_id: Mapped[int | None]
    name: Mapped[str] = mapped_column(Sealed)
    note: Mapped[str] = mapped_column(Sealed)
    state: Mapped[str]
    version: Mapped[int] = mapped_column(sa.Integer)
    arrived_at: Mapped[dt.datetime]
    called_at: Mapped[dt.datetime | None]
    treatment_at: Mapped[dt.datetime | None]
    completed_at: Mapped[dt.datetime | None]
    gone_at: Mapped[dt.datetime | None]


class ArrivalCode(TenantOwned, Model):
    """What the code at a store's door says; a new one makes the old one lead nowhere."""

    __tablename__ = "arrival_code"
    __table_args__ = (belongs_to("store", "store_id"), sa.UniqueConstraint("tenant_id", "token"))

    store_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    token: Mapped[str]
    made_at: Mapped[dt.datetime]
