"""Consent, its end, and who is forgotten: no message goes out from the commit on (PT-8)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.services import OPERATOR
from engage.fans import queries as fans
from engage.fans import services as fan_services
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound
from engage.notifications import services as notifications
from engage.notifications.models import Delivery
from engage.notifications.services.deliveries import Message, write
from engage.patients import queries as patients
from engage.privacy import queries, services
from engage.privacy.errors import NoticeUnwritten
from engage.privacy.models import Consent
from tests.conftest import Chain
from tests.privacy.scenes import House
from tests.wechat.pushes import Sender, event
from workers import events, pushes
from workers import privacy as worker


def publish(text: str = "我们保存您的手机号和就诊记录。") -> None:
    """Publish a notice."""
    with unit_of_work() as session:
        services.write_notice(session, text, by=OPERATOR, now=clock.now())


def pending(house: House, subject_id: int = 900_000_000) -> None:
    """Write a message to the person down, as a reminder would be."""
    message = Message(
        kind="booked",
        channel="template",
        subject_id=subject_id,
        subject_version=1,
        account_id=house.scene.account_id,
        fan_id=house.fan_id,
        patient_id=None,
        template_id="T1",
        fields={},
        title="预约成功",
        text="预约成功",
        page="/p/x",
        expires_at=None,
    )
    with unit_of_work() as session:
        write(session, message, now=clock.now())


def let_out() -> Sequence[bool]:
    """Let a worker claim what is pending, and ask for each just before its call; gives what goes out."""
    with unit_of_work() as session:
        _, parcels = notifications.claim(session, now=clock.now(), batch=10)
    with unit_of_work() as session:
        return [notifications.let_out(session, parcel, now=clock.now()) for parcel in parcels]


def reasons(session: Session, house: House) -> list[str | None]:
    """Give why messages to the person were not sent."""
    mine = sa.select(Delivery.reason).where(
        Delivery.fan_id == house.fan_id, Delivery.subject_id >= 900_000_000
    )
    return list(session.scalars(mine.order_by(Delivery.id)))


def test_consent_is_asked_for_once_there_is_a_notice_and_again_when_it_changes(house: House) -> None:
    other = house.scene.fan_ids[1]
    with unit_of_work() as session:
        assert not queries.standing(session, other).is_asked
    publish()
    with unit_of_work() as session:
        assert queries.standing(session, other).is_asked
        services.give(session, other, now=clock.now())
    with unit_of_work() as session:
        assert not queries.standing(session, other).is_asked
    publish("新的说明。")
    with unit_of_work() as session:
        assert queries.standing(session, other).is_asked
        services.give(session, other, now=clock.now())
    with unit_of_work() as session:
        rows = session.scalars(sa.select(Consent).where(Consent.fan_id == other).order_by(Consent.id)).all()
        assert [(row.notice_version, row.withdrawn_at is None) for row in rows] == [(1, False), (2, True)]


def test_the_same_words_stay_one_version_and_none_are_no_notice(house: House) -> None:
    publish()
    publish()
    with unit_of_work() as session:
        notice = queries.notice(session)
        assert notice is not None
        assert notice.version == 1
        with pytest.raises(NoticeUnwritten):
            services.write_notice(session, "  ", by=OPERATOR, now=clock.now())


def test_what_was_written_before_consent_ended_is_not_sent(house: House) -> None:
    pending(house)
    with unit_of_work() as session:
        services.withdraw(session, house.fan_id, now=clock.now())
    assert let_out() == []
    with unit_of_work() as session:
        assert reasons(session, house) == ["muted"]


def test_a_message_that_a_worker_has_claimed_is_held_back_at_the_last_moment(house: House) -> None:
    pending(house)
    with unit_of_work() as session:
        _, parcels = notifications.claim(session, now=clock.now(), batch=10)
    with unit_of_work() as session:
        services.withdraw(session, house.fan_id, now=clock.now())
    with unit_of_work() as session:
        assert [notifications.let_out(session, parcel, now=clock.now()) for parcel in parcels] == [False]


def test_control_with_consent_the_message_goes_out(house: House) -> None:
    pending(house)
    assert let_out() == [True]


def test_to_many_who_withdrew_is_left_out_and_told_apart_from_who_left(house: House) -> None:
    other = house.scene.fan_ids[1]
    with unit_of_work() as session:
        services.withdraw(session, house.fan_id, now=clock.now())
        look = fans.looked_up(sa.literal(house.fan_id))
        assert session.execute(sa.select(look.c.closed)).scalar_one() == "muted"
        fan_services.unfollow(
            session,
            house.scene.account_id,
            "openid-1",
            changed_at=clock.now() + dt.timedelta(1),
            now=clock.now(),
        )
        assert fans.closed_of(session, [house.fan_id, other]) == {
            house.fan_id: "muted",
            other: "not_following",
        }


def test_consent_given_again_lets_messages_out_again(house: House) -> None:
    for _ in range(2):
        with unit_of_work() as session:
            services.withdraw(session, house.fan_id, now=clock.now())
    with unit_of_work() as session:
        services.give(session, house.fan_id, now=clock.now())
    pending(house)
    assert let_out() == [True]
    events.drain()
    with unit_of_work() as session:
        kinds = [row.kind for row in patients.timeline(session, house.patient_id, limit=50)]
        assert kinds.count("privacy.withdrawn") == 1
        assert kinds.count("privacy.consented") == 2


def test_who_leaves_is_forgotten_with_the_pictures_file_and_gets_no_message(
    app: Flask, chain: Chain, house: House
) -> None:
    pending(house)
    openid = "oHUILIN-0123456789abcdefghij"
    assert app.extensions["files"].get(chain.id, house.picture)
    Sender(chain).sign(event("unsubscribe", openid)).send(app.test_client())
    assert let_out() == []
    events.drain()
    worker.drain()
    with unit_of_work() as session:
        fan = fans.fan(session, house.fan_id)
        assert (fan.nickname, fan.avatar, fan.openid) == (None, None, openid)
        assert reasons(session, house) == ["not_following"]
    with pytest.raises(NotFound):
        app.extensions["files"].get(chain.id, house.picture)


def test_who_is_back_before_the_reaction_runs_is_not_forgotten(
    app: Flask, chain: Chain, house: House
) -> None:
    openid = "oHUILIN-0123456789abcdefghij"
    Sender(chain).sign(event("unsubscribe", openid)).send(app.test_client())
    with unit_of_work() as session:
        later = clock.now() + dt.timedelta(minutes=1)
        fan_services.follow(session, house.scene.account_id, openid, changed_at=later, now=clock.now())
    events.drain()
    with unit_of_work() as session:
        assert fans.fan(session, house.fan_id).avatar == house.picture


def test_who_comes_back_after_leaving_is_the_same_fan_so_that_limits_hold(
    app: Flask, chain: Chain, house: House
) -> None:
    openid = "oHUILIN-0123456789abcdefghij"
    Sender(chain).sign(event("unsubscribe", openid)).send(app.test_client())
    events.drain()
    with unit_of_work() as session:
        later = clock.now() + dt.timedelta(minutes=1)
        again = fan_services.follow(
            session, house.scene.account_id, openid, changed_at=later, now=clock.now()
        )
    assert again == house.fan_id


def test_who_takes_back_that_we_see_name_and_picture_is_forgotten_with_the_file(
    app: Flask, chain: Chain, house: House
) -> None:
    openid = "oHUILIN-0123456789abcdefghij"
    rest = f"<OpenID>{openid}</OpenID><AppID>wx</AppID><RevokeInfo>1</RevokeInfo>"
    Sender(chain).sign(event("user_authorization_revoke", openid, rest)).send(app.test_client())
    pushes.drain()
    worker.drain()
    with unit_of_work() as session:
        assert fans.fan(session, house.fan_id).avatar is None
    with pytest.raises(NotFound):
        app.extensions["files"].get(chain.id, house.picture)
