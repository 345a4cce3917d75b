"""Codes are made, changed, retired; WeChat is asked for their tickets; scans are counted and give."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.booking import services as booking
from engage.fans import queries as fan_queries
from engage.fans import services as fans
from engage.kernel.db import Session
from engage.kernel.errors import Invalid
from engage.qrcodes import queries, rules, services
from engage.qrcodes.errors import GivenAway, HasCode, Stale, TooMany
from engage.qrcodes.models import ChannelCode, Scan, SceneUse
from engage.qrcodes.queries import Days, Wanted
from engage.qrcodes.rules import Funnel
from engage.qrcodes.services import NewCode, bundles, tickets
from engage.wechat.outcomes import Refused, Unheard
from tests.booking.scenes import Scene
from tests.qrcodes.scenes import DAY, NOW, answer, follower, left, make, scan, states, use_up


def test_a_permanent_code_is_asked_for_once(scene: Scene, session: Session) -> None:
    code = make(session, scene)
    assert code.permanent
    assert answer(session) == [None]
    assert answer(session, now=NOW + 400 * DAY) == []
    made = queries.tickets(session, [code.id])[code.id]
    assert made.url is not None
    assert made.expires_at is None
    assert left(session, scene) == rules.PERMANENT_AT_MOST - 1


def test_a_temporary_code_is_renewed_before_its_end(scene: Scene, session: Session) -> None:
    code = make(session, scene, permanent=False)
    month = int(rules.LONGEST_LIFE.total_seconds())
    assert answer(session) == [month]
    first = queries.tickets(session, [code.id])[code.id]
    assert answer(session, now=NOW + 26 * DAY) == []
    assert not first.is_waiting
    assert answer(session, now=NOW + 27 * DAY) == [month]
    second = queries.tickets(session, [code.id])[code.id]
    assert second.url != first.url
    assert first.expires_at is not None
    assert second.expires_at == NOW + 57 * DAY
    assert states(session, code.id) == ["made", "made", "pending"]
    assert left(session, scene) == rules.PERMANENT_AT_MOST


def test_where_no_permanent_one_is_left_a_code_becomes_temporary(scene: Scene, session: Session) -> None:
    use_up(session, scene, but=1)
    assert [make(session, scene).permanent for _ in range(2)] == [True, False]
    assert left(session, scene) == 0


def test_wechat_says_that_none_is_left(scene: Scene, session: Session) -> None:
    code = make(session, scene)
    (order,) = tickets.claim(session, now=NOW, batch=5)
    tickets.settle(session, order, Refused(40053, "invalid action info"), now=NOW)
    assert (code.permanent, states(session, code.id)) == (False, ["pending"])
    assert left(session, scene) == 0
    assert answer(session) == [int(rules.LONGEST_LIFE.total_seconds())]
    assert not make(session, scene).permanent


@pytest.mark.parametrize(
    ("errcode", "state", "reason"),
    [
        (48001, "failed", "set_up"),
        (40052, "failed", "refused"),
        (-1, "pending", None),
        (45009, "pending", None),
    ],
)
def test_refusals_end_or_wait(
    scene: Scene, session: Session, errcode: int, state: str, reason: str | None
) -> None:
    code = make(session, scene)
    (order,) = tickets.claim(session, now=NOW, batch=5)
    tickets.settle(session, order, Refused(errcode, "no"), now=NOW)
    assert states(session, code.id) == [state]
    standing = queries.tickets(session, [code.id])[code.id]
    assert (standing.reason, standing.url) == (reason, None)


def test_silence_is_asked_again_until_a_person_must(scene: Scene, session: Session) -> None:
    code, now = make(session, scene), NOW
    for _ in range(8):
        (order,) = tickets.claim(session, now=now, batch=5)
        tickets.settle(session, order, Unheard("timed out"), now=now)
        now += dt.timedelta(hours=3)
    assert queries.tickets(session, [code.id])[code.id].reason == "silent"
    assert queries.failed(session) == 1
    for _ in range(2):
        tickets.again(session, code.id, now=now)
    assert answer(session, now=now) == [None]
    assert queries.tickets(session, [code.id])[code.id].reason is None
    assert queries.failed(session) == 0


def test_who_lost_the_lease_settles_nothing(scene: Scene, session: Session) -> None:
    code = make(session, scene)
    (order,) = tickets.claim(session, now=NOW, batch=5)
    later = NOW + dt.timedelta(minutes=2)
    assert answer(session, now=later) == [None]
    tickets.settle(session, order, Refused(40052, "no"), now=later)
    assert states(session, code.id) == ["made"]


def test_a_scene_goes_on_to_the_next_code_after_its_rest(scene: Scene, session: Session) -> None:
    old = make(session, scene, now=NOW - 300 * DAY)
    answer(session, now=NOW - 300 * DAY)
    scan(session, scene.fan_ids[0], old.scene, at=NOW - 150 * DAY)
    services.retire(session, old.id, by=OPERATOR, now=NOW - 200 * DAY)
    assert make(session, scene, now=NOW - 61 * DAY).scene != old.scene  # scanned 89 days before
    new = make(session, scene, name="电梯广告")
    assert new.scene == old.scene
    assert left(session, scene) == rules.PERMANENT_AT_MOST - 2
    assert make(session, scene).scene != old.scene  # one takes it, no two


def test_scans_belong_to_the_code_of_their_time(scene: Scene, session: Session) -> None:
    old = make(session, scene, now=NOW - 300 * DAY)
    services.retire(session, old.id, by=OPERATOR, now=NOW - 200 * DAY)
    new = make(session, scene)
    assert new.scene == old.scene
    assert scan(session, scene.fan_ids[0], old.scene, at=NOW - 250 * DAY) == old.id
    assert scan(session, scene.fan_ids[0], new.scene, at=NOW + DAY) == new.id
    assert (queries.funnel(session, old.id).scans, queries.funnel(session, new.id).scans) == (1, 1)
    with pytest.raises(GivenAway):
        services.restore(session, old.id, by=OPERATOR, now=NOW)


def test_temporary_scenes_are_never_given_on(scene: Scene, session: Session) -> None:
    old = make(session, scene, permanent=False, now=NOW - 300 * DAY)
    services.retire(session, old.id, by=OPERATOR, now=NOW - 200 * DAY)
    assert make(session, scene).scene != old.scene


def test_the_statement_says_what_the_rule_says(scene: Scene, session: Session) -> None:
    for retired in (None, 89, 90, 91, 200):
        for scanned in (None, 89, 90, 91, 300):
            code = make(session, scene, permanent=True, now=NOW - 400 * DAY)
            if scanned is not None:
                scan(session, scene.fan_ids[0], code.scene, at=NOW - scanned * DAY)
            if retired is not None:
                services.retire(session, code.id, by=OPERATOR, now=NOW - retired * DAY)
            found = {use.code_id for use in session.scalars(queries.reusable(scene.account_id, NOW))}
            last = None if scanned is None else NOW - scanned * DAY
            assert (code.id in found) is rules.is_reusable(code.retired_at, last, NOW), (retired, scanned)
            session.execute(sa.update(SceneUse).where(SceneUse.code_id == code.id).values(until_at=NOW))


def test_a_store_has_one_code(scene: Scene, session: Session) -> None:
    store_id = scene.chain.store.id
    first = make(session, scene, kind="store", store_id=store_id)
    with pytest.raises(HasCode):
        make(session, scene, kind="store", store_id=store_id)
    services.retire(session, first.id, by=OPERATOR, now=NOW)
    second = make(session, scene, kind="store", store_id=store_id)
    assert queries.of_stores(session) == {(scene.account_id, store_id): second.id}
    with pytest.raises(HasCode):
        services.restore(session, first.id, by=OPERATOR, now=NOW)


def test_retiring_ends_renewals_and_restoring_begins_them(scene: Scene, session: Session) -> None:
    code = make(session, scene, permanent=False)
    answer(session)
    for _ in range(2):
        services.retire(session, code.id, by=OPERATOR, now=NOW)
    assert states(session, code.id) == ["made", "dropped"]
    assert answer(session, now=NOW + 30 * DAY) == []
    for _ in range(2):
        services.restore(session, code.id, by=OPERATOR, now=NOW + 40 * DAY)
    assert len(answer(session, now=NOW + 40 * DAY)) == 1


def test_fields_are_checked_and_older_versions_refused(scene: Scene, session: Session) -> None:
    with pytest.raises(Invalid) as wrong:
        make(session, scene, kind="store", name="", welcome="字" * 601, caption="字" * 25)
    assert set(wrong.value.fields) == {"name", "store_id", "welcome", "caption"}
    code = make(session, scene)
    changed = NewCode(scene.account_id, "promotion", "电梯广告", cost_minor=120_00)
    services.edit(session, code.id, changed, version=1, by=OPERATOR, now=NOW)
    assert (code.name, code.cost_minor, code.version) == ("电梯广告", 120_00, 2)
    with pytest.raises(Stale):
        services.edit(session, code.id, changed, version=1, by=OPERATOR, now=NOW)


def test_a_scan_gives_what_the_code_says_and_once(scene: Scene, session: Session) -> None:
    group = fans.tags.create_group(session, "渠道", by=OPERATOR, now=NOW)
    tag = fans.tags.create_tag(session, group.id, "地铁", by=OPERATOR, now=NOW)
    code = make(session, scene, store_id=scene.chain.store.id, tag_ids=[tag.id])
    fan_id = scene.fan_ids[0]
    assert scan(session, fan_id, code.scene, push_id=7, is_first=True) == code.id
    fans.tags.remove(session, [tag.id], [fan_id], by=OPERATOR, now=NOW)
    fans.assign_store(session, [fan_id], None, by=OPERATOR, now=NOW)
    session.expire_all()
    assert scan(session, fan_id, code.scene, push_id=7, is_first=True) == code.id  # the same push
    fan = fan_queries.fan(session, fan_id)
    assert (fan.source_code_id, fan.store_id) == (code.id, None)
    assert not fan_queries.tags_of(session, [fan_id]).get(fan_id)
    scan(session, fan_id, code.scene, push_id=8)
    session.expire_all()
    assert fan_queries.fan(session, fan_id).store_id == scene.chain.store.id
    assert [one.id for one in fan_queries.tags_of(session, [fan_id])[fan_id]] == [tag.id]
    assert session.scalar(sa.select(sa.func.count()).select_from(Scan)) == 2


def test_the_first_code_stays_the_source_and_a_retired_one_gives_nothing(
    scene: Scene, session: Session
) -> None:
    first, second = make(session, scene), make(session, scene, store_id=scene.chain.store.id)
    services.retire(session, second.id, by=OPERATOR, now=NOW)
    scan(session, scene.fan_ids[0], first.scene)
    scan(session, scene.fan_ids[0], second.scene, at=NOW + DAY)
    session.expire_all()
    fan = fan_queries.fan(session, scene.fan_ids[0])
    assert (fan.source_code_id, fan.store_id) == (first.id, None)
    assert queries.funnel(session, second.id).scans == 1


def test_scenes_of_others_count_nothing(scene: Scene, session: Session) -> None:
    assert scan(session, scene.fan_ids[0], "made-elsewhere") is None
    assert session.scalar(sa.select(sa.func.count()).select_from(Scan)) == 0


def test_welcomes_are_of_codes_in_use_with_a_text(scene: Scene, session: Session) -> None:
    code = make(session, scene, welcome="欢迎来到徐汇店")
    make(session, scene)
    retired = make(session, scene, welcome="再见")
    services.retire(session, retired.id, by=OPERATOR, now=NOW)
    assert queries.welcomes(session, scene.account_id) == {code.scene: "欢迎来到徐汇店"}


def test_days_are_the_chains(scene: Scene, session: Session) -> None:
    code = make(session, scene, now=NOW - 30 * DAY)
    # 23:59 and 00:00 in Shanghai.
    for minute in (
        dt.datetime(2026, 11, 20, 15, 59, tzinfo=dt.UTC),
        dt.datetime(2026, 11, 20, 16, tzinfo=dt.UTC),
    ):
        scan(session, scene.fan_ids[0], code.scene, at=minute, is_first=minute.hour == 15)
    days = Days(dt.date(2026, 11, 20), dt.date(2026, 11, 21))
    found = queries.by_day(session, code.id, days)
    assert found == {dt.date(2026, 11, 20): (1, 1), dt.date(2026, 11, 21): (1, 0)}
    only = Days(dt.date(2026, 11, 21), dt.date(2026, 11, 30))
    assert queries.funnel(session, code.id, only) == Funnel(1, 1, 0, 1, 0, 0)
    assert queries.trends(session, [code.id], only)[code.id].people == 1


def test_the_funnel_counts_persons_and_holds_each_step_in_the_last(scene: Scene, session: Session) -> None:
    code = make(session, scene, now=NOW - 30 * DAY, cost_minor=300_00)
    stranger, former = follower(session, scene, "o-stranger"), follower(session, scene, "o-former")
    for fan_id in (*scene.fan_ids, stranger):
        scan(session, fan_id, code.scene, at=NOW - DAY, is_first=fan_id == stranger)
    scan(session, scene.fan_ids[0], code.scene)
    booking.book(session, scene.wish(fan=1), by=scene.fan(1), now=NOW - 2 * DAY)  # before the scan
    assert queries.funnel(session, code.id) == Funnel(scans=4, people=3, new=1, bound=2, booked=0, came=0)
    booking.book(session, scene.wish(fan=0, slot=1), by=scene.fan(0), now=NOW)
    assert queries.funnel(session, code.id) == Funnel(scans=4, people=3, new=1, bound=2, booked=1, came=0)
    assert former not in {one.fan_id for one in _behind(session, code, "people")}
    assert {one.fan_id for one in _behind(session, code, "new")} == {stranger}
    assert {one.fan_id for one in _behind(session, code, "old")} == set(scene.fan_ids)
    assert {one.fan_id for one in _behind(session, code, "bound")} == set(scene.fan_ids)
    assert {one.fan_id for one in _behind(session, code, "booked")} == {scene.fan_ids[0]}


def test_who_came_after_the_scan_counts(scene: Scene, session: Session) -> None:
    code = make(session, scene, now=NOW - 30 * DAY)
    scan(session, scene.fan_ids[0], code.scene, at=NOW)
    visit = booking.book(session, scene.wish(), by=scene.fan(), now=NOW + dt.timedelta(hours=1))
    for action in ("check_in", "start", "complete"):
        booking.act(session, visit.id, action, version=visit.version, by=OPERATOR, now=scene.opens_at)
    assert queries.funnel(session, code.id) == Funnel(1, 1, 0, 1, 1, 1)
    assert [one.came for one in _behind(session, code, "came")] == [True]


def _behind(session: Session, code: ChannelCode, step: str) -> list[queries.Person]:
    """Give everybody behind a number, a page of one after the other."""
    found: list[queries.Person] = []
    cursor: str | None = None
    while True:
        page = queries.people(session, code.id, step, None, cursor=cursor, size=1)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


def test_lists_by_kind_state_and_store(scene: Scene, session: Session) -> None:
    store = make(session, scene, kind="store", store_id=scene.chain.store.id)
    promotion, retired = make(session, scene), make(session, scene)
    services.retire(session, retired.id, by=OPERATOR, now=NOW)

    def ids(**wanted: object) -> list[int]:
        return [code.id for code in queries.codes(session, Wanted(**wanted), cursor=None).items]  # type: ignore[arg-type]

    assert ids() == [promotion.id, store.id]
    assert ids(kind="store") == [store.id]
    assert ids(state="retired") == [retired.id]
    assert ids(store_ids=frozenset({scene.chain.store.id})) == [store.id]


def test_bundles_hold_a_limited_number(scene: Scene, session: Session) -> None:
    with pytest.raises(TooMany):
        bundles.ask(session, [], staff_id=1, now=NOW)
    with pytest.raises(TooMany):
        bundles.ask(session, range(1, 502), staff_id=1, now=NOW)
