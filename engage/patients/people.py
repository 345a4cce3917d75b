"""What is kept of patients: charts, who speaks for them, phones that were proven, what happened."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from engage.kernel.db import Session
from engage.kernel.errors import N_
from engage.kernel.people import (
    Holder,
    Kept,
    Move,
    Who,
    among,
    changed,
    dropped,
    of_either,
    of_fan,
    of_patient,
    repointed,
)
from engage.patients import rules
from engage.patients.models import (
    Binding,
    BindTicket,
    FanPhone,
    Patient,
    PatientFact,
    PatientTerm,
    PhoneCode,
    ProfileSubmission,
    TimelineEntry,
)


def _bindings_of(who: Who) -> sa.ColumnElement[bool]:
    return among(Binding.patient_id, who.patient_ids) | among(Binding.fan_id, who.fan_ids)


def _tickets_of(who: Who) -> sa.ColumnElement[bool]:
    return among(BindTicket.patient_id, who.patient_ids) | among(BindTicket.used_by_fan_id, who.fan_ids)


def _unbound(now: dt.datetime) -> dict[str, Any]:
    return {"unbound_at": sa.func.coalesce(Binding.unbound_at, now)}


def _move_bindings(session: Session, merge: Move) -> int:
    """Let fans speak for the chart that stays; of two bindings of one fan that live, the later one ends."""
    mine, kept = Binding, aliased(Binding)
    doubled = sa.exists().where(
        kept.patient_id == merge.keep_id, kept.fan_id == mine.fan_id, kept.unbound_at.is_(None)
    )
    changed(
        session,
        sa.update(mine)
        .where(mine.patient_id == merge.drop_id, mine.unbound_at.is_(None), doubled)
        .values(unbound_at=sa.func.greatest(mine.bound_at, merge.now)),
    )
    return repointed(Binding.patient_id)(session, merge)


def _emptied(now: dt.datetime) -> dict[str, Any]:
    return {
        "name": rules.ERASED_NAME,
        **dict.fromkeys(("family_name", "middle_name", "given_name", "phone", "phone_index", "tail_index")),
        **dict.fromkeys(("email", "email_index", "sex", "birth_date", "region")),
        "memo": "",
        "on_treatment": False,
        "version": Patient.version + 1,
        "erased_at": sa.func.coalesce(Patient.erased_at, now),
    }


HOLDER = Holder(
    "patients",
    (
        Kept(
            PatientTerm,
            N_("Search words"),
            columns=("patient_id",),
            whose=of_patient(PatientTerm.patient_id),
            removed=True,
            move=dropped(PatientTerm.patient_id),
        ),
        Kept(
            PatientFact,
            N_("Figures of visits"),
            columns=("patient_id",),
            whose=of_patient(PatientFact.patient_id),
            shown={
                "first_visit_at": N_("First visit"),
                "last_visit_at": N_("Last visit"),
                "visits": N_("Visits"),
            },
            move=dropped(PatientFact.patient_id),
        ),
        Kept(
            Binding,
            N_("Bound WeChats"),
            columns=("patient_id", "fan_id"),
            whose=_bindings_of,
            shown={"bound_at": N_("Bound"), "how": N_("How"), "unbound_at": N_("Unbound")},
            words={"how": rules.WAYS},
            emptied=_unbound,
            move=_move_bindings,
            told=True,
        ),
        Kept(
            BindTicket,
            N_("Codes for binding"),
            columns=("patient_id", "used_by_fan_id"),
            whose=_tickets_of,
            removed=True,
            move=repointed(BindTicket.patient_id),
        ),
        Kept(
            ProfileSubmission,
            N_("Profiles handed in"),
            columns=("patient_id", "fan_id"),
            whose=of_either(ProfileSubmission.patient_id, ProfileSubmission.fan_id),
            shown={"submitted_at": N_("Time"), "data": N_("Answers"), "reason": N_("Reason")},
            removed=True,
            move=repointed(ProfileSubmission.patient_id),
            told=True,
        ),
        Kept(
            FanPhone,
            N_("Phones proven"),
            columns=("fan_id",),
            whose=of_fan(FanPhone.fan_id),
            shown={"phone": N_("Phone"), "verified_at": N_("Proven")},
            removed=True,
        ),
        Kept(
            PhoneCode,
            N_("Codes sent"),
            columns=("fan_id",),
            whose=of_fan(PhoneCode.fan_id),
            shown={"created_at": N_("Time"), "phone": N_("Phone")},
            removed=True,
        ),
        Kept(
            TimelineEntry,
            N_("What happened"),
            columns=("patient_id", "fan_id"),
            whose=of_either(TimelineEntry.patient_id, TimelineEntry.fan_id),
            shown={"at": N_("Time"), "kind": N_("What")},
            removed=True,
            move=repointed(TimelineEntry.patient_id),
            told=True,
        ),
        Kept(
            Patient,
            N_("The chart itself"),
            columns=("id", "merged_into_id"),
            whose=of_patient(Patient.id),
            shown={
                "number": N_("Chart number"),
                "name": N_("Name"),
                "phone": N_("Phone"),
                "email": N_("E-mail"),
                "sex": N_("Sex"),
                "birth_date": N_("Born"),
                "region": N_("Region"),
                "source": N_("Source"),
                "store_id": N_("Store"),
                "memo": N_("Memo"),
                "created_at": N_("Chart since"),
            },
            words={"sex": rules.SEXES, "source": rules.SOURCES, "region": rules.REGIONS},
            emptied=_emptied,
            move=repointed(Patient.merged_into_id),
        ),
    ),
)
