"""Replies, sessions, the marks of who waits (CH-3, CH-4, CH-6 to CH-8)."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.chat import rules, services
from engage.chat.errors import (
    EmptyMessage,
    FanLeft,
    NotFailed,
    NotTheHolder,
    SessionHeld,
    TooLong,
    WindowOver,
    WindowUsedUp,
)
from engage.chat.models import ChatMessage
from engage.chat.reading import Arrival
from engage.chat.rules import Trigger
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import unit_of_work
from engage.kernel.due import Due
from engage.kernel.errors import NotFound
from engage.kernel.outbox import OutboxRow
from engage.patients.models import TimelineEntry
from engage.wechat.outcomes import Refused, Sent, Unheard
from tests.chat.scenes import Talk, as_staff, conversation, messages, sessions
from workers import events

MINUTE = dt.timedelta(minutes=1)
SECOND = dt.timedelta(seconds=1)
HOUR = dt.timedelta(hours=1)


def recorded() -> list[str]:
    with unit_of_work() as session:
        return list(session.scalars(sa.select(OutboxRow.event).order_by(OutboxRow.id)))


def test_what_a_fan_writes_waits_for_an_answer(talk: Talk):
    chat = talk.writes("在吗")
    talk.writes("有人吗", at=talk.now + MINUTE)
    row = talk.row(chat)
    assert (row.unread, row.waiting_since, row.last_text, row.last_at) == (
        2,
        talk.now,
        "有人吗",
        talk.now + MINUTE,
    )
    assert (row.patient_names, row.holder, row.dedicated, row.following) == (("王小红",), None, None, True)
    assert row.window == rules.Window(5, talk.now + MINUTE + 48 * HOUR)
    assert [(m.seq, m.direction, m.text, m.state) for m in messages(chat)] == [
        (1, "in", "在吗", "received"),
        (2, "in", "有人吗", "received"),
    ]


def test_the_first_reply_opens_a_session_and_makes_a_dedicated_agent(talk: Talk):
    chat = talk.writes()
    talk.replies(chat)
    row = talk.row(chat)
    assert (row.holder_id, row.holder, row.dedicated_id) == (talk.lina, row.dedicated, talk.lina)
    assert row.holder.startswith("Lina")
    assert (row.unread, row.waiting_since, row.window.left, row.last_direction) == (0, None, 4, "out")
    talk.replies(chat, "还有")
    assert recorded() == ["chat.session_opened", "chat.dedicated"]
    assert len(sessions(chat)) == 1
    assert {message.session_id for message in messages(chat)[1:]} == {sessions(chat)[0].id}


def test_it_leaves_lines_in_the_timeline_of_the_fan(talk: Talk):
    talk.replies(talk.writes())
    events.drain()
    with unit_of_work() as session:
        kinds = session.execute(sa.select(TimelineEntry.kind, TimelineEntry.fan_id)).all()
    assert sorted(map(tuple, kinds)) == [
        ("chat.dedicated", talk.fan_ids[0]),
        ("chat.session_opened", talk.fan_ids[0]),
    ]


def test_others_look_on_while_a_session_lasts(talk: Talk):
    chat = talk.writes()
    talk.replies(chat)
    with pytest.raises(SessionHeld) as refusal:
        talk.replies(chat, by_staff=talk.wang)
    assert refusal.value.data["name"].startswith("Lina")
    with pytest.raises(NotTheHolder), unit_of_work() as session:
        services.end(session, chat, by_staff=talk.wang, now=talk.now)
    with unit_of_work() as session:
        services.end(session, chat, by_staff=talk.lina, now=talk.now + SECOND)
        services.end(session, chat, by_staff=talk.lina, now=talk.now + MINUTE)
    talk.replies(chat, by_staff=talk.wang, now=talk.now + MINUTE)
    first, second = sessions(chat)
    assert (first.closed_at, first.closed_by) == (talk.now + SECOND, talk.lina)
    assert (second.staff_id, second.closed_at) == (talk.wang, None)
    assert talk.row(chat, now=talk.now + MINUTE).dedicated_id == talk.lina  # CH-3: only where there is none


def test_a_session_is_over_ten_minutes_after_the_last_message_of_either_side(talk: Talk):
    """At that moment, though nobody has written it down."""
    chat = talk.writes()
    talk.replies(chat)
    talk.writes("好的", at=talk.now + 9 * MINUTE)
    over = talk.now + 19 * MINUTE
    assert talk.row(chat, now=over - SECOND).holder_id == talk.lina
    assert talk.row(chat, now=over).holder_id is None
    talk.replies(chat, by_staff=talk.wang, now=over)
    first, second = sessions(chat)
    assert (first.closed_at, first.closed_by, second.staff_id) == (over, None, talk.wang)


def test_a_message_after_the_end_does_not_bring_the_session_back(talk: Talk):
    chat = talk.writes()
    talk.replies(chat)
    talk.writes(at=talk.now + 11 * MINUTE)
    assert talk.row(chat, now=talk.now + 11 * MINUTE).holder is None
    with unit_of_work() as session:
        services.end(session, chat, by_staff=talk.wang, now=talk.now + 11 * MINUTE)
    (ended,) = sessions(chat)
    assert ended.closed_at == talk.now + rules.IDLE


def test_the_sweep_writes_the_end_down_once(talk: Talk):
    chat = talk.writes()
    talk.replies(chat)
    before = conversation(chat).seq
    for at, swept in ((rules.IDLE - SECOND, 0), (rules.IDLE, 1), (rules.IDLE, 0)):
        with unit_of_work() as session:
            assert services.sweep(session, now=talk.now + at, batch=10) == swept
    (ended,) = sessions(chat)
    assert (ended.closed_at, ended.closed_by) == (talk.now + rules.IDLE, None)
    assert conversation(chat).seq == before + 1
    with unit_of_work() as session:
        assert services.sessions_next_at(session) is None


def test_a_session_that_opens_is_marked_for_its_end(talk: Talk):
    talk.replies(talk.writes())
    with unit_of_work() as session:
        mine = (Due.tenant_id == talk.chain.id, Due.queue == rules.SESSIONS)
        assert session.scalars(sa.select(Due.at).where(*mine)).all() == [talk.now + rules.IDLE]
        assert services.sessions_next_at(session) == talk.now + rules.IDLE


def test_only_what_was_seen_is_answered(talk: Talk):
    chat = talk.writes("一")
    seen = conversation(chat).seq
    talk.writes("二", at=talk.now + SECOND)
    talk.replies(chat, seen=seen, now=talk.now + 2 * SECOND)
    row = talk.row(chat)
    assert (row.unread, row.waiting_since) == (1, talk.now + SECOND)
    talk.replies(chat, seen=row.seq, now=talk.now + 3 * SECOND)
    assert talk.row(chat).waiting_since is None


def test_a_reply_that_saw_less_takes_nothing_back(talk: Talk):
    chat = talk.writes()
    talk.replies(chat)
    talk.replies(chat, seen=0)
    assert talk.row(chat).unread == 0


def test_what_is_ignored_waits_no_more_until_the_next_message(talk: Talk):
    chat = talk.writes()
    seen = conversation(chat).seq
    for _ in range(2):
        with unit_of_work() as session:
            services.ignore(
                session, chat, seen=seen, by_staff=talk.wang, by=as_staff(talk.wang), now=talk.now + MINUTE
            )
    row = talk.row(chat)
    assert (row.unread, row.waiting_since, row.ignored_by_id, row.ignored_at) == (
        0,
        None,
        talk.wang,
        talk.now + MINUTE,
    )
    with unit_of_work() as session:
        entries = session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "chat.ignored")).all()
    assert [(entry.actor_id, entry.subject_id) for entry in entries] == [(talk.wang, chat)]
    talk.writes("请问", at=talk.now + 2 * MINUTE)
    row = talk.row(chat)
    assert (row.unread, row.waiting_since, row.ignored_by, row.ignored_at) == (
        1,
        talk.now + 2 * MINUTE,
        None,
        None,
    )


def test_the_same_key_is_the_same_message(talk: Talk):
    chat, key = talk.writes(), uuid.uuid4()
    first = talk.replies(chat, key=key)
    seq = conversation(chat).seq
    assert talk.replies(chat, "别的", key=key, by_staff=talk.wang) == first
    assert (len(messages(chat)), conversation(chat).seq, talk.row(chat).window.left) == (2, seq, 4)


@pytest.mark.parametrize("text", ["", " \n ", None])
def test_nothing_is_not_sent(talk: Talk, text: str | None):
    with pytest.raises(EmptyMessage):
        talk.replies(talk.writes(), text)


@pytest.mark.parametrize("text", ["a" * 1001, "汉" * 683])
def test_what_wechat_would_cut_is_refused(talk: Talk, text: str):
    with pytest.raises(TooLong):
        talk.replies(talk.writes(), text)


def test_after_five_messages_the_fan_must_write(talk: Talk):
    chat = talk.writes()
    for number in range(5):
        talk.replies(chat, str(number))
    with pytest.raises(WindowUsedUp):
        talk.replies(chat)
    talk.writes(at=talk.now + SECOND)
    talk.replies(chat, now=talk.now + SECOND)
    assert talk.row(chat).window.left == 4


def test_after_48_hours_the_fan_must_write(talk: Talk):
    chat = talk.writes()
    with pytest.raises(WindowOver):
        talk.replies(chat, now=talk.now + 48 * HOUR)
    talk.replies(chat, now=talk.now + 48 * HOUR - SECOND)


def test_who_left_is_written_to_again_once_they_are_back(talk: Talk):
    chat = talk.writes()
    with unit_of_work() as session:
        fans.unfollow(session, talk.account_id, "openid-0", changed_at=talk.now, now=talk.now)
        services.left(session, talk.fan_ids[0])
    with pytest.raises(FanLeft):
        talk.replies(chat)
    assert len(messages(chat)) == 1
    later = {"at": talk.now + MINUTE, "now": talk.now + MINUTE}
    with unit_of_work() as session:
        services.window_opened(session, talk.fan_ids[0], Trigger.FOLLOW, **later)
    talk.replies(chat, now=talk.now + MINUTE)
    assert messages(chat)[1].state == "pending"
    assert talk.row(chat).window == rules.Window(2, talk.now + 48 * HOUR)


def test_who_writes_is_answered_though_we_know_of_no_follow(talk: Talk):
    with unit_of_work() as session:
        fans.unfollow(session, talk.account_id, "openid-0", changed_at=talk.now, now=talk.now)
    chat = talk.writes()
    talk.replies(chat)
    assert len(messages(chat)) == 2


def test_what_went_to_somebody_who_left_is_not_given_back(talk: Talk):
    chat = talk.writes()
    talk.replies(chat)
    with unit_of_work() as session:
        services.left(session, talk.fan_ids[0])
    talk.sent(Refused(43004, "require subscribe"))
    assert talk.row(chat).window.left == 0


def test_an_event_widens_the_window_of_who_wrote_once(talk: Talk):
    chat = talk.writes()
    late = talk.now + 49 * HOUR
    before = conversation(chat).seq
    with unit_of_work() as session:
        services.window_opened(session, talk.fan_ids[0], Trigger.MENU, at=late, now=late)
        services.window_opened(session, talk.fan_ids[1], Trigger.MENU, at=late, now=late)
    assert talk.row(chat).window == rules.Window(3, late + MINUTE)
    assert conversation(chat).seq == before + 1


def test_an_event_that_comes_too_late_opens_nothing(talk: Talk):
    chat = talk.writes()
    window, at = talk.row(chat).window, talk.now + 49 * HOUR
    with unit_of_work() as session:
        services.window_opened(session, talk.fan_ids[0], Trigger.SCAN, at=at, now=at + MINUTE)
    assert talk.row(chat).window == window


def test_a_push_arrives_once(talk: Talk):
    with unit_of_work() as session:
        for text in ("一", "一"):
            services.arrived(
                session,
                talk.account_id,
                talk.fan_ids[0],
                7,
                Arrival("text", text, {}),
                at=talk.now,
                now=talk.now,
            )
        row = session.execute(sa.select(sa.func.count(), sa.func.max(ChatMessage.seq))).one()
    assert tuple(row) == (1, 1)


def test_what_certainly_did_not_go_is_given_back(talk: Talk):
    chat = talk.writes()
    talk.replies(chat)
    talk.sent(Refused(40007, "invalid media_id"))
    (_, message) = messages(chat)
    assert (message.state, message.reason) == ("failed", "40007 invalid media_id")
    assert talk.row(chat).window.left == 5


def test_what_failed_before_the_fan_wrote_again_gives_nothing_back(talk: Talk):
    chat = talk.writes()
    talk.replies(chat)
    talk.writes(at=talk.now + SECOND)
    talk.sent(Refused(40007, "invalid media_id"), now=talk.now + 2 * SECOND)
    assert talk.row(chat).window.left == 5


def test_what_may_have_arrived_is_not_given_back(talk: Talk):
    chat = talk.writes()
    talk.replies(chat)
    talk.sent(Unheard("nothing"))
    (_, message) = messages(chat)
    assert (message.state, message.reason, talk.row(chat).window.left) == ("unknown", "no_answer", 4)


@pytest.mark.parametrize(
    ("code", "reason", "refusal"),
    [(45015, "window_over", WindowOver), (45047, "window_used_up", WindowUsedUp)],
)
def test_wechat_knows_the_window_better(talk: Talk, code: int, reason: str, refusal: type[Exception]):
    chat = talk.writes()
    talk.replies(chat)
    talk.sent(Refused(code, "no"))
    assert messages(chat)[1].reason == reason
    with pytest.raises(refusal):
        talk.replies(chat)
    talk.writes(at=talk.now + SECOND)
    talk.replies(chat, now=talk.now + SECOND)


def test_the_fan_who_wrote_meanwhile_has_a_window_of_their_own(talk: Talk):
    chat = talk.writes()
    talk.replies(chat)
    talk.writes(at=talk.now + SECOND)
    talk.sent(Refused(45015, "no"), now=talk.now + 2 * SECOND)
    assert talk.row(chat).window.is_open(talk.now + 2 * SECOND)


@pytest.mark.parametrize("outcome", [Refused(48001, "api unauthorized"), Unheard("nothing")])
def test_what_failed_or_may_have_is_sent_again_by_hand_once(talk: Talk, outcome):
    chat = talk.writes()
    first = talk.replies(chat, "您好")
    for _ in range(rules.TRIES if isinstance(outcome, Refused) else 1):
        with unit_of_work() as session:
            at = services.next_at(session)
        talk.sent(outcome, now=at)
    before = conversation(chat).seq
    for _ in range(2):
        with unit_of_work() as session:
            again = services.retry(session, first, by_staff=talk.lina, now=talk.now).id
    old, new = messages(chat)[1:]
    assert (new.id, new.text, new.state, old.data) == (again, "您好", "pending", {"again": again})
    assert (new.seq, old.changed_seq) == (before + 1, before + 2)


def test_what_was_sent_is_not_sent_again(talk: Talk):
    chat = talk.writes()
    first = talk.replies(chat)
    talk.sent(Sent(None))
    with pytest.raises(NotFailed), unit_of_work() as session:
        services.retry(session, first, by_staff=talk.lina, now=talk.now)
    with pytest.raises(NotFound), unit_of_work() as session:
        services.retry(session, messages(chat)[0].id, by_staff=talk.lina, now=talk.now)


def test_a_picture_is_a_message(talk: Talk):
    chat = talk.writes()
    picture = services.Picture("a" * 64, 800, 600)
    talk.replies(chat, None, picture=picture)
    message = messages(chat)[1]
    assert (message.kind, message.text, message.file) == ("image", None, "a" * 64)
    assert message.data == {"width": 800, "height": 600}


def test_the_late_reply_of_the_callback_counts_too(talk: Talk):
    chat = talk.writes()
    with unit_of_work() as session:
        services.spent(session, talk.fan_ids[0])
        services.spent(session, talk.fan_ids[1])
    assert talk.row(chat).window.left == 4


def test_every_change_has_a_number_of_its_own(talk: Talk):
    """What changed later has the higher number, and the conversation the highest."""
    chat = talk.writes()
    talk.replies(chat)
    talk.writes(at=talk.now + SECOND)
    talk.sent(Sent(None))
    came, reply, again = messages(chat)
    assert [came.changed_seq, again.changed_seq, reply.changed_seq] == [1, 3, 4]
    row = conversation(chat)
    assert row.seq == 4
    assert abs(row.touched_at - clock.now()) < MINUTE
