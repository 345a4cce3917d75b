"""What privacy itself keeps of people."""

from __future__ import annotations

import sqlalchemy as sa

from engage.kernel.db import Session
from engage.kernel.errors import N_
from engage.kernel.people import Holder, Kept, Move, Who, among, changed, dropped, of_fan, of_patient
from engage.privacy.models import Consent, DuplicateKey, DuplicatePair, PrivacyRequest, PrivacyTask
from engage.privacy.rules import REQUEST_STATES, REQUESTS, TASK_STATES, TASKS


def _pairs_of(who: Who) -> sa.ColumnElement[bool]:
    return among(DuplicatePair.first_id, who.patient_ids) | among(DuplicatePair.second_id, who.patient_ids)


def _drop_pairs(session: Session, merge: Move) -> int:
    """On a merge, forget whom the chart that goes was compared with."""
    changed(session, sa.delete(DuplicatePair).where(_pairs_of(Who(frozenset({merge.drop_id})))))
    return 0


HOLDER = Holder(
    "privacy",
    (
        Kept(
            Consent,
            N_("Consent"),
            columns=("fan_id",),
            whose=of_fan(Consent.fan_id),
            shown={
                "notice_version": N_("Version of the notice"),
                "given_at": N_("Given"),
                "withdrawn_at": N_("Withdrawn"),
            },
            emptied=lambda now: {"withdrawn_at": sa.func.coalesce(Consent.withdrawn_at, now)},
        ),
        Kept(
            PrivacyRequest,
            N_("Requests"),
            columns=("fan_id",),
            whose=of_fan(PrivacyRequest.fan_id),
            shown={"asked_at": N_("Time"), "kind": N_("What"), "state": N_("State")},
            words={"kind": REQUESTS, "state": REQUEST_STATES},
        ),
        Kept(
            PrivacyTask,
            N_("Copies and erasures"),
            columns=("patient_id",),
            whose=of_patient(PrivacyTask.patient_id),
            shown={"asked_at": N_("Time"), "kind": N_("What"), "state": N_("State")},
            words={"kind": TASKS, "state": TASK_STATES},
            emptied=lambda _now: {"file": None},
            file="file",
        ),
        Kept(
            DuplicateKey,
            N_("What charts are compared by"),
            columns=("patient_id",),
            whose=of_patient(DuplicateKey.patient_id),
            removed=True,
            move=dropped(DuplicateKey.patient_id),
        ),
        Kept(
            DuplicatePair,
            N_("Charts compared"),
            columns=("first_id", "second_id"),
            whose=_pairs_of,
            removed=True,
            move=_drop_pairs,
        ),
    ),
)
