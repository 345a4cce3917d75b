"""Writing replies, handing their pictures to WeChat, taking their coupons."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.coupons import queries as coupons
from engage.coupons import services as granting
from engage.coupons.models import Coupon, CouponGrant
from engage.kernel import clock
from engage.kernel.errors import Invalid, NotFound
from engage.kernel.outbox import OutboxRow
from engage.replies import queries, rules, services
from engage.replies.errors import OfferLimited, OfferOver, OfferUsedUp, Stale, TooMany
from engage.replies.models import ReplyPicture, ReplyRule
from engage.replies.rules import CONTAINS, EQUAL, Content
from engage.replies.services import NewReply, writing
from engage.wechat.gateway import WeChatError, WeChatUnreachable
from tests.concurrency.race import WAIT, race
from tests.coupons.scenes import published
from tests.replies.conftest import added, says, within
from workers import pictures

FILE = "f" * 64


def in_order(session, scene):
    found = queries.replies(session, scene.account_id)
    return [rule.content.text for rule in found if rule.kind == rules.KEYWORD]


def audited(session):
    trail = sa.select(AuditEntry.action).where(AuditEntry.subject_kind == "reply").order_by(AuditEntry.id)
    return list(session.scalars(trail))


def test_replies_stand_in_the_order_they_are_put_in(scene, session):
    now = clock.now()
    first, second, third = (
        services.add(session, scene.account_id, says(text, "价格"), by=OPERATOR, now=now) for text in "abc"
    )
    services.move(session, third.id, up=True, by=OPERATOR, now=now)
    services.move(session, first.id, up=True, by=OPERATOR, now=now)  # is the first already
    assert in_order(session, scene) == ["a", "c", "b"]
    services.remove(session, first.id, by=OPERATOR, now=now)
    services.move(session, second.id, up=False, by=OPERATOR, now=now)
    assert in_order(session, scene) == ["c", "b"]
    assert audited(session).count("reply.moved") == 1


def after_another(app, scene, rule_id, sooner, later):
    """Let `later` act on a reply that it read before `sooner` changed it, once that is committed."""
    is_read, is_changed = threading.Event(), threading.Event()

    def second(session):
        held = queries.reply(session, rule_id)  # as the page that is asked for it does
        is_read.set()
        is_changed.wait(WAIT)
        later(session)
        assert held.id == rule_id

    def first(session):
        is_read.wait(WAIT)
        sooner(session)
        is_changed.set()

    assert race(app, scene.chain.id, [first, second]) == [None, None]


def test_who_moves_after_another_moves_what_is_there_by_now(app, scene):
    a, b, _c = added(scene, *[says(text, "价格") for text in "abc"])
    told = {"by": OPERATOR, "now": clock.now()}
    with within(scene) as session:
        services.move(session, b.id, up=True, **told)
    after_another(
        app,
        scene,
        a.id,
        lambda session: services.move(session, a.id, up=True, **told),
        lambda session: services.move(session, a.id, up=False, **told),
    )
    with within(scene) as session:
        assert in_order(session, scene) == ["b", "a", "c"]


def test_who_switches_after_another_changed_it_counts_on(app, scene):
    (rule,) = added(scene, says("a", "价格"))
    told = {"by": OPERATOR, "now": clock.now()}
    after_another(
        app,
        scene,
        rule.id,
        lambda session: services.change(session, rule.id, says("b", "价格"), version=1, **told),
        lambda session: services.switch(session, rule.id, is_on=False, **told),
    )
    with within(scene) as session:
        by_now = queries.reply(session, rule.id)
        assert (by_now.version, by_now.content.text, by_now.is_on) == (3, "b", False)


def test_a_change_of_what_somebody_else_changed_is_refused(scene, session):
    now = clock.now()
    rule = services.add(session, scene.account_id, says("a", "价格"), by=OPERATOR, now=now)
    services.change(session, rule.id, says("b", "价格"), version=1, by=OPERATOR, now=now)
    with pytest.raises(Stale):
        services.change(session, rule.id, says("c", "价格"), version=1, by=OPERATOR, now=now)
    services.change(session, rule.id, says("b", "价格"), version=2, by=OPERATOR, now=now)
    assert (in_order(session, scene), rule.version) == (["b"], 2)
    assert audited(session) == ["reply.created", "reply.changed"]


def test_an_account_has_one_welcome(scene, session):
    told = {"by": OPERATOR, "now": clock.now()}
    services.set_welcome(session, scene.account_id, Content("text", "a"), **told)
    services.set_welcome(session, scene.account_id, Content("text", "b"), version=1, **told)
    with pytest.raises(Stale):
        services.set_welcome(session, scene.account_id, Content("text", "c"), version=0, **told)
    (rule,) = queries.replies(session, scene.account_id)
    assert rule.content.text == "b"


def welcomed(scene, text):
    """Give the call that writes a welcome."""

    def write(session):
        content = Content("text", text)
        return services.set_welcome(session, scene.account_id, content, by=OPERATOR, now=clock.now())

    return write


def test_two_welcomes_at_once_are_one(app, scene):
    outcomes = race(app, scene.chain.id, [welcomed(scene, text) for text in "abcd"])
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    with within(scene) as session:
        assert len(queries.replies(session, scene.account_id)) == 1


def test_control_without_the_accounts_lock_they_collide(app, scene, monkeypatch):
    both, read = threading.Barrier(2), queries.welcome

    def read_together(session, account_id):
        found = read(session, account_id)
        both.wait(60)
        return found

    monkeypatch.setattr(writing, "_locked_account", lambda *_all: None)
    monkeypatch.setattr(queries, "welcome", read_together)
    outcomes = race(app, scene.chain.id, [welcomed(scene, text) for text in "ab"])
    assert sum(isinstance(outcome, sa.exc.IntegrityError) for outcome in outcomes) == 1


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (says("", "价格"), "text"),
        (says("a"), "words"),
        (says("a", "价格", match="begins"), "match"),
        (NewReply(Content("coupon", coupon_id=999_999), EQUAL, ["券"]), "coupon"),
        (NewReply(Content("image", file=FILE), EQUAL, ["图"]), "picture"),  # nobody uploaded it here
    ],
)
def test_what_cannot_be_sent_is_refused(scene, session, new, field):
    with pytest.raises(Invalid) as refusal:
        services.add(session, scene.account_id, new, by=OPERATOR, now=clock.now())
    assert set(refusal.value.fields) == {field}


def test_there_are_not_more_than_anybody_can_keep_in_mind(scene, session, monkeypatch):
    monkeypatch.setattr(rules, "MOST_RULES", 2)
    for text in "ab":
        services.add(session, scene.account_id, says(text, text), by=OPERATOR, now=clock.now())
    with pytest.raises(TooMany):
        services.add(session, scene.account_id, says("c", "c"), by=OPERATOR, now=clock.now())


# Pictures


class WeChat:
    """Stands for WeChat's keeping of files: takes them, refuses, or says nothing."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def upload_media(self, account, *, kind, content, name):
        self.asked.append((account.app_id, kind, content, name))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def picture(app, scene):
    """A picture of the account, and a reply with it."""
    file = app.extensions["files"].put(scene.chain.id, b"\xff\xd8\xff picture")
    with within(scene) as session:
        services.keep_picture(session, scene.account_id, file=file, width=3, height=2)
    added(scene, NewReply(Content("image", file=file), CONTAINS, ["地图"]))
    return file


def kept(scene):
    with within(scene) as session:
        return session.scalars(sa.select(ReplyPicture)).one()


def drained(app, scene, monkeypatch, *answers):
    """Let the worker run while WeChat answers so."""
    wechat = WeChat(*answers)
    monkeypatch.setitem(app.extensions, "wechat", wechat)
    with within(scene):
        pictures.drain()
    return wechat


def test_a_picture_is_handed_to_wechat_and_again_before_it_forgets_it(app, scene, picture, monkeypatch):
    wechat = drained(app, scene, monkeypatch, "media-1")
    assert wechat.asked == [(f"wx-{scene.chain.slug}", "image", b"\xff\xd8\xff picture", "reply.jpg")]
    row = kept(scene)
    assert (row.media_id, row.available_at) == ("media-1", row.uploaded_at + rules.RENEWED_AFTER)
    assert drained(app, scene, monkeypatch).asked == []  # nothing is due
    late = clock.now() + rules.RENEWED_AFTER + dt.timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: late)
    drained(app, scene, monkeypatch, "media-2")
    assert kept(scene).media_id == "media-2"


def test_a_picture_nobody_uses_is_let_go_and_taken_up_again(app, scene, picture, monkeypatch):
    with within(scene) as session:
        (rule,) = queries.replies(session, scene.account_id)
        services.switch(session, rule.id, is_on=False, by=OPERATOR, now=clock.now())
    assert drained(app, scene, monkeypatch).asked == []
    assert kept(scene).available_at is None
    with within(scene) as session:
        services.switch(session, rule.id, is_on=True, by=OPERATOR, now=clock.now())
    drained(app, scene, monkeypatch, "media-1")
    assert kept(scene).media_id == "media-1"


@pytest.mark.parametrize("trouble", [WeChatError(40004, "invalid media type"), WeChatUnreachable("silence")])
def test_a_refusal_is_told_and_tried_again(app, scene, picture, monkeypatch, trouble):
    drained(app, scene, monkeypatch, trouble)
    row = kept(scene)
    assert row.reason
    assert row.available_at is not None
    with within(scene) as session:
        (rule,) = queries.replies(session, scene.account_id)
        held = queries.pictures(session, scene.account_id)
        assert queries.standing(rule, {}, held, now=clock.now()) == rules.NO_PICTURE


# The coupon


@pytest.fixture
def offer(scene):
    """A reply that leads to a coupon of which there are two; gives its id."""
    with within(scene) as session:
        coupon_id = published(session, now=clock.now(), stock=2)
    (rule,) = added(scene, NewReply(Content("coupon", coupon_id=coupon_id), EQUAL, ["券"]))
    return rule.id


def taken(scene, reply_id, fan=0):
    with within(scene) as session:
        about = {"account_id": scene.account_id, "now": clock.now()}
        return services.take(session, reply_id, scene.fan_ids[fan], **about)


def test_a_coupon_is_taken_once(scene, offer):
    assert taken(scene, offer) == taken(scene, offer)
    with within(scene) as session:
        (grant,) = session.scalars(sa.select(CouponGrant))
        assert (grant.cause, grant.cause_id) == (rules.CAUSE, offer)
        assert session.scalars(sa.select(Coupon.granted)).one() == 1
        told = session.scalars(sa.select(OutboxRow).where(OutboxRow.event == "replies.coupon_taken")).all()
        assert len({row.event_id for row in told}) == 1


def test_taking_it_at_once_gives_one_and_another_fan_theirs(app, scene, offer):
    def take(fan_id):
        about = {"account_id": scene.account_id, "now": clock.now()}
        return lambda session: services.take(session, offer, fan_id, **about)

    first, second = scene.fan_ids
    mine_1, mine_2, mine_3, theirs = race(
        app, scene.chain.id, [take(first), take(first), take(first), take(second)]
    )
    assert mine_1 == mine_2 == mine_3
    assert isinstance(theirs, int)
    assert theirs != mine_1
    with within(scene) as session:
        assert session.scalars(sa.select(Coupon.granted)).one() == 2


def test_control_who_looks_before_giving_gives_two(app, scene, offer):
    """Without a cause of its own for each reply and fan."""
    coupon_id, fan_id = _coupon(scene, offer), scene.fan_ids[0]
    both_have_looked = threading.Barrier(2)

    def take(number):
        def look_and_give(session):
            assert coupons.of_cause(session, coupon_id, fan_id, cause=rules.CAUSE, cause_id=offer) is None
            both_have_looked.wait(WAIT)
            about = {"cause": rules.CAUSE, "cause_id": offer + number, "now": clock.now()}
            return len(granting.grant_many(session, coupon_id, [fan_id], **about).granted)

        return look_and_give

    assert race(app, scene.chain.id, [take(1), take(2)]) == [1, 1]


def test_each_refusal_is_its_own(scene, offer):
    with within(scene) as session:
        session.execute(sa.update(Coupon).values(per_person=1))
        other = published(session, now=clock.now(), name="另一张", stock=1)
    (rule,) = added(scene, NewReply(Content("coupon", coupon_id=other), EQUAL, ["另一张"]))
    taken(scene, rule.id)
    with pytest.raises(OfferUsedUp):
        taken(scene, rule.id, fan=1)
    taken(scene, offer)
    (again,) = added(scene, NewReply(Content("coupon", coupon_id=_coupon(scene, offer)), EQUAL, ["再来"]))
    with pytest.raises(OfferLimited):
        taken(scene, again.id)
    with within(scene) as session:
        services.switch(session, offer, is_on=False, by=OPERATOR, now=clock.now())
    for reply_id in (offer, 999_999):
        with pytest.raises(OfferOver):
            taken(scene, reply_id)


def test_a_coupon_that_is_withdrawn_is_given_no_more(scene, offer):
    with within(scene) as session:
        session.execute(sa.update(Coupon).values(state="withdrawn"))
    with pytest.raises(OfferOver):
        taken(scene, offer)


def _coupon(scene, reply_id):
    with within(scene) as session:
        return session.scalars(sa.select(ReplyRule.coupon_id).where(ReplyRule.id == reply_id)).one()


def test_nobody_changes_what_is_not_there(scene, session):
    with pytest.raises(NotFound):
        services.switch(session, 999_999, is_on=True, by=OPERATOR, now=clock.now())
