"""Channel codes are made, changed, retired and taken back into use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from engage.accounts import queries as accounts
from engage.accounts.rules import has_signs, wrong_text
from engage.audit import services as audit
from engage.audit.services import Actor
from engage.clinic import queries as clinic
from engage.kernel.db import Session
from engage.kernel.errors import N_, Invalid
from engage.qrcodes import queries, rules
from engage.qrcodes.errors import GivenAway, HasCode, Stale
from engage.qrcodes.models import ChannelCode, ChannelCodeTag, PermanentCodes, SceneUse
from engage.qrcodes.services import tickets

# What an edit may change; account, kind and permanence stay.
_CHANGED = ("name", "caption", "store_id", "consultant_id", "welcome", "cost_minor", "note")


@dataclass(frozen=True, slots=True)
class NewCode:
    """What the form of a code holds; `permanent` is a wish, for an account may have none left."""

    account_id: int
    kind: str
    name: str
    caption: str = ""
    permanent: bool = True
    store_id: int | None = None
    consultant_id: int | None = None
    welcome: str = ""
    cost_minor: int | None = None
    note: str = ""
    tag_ids: Collection[int] = ()


def create(session: Session, new: NewCode, *, by: Actor, now: dt.datetime) -> ChannelCode:
    """Make a code; WeChat is asked for its ticket by a worker.

    A permanent one takes over the scene of a code that was retired long ago, before a new one is taken of
    the account's; where none is left it becomes temporary.

    Raises:
        NotFound: there is no such account.
        HasCode: the store has a code of the account.
        Invalid: fields are wrong.
    """
    accounts.account(session, new.account_id)
    _check(new)
    reused = _take_over(session, new.account_id, now=now) if new.permanent else None
    permanent = new.permanent and (reused is not None or _take_one(session, new.account_id))
    code = _insert(session, new, reused or rules.new_scene(), permanent=permanent, now=now)
    session.add(SceneUse(account_id=code.account_id, scene=code.scene, code_id=code.id, from_at=now))
    _set_tags(session, code.id, new.tag_ids)
    audit.record(session, "channel_code.created", by=by, subject=("channel_code", code.id), now=now)
    session.flush()
    tickets.ask(session, code.id, at=now, now=now)
    return code


def create_for_stores(session: Session, account_id: int, *, by: Actor, now: dt.datetime) -> int:
    """Make a code for every store of an account that has none; gives how many. Repeating makes none.

    Raises:
        NotFound: there is no such account.
    """
    account = accounts.account(session, account_id)
    known = queries.of_stores(session)
    without = [
        store
        for store in clinic.stores(session)
        if account.store_id in {None, store.id} and (account_id, store.id) not in known
    ]
    for store in without:
        new = NewCode(
            account_id,
            rules.STORE,
            store.name[: rules.NAME_LENGTH],
            caption=store.short_name[: rules.CAPTION_LENGTH],
            store_id=store.id,
        )
        create(session, new, by=by, now=now)
    return len(without)


def edit(
    session: Session, code_id: int, changed: NewCode, *, version: int, by: Actor, now: dt.datetime
) -> ChannelCode:
    """Change a code. Its account, its kind, its scene and the store of a store code stay.

    Raises:
        NotFound: no such code.
        Stale: it was changed since `version`.
        Invalid: fields are wrong.
    """
    _check(changed)
    code = queries.locked(session, code_id)
    if code.version != version:
        raise Stale
    names = [name for name in _CHANGED if name != "store_id" or code.kind != rules.STORE]
    fields = [name for name in names if getattr(code, name) != getattr(changed, name)]
    for name in fields:
        setattr(code, name, getattr(changed, name))
    if frozenset(changed.tag_ids) != queries.tag_ids(session, [code_id]).get(code_id, frozenset()):
        _set_tags(session, code_id, changed.tag_ids)
        fields.append("tags")
    if fields:
        code.version += 1
        subject = ("channel_code", code_id)
        audit.record(session, "channel_code.updated", by=by, subject=subject, now=now, fields=fields)
    session.flush()
    return code


def retire(session: Session, code_id: int, *, by: Actor, now: dt.datetime) -> ChannelCode:
    """Take a code out of use: it greets nobody and gives nothing more, its scans still count.

    Repeating changes nothing.

    Raises:
        NotFound: no such code.
    """
    code = queries.locked(session, code_id)
    if code.state == rules.ACTIVE:
        code.state, code.retired_at = rules.RETIRED, now
        code.version += 1
        tickets.drop(session, code_id)
        audit.record(session, "channel_code.retired", by=by, subject=("channel_code", code_id), now=now)
        session.flush()
    return code


def restore(session: Session, code_id: int, *, by: Actor, now: dt.datetime) -> ChannelCode:
    """Take a retired code back into use. Repeating changes nothing.

    Raises:
        NotFound: no such code.
        GivenAway: its scene leads to another code by now.
        HasCode: its store has another code by now.
    """
    code = queries.locked(session, code_id)
    if code.state == rules.ACTIVE:
        return code
    if not _still_leads_here(session, code_id):
        raise GivenAway
    try:
        with session.begin_nested():
            code.state, code.retired_at = rules.ACTIVE, None
            code.version += 1
            session.flush()
    except sa.exc.IntegrityError as error:
        raise HasCode from error
    audit.record(session, "channel_code.restored", by=by, subject=("channel_code", code_id), now=now)
    if queries.tickets(session, [code_id]).get(code_id) is None or not code.permanent:
        tickets.ask(session, code_id, at=now, now=now)
    return code


def _insert(session: Session, new: NewCode, scene: str, *, permanent: bool, now: dt.datetime) -> ChannelCode:
    statement = (
        insert(ChannelCode)
        .values(
            account_id=new.account_id,
            kind=new.kind,
            scene=scene,
            permanent=permanent,
            state=rules.ACTIVE,
            version=1,
            created_at=now,
            **{name: getattr(new, name) for name in _CHANGED},
        )
        .on_conflict_do_nothing(
            index_elements=["tenant_id", "account_id", "store_id"],
            index_where=sa.text("kind = 'store' AND state = 'active'"),
        )
        .returning(ChannelCode)
    )
    code = session.scalars(statement).one_or_none()
    if code is None:
        raise HasCode(store=new.store_id)
    return code


def _take_over(session: Session, account_id: int, *, now: dt.datetime) -> str | None:
    """End the use of a scene that rests long enough; gives it, None where there is none.

    Two who make codes at once get different ones: who finds a row locked looks further.
    """
    use = session.scalar(queries.reusable(account_id, now).limit(1).with_for_update(skip_locked=True))
    if use is None:
        return None
    use.until_at = now
    session.flush()
    return use.scene


def _take_one(session: Session, account_id: int) -> bool:
    """Take one of the account's permanent codes; False where none is left."""
    table = PermanentCodes
    is_left = (table.used < rules.PERMANENT_AT_MOST) & table.used_up_at.is_(None)
    statement = (
        insert(table)
        .values(account_id=account_id, used=1)
        .on_conflict_do_update(
            index_elements=["tenant_id", "account_id"], set_={"used": table.used + 1}, where=is_left
        )
        .returning(table.used)
    )
    return session.scalar(statement) is not None


def _still_leads_here(session: Session, code_id: int) -> bool:
    """Whether the code's scene is its own still; locked, so that nobody takes it over meanwhile."""
    use = sa.select(SceneUse).where(SceneUse.code_id == code_id, SceneUse.until_at.is_(None))
    return session.scalar(use.with_for_update()) is not None


def _set_tags(session: Session, code_id: int, tag_ids: Collection[int]) -> None:
    session.execute(sa.delete(ChannelCodeTag).where(ChannelCodeTag.code_id == code_id))
    session.add_all(ChannelCodeTag(code_id=code_id, tag_id=tag_id) for tag_id in sorted(set(tag_ids)))


def _check(new: NewCode) -> None:
    wrong = {}
    if not 0 < len(new.name) <= rules.NAME_LENGTH:
        wrong["name"] = [N_("Please give a name of up to 40 characters.")]
    if len(new.caption) > rules.CAPTION_LENGTH:
        wrong["caption"] = [N_("Please keep the caption under 25 characters.")]
    if new.kind == rules.STORE and new.store_id is None:
        wrong["store_id"] = [N_("Please choose the store.")]
    if sentence := wrong_text(new.welcome):
        wrong["welcome"] = [sentence]
    if has_signs(new.note):
        wrong["note"] = [N_("Please leave out special characters.")]
    if len(set(new.tag_ids)) > rules.TAGS_AT_MOST:
        wrong["tags"] = [N_("Please choose up to 20 tags.")]
    if wrong:
        raise Invalid(wrong)
