"""The drain of messages: what was overtaken while a worker had it claimed does not leave (BK-10, NT-4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from engage.booking import services as booking
from engage.booking.services import Change
from engage.fans.models import Fan
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.notifications import services
from engage.notifications.models import Delivery
from engage.wechat.gateway import WeChatError, WeChatUnreachable
from tests.booking.scenes import SLOT, Scene, make_scene
from tests.notifications.scenes import react, states, word
from workers import deliveries


class Counter:
    """WeChat's counter: notes what is handed in, and what else happens while it is."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.trouble: Exception | None = None

    def send_template(self, _account, *, url: str, **_letter) -> int:
        """Take a message."""
        self.pages.append(url)
        self.meanwhile()
        self.meanwhile = lambda: None
        if self.trouble:
            raise self.trouble
        return len(self.pages)


@pytest.fixture
def counter(app, monkeypatch) -> Counter:
    """The counter, in the place of WeChat."""
    made = Counter()
    monkeypatch.setitem(app.extensions, "wechat", made)
    return made


@pytest.fixture
def scene(chain):
    """Two visits, each with a message that waits."""
    made = make_scene(chain)
    with tenant_scope(chain.id):
        word(made)
        yield made


def book(scene: Scene, fan: int) -> int:
    """Book a visit and write its message."""
    with unit_of_work() as session:
        visit = booking.book(session, scene.wish(fan=fan, slot=fan), by=scene.fan(fan), now=clock.now())
    react()
    return visit.id


def cancelling(scene: Scene, visit: int) -> Callable[[], None]:
    """Make a cancellation."""

    def call() -> None:
        with unit_of_work() as session:
            booking.cancel(session, visit, 1, "", by=scene.fan(1), now=clock.now())

    return call


def changing(scene: Scene, visit: int) -> Callable[[], None]:
    """Make a change to a later time."""

    def call() -> None:
        wish = Change(visit, 1, scene.chain.store.id, scene.doctor_id, scene.opens_at + 3 * SLOT)
        with unit_of_work() as session:
            booking.change(session, wish, by=scene.fan(1), now=clock.now())

    return call


def about(visit: int) -> list[tuple[str, str, str | None]]:
    """Give the messages about a visit."""
    with unit_of_work() as session:
        rows = session.execute(
            sa.select(Delivery.kind, Delivery.state, Delivery.reason)
            .where(Delivery.subject_id == visit)
            .order_by(Delivery.id)
        )
        return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("overtaking", "kind"),
    [(cancelling, "appointment_cancelled"), (changing, "appointment_changed")],
    ids=["cancelled", "changed"],
)
def test_an_overtaken_message_does_not_leave_though_it_is_claimed(scene, counter, overtaking, kind):
    """Both are claimed together; while the first is handed in, the visit of the second is overtaken."""
    first, second = book(scene, 0), book(scene, 1)
    counter.meanwhile = overtaking(scene, second)
    deliveries.drain()
    assert [page.rpartition("/")[2] for page in counter.pages] == [str(first)]
    assert about(second) == [("appointment_created", "skipped", "superseded")]
    react()
    deliveries.drain()
    assert len(counter.pages) == 2
    assert about(second)[1:] == [(kind, "sent", None)]


@pytest.mark.parametrize("broken", ["let_out", "withdraw"])
def test_without_either_guard_the_older_message_leaves(scene, counter, monkeypatch, broken):
    """The control: a sender that does not ask again, or a cancellation that withdraws nothing."""
    _first, second = book(scene, 0), book(scene, 1)
    monkeypatch.setattr(services, broken, lambda *_, **__: True)
    counter.meanwhile = cancelling(scene, second)
    deliveries.drain()
    assert str(second) in [page.rpartition("/")[2] for page in counter.pages]


def test_a_message_whose_answer_was_lost_is_not_repeated_after_a_change(scene, counter, monkeypatch):
    visit = book(scene, 1)
    counter.trouble, counter.meanwhile = WeChatUnreachable("ReadTimeout"), changing(scene, visit)
    deliveries.drain()
    later = clock.now() + 2 * services.deliveries.leases.LEASE
    monkeypatch.setattr(clock, "now", lambda: later)
    deliveries.drain()
    assert len(counter.pages) == 1
    assert about(visit) == [("appointment_created", "unknown", "superseded")]


@pytest.mark.parametrize(
    ("trouble", "ends"),
    [
        (WeChatError(43004, "require subscribe"), "failed"),
        (WeChatError(-1, "system busy"), "pending"),
        (WeChatError(45009, "reach max api daily quota limit"), "pending"),
        (WeChatError(40001, "invalid credential"), "pending"),
        (WeChatUnreachable("502"), "sending"),
    ],
)
def test_every_trouble_leaves_a_reason(scene, counter, trouble, ends):
    visit = book(scene, 0)
    counter.trouble = trouble
    deliveries.drain()
    ((_kind, state, reason),) = about(visit)
    assert state == ends
    assert reason


def test_sending_costs_few_statements(scene, counter, count_queries):
    """Claim, read who it is for, let out, settle: what each message costs is bounded."""
    book(scene, 0)
    with count_queries() as one:
        deliveries.drain()
    with unit_of_work() as session:
        for number in range(4):
            services.write(session, _letter(scene, 100 + number), now=clock.now())
    with count_queries() as four:
        deliveries.drain()
    assert len(counter.pages) == 5
    assert four.n - one.n <= 16  # four go in two batches: one batch more, and three messages


def _letter(scene: Scene, subject: int) -> services.Message:
    return services.Message(
        "appointment_created", "template", subject, 1, scene.account_id, scene.fan_ids[0], "t", {}, "/p"
    )


def test_nobody_is_told_who_follows_no_more(scene, counter):
    with unit_of_work() as session:
        session.execute(sa.update(Fan).where(Fan.id == scene.fan_ids[0]).values(following=False))
    book(scene, 0)
    deliveries.drain()
    assert counter.pages == []
    assert states() == [("appointment_created", "skipped", "not_following")]


def test_a_wording_that_is_switched_off_is_noted(scene, counter):
    word(scene, "appointment_created", enabled=False)
    book(scene, 0)
    deliveries.drain()
    assert states() == [("appointment_created", "skipped", "switched_off")]
