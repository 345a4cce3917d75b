"""Profiles that patients hand in, and what staff decide on them (PT-6)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import queries as clinic
from engage.kernel import clock, outbox
from engage.kernel.db import Session
from engage.kernel.errors import NotFound
from engage.patients import profiles, queries, rules, waiting
from engage.patients.errors import FormStale, NoReason, PhoneNotVerified, ProfileChanged, ProfileDecided
from engage.patients.models import Patient, ProfileForm, ProfileSubmission
from engage.patients.profiles import Form, Question
from engage.patients.services.bindings import bind, hold_phone
from engage.patients.services.charts import NameParts, NewChart, change_chart, create_chart
from engage.tenancy import queries as tenancy

# Under which name of a chart an answer stands, where it is another.
_COLUMNS: Final = {"store": "store_id"}


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides on which version of a profile; `memo` is what the chart has no field for, in words."""

    submission_id: int
    version: int
    by_staff: int
    memo: str = ""


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A profile as it stands, and whether this call changed anything."""

    row: ProfileSubmission
    is_news: bool


def save_form(
    session: Session, questions: Sequence[Question], *, version: int, by_staff: int, now: dt.datetime
) -> Form:
    """Change what patients are asked for; `version` is the one that was on the screen.

    Raises:
        Invalid: the questions cannot be asked so.
        FormStale: somebody else changed it meanwhile.
    """
    kept = profiles.designed(questions)
    current = waiting.form(session)
    if current.version != version:
        raise FormStale
    made = session.scalar(
        insert(ProfileForm)
        .values(version=version + 1, questions=profiles.to_json(kept), made_by=by_staff, made_at=now)
        .on_conflict_do_nothing()
        .returning(ProfileForm.version)
    )
    if made is None:
        raise FormStale
    by = Actor("staff", by_staff)
    audit.record(session, "profile_form.changed", by=by, subject=("profile_form", made), now=now)
    return Form(made, kept)


def submit(
    session: Session,
    fan_id: int,
    typed: Mapping[str, str],
    *,
    account_id: int,
    key: uuid.UUID,
    now: dt.datetime,
) -> HandedIn:
    """Hand in a profile, once per `key`. One that waits is changed: a fan has one at a time.

    Records `patients.profile_submitted`.

    Raises:
        Invalid: an answer is missing or cannot be so.
        PhoneNotVerified: the form needs a phone, and the fan has proven none lately.
    """
    form = waiting.form(session)
    earlier = session.scalar(sa.select(ProfileSubmission).where(ProfileSubmission.key == key))
    if earlier is not None:
        return _again(earlier, fan_id)
    answers = _read(session, fan_id, form, typed, now=now)
    row = insert(ProfileSubmission).values(
        account_id=account_id,
        fan_id=fan_id,
        key=key,
        form_version=form.version,
        data=json.dumps(answers, ensure_ascii=False),
        state="waiting",
        version=1,
        submitted_at=now,
    )
    changes = {name: row.excluded[name] for name in ("key", "form_version", "data", "submitted_at")}
    made: ProfileSubmission | None = session.scalar(
        row.on_conflict_do_update(
            index_elements=["tenant_id", "fan_id"],
            index_where=sa.text("state = 'waiting'"),
            set_={**changes, "version": ProfileSubmission.version + 1},
            where=ProfileSubmission.key != row.excluded.key,
        ).returning(ProfileSubmission),
        execution_options={"populate_existing": True},
    )
    if made is None:  # a second tap, at the same moment
        found = session.scalars(sa.select(ProfileSubmission).where(ProfileSubmission.key == key)).one()
        return _again(found, fan_id)
    outbox.record(session, "patients.profile_submitted", now=now, submission_id=made.id, version=made.version)
    return HandedIn(made, is_news=True)


def create_from(session: Session, decision: Decision, *, now: dt.datetime) -> Patient:
    """Make a chart of a profile and bind it. Records `patients.profile_accepted`.

    Raises:
        NotFound: there is no such profile.
        ProfileDecided, ProfileChanged: somebody decided meanwhile, or the patient changed it.
    """
    row = _taken(session, decision)
    answers = waiting.answers(row)
    if "phone" in answers:
        hold_phone(session, answers["phone"])
    by = Actor("staff", decision.by_staff)
    new = NewChart(source="wechat", memo=decision.memo, **_fields(answers))
    chart = create_chart(session, new, by=by, now=now)
    _accept(session, row, chart, state="created", decision=decision, now=now)
    return chart


def attach(
    session: Session,
    decision: Decision,
    patient_id: int,
    *,
    replace: Collection[str] = (),
    now: dt.datetime,
) -> Patient:
    """Add a profile to a chart and bind that: fills what is empty, and of the rest only what `replace` names.

    Records `patients.profile_accepted`.

    Raises:
        NotFound: there is no such profile or patient.
        ChartMoved, ChartErased: the chart was merged into another, or erased.
        ProfileDecided, ProfileChanged: somebody decided meanwhile, or the patient changed it.
    """
    row = _taken(session, decision)
    chart = queries.locked(session, patient_id)
    by = Actor("staff", decision.by_staff)
    wanted = _completed(chart, _fields(waiting.answers(row)), replace)
    wanted = dataclasses.replace(wanted, memo=_added(chart.memo, decision.memo))
    change_chart(session, patient_id, wanted, version=chart.version, by=by, now=now)
    _accept(session, row, chart, state="attached", decision=decision, now=now)
    return chart


def reject(session: Session, decision: Decision, reason: str, *, now: dt.datetime) -> ProfileSubmission:
    """Say why a profile is not taken. Records `patients.profile_rejected`.

    Raises:
        NotFound: there is no such profile.
        NoReason: there is none, or it is too long.
        ProfileDecided, ProfileChanged: somebody decided meanwhile, or the patient changed it.
    """
    words = " ".join(reason.split())
    if not 0 < len(words) <= profiles.REASON_LENGTH:
        raise NoReason
    row = _taken(session, decision)
    row.state, row.reason = "rejected", words
    _decide(session, row, decision, now=now)
    outbox.record(session, "patients.profile_rejected", now=now, submission_id=row.id)
    return row


def conflicts(chart: Patient, answers: Mapping[str, str]) -> Sequence[str]:
    """Give the answers that differ from what a chart says, by the names of the questions."""
    kept = _kept(chart)
    fields = _fields(answers)
    return [
        key
        for key in profiles.OF_THE_CHART
        if key in answers and kept[_COLUMNS.get(key, key)] not in {None, fields[_COLUMNS.get(key, key)]}
    ]


def _kept(chart: Patient) -> dict[str, Any]:
    """Give what a chart says, by the names of `NewChart`."""
    return {name: getattr(chart, name) for name in (_COLUMNS.get(key, key) for key in profiles.OF_THE_CHART)}


def _completed(chart: Patient, answers: Mapping[str, Any], replace: Collection[str]) -> NewChart:
    """Give a chart with what was empty filled in, and with what may be replaced."""
    replaced = {_COLUMNS.get(key, key) for key in replace}
    kept = _kept(chart)
    fields = kept | {name: value for name, value in answers.items() if kept[name] is None or name in replaced}
    parts = None
    if fields["name"] == chart.name and chart.family_name is not None:
        parts = NameParts(chart.family_name, chart.middle_name or "", chart.given_name or "")
    return NewChart(
        source=chart.source,
        parts=parts,
        consultant_id=chart.consultant_id,
        on_treatment=chart.on_treatment,
        memo=chart.memo,
        **fields,
    )


def _added(memo: str, more: str) -> str:
    """Give a memo with the lines that it does not say already."""
    said = memo.splitlines()
    return "\n".join([*said, *(line for line in more.splitlines() if line not in said)])


def _again(row: ProfileSubmission, fan_id: int) -> HandedIn:
    if row.fan_id != fan_id:
        raise NotFound
    return HandedIn(row, is_news=False)


def _read(
    session: Session, fan_id: int, form: Form, typed: Mapping[str, str], *, now: dt.datetime
) -> dict[str, str]:
    verified = queries.verified_phone(session, fan_id)
    phone = verified.phone if verified and rules.still_proves(verified.at, now) else None
    if phone is None and any(each.key == "phone" and each.required for each in form.questions):
        raise PhoneNotVerified
    return profiles.read(
        form,
        typed,
        phone=phone,
        today=clock.local(now, tenancy.tenant(session).zone).date(),
        stores=[store.id for store in clinic.stores(session)],
        regions=rules.REGIONS,
    )


def _taken(session: Session, decision: Decision) -> ProfileSubmission:
    """Lock a profile that waits in the version that was on the screen."""
    row = session.get(
        ProfileSubmission,
        (session.tenant_id, decision.submission_id),
        with_for_update=True,
        populate_existing=True,
    )
    if row is None:
        raise NotFound(submission=decision.submission_id)
    if row.decided_by is not None:
        raise ProfileDecided(name=tenancy.staff_member(session, row.decided_by).name)
    if row.version != decision.version:
        raise ProfileChanged
    return row


def _decide(session: Session, row: ProfileSubmission, decision: Decision, *, now: dt.datetime) -> None:
    row.decided_at, row.decided_by = now, decision.by_staff
    session.flush()
    by = Actor("staff", decision.by_staff)
    subject = ("profile_submission", row.id)
    audit.record(session, f"profile.{row.state}", by=by, subject=subject, now=now)


def _accept(
    session: Session,
    row: ProfileSubmission,
    chart: Patient,
    *,
    state: str,
    decision: Decision,
    now: dt.datetime,
) -> None:
    row.state, row.patient_id = state, chart.id
    _decide(session, row, decision, now=now)
    by = Actor("staff", decision.by_staff)
    bind(session, fan_id=row.fan_id, patient_id=chart.id, how="profile", by=by, now=now)
    outbox.record(session, "patients.profile_accepted", now=now, submission_id=row.id)


def _fields(answers: Mapping[str, str]) -> dict[str, Any]:
    """Give the answers that a chart has fields for, by the names of `NewChart`."""
    found: dict[str, Any] = {key: answers[key] for key in profiles.OF_THE_CHART if key in answers}
    if "birth_date" in found:
        found["birth_date"] = dt.date.fromisoformat(found["birth_date"])
    if "store" in found:
        found["store_id"] = int(found.pop("store"))
    return found
