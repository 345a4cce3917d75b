"""Menus: saving a draft, publishing it, going back, and noting what WeChat shows.

Publishing is three steps, of which the middle one is without a transaction: `ask` (or `restore`)
writes a release, `sending.publish` talks to WeChat, `settle` writes what became of it. What is cut
off between them is settled by the next reading (`seen`), two minutes later at the latest.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.accounts.menus import queries, rules, shapes
from engage.accounts.menus.errors import ChangedElsewhere, NotReady, Publishing, Stale
from engage.accounts.menus.models import MenuDraft, MenuLive, MenuRelease
from engage.accounts.menus.rules import ELSEWHERE, NOT_TAKEN, QUEUE, Entries
from engage.accounts.menus.sending import Changed, Outcome, Refused, Taken
from engage.accounts.menus.shapes import Wire
from engage.audit import services as audit
from engage.audit.services import Actor
from engage.kernel import due
from engage.kernel.db import Session


def save(
    session: Session, account_id: int, entries: Entries, *, version: int, by: Actor, now: dt.datetime
) -> MenuDraft:
    """Save the draft; `version` is the one it was made from, 0 for the first. Repeating it is refused.

    Raises:
        Stale: the draft has another version by now.
    """
    kept = {
        "entries": rules.packed(entries),
        "version": version + 1,
        "saved_by": by.id if by.kind == "staff" else None,
        "saved_at": now,
    }
    written = _rewritten(account_id, version, kept) if version else _written(account_id, kept)
    saved: MenuDraft | None = session.scalar(written, execution_options={"populate_existing": True})
    if saved is None:
        raise Stale
    audit.record(session, "menu.saved", by=by, subject=("account", account_id), now=now)
    return saved


@dataclass(frozen=True, slots=True)
class Compared:
    """What somebody decided on: the draft's version, and the digest of the menu that WeChat showed."""

    version: int
    digest: str


def ask(
    session: Session, account_id: int, compared: Compared, *, pages: str, by: Actor, now: dt.datetime
) -> MenuRelease:
    """Write that the draft is to be published; `pages` is where the account's pages stand.

    Raises:
        Stale: the draft has another version by now.
        NotReady: something in it must be put right first.
        ChangedElsewhere: WeChat shows another menu than the one that was compared with.
        Publishing: a menu of the account is on its way.
    """
    draft = queries.draft(session, account_id)
    if draft is None or draft.version != compared.version:
        raise Stale
    return _ask(
        session, account_id, rules.unpacked(draft.entries), compared.digest, pages=pages, by=by, now=now
    )


def restore(
    session: Session,
    account_id: int,
    release_id: int,
    digest: str,
    *,
    pages: str,
    by: Actor,
    now: dt.datetime,
) -> MenuRelease:
    """Write that an earlier release is to be published again.

    The draft follows if nobody has worked on it since the release that it replaces.

    Raises:
        NotFound: the account has no such release.
        NotReady, ChangedElsewhere, Publishing: as `ask`.
    """
    earlier = queries.release(session, account_id, release_id)
    _compared(session, account_id, digest)
    now_live = queries.newest(session, account_id, "live")
    draft = queries.draft(session, account_id)
    entries = rules.unpacked(earlier.entries)
    if draft is not None and now_live is not None and draft.entries == now_live.entries:
        save(session, account_id, entries, version=draft.version, by=by, now=now)
    return _ask(session, account_id, entries, digest, pages=pages, by=by, now=now, restores_id=release_id)


def take_over(
    session: Session, account_id: int, compared: Compared, *, pages: str, by: Actor, now: dt.datetime
) -> MenuDraft:
    """Take the menu that WeChat shows into the draft, in place of what was there.

    Raises:
        Stale: the draft has another version by now.
        ChangedElsewhere: WeChat shows another menu than the one that was looked at.
    """
    live = _compared(session, account_id, compared.digest)
    draft = queries.draft(session, account_id)
    known = rules.unpacked(draft.entries) if draft else ()
    last = queries.last_published(session, account_id)
    entries = shapes.entries_of(live.wire, pages, [*known, *(rules.unpacked(last.entries) if last else ())])
    audit.record(session, "menu.taken_over", by=by, subject=("account", account_id), now=now)
    return save(session, account_id, entries, version=compared.version, by=by, now=now)


def settle(session: Session, release_id: int, outcome: Outcome, *, now: dt.datetime) -> None:
    """Write what became of a release; one of which nothing was heard stays on its way until a reading.

    Safe to repeat: what is settled stays so.
    """
    account_id = queries.account_of(session, release_id)
    _row(session, account_id, now=now)
    release = queries.held(session, release_id)
    match outcome:
        case Taken(shown=shown) if release.state == "pending":
            _taken(session, release, shown, now=now)
        case Changed(shown=shown):
            refused(session, release_id, ELSEWHERE, now=now)
            seen(session, account_id, shown, now=now)
        case Refused(errcode=errcode):
            refused(session, release_id, str(errcode), now=now)


def refused(session: Session, release_id: int, reason: str, *, now: dt.datetime) -> None:
    """WeChat did not take a release; `reason` is its error. Safe to repeat."""
    release = queries.held(session, release_id)
    if release.state == "pending":
        release.state, release.reason, release.settled_at = "failed", reason, now


def seen(session: Session, account_id: int, shown: Wire, *, now: dt.datetime) -> MenuLive:
    """Note what WeChat shows: a release of ours, or a menu made elsewhere. Safe to repeat.

    A release that was cut off on its way is live if it is what is shown, and has failed if it is not.
    """
    wire = shapes.shape(shown)
    digest = shapes.digest(wire)
    _row(session, account_id, now=now)
    pending = queries.newest(session, account_id, "pending")
    if pending is not None and pending.digest == digest:
        _go_live(session, pending, now=now)
    elif pending is not None and now - pending.asked_at >= rules.SETTLED_WITHIN:
        refused(session, pending.id, NOT_TAKEN, now=now)
    live = queries.newest(session, account_id, "live")
    if live is not None and live.digest != digest:
        live.state = "replaced"
        session.flush()
        live = None
    live = live or _once_live(session, account_id, digest)
    return _note(session, account_id, wire, now=now, release_id=live.id if live else None)


def unread(session: Session, account_id: int, failure: str, *, now: dt.datetime) -> None:
    """Note that WeChat could not be asked what it shows; `failure` is its error, empty for silence."""
    _row(session, account_id, now=now).failure = failure


def claim(session: Session, *, now: dt.datetime) -> int | None:
    """Take the account whose menu is to be read next; commit before reading it."""
    account_id = session.scalar(
        sa.select(MenuLive.account_id)
        .where(MenuLive.next_read_at <= now)
        .order_by(MenuLive.next_read_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if account_id is not None:
        read_next(session, account_id, at=now + rules.LEASE)
    return account_id


def read_next(session: Session, account_id: int, *, at: dt.datetime) -> None:
    """Say when the menu is read again; the worker's queue is marked by its drain."""
    session.execute(sa.update(MenuLive).where(MenuLive.account_id == account_id).values(next_read_at=at))


def next_at(session: Session) -> dt.datetime | None:
    """Give when the next menu is to be read."""
    return session.scalar(sa.select(sa.func.min(MenuLive.next_read_at)))


def _rewritten(account_id: int, version: int, kept: dict[str, Any]) -> sa.Executable:
    mine = (MenuDraft.account_id == account_id, MenuDraft.version == version)
    return sa.update(MenuDraft).where(*mine).values(kept).returning(MenuDraft)


def _written(account_id: int, kept: dict[str, Any]) -> sa.Executable:
    made = insert(MenuDraft).values(account_id=account_id, **kept)
    return made.on_conflict_do_nothing().returning(MenuDraft)


def _ask(
    session: Session,
    account_id: int,
    entries: Entries,
    digest: str,
    *,
    pages: str,
    by: Actor,
    now: dt.datetime,
    restores_id: int | None = None,
) -> MenuRelease:
    if rules.problems(entries):
        raise NotReady
    _compared(session, account_id, digest)
    wire = rules.wire(entries, pages)
    row = {
        "account_id": account_id,
        "entries": rules.packed(entries),
        "wire": wire,
        "digest": shapes.digest(wire),
        "state": "pending",
        "restores_id": restores_id,
        "asked_by": by.id if by.kind == "staff" else None,
        "asked_at": now,
    }
    # Of two at once the second waits for the first, then finds its row and adds none.
    added = insert(MenuRelease).values(row).on_conflict_do_nothing().returning(MenuRelease)
    release = session.scalar(added)
    if release is None:
        raise Publishing
    _look_again(session, account_id, at=now + rules.SETTLED_WITHIN)
    action = "menu.restored" if restores_id else "menu.published"
    audit.record(session, action, by=by, subject=("account", account_id), now=now)
    return release


def _compared(session: Session, account_id: int, digest: str) -> MenuLive:
    """Give what WeChat shows, locked, if it is what was compared with."""
    live = session.get(
        MenuLive, (session.tenant_id, account_id), with_for_update=True, populate_existing=True
    )
    if live is None or live.digest != digest:
        raise ChangedElsewhere
    return live


def _look_again(session: Session, account_id: int, *, at: dt.datetime) -> None:
    sooner = sa.func.least(MenuLive.next_read_at, at)
    session.execute(sa.update(MenuLive).where(MenuLive.account_id == account_id).values(next_read_at=sooner))
    due.mark(session, QUEUE, at=at)


def _go_live(session: Session, release: MenuRelease, *, now: dt.datetime) -> None:
    session.execute(
        sa.update(MenuRelease)
        .where(MenuRelease.account_id == release.account_id, MenuRelease.state == "live")
        .values(state="replaced")
    )
    release.state, release.settled_at = "live", now
    session.flush()


def _once_live(session: Session, account_id: int, digest: str) -> MenuRelease | None:
    """Give the release that WeChat shows again after another menu was there for a while."""
    found = session.scalar(
        sa.select(MenuRelease)
        .where(
            MenuRelease.account_id == account_id,
            MenuRelease.state == "replaced",
            MenuRelease.digest == digest,
        )
        .order_by(MenuRelease.id.desc())
        .limit(1)
    )
    if found is not None:
        found.state = "live"
    return found


def _taken(session: Session, release: MenuRelease, shown: Wire | None, *, now: dt.datetime) -> None:
    """WeChat took a release, and shows `shown` for it, if it could be read back."""
    _go_live(session, release, now=now)
    wire = shapes.shape(shown if shown is not None else release.wire)
    release.digest = shapes.digest(wire)
    _note(session, release.account_id, wire, now=now, release_id=release.id)


def _row(session: Session, account_id: int, *, now: dt.datetime) -> MenuLive:
    """Give the row of what WeChat shows, locked; made if there is none, and read daily from then on."""
    tomorrow = now + rules.READ_EVERY
    empty: dict[str, Any] = {"wire": [], "digest": shapes.NONE, "next_read_at": tomorrow}
    made = insert(MenuLive).values(account_id=account_id, **empty).on_conflict_do_nothing()
    if session.scalar(made.returning(MenuLive.account_id)) is not None:
        due.mark(session, QUEUE, at=tomorrow)
    key = (session.tenant_id, account_id)
    return session.get_one(MenuLive, key, with_for_update=True, populate_existing=True)


def _note(
    session: Session, account_id: int, wire: Wire, *, now: dt.datetime, release_id: int | None
) -> MenuLive:
    row = _row(session, account_id, now=now)
    row.wire, row.digest, row.read_at = wire, shapes.digest(wire), now
    row.release_id, row.failure = release_id, None
    session.flush()
    return row
