"""Reading fans."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from engage.accounts import queries as accounts
from engage.fans import rules
from engage.fans.models import Fan, FanSession, FanTag, FanTask, FanTerm, Tag, TagGroup
from engage.kernel import leases
from engage.kernel.db import TENANT, Session, read_alone, scoped
from engage.kernel.errors import NotFound
from engage.kernel.leases import Backlog
from engage.kernel.paging import SIZE, Keyset, Page
from engage.tenancy import queries as tenancy

NAMES_READ = 20_000

# The orders of the list, and the one it has by itself.
ORDERS: Final = {
    "contact": Keyset((Fan.last_seen_at, Fan.id), descending=True),
    "new": Keyset((Fan.first_seen_at, Fan.id), descending=True),
}
ORDER: Final = "contact"

# Why somebody is not written to, as the reason of a message: no consent (any more), or no follower.
_CLOSED: Final = sa.case((Fan.following.is_(False), "not_following"), (Fan.muted_at.is_not(None), "muted"))

# Beyond that, how many have a tag, or match, is said roughly.
COUNTED: Final = 1000
SOME: Final = 100_000


@dataclass(frozen=True, slots=True)
class Group:
    """A group of tags with its live tags, in order."""

    id: int
    name: str
    version: int
    tags: Sequence[Tag]


def fan(session: Session, fan_id: int) -> Fan:
    """Give one fan.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(Fan, (session.tenant_id, fan_id))
    if found is None:
        raise NotFound(fan=fan_id)
    return found


def follows(session: Session, fan_id: int) -> bool:
    """Whether a fan follows, as it is now in the database."""
    return bool(session.scalar(sa.select(Fan.following).where(Fan.id == fan_id)))


def followed_before() -> sa.Exists:
    """Build whether we were told of a follow or leave of somebody before a statement that tells of one.

    It takes its values by the names of `services.values_of`. Who was only seen never followed before: a
    scan that overtakes the follow shows a follower, but not an earlier one.
    """
    known = (Fan.account_id == sa.bindparam("account_id"), Fan.openid == sa.bindparam("openid"))
    return sa.exists().where(*known, Fan.follow_changed_at.is_not(None))


def has_followed(session: Session, account_id: int, openid: str) -> bool:
    """Whether we were told before that somebody follows an account, or left it."""
    return bool(session.scalar(sa.select(followed_before()), {"account_id": account_id, "openid": openid}))


def by_ids(session: Session, ids: Collection[int]) -> Mapping[int, Fan]:
    """Give fans by their ids, in one statement."""
    return {row.id: row for row in session.scalars(sa.select(Fan).where(Fan.id.in_(ids)))}


def by_openid(session: Session, account_id: int, openid: str) -> Fan | None:
    """Give the fan of an account with an openid, if there is one."""
    return session.scalar(sa.select(Fan).where(Fan.account_id == account_id, Fan.openid == openid))


def nicknames(session: Session, who: Collection[tuple[int, str]]) -> Mapping[tuple[int, str], str]:
    """Give the names that are known of people, by account and openid, in one statement."""
    found = sa.select(Fan.account_id, Fan.openid, Fan.nickname).where(
        sa.tuple_(Fan.account_id, Fan.openid).in_(who)
    )
    return {(account_id, openid): name for account_id, openid, name in session.execute(found) if name}


def names_of(session: Session, fan_ids: Collection[int]) -> Mapping[int, str]:
    """Give the names that are known of fans, in one statement."""
    found = sa.select(Fan.id, Fan.nickname).where(Fan.id.in_(fan_ids))
    return {fan_id: name for fan_id, name in session.execute(found) if name}


def openids(session: Session, fan_ids: Sequence[int]) -> Mapping[int, str]:
    """Give the openids of fans, in one statement however many they are."""
    these = sa.literal(list(fan_ids), ARRAY(sa.BigInteger))
    found = session.execute(sa.select(Fan.id, Fan.openid).where(Fan.id == sa.any_(these)))
    return {row[0]: row[1] for row in found}


def unionids(session: Session, fan_ids: Collection[int]) -> Mapping[int, bytes]:
    """Give the keyed indexes of the unionids that WeChat told of some fans, by fan."""
    known = sa.select(Fan.id, Fan.unionid_index).where(Fan.id.in_(fan_ids), Fan.unionid_index.is_not(None))
    return {fan_id: index for fan_id, index in session.execute(known) if index is not None}


def looked_up(fan_id: sa.ColumnElement[int]) -> sa.FromClause:
    """Build a look at the fan whom each row of a statement names: `account_id`, and what is `closed`.

    By the key, row for row: a join may read all fans of an account instead, once they are many.
    """
    look = sa.select(Fan.account_id, _CLOSED.label("closed")).where(Fan.id == fan_id)
    return look.limit(1).lateral("looked_up")


def closed(fan_id: Any) -> sa.ScalarSelect[str | None]:
    """Build a look at why the fan whom each row of a statement names is not to be written to, if so."""
    return sa.select(_CLOSED).where(Fan.id == fan_id).scalar_subquery()


def closed_of(session: Session, fan_ids: Collection[int]) -> Mapping[int, str]:
    """Give those of some fans who are not to be written to, and why, in one statement."""
    found = session.execute(sa.select(Fan.id, _CLOSED).where(Fan.id.in_(fan_ids), _CLOSED.is_not(None)))
    return {row[0]: row[1] for row in found}


def accounts_and_openids(session: Session, fan_ids: Collection[int]) -> frozenset[tuple[int, str]]:
    """Give how WeChat names some fans, each with its account."""
    found = session.execute(sa.select(Fan.account_id, Fan.openid).where(Fan.id.in_(fan_ids)))
    return frozenset((row.account_id, row.openid) for row in found)


def new_by_week(
    session: Session, *, begin: dt.datetime, end: dt.datetime, zone: str
) -> Mapping[dt.date, int]:
    """Give how many people were seen first in each local week of an interval, by its Monday."""
    week = sa.cast(sa.func.date_trunc("week", sa.func.timezone(zone, Fan.first_seen_at)), sa.Date)
    statement = (
        sa.select(week.label("monday"), sa.func.count().label("people"))
        .where(Fan.first_seen_at >= begin, Fan.first_seen_at < end)
        .group_by(week)
    )
    return {row.monday: row.people for row in session.execute(statement)}


def following(account_id: int | None) -> sa.Select[int, int]:
    """Build the statement that gives who follows an account (None: any), as `fan_id` and `account_id`."""
    found = sa.select(Fan.id.label("fan_id"), Fan.account_id.label("account_id")).where(Fan.following)
    return found if account_id is None else found.where(Fan.account_id == account_id)


def named(session: Session, words: str, among: sa.Select[int], *, limit: int) -> Sequence[int]:
    """Give fans whose name holds the words, of some, in the order of their ids.

    Names are sealed, so they are read one after the other: `NAMES_READ` at most, those seen last.
    """
    wished = words.casefold()
    named_fans = session.execute(
        sa.select(Fan.id, Fan.nickname)
        .where(Fan.id.in_(among), Fan.nickname.is_not(None))
        .order_by(Fan.last_seen_at.desc())
        .limit(NAMES_READ)
    )
    return sorted(fan_id for fan_id, name in named_fans if wished in (name or "").casefold())[:limit]


def of_session(session: Session, token_digest: str, *, account_id: int, now: dt.datetime) -> Fan | None:
    """Give the fan who is logged in to an account's pages with a cookie."""
    return session.scalar(
        sa.select(Fan)
        .join(FanSession, (FanSession.tenant_id == Fan.tenant_id) & (FanSession.fan_id == Fan.id))
        .where(
            FanSession.token_digest == token_digest,
            FanSession.expires_at > now,
            Fan.account_id == account_id,
        )
    )


@dataclass(frozen=True, slots=True)
class Caller:
    """A fan who is logged in to an account's pages, and whose pages they are."""

    fan_id: int
    ask_profile_at: dt.datetime | None
    account_id: int
    account_slug: str
    house: Mapping[str, Any]


def caller(token_digest: str, *, slug: str, now: dt.datetime) -> Caller | None:
    """Give who is logged in with a cookie to the pages of the tenant's account at an address.

    It comes with every page of patients, so that it is one statement (`kernel.db.read_alone`).

    Raises:
        psycopg.Error: the database is away.
    """
    row = read_alone(_CALLER, {"token_digest": token_digest, "slug": slug, "now": now})
    if row is None:
        return None
    house = {name: getattr(row, f"house_{name}") for name in tenancy.SHOWN}
    return Caller(row.fan_id, row.ask_profile_at, row.account_id, row.account_slug, house)


def _calling() -> sa.Select[Any]:
    """Build it as a chain of look-ups of one row each: none reads more, whatever PostgreSQL expects."""
    one: sa.ColumnElement[int] = sa.literal_column("1")
    sessions, fans = (cast("sa.Table", model.__table__) for model in (FanSession, Fan))
    accounts_by, houses = accounts.addressed(), tenancy.shown()
    login = (
        sa.select(sessions.c.tenant_id, sessions.c.fan_id)
        .where(
            sessions.c.tenant_id == TENANT,
            sessions.c.token_digest == sa.bindparam("token_digest", type_=sa.Text),
            sessions.c.expires_at > sa.bindparam("now", type_=sa.DateTime(timezone=True)),
        )
        .limit(one)
        .subquery("login")
    )
    fan = (
        sa.select(fans.c.tenant_id, fans.c.id, fans.c.ask_profile_at, fans.c.account_id)
        .where(fans.c.tenant_id == login.c.tenant_id, fans.c.id == login.c.fan_id)
        .limit(one)
        .lateral("fan")
    )
    account = (
        sa.select(accounts_by)
        .where(accounts_by.c.tenant_id == fan.c.tenant_id, accounts_by.c.id == fan.c.account_id)
        .limit(one)
        .lateral("its_account")
    )
    return (
        sa.select(
            fan.c.id.label("fan_id"),
            fan.c.ask_profile_at,
            account.c.id.label("account_id"),
            account.c.slug.label("account_slug"),
            *(houses.c[name].label(f"house_{name}") for name in tenancy.SHOWN),
        )
        .select_from(login)
        .join(fan, sa.true())
        .join(account, account.c.slug == sa.bindparam("slug", type_=sa.Text))
        .join(houses, houses.c.id == login.c.tenant_id)
    )


_CALLER: Final = scoped(_calling())


def locked(session: Session, fan_id: int) -> Fan:
    """Give one fan, whom nobody else changes until the transaction ends.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.scalar(sa.select(Fan).where(Fan.id == fan_id).with_for_update(key_share=True))
    if found is None:
        raise NotFound(fan=fan_id)
    return found


def lock_all(session: Session, fan_ids: Collection[int]) -> None:
    """Let nobody else change some fans until the transaction ends; locked in the order of their ids."""
    these = sa.literal(list(fan_ids), ARRAY(sa.BigInteger))
    rows = sa.select(Fan.id).where(Fan.id == sa.any_(these)).order_by(Fan.id)
    session.execute(rows.with_for_update(key_share=True)).all()


def page(
    session: Session, among: sa.Select[int, int], *, order: str = ORDER, cursor: str | None, size: int = SIZE
) -> Page[Fan]:
    """Give a page of the fans of a statement on fans (`choosing.chosen`), in one of the `ORDERS`.

    The statement's own conditions are asked while the index is read in order: no join with itself.
    """
    keyset = ORDERS[order]
    rows = session.scalars(keyset.statement(among.with_only_columns(Fan), cursor, size)).all()
    return keyset.page(rows, size)


def count_some(session: Session, among: sa.Select[int, int]) -> int:
    """Count a statement on fans up to `SOME`, and one more if there are more."""
    some = among.limit(SOME + 1).subquery()
    return session.scalars(sa.select(sa.func.count()).select_from(some)).one()


def ids_after(session: Session, among: sa.Select[int, int], after: int, *, limit: int) -> Sequence[int]:
    """Give the next ids of a statement on fans, in their order."""
    mine = among.with_only_columns(Fan.id).where(Fan.id > after)
    return session.scalars(mine.order_by(Fan.id).limit(limit)).all()


def search(session: Session, words: str, *, limit: int) -> Sequence[Fan]:
    """Find fans by the beginning of nickname or remark, or of their later characters, as written or in
    letters (wxh), or by the short code; the exact one first.
    """
    asked = " ".join(words.casefold().split())
    if not asked:
        return []
    found = (
        sa.select(FanTerm.fan_id)
        .where(FanTerm.term >= asked, FanTerm.term < asked + "\U0010ffff")
        .order_by(FanTerm.term, FanTerm.fan_id)
        .limit(limit * 4)  # one fan may be found by several
    )
    coded = rules.fan_of_code(asked)
    ids = dict.fromkeys(([] if coded is None else [coded]) + list(session.scalars(found)))
    known = by_ids(session, ids)
    return [known[fan_id] for fan_id in ids if fan_id in known][:limit]


def has_sent(session: Session, fan_id: int) -> bool:
    """Whether others came because a fan sent them."""
    return bool(session.scalar(sa.select(sa.exists().where(Fan.referrer_fan_id == fan_id))))


def tag_groups(session: Session) -> Sequence[Group]:
    """Give all groups and their tags, in order, in two statements."""
    below: dict[int, list[Tag]] = defaultdict(list)
    for tag in session.scalars(
        sa.select(Tag).where(Tag.archived_at.is_(None)).order_by(Tag.position, Tag.id)
    ):
        below[tag.group_id].append(tag)
    groups = session.scalars(
        sa.select(TagGroup).where(TagGroup.archived_at.is_(None)).order_by(TagGroup.position, TagGroup.id)
    )
    return [Group(group.id, group.name, group.version, below[group.id]) for group in groups]


def tag(session: Session, tag_id: int) -> Tag:
    """Give one tag that was not deleted.

    Raises:
        NotFound: there is none.
    """
    found = session.scalar(sa.select(Tag).where(Tag.id == tag_id, Tag.archived_at.is_(None)))
    if found is None:
        raise NotFound(tag=tag_id)
    return found


def tag_group(session: Session, group_id: int) -> TagGroup:
    """Give one group that was not deleted.

    Raises:
        NotFound: there is none.
    """
    found = session.scalar(sa.select(TagGroup).where(TagGroup.id == group_id, TagGroup.archived_at.is_(None)))
    if found is None:
        raise NotFound(group=group_id)
    return found


def tags(session: Session, tag_ids: Collection[int]) -> Mapping[int, Tag]:
    """Give tags by their ids, also deleted ones, in one statement."""
    return {row.id: row for row in session.scalars(sa.select(Tag).where(Tag.id.in_(tag_ids)))}


def tag_names(session: Session, tag_ids: Collection[int]) -> Mapping[int, str]:
    """Give the names of tags by their ids, also of deleted ones; none where nobody is asked for."""
    if not tag_ids:
        return {}
    found = sa.select(Tag.id, Tag.name).where(Tag.id.in_(tag_ids))
    return {tag_id: name for tag_id, name in session.execute(found)}  # noqa: C416 a row is no pair to mypy


def tags_of(session: Session, fan_ids: Collection[int]) -> Mapping[int, Sequence[Tag]]:
    """Give the tags of fans, in the order of groups and tags, in one statement."""
    these = sa.literal(list(fan_ids), ARRAY(sa.BigInteger))
    found: dict[int, list[Tag]] = defaultdict(list)
    rows = session.execute(
        sa.select(FanTag.fan_id, Tag)
        .join(Tag, (Tag.tenant_id == FanTag.tenant_id) & (Tag.id == FanTag.tag_id))
        .join(TagGroup, (TagGroup.tenant_id == Tag.tenant_id) & (TagGroup.id == Tag.group_id))
        .where(FanTag.fan_id == sa.any_(these), Tag.archived_at.is_(None))
        .order_by(TagGroup.position, TagGroup.id, Tag.position, Tag.id)
    )
    for fan_id, one in rows:
        found[fan_id].append(one)
    return found


def tag_counts(session: Session) -> Mapping[int, int]:
    """Give how many fans have each tag, counted up to `COUNTED`."""
    some = (
        sa.select(sa.literal(1).label("one"))
        .where(FanTag.tenant_id == Tag.tenant_id, FanTag.tag_id == Tag.id)
        .order_by(FanTag.fan_id)  # by the key: a tag that nobody has is not looked for among all
        .limit(COUNTED)
        .lateral("some")
    )
    counted = (
        sa.select(Tag.id, sa.func.count(some.c.one))
        .join(some, sa.true(), isouter=True)
        .where(Tag.archived_at.is_(None))
        .group_by(Tag.id)
    )
    return {row[0]: row[1] for row in session.execute(counted)}


def task(session: Session, task_id: int) -> FanTask:
    """Give one task.

    Raises:
        NotFound: there is none with this id in the tenant.
    """
    found = session.get(FanTask, (session.tenant_id, task_id))
    if found is None:
        raise NotFound(fan_task=task_id)
    return found


def tasks_of(session: Session, staff_id: int, *, limit: int) -> Sequence[FanTask]:
    """Give what a member of staff asked for last, latest first."""
    mine = sa.select(FanTask).where(FanTask.made_by == staff_id)
    return session.scalars(mine.order_by(FanTask.id.desc()).limit(limit)).all()


def tasks_backlog(session: Session) -> Backlog:
    """Give how the queue of work on many stands."""
    failed = sa.select(sa.func.count()).where(FanTask.state == "failed")
    return Backlog(rules.QUEUE, *leases.waiting(session, FanTask, rules.QUEUE), session.scalar(failed) or 0)
