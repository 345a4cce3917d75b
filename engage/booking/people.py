"""What booking keeps of people: visits, which stay as figures do, and holds, which end by themselves."""

from __future__ import annotations

from engage.booking.models import Appointment, Hold, WaitingWish, WalkIn
from engage.booking.rules import STATES
from engage.booking.rules.arrivals import WALK_IN_STATES
from engage.booking.rules.waiting import WISH_STATES
from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, of_fan, of_patient, repointed

HOLDER = Holder(
    "booking",
    (
        Kept(
            WaitingWish,
            N_("Waiting list"),
            columns=("patient_id", "fan_id"),
            whose=of_patient(WaitingWish.patient_id),
            shown={
                "created_at": N_("Noted"),
                "store_id": N_("Store"),
                "doctor_id": N_("Doctor"),
                "item_id": N_("Item"),
                "from_date": N_("First day that suits"),
                "to_date": N_("Last day that suits"),
                "state": N_("State"),
            },
            words={"state": WISH_STATES},
            removed=True,
            move=repointed(WaitingWish.patient_id),
            told=True,
        ),
        Kept(Hold, N_("Slots kept"), columns=("fan_id",), whose=of_fan(Hold.fan_id)),
        Kept(
            Appointment,
            N_("Appointments"),
            columns=("patient_id", "fan_id"),
            whose=of_patient(Appointment.patient_id),
            shown={
                "starts_at": N_("Time"),
                "store_id": N_("Store"),
                "doctor_id": N_("Doctor"),
                "item_id": N_("Item"),
                "state": N_("State"),
                "complaint": N_("Complaint"),
                "note": N_("Note"),
                "cancel_reason": N_("Reason"),
                "booked_at": N_("Booked"),
            },
            words={"state": STATES},
            emptied=lambda _now: {"complaint": "", "note": "", "cancel_reason": None},
            move=repointed(Appointment.patient_id),
            told=True,
        ),
        Kept(
            WalkIn,
            N_("Visits without an appointment"),
            columns=("patient_id",),
            whose=of_patient(WalkIn.patient_id),
            shown={
                "arrived_at": N_("Time"),
                "store_id": N_("Store"),
                "doctor_id": N_("Doctor"),
                "item_id": N_("Item"),
                "state": N_("State"),
                "note": N_("Note"),
            },
            words={"state": WALK_IN_STATES},
            emptied=lambda _now: {"name": "", "note": ""},
            move=repointed(WalkIn.patient_id),
            told=True,
        ),
    ),
)
