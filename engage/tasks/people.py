"""What tasks keep of people: calls that were to be made, and what came of them."""

from __future__ import annotations

from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, of_patient, repointed
from engage.tasks.models import Task
from engage.tasks.rules import KINDS, STATES

HOLDER = Holder(
    "tasks",
    (
        Kept(
            Task,
            N_("Calls"),
            columns=("patient_id",),
            whose=of_patient(Task.patient_id),
            shown={
                "kind": N_("Kind"),
                "due_at": N_("Time"),
                "store_id": N_("Store"),
                "state": N_("State"),
                "note": N_("Note"),
                "done_at": N_("Ended"),
            },
            words={"kind": {name: kind.label for name, kind in KINDS.items()}, "state": STATES},
            emptied=lambda _now: {"note": ""},
            move=repointed(Task.patient_id),
        ),
    ),
)
