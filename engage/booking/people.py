"""What booking keeps of people: visits, which stay as figures do, and holds, which end by themselves."""

from __future__ import annotations

from engage.booking.models import Appointment, Hold
from engage.booking.rules import STATES
from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, of_fan, of_patient, repointed

HOLDER = Holder(
    "booking",
    (
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
    ),
)
