"""The life of a coupon, redeeming at the desk, and what is read; each change in the trail."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import Actor
from engage.coupons import errors, queries, services
from engage.coupons.models import CouponGrant, CouponTerms
from engage.coupons.rules import PERCENT, Terms
from engage.kernel.db import unit_of_work
from engage.kernel.errors import Invalid, NotFound
from engage.kernel.outbox import OutboxRow
from tests.coupons.scenes import NEW, NOW, TEN_OFF, Crowd, give, make_crowd, published

BY = Actor("staff", 7)
TOLD = {"by": BY, "now": NOW}
DAY = dt.timedelta(days=1)


def trail(session) -> list[tuple[str, list[str]]]:
    """Give what was written down of our actions."""
    session.flush()
    ours = sa.select(AuditEntry.action, AuditEntry.fields).where(AuditEntry.actor_id == BY.id)
    return [tuple(row) for row in session.execute(ours.order_by(AuditEntry.id))]


def test_a_draft_is_published_and_withdrawn(session) -> None:
    coupon = services.create(session, NEW, **TOLD)
    services.publish(session, coupon.id, online=True, offline=True, **TOLD)
    offer = queries.coupon(session, coupon.id)
    assert (offer.state, offer.online, offer.offline, offer.published_at) == ("published", True, True, NOW)
    services.withdraw(session, coupon.id, **TOLD)
    services.withdraw(session, coupon.id, **TOLD)
    assert queries.coupon(session, coupon.id).state == "withdrawn"
    assert trail(session) == [("coupon.created", []), ("coupon.published", []), ("coupon.withdrawn", [])]


def test_terms_that_do_not_hold_together_are_refused(session) -> None:
    broken = dataclasses.replace(NEW, terms=Terms(PERCENT, percent=100, valid_days=1))
    with pytest.raises(Invalid) as refusal:
        services.create(session, broken, **TOLD)
    assert set(refusal.value.fields) == {"percent"}


@pytest.mark.parametrize("state", ["published", "withdrawn"])
def test_only_a_draft_is_published(session, state: str) -> None:
    coupon_id = published(session)
    if state == "withdrawn":
        services.withdraw(session, coupon_id, **TOLD)
    with pytest.raises(errors.NotADraft):
        services.publish(session, coupon_id, online=True, offline=False, **TOLD)


def test_it_is_published_somewhere_and_not_when_it_is_over(session) -> None:
    over = dataclasses.replace(
        NEW, terms=dataclasses.replace(TEN_OFF, valid_days=None, valid_until=NOW.date())
    )
    coupon = services.create(session, over, **TOLD)
    with pytest.raises(errors.NowhereToPublish):
        services.publish(session, coupon.id, online=False, offline=False, **TOLD)
    with pytest.raises(errors.Over):
        services.publish(session, coupon.id, online=True, offline=False, by=BY, now=NOW + DAY)


def test_a_draft_is_not_withdrawn(session) -> None:
    with pytest.raises(errors.NotPublished):
        services.withdraw(session, services.create(session, NEW, **TOLD).id, **TOLD)


def test_a_drafts_terms_change_in_place(session) -> None:
    coupon = services.create(session, NEW, **TOLD)
    better = dataclasses.replace(NEW, terms=dataclasses.replace(TEN_OFF, amount_minor=20_00))
    services.edit(session, coupon.id, better, version=1, **TOLD)
    session.expire_all()
    assert queries.coupon(session, coupon.id).terms.amount_minor == 20_00
    assert len(session.scalars(sa.select(CouponTerms)).all()) == 1
    assert trail(session)[1:] == [("coupon.updated", ["terms"])]


def test_terms_of_what_was_published_are_kept(session, crowd: Crowd) -> None:
    coupon_id = published(session)
    give(session, coupon_id, crowd.fan_ids[0])
    better = dataclasses.replace(NEW, name="双倍", stock=5, terms=dataclasses.replace(TEN_OFF, valid_days=5))
    services.edit(session, coupon_id, better, version=2, **TOLD)
    (held,) = queries.of_fan(session, crowd.fan_ids[0], NOW)
    assert (held.terms, held.name) == (TEN_OFF, "双倍")
    assert queries.coupon(session, coupon_id).terms.valid_days == 5
    assert trail(session) == [("coupon.updated", ["name", "stock", "terms"])]


def test_an_edit_that_changes_nothing_is_none(session) -> None:
    coupon = services.create(session, NEW, **TOLD)
    assert services.edit(session, coupon.id, NEW, version=1, **TOLD).version == 1
    assert len(trail(session)) == 1


def test_edits_that_are_refused(session, crowd: Crowd) -> None:
    coupon_id = published(session, stock=5)
    give(session, coupon_id, *crowd.fan_ids)
    session.expire_all()
    with pytest.raises(errors.Stale):
        services.edit(session, coupon_id, NEW, version=1, **TOLD)
    with pytest.raises(errors.BelowGranted) as refusal:
        services.edit(session, coupon_id, dataclasses.replace(NEW, stock=2), version=2, **TOLD)
    assert refusal.value.data == {"granted": 3}
    other = dataclasses.replace(NEW, terms=Terms(PERCENT, percent=90, valid_days=1))
    with pytest.raises(errors.KindFixed):
        services.edit(session, coupon_id, other, version=2, **TOLD)
    services.withdraw(session, coupon_id, **TOLD)
    with pytest.raises(errors.Withdrawn):
        services.edit(session, coupon_id, NEW, version=3, **TOLD)


def test_what_nobody_has_is_not_found(session) -> None:
    with pytest.raises(NotFound):
        services.withdraw(session, 0, **TOLD)
    with pytest.raises(NotFound):
        queries.coupon(session, 0)
    with pytest.raises(NotFound):
        queries.grant(session, 0)


# Redeeming


def held_by(session, fan_id: int):
    (held,) = queries.of_fan(session, fan_id, NOW)
    return held


def test_it_is_redeemed_once(session, crowd: Crowd, desk: Actor) -> None:
    give(session, published(session), crowd.fan_ids[0])
    held, store_id = held_by(session, crowd.fan_ids[0]), crowd.chain.store.id
    typed = f" {held.code[:4].lower()}-{held.code[4:]} "
    used = services.redeem(session, typed, store_id=store_id, by=desk, now=NOW + DAY)
    assert (used.state, used.redeemed_at, used.redeemed_store_id) == ("redeemed", NOW + DAY, store_id)
    with pytest.raises(errors.Redeemed) as refusal:
        services.redeem(session, held.code, store_id=store_id, by=desk, now=NOW + DAY)
    assert refusal.value.data == {"grant_id": held.id}
    told = session.execute(sa.select(OutboxRow.event, OutboxRow.payload)).all()
    assert told == [("coupons.redeemed", {"grant_id": held.id})]


@pytest.mark.parametrize(
    ("terms", "now", "refusal"),
    [
        (TEN_OFF, NOW + 31 * DAY, errors.Expired),
        (dataclasses.replace(TEN_OFF, store_ids=frozenset({10**9})), NOW, errors.OtherStore),
        (
            Terms("cash", 1, valid_from=dt.date(2026, 12, 1), valid_until=dt.date(2026, 12, 2)),
            NOW,
            errors.NotYet,
        ),
    ],
)
def test_why_it_is_refused(session, crowd: Crowd, desk: Actor, terms: Terms, now, refusal) -> None:
    give(session, published(session, terms=terms), crowd.fan_ids[0])
    held = held_by(session, crowd.fan_ids[0])
    with pytest.raises(refusal):
        services.redeem(session, held.code, store_id=crowd.chain.store.id, by=desk, now=now)
    assert queries.grant(session, held.id).state == "held"


def test_what_was_taken_back_is_refused(session, crowd: Crowd, desk: Actor) -> None:
    give(session, published(session), crowd.fan_ids[0])
    held = held_by(session, crowd.fan_ids[0])
    session.execute(sa.update(CouponGrant).values(state="voided"))
    with pytest.raises(errors.Voided):
        services.redeem(session, held.code, store_id=crowd.chain.store.id, by=desk, now=NOW)


def test_a_code_nobody_holds_is_unknown(session, crowd: Crowd, desk: Actor) -> None:
    with pytest.raises(errors.UnknownCode):
        services.redeem(session, "ACEF ACEF ACEF", store_id=crowd.chain.store.id, by=desk, now=NOW)


def test_what_people_hold_of_a_withdrawn_coupon_is_good(session, crowd: Crowd, desk: Actor) -> None:
    coupon_id = published(session)
    give(session, coupon_id, crowd.fan_ids[0])
    services.withdraw(session, coupon_id, **TOLD)
    held = held_by(session, crowd.fan_ids[0])
    assert services.redeem(session, held.code, store_id=crowd.chain.store.id, by=desk, now=NOW)


# Reading


def test_a_wallet_has_three_parts(session, crowd: Crowd, desk: Actor) -> None:
    fan_id, store_id = crowd.fan_ids[0], crowd.chain.store.id
    long, short, used = (
        published(session, name=name, terms=dataclasses.replace(TEN_OFF, valid_days=days))
        for name, days in (("long", 60), ("short", 2), ("used", 30))
    )
    for coupon_id in (long, short, used):
        give(session, coupon_id, fan_id)
    code = next(held.code for held in queries.of_fan(session, fan_id, NOW) if held.name == "used")
    services.redeem(session, code, store_id=store_id, by=desk, now=NOW)

    def names(which: str, now: dt.datetime) -> list[str]:
        return [held.name for held in queries.wallet(session, fan_id, which, now=now, limit=9)]

    assert names("usable", NOW) == ["short", "long"]
    assert names("usable", NOW + 5 * DAY) == ["long"]
    assert names("used", NOW) == ["used"]
    assert names("expired", NOW + 5 * DAY) == ["short"]
    assert queries.of_fan(session, crowd.fan_ids[1], NOW) == []


def test_a_fan_sees_their_own(session, crowd: Crowd) -> None:
    give(session, published(session), crowd.fan_ids[0])
    held = held_by(session, crowd.fan_ids[0])
    assert queries.grant_of(session, held.id, crowd.fan_ids[0]) == held
    with pytest.raises(NotFound):
        queries.grant_of(session, held.id, crowd.fan_ids[1])


def test_figures_are_counted_from_the_rows(session, crowd: Crowd, desk: Actor) -> None:
    coupon_id, other = published(session), published(session)
    give(session, coupon_id, *crowd.fan_ids)
    held = held_by(session, crowd.fan_ids[0])
    services.redeem(session, held.code, store_id=crowd.chain.store.id, by=desk, now=NOW)
    counted = queries.figures(session, [coupon_id, other], now=NOW + 60 * DAY)
    assert counted == {coupon_id: queries.Figures(3, 1, 2), other: queries.Figures()}
    assert queries.redeemed_by_cause(session, "campaign", 1, coupon_id) == 1
    assert queries.redeemed_by_cause(session, "campaign", 2, coupon_id) == 0


def test_lists_of_coupons(session, crowd: Crowd) -> None:
    first, second = published(session), published(session, offline=True)
    draft = services.create(session, NEW, **TOLD).id
    services.withdraw(session, first, **TOLD)
    assert [offer.id for offer in queries.coupons(session).items] == [draft, second, first]
    assert [offer.id for offer in queries.coupons(session, state="draft").items] == [draft]
    assert [offer.id for offer in queries.publishable(session)] == [second]
    assert [offer.id for offer in queries.publishable(session, online=False)] == [second]
    assert set(queries.by_ids(session, [first, draft])) == {first, draft}


INDEXED = [
    (lambda session: queries.wallet(session, 1, "usable", now=NOW, limit=9), "fan_id_state_valid_until"),
    (lambda session: queries.latest(session, 1, limit=9), "coupon_id_id"),
    (lambda session: queries.figures(session, [1], now=NOW), "ix_coupon_grant_tenant_id_coupon_id"),
    (lambda session: queries.redeemed_since(session, NOW, limit=9), "redeemed_at_id"),
    (lambda session: queries.by_code(session, "ACEF"), "uq_coupon_grant_tenant_id_code"),
]


@pytest.mark.parametrize(("ask", "index"), INDEXED)
def test_what_is_asked_of_many_is_answered_by_an_index(session, chain, analyse, ask, index: str) -> None:
    """Of an empty table any index is as good, so there are many, of which few are asked for."""
    many = make_crowd(chain, fan_count=40)
    with unit_of_work() as work:
        for coupon_id in [published(work) for _ in range(10)]:
            give(work, coupon_id, *many.fan_ids)
    analyse("coupon_grant")
    statements = []
    sa.event.listen(session, "do_orm_execute", lambda state: statements.append(state.statement))
    ask(session)
    for habit in ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort"):
        session.execute(sa.text(f"set local enable_{habit} = off"))
    sql = statements[0].compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    plan = "\n".join(session.scalars(sa.text(f"explain {sql}")))
    assert index in plan


def test_what_was_redeemed_since(session, crowd: Crowd, desk: Actor) -> None:
    coupon_id, store_id = published(session), crowd.chain.store.id
    give(session, coupon_id, *crowd.fan_ids)
    for number, fan_id in enumerate(crowd.fan_ids):
        code = held_by(session, fan_id).code
        services.redeem(session, code, store_id=store_id, by=desk, now=NOW + number * DAY)
    got = queries.redeemed_since(session, NOW + DAY, limit=9)
    assert [held.fan_id for held in got] == [crowd.fan_ids[2], crowd.fan_ids[1]]
    assert queries.redeemed_since(session, NOW, store_ids=[store_id + 1], limit=9) == []
    assert len(queries.redeemed_since(session, NOW, store_ids=[store_id], limit=9)) == 3
