"""What audiences keep of people follows charts and bindings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from engage.audiences.models import AudiencePerson
from engage.kernel.db import Session
from engage.patients import choosing as patients

# Sex, region and month of birth as they are kept: empty, or 0, where they are unknown.
Kept = tuple[str, str, int]
UNKNOWN: Kept = ("", "", 0)


def recompute(session: Session, fan_ids: Collection[int]) -> None:
    """Write down anew for whom fans speak. Idempotent: what is right already stays as it is.

    One transaction at a time does it for a fan, so that what is read first is not written last.
    """
    if not fan_ids:
        return
    _hold(session, fan_ids)
    wished, kept = _known(session, fan_ids), _kept(session, fan_ids)
    gone = [(fan_id, *one) for fan_id in kept for one in kept[fan_id] - wished.get(fan_id, set())]
    new = [(fan_id, *one) for fan_id in wished for one in wished[fan_id] - kept.get(fan_id, set())]
    if gone:
        session.execute(
            sa.delete(AudiencePerson)
            .where(sa.tuple_(*_COLUMNS).in_(sorted(gone)))
            .execution_options(synchronize_session=False)
        )
    if new:
        names = [column.key for column in _COLUMNS]
        rows = [dict(zip(names, row, strict=True)) for row in sorted(new)]
        session.execute(insert(AudiencePerson).on_conflict_do_nothing(), rows)


def recompute_from(session: Session, *, after: int, limit: int) -> Sequence[int]:
    """Write down anew for whom some fans speak, the next after the id `after`; gives who they are."""
    fan_ids = patients.speakers(session, after=after, limit=limit)
    recompute(session, fan_ids)
    return fan_ids


def _known(session: Session, fan_ids: Collection[int]) -> Mapping[int, set[Kept]]:
    """Give what charts say, and of fans without one what they handed in themselves."""
    found: dict[int, set[Kept]] = defaultdict(set)
    for fan_id, sex, region, born in patients.people(session, fan_ids):
        found[fan_id].add((sex or "", region or "", born.month if born else 0))
    without = [fan_id for fan_id in fan_ids if fan_id not in found]
    for fan_id, answers in patients.waiting_profiles(session, without).items():
        month = int(answers.get("birth_date", "0000-00")[5:7])
        found[fan_id].add((answers.get("sex", ""), answers.get("region", ""), month))
    return {fan_id: people - {UNKNOWN} for fan_id, people in found.items()}


def _kept(session: Session, fan_ids: Collection[int]) -> Mapping[int, set[Kept]]:
    these = sa.literal(sorted(fan_ids), ARRAY(sa.BigInteger))
    found: dict[int, set[Kept]] = defaultdict(set)
    rows = session.execute(sa.select(*_COLUMNS).where(AudiencePerson.fan_id == sa.any_(these)))
    for fan_id, sex, region, month in rows:
        found[fan_id].add((sex, region, month))
    return found


def _hold(session: Session, fan_ids: Collection[int]) -> None:
    names = [f"audience {session.tenant_id} {fan_id}" for fan_id in sorted(fan_ids)]
    each = sa.func.unnest(sa.literal(names, ARRAY(sa.Text))).table_valued("name").render_derived()
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(each.c.name, 0))))


_COLUMNS = (AudiencePerson.fan_id, AudiencePerson.sex, AudiencePerson.region, AudiencePerson.birth_month)
