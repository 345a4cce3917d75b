"""Fans ask for a copy of their data, or for erasure; staff do it, or say why not (PT-8)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import outbox
from engage.kernel.db import Session
from engage.kernel.errors import N_, Invalid, NotFound
from engage.kernel.people import among
from engage.privacy import rules
from engage.privacy.errors import RequestDecided
from engage.privacy.models import PrivacyRequest


def ask(session: Session, fan_id: int, kind: str, *, now: dt.datetime) -> None:
    """A fan asks for something; while it waits, a repeat changes nothing. Records `privacy.requested`.

    Raises:
        Invalid: there is nothing of this kind to ask for.
    """
    if kind not in rules.REQUESTS:
        raise Invalid({"kind": [N_("Please choose what you ask for.")]})
    made = session.scalar(
        insert(PrivacyRequest)
        .values(fan_id=fan_id, kind=kind, state="waiting", asked_at=now)
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "fan_id", "kind"],
            index_where=PrivacyRequest.state == sa.literal_column("'waiting'"),
        )
        .returning(PrivacyRequest.id)
    )
    if made is not None:
        outbox.record(session, "privacy.requested", now=now, fan_id=fan_id, request_id=made, kind=kind)


def decide(session: Session, request_id: int, state: str, *, by: Actor, now: dt.datetime) -> None:
    """Staff say what became of a request: `done` or `declined`.

    Raises:
        NotFound: there is no such request.
        Invalid: nothing else can become of it.
        RequestDecided: somebody was faster.
    """
    request = session.get(PrivacyRequest, (session.tenant_id, request_id), with_for_update=True)
    if request is None:
        raise NotFound(request=request_id)
    if state not in ("done", "declined"):
        raise Invalid({"state": [N_("Please choose what became of the request.")]})
    if request.state != "waiting":
        raise RequestDecided
    request.state, request.decided_at, request.decided_by = state, now, by.id
    audit.record(session, f"privacy.request_{state}", by=by, subject=("fan", request.fan_id), now=now)


def fulfil(session: Session, fan_ids: Collection[int], kind: str, *, by: Actor, now: dt.datetime) -> None:
    """What some fans asked for is being done."""
    session.execute(
        sa.update(PrivacyRequest)
        .where(
            among(PrivacyRequest.fan_id, fan_ids),
            PrivacyRequest.kind == kind,
            PrivacyRequest.state == "waiting",
        )
        .values(state="done", decided_at=now, decided_by=by.id)
        .execution_options(synchronize_session=False)
    )
