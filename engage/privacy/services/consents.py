"""The clinic's notice, and who agrees to it: without consent nobody is written to (PT-8)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.audit import services as audit
from engage.audit.services import Actor
from engage.fans import services as fans
from engage.kernel import outbox
from engage.kernel.db import Session
from engage.privacy import queries, rules
from engage.privacy.errors import NoticeUnwritten
from engage.privacy.models import Consent, Notice


def write_notice(session: Session, text: str, *, by: Actor, now: dt.datetime) -> Notice:
    """Publish a wording of the privacy notice; the same words again stay the version they are.

    Raises:
        NoticeUnwritten: nothing was written, or too much.
    """
    words = text.strip().replace("\r\n", "\n")
    if not 0 < len(words) <= rules.NOTICE_LENGTH:
        raise NoticeUnwritten(most=rules.NOTICE_LENGTH)
    latest = queries.notice(session)
    if latest is not None and latest.text == words:
        return latest
    version = latest.version + 1 if latest else 1
    notice = Notice(version=version, text=words, written_at=now, written_by=by.id)
    session.add(notice)
    audit.record(session, "privacy.notice_written", by=by, subject=("notice", version), now=now)
    session.flush()
    return notice


def give(session: Session, fan_id: int, *, now: dt.datetime) -> None:
    """A fan agrees to the notice as it is now, and may be written to again; a repeat changes nothing.

    Records `privacy.consented`, once per consent.
    """
    latest = queries.notice(session)
    version = latest.version if latest else 0
    standing = queries.consent(session, fan_id)
    if standing is not None and standing.notice_version < version:
        _end(session, fan_id, now=now)
    made = session.scalar(
        insert(Consent)
        .values(fan_id=fan_id, notice_version=version, given_at=now)
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "fan_id"], index_where=Consent.withdrawn_at.is_(None)
        )
        .returning(Consent.id)
    )
    fans.unmute(session, fan_id)
    if made is not None:
        audit.record(session, "fan.consented", by=Actor("fan", fan_id), subject=("fan", fan_id), now=now)
        outbox.record(session, "privacy.consented", now=now, fan_id=fan_id, consent_id=made)


def withdraw(session: Session, fan_id: int, *, now: dt.datetime) -> None:
    """A fan takes consent back: from the commit on no message goes out. A repeat changes nothing.

    Records `privacy.withdrawn`, once.
    """
    ended = _end(session, fan_id, now=now)
    muted = fans.mute(session, fan_id, now=now)
    if ended is not None or muted:
        audit.record(session, "fan.withdrew", by=Actor("fan", fan_id), subject=("fan", fan_id), now=now)
        outbox.record(session, "privacy.withdrawn", now=now, fan_id=fan_id)


def _end(session: Session, fan_id: int, *, now: dt.datetime) -> int | None:
    return session.scalar(
        sa.update(Consent)
        .where(Consent.fan_id == fan_id, Consent.withdrawn_at.is_(None))
        .values(withdrawn_at=sa.func.greatest(Consent.given_at, now))
        .returning(Consent.id)
        .execution_options(synchronize_session=False)
    )
