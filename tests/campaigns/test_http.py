"""The pages of campaigns: planned with a preview, watched, stopped; who may, and what it costs to ask."""

from __future__ import annotations

import contextvars
import datetime as dt
import html
import re
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from engage.audit.services import OPERATOR, Actor
from engage.blueprints.console.campaigns import shapes
from engage.campaigns import queries, services
from engage.campaigns.models import Campaign
from engage.coupons import services as coupons
from engage.coupons.models import CouponGrant
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.notifications import services as notifications
from engage.notifications.models import Bundle, Delivery, Pace
from engage.notifications.services import pace
from engage.patients import services as patients
from engage.wechat.rules import day_ends_at, day_of
from tests.campaigns.scenes import Town, name, publish, run, settle_town
from tests.conftest import Chain, make_chain
from tests.contracts.callers import Person, log_in_directly

ZONE = "Asia/Shanghai"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def town(chain: Chain) -> Town:
    return settle_town(chain)


@pytest.fixture
def marketer(app: Flask, town: Town) -> Person:
    return log_in_directly(app, town.chain, "marketer")


@pytest.fixture(autouse=True)
def _scope(town: Town) -> Iterator[None]:
    with tenant_scope(town.chain.id):
        yield


def words(answer: TestResponse) -> str:
    """Give what the page says, without the frame around it."""
    inner = answer.text.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", inner)).split())


def form(town: Town, **changes: str) -> dict[str, str]:
    at = clock.local(clock.now() + dt.timedelta(days=1), ZONE)
    filled = {
        "key": str(uuid.uuid4()),
        "name": "双十一",
        "coupon": str(town.coupon_id),
        "account": str(town.account_ids[0]),
        "day": f"{at:%Y-%m-%d}",
        "time": "10:00",
    }
    return {**filled, **changes}


def the_campaign() -> Campaign:
    with unit_of_work() as session:
        return session.scalars(sa.select(Campaign)).one()


def started(town: Town, *, batch: int = 1000, **changes: object) -> int:
    """Plan, begin and work off a campaign, committed."""
    with unit_of_work() as session:
        campaign = services.schedule(session, town.push(**changes), by=OPERATOR, now=clock.now())
        services.start(session, campaign.id, by=OPERATOR, now=clock.now())
        run(session, now=clock.now(), batch=batch)
        return campaign.id


def path(campaign_id: int, rest: str = "") -> str:
    return f"/console/campaigns/{campaign_id}{rest}"


def test_a_campaign_is_planned_in_the_clinics_time(town, marketer):
    answer = marketer.ask("POST", "/console/campaigns/new", form(town, day="2027-01-31", time="18:30"))
    assert answer.status_code == 303
    campaign = the_campaign()
    assert answer.headers["Location"] == path(campaign.id)
    assert clock.local(campaign.starts_at, ZONE).isoformat() == "2027-01-31T18:30:00+08:00"
    assert (campaign.name, campaign.account_id, campaign.created_by) == (
        "双十一",
        town.account_ids[0],
        marketer.id,
    )


def test_a_double_tap_plans_one_and_an_empty_name_is_the_coupons(town, marketer):
    filled = form(town, name="", account="")
    places = {marketer.ask("POST", "/console/campaigns/new", filled).headers["Location"] for _ in range(2)}
    assert places == {path(the_campaign().id)}
    assert (the_campaign().name, the_campaign().account_id) == ("到店礼 50 元", None)


def test_a_form_that_comes_back_with_other_words_is_not_taken_for_the_first(town, marketer):
    """The browser's way back leads to the old form, with the old key."""
    filled = form(town)
    marketer.ask("POST", "/console/campaigns/new", filled)
    answer = marketer.ask("POST", "/console/campaigns/new", {**filled, "time": "18:00", "name": "复诊礼"})
    assert (answer.status_code, "was sent before" in answer.text) == (422, True)
    assert the_campaign().name == "双十一"


def test_what_has_begun_has_no_form(town, marketer):
    assert marketer.ask("GET", path(started(town), "/edit")).status_code == 302


def test_the_preview_sends_no_token_into_an_address(town, marketer):
    shown = marketer.ask("GET", "/console/campaigns/new").text
    assert 'hx-params="not csrf_token,version"' in shown


def test_the_page_follows_what_wechat_confirms_later_and_then_rests(town, marketer):
    campaign_id = started(town)
    with unit_of_work() as session:
        session.execute(sa.update(Delivery).values(state="sent", available_at=None))
        session.execute(sa.update(Bundle).values(available_at=None))
        services.finish(session, campaign_id, now=clock.now())
    assert "hx-trigger" in marketer.ask("GET", path(campaign_id, "/progress")).text
    with unit_of_work() as session:
        an_hour_ago = clock.now() - dt.timedelta(hours=1)
        session.execute(sa.update(Campaign).values(ended_at=an_hour_ago))
    assert "hx-trigger" not in marketer.ask("GET", path(campaign_id, "/progress")).text


@pytest.mark.parametrize(
    ("account", "minutes", "is_said"), [(0, None, True), (0, 1, False), (1, None, False)]
)
def test_the_page_says_that_messages_wait_for_the_next_day(town, marketer, account, minutes, is_said):
    """And does not say so of a wait that passes, or of another account's."""
    campaign_id, now = started(town), clock.now()
    until = now + dt.timedelta(minutes=minutes) if minutes else day_ends_at(now)
    with unit_of_work() as session:
        account_id = town.account_ids[account]
        session.add(Pace(account_id=account_id, tokens=0, refilled_at=now, day=day_of(now), used=1))
        session.flush()
        pace.hold(session, account_id, until)
    shown = html.unescape(marketer.ask("GET", path(campaign_id)).text)
    assert ("messages to many are used up" in shown) == is_said


def test_a_large_campaign_is_counted_less_often():
    looked = [shapes.looks_again(targeted) for targeted in (0, 30_000, 200_000, 1_000_000)]
    assert looked == [2, 2, 5, 20]


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"day": "2020-01-01"}, "time", "This time has passed"),
        ({"day": "2099-01-01"}, "day", "At most a year ahead"),
        ({"day": "soon"}, "day", "Please choose a date"),
        ({"day": "9999-12-31"}, "day", "Please choose a date"),
        ({"day": "0001-01-01", "time": "00:00"}, "day", "Please choose a date"),
        ({"time": "ten"}, "time", "Please choose a time"),
        ({"coupon": ""}, "coupon", "Please choose from the list"),
        ({"name": "长" * 31}, "name", "At most 30 characters"),
        ({"name": "a\x00b"}, "name", "special characters"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(town, marketer, changes, field, sentence):
    answer = marketer.ask("POST", "/console/campaigns/new", form(town, **changes))
    assert answer.status_code == 422
    assert f'id="error-{field}"' in answer.text
    assert sentence in answer.text
    with unit_of_work() as session:
        assert session.scalars(sa.select(Campaign)).all() == []


def test_a_withdrawn_coupon_is_refused_at_its_field(town, marketer):
    with unit_of_work() as session:
        coupons.withdraw(session, town.coupon_id, by=OPERATOR, now=clock.now())
        publish(session, now=clock.now())
    answer = marketer.ask("POST", "/console/campaigns/new", form(town))
    assert (answer.status_code, "not published online" in words(answer)) == (422, True)


def test_without_a_coupon_the_page_says_what_to_do_first(town, marketer):
    with unit_of_work() as session:
        coupons.withdraw(session, town.coupon_id, by=OPERATOR, now=clock.now())
    assert "No coupon is published online" in words(marketer.ask("GET", "/console/campaigns/new"))


def test_the_preview_says_how_many_whether_the_stock_reaches_and_what_they_read(town, marketer):
    with unit_of_work() as session:
        scarce = publish(session, stock=4, now=clock.now())
    filled = form(town, coupon=str(scarce))
    answer = marketer.client.get("/console/campaigns/preview", query_string=filled, headers=HTMX)
    said = words(answer)
    assert "6 fans follow now" in said
    assert "4 are left, so 2 fans would go without" in said
    assert "优惠券到账通知" in said
    assert "到店礼 50 元" in said
    assert 'id="consequence"' in answer.text
    everybody = {**filled, "account": ""}
    said = words(marketer.client.get("/console/campaigns/preview", query_string=everybody, headers=HTMX))
    assert "8 fans follow now" in said
    assert "1 more account sends its own" in said


def test_the_preview_tells_of_an_account_that_sends_no_message(town, marketer):
    with unit_of_work() as session:
        notifications.set_wording(
            session,
            town.account_ids[0],
            "coupon_arrived",
            enabled=False,
            template_id="t",
            title="",
            content="{{thing1.DATA}}",
            fields=[{"key": "thing1", "text": "{coupon}"}],
            by=OPERATOR,
            now=clock.now(),
        )
    said = words(marketer.client.get("/console/campaigns/preview", query_string=form(town), headers=HTMX))
    assert "sends no message" in said
    assert "The coupon still arrives" in said


@pytest.mark.parametrize("text", ["", "2026-99-99", "x" * 200])
def test_the_preview_stands_whatever_is_in_the_address(town, marketer, text):
    odd = dict.fromkeys(("day", "time", "coupon", "account"), text)
    assert marketer.client.get("/console/campaigns/preview", query_string=odd).status_code == 200


def test_a_plan_is_changed_and_a_stale_form_is_not_taken(town, marketer):
    marketer.ask("POST", "/console/campaigns/new", form(town))
    campaign = the_campaign()
    page = marketer.ask("GET", path(campaign.id, "/edit"))
    assert 'value="双十一"' in page.text
    changed = form(town, name="圣诞", version="1")
    assert marketer.ask("POST", path(campaign.id, "/edit"), changed).status_code == 303
    assert (the_campaign().name, the_campaign().version) == ("圣诞", 2)
    assert marketer.ask("POST", path(campaign.id, "/edit"), {**changed, "name": "元旦"}).status_code == 409
    assert the_campaign().name == "圣诞"


def test_the_page_counts_every_step_and_every_reason(town, marketer):
    with unit_of_work() as session:
        scarce = publish(session, stock=5, now=clock.now())
    campaign_id = started(town, coupon_id=scarce)
    with unit_of_work() as session:
        first, second, third, *_ = session.scalars(sa.select(Delivery).order_by(Delivery.id)).all()
        first.state, second.state, third.state = "delivered", "failed", "failed"
        second.reason, third.reason = "user block", "43004 require subscribe rid: 66f-1"
        grant = session.scalars(sa.select(CouponGrant).where(CouponGrant.coupon_id == scarce)).first()
        coupons.redeem(
            session, grant.code, store_id=town.chain.store.id, by=Actor("staff", marketer.id), now=clock.now()
        )
    answer = marketer.ask("GET", path(campaign_id))
    said = words(answer)
    assert "Fans meant 6" in said
    assert "Got the coupon 5 83%" in said
    assert "Were told in WeChat 1 17%" in said
    assert "Used it 1 17%" in said
    assert "No coupon was left. 1" in said
    assert "The fan has blocked messages of the account. 1" in said
    assert "WeChat said: 43004 require subscribe 1" in said
    assert "rid" not in said
    for which, count in {
        "": 6,
        "granted": 5,
        "skipped:out_of_stock": 1,
        "notice-failed:user block": 1,
        "notice-failed:43004 require subscribe": 1,
        "told": 1,
        "redeemed": 1,
        "nonsense:x": 6,
    }.items():
        people = marketer.client.get(path(campaign_id, "/people"), query_string={"show": which})
        assert people.text.count('<th scope="row">') == count, which


def test_the_moving_part_stops_moving_and_brings_the_head_when_the_state_changed(town, marketer):
    campaign_id = started(town)
    part = marketer.client.get(path(campaign_id, "/progress?state=running"), headers=HTMX)
    assert 'hx-trigger="every 2s"' in part.text
    assert 'id="page-head"' not in part.text
    with unit_of_work() as session:
        services.end(session, campaign_id, by=OPERATOR, now=clock.now())
    part = marketer.client.get(path(campaign_id, "/progress?state=running"), headers=HTMX)
    assert "hx-trigger" not in part.text
    assert 'hx-swap-oob="true"' in part.text
    assert "Ended early" in part.text


@pytest.mark.parametrize(
    ("before", "action", "state"),
    [
        ((), "start", "running"),
        (("start",), "pause", "paused"),
        (("start", "pause"), "resume", "running"),
        (("start",), "end", "ended"),
        ((), "end", "ended"),
    ],
)
def test_buttons_do_what_they_say(town, marketer, before, action, state):
    marketer.ask("POST", "/console/campaigns/new", form(town))
    campaign_id = the_campaign().id
    for one in (*before, action):
        assert f'value="{one}"' in marketer.ask("GET", path(campaign_id)).text
        assert marketer.ask("POST", path(campaign_id, "/act"), {"action": one}).status_code == 303
    assert the_campaign().state == state
    assert marketer.ask("POST", path(campaign_id, "/act"), {"action": "delete"}).status_code == 400
    assert marketer.ask("POST", path(campaign_id + 1, "/act"), {"action": "delete"}).status_code == 404


def test_what_cannot_be_done_is_refused_in_words(town, marketer):
    campaign_id = started(town)
    marketer.ask("POST", path(campaign_id, "/act"), {"action": "end"})
    answer = marketer.ask("POST", path(campaign_id, "/act"), {"action": "resume"})
    assert (answer.status_code, "cannot be done" in answer.text) == (409, True)


def test_a_missed_one_says_so_and_what_can_be_done(town, marketer):
    with unit_of_work() as session:
        campaign = services.schedule(session, town.push(), by=OPERATOR, now=clock.now())
        late = campaign.starts_at + dt.timedelta(hours=7)
        services.start_due(session, now=late)
    said = words(marketer.ask("GET", path(campaign.id)))
    assert "It should have begun" in said
    assert "Start now" in said
    assert "Edit" in said


def test_somebody_is_looked_up_by_name_and_names_stay_out_of_addresses(app, town, marketer):
    with unit_of_work() as session:
        name(session, town.fan_ids[1], "小雨")
        chart = patients.create_chart(session, patients.NewChart("王小红"), by=OPERATOR, now=clock.now())
        patients.bind(
            session, fan_id=town.fan_ids[1], patient_id=chart.id, how="desk", by=OPERATOR, now=clock.now()
        )
    campaign_id = started(town)
    found = marketer.client.post(
        path(campaign_id, "/find"), data={"csrf_token": marketer.csrf, "q": "小雨"}, headers=HTMX
    )
    assert "小雨" in words(found)
    assert "Has it" in words(found)
    assert "王小红" not in found.text
    unknown = marketer.client.post(
        path(campaign_id, "/find"), data={"csrf_token": marketer.csrf, "q": "王小红"}, headers=HTMX
    )
    assert "Nobody of this name" in words(unknown)
    owner = log_in_directly(app, town.chain, "owner")
    whole = owner.ask("POST", path(campaign_id, "/find"), {"q": "王小红"})
    assert "小雨 王小红" in words(whole)
    assert "Fans meant" in words(whole)


@pytest.mark.parametrize("role", ["desk", "agent", "doctor", "accountant"])
def test_others_may_not_look(app, town, role):
    campaign_id = started(town)
    person = log_in_directly(app, town.chain, role)
    for rest in ("", "/people", "/progress", "/edit"):
        assert person.ask("GET", path(campaign_id, rest)).status_code == 403
    assert person.ask("POST", path(campaign_id, "/act"), {"action": "pause"}).status_code == 403


def test_a_manager_of_one_store_neither_sees_nor_pushes_to_everybody(app, town):
    manager = log_in_directly(app, town.chain, "manager", store_id=town.chain.store.id)
    assert manager.ask("GET", "/console/campaigns").status_code == 403
    assert 'href="/console/campaigns"' not in manager.ask("GET", "/console/").text


def test_another_chains_campaign_does_not_exist(app, town):
    campaign_id = started(town)
    # Outside of this test's own scope.
    stranger = contextvars.Context().run(_stranger, app)
    for rest in ("", "/people", "/progress", "/edit"):
        assert stranger.ask("GET", path(campaign_id, rest)).status_code == 404
    assert stranger.ask("POST", path(campaign_id, "/act"), {"action": "end"}).status_code == 404
    assert stranger.ask("POST", path(campaign_id, "/find"), {"q": "x"}).status_code == 404


def _stranger(app: Flask) -> Person:
    with app.app_context():
        return log_in_directly(app, make_chain(), "owner")


def test_the_lists_ask_as_much_for_many_as_for_one(town, marketer, count_queries):
    campaign_id = started(town)
    pages = [
        "/console/campaigns",
        path(campaign_id),
        path(campaign_id, "/people"),
        path(campaign_id, "/progress"),
    ]
    asked = []
    for _ in range(2):
        cost = []
        for page in pages:
            with count_queries() as counted:
                assert marketer.ask("GET", page).status_code == 200
            cost.append(counted.n)
        asked.append(cost)
        for _more in range(3):
            started(town)
        with unit_of_work() as session:
            campaign = queries.campaign(session, campaign_id)
            assert campaign.state == "running"
    assert asked[0] == asked[1]
    assert max(asked[0]) <= 25, asked


def test_pages_of_people_follow_each_other(town, marketer, monkeypatch):
    monkeypatch.setattr(queries, "SIZE", 4)
    campaign_id = started(town)
    first = marketer.ask("GET", path(campaign_id, "/people"))
    (following,) = re.findall(r'id="page-older" rel="next" href="([^"]+)"', first.text)
    second = marketer.client.get(html.unescape(following))
    assert (first.text.count('<th scope="row">'), second.text.count('<th scope="row">')) == (4, 2)
