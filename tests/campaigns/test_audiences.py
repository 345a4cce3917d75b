"""Campaigns for some: planned with a filter, counted while planning, frozen at the start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audiences.filters import EVERYBODY, Filter, to_json
from engage.audit.services import OPERATOR
from engage.campaigns import services
from engage.campaigns.models import Campaign, Recipient
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.patients import services as patients
from engage.patients.services import NewChart
from tests.campaigns.scenes import Town, leave, settle_town
from tests.campaigns.test_http import form, path, the_campaign, words
from tests.conftest import Chain
from tests.contracts.callers import Person, log_in_directly
from workers import events

NEW, EDIT = "/console/campaigns/new", "/edit"


@pytest.fixture
def town(chain: Chain) -> Iterator[Town]:
    made = settle_town(chain)
    with tenant_scope(chain.id):
        yield made


@pytest.fixture
def tag_id(town: Town) -> int:
    """A tag that the first three followers of the first account have, and one of the second."""
    with unit_of_work() as session:
        group = fans.tags.create_group(session, "关系", by=OPERATOR, now=clock.now())
        tag = fans.tags.create_tag(session, group.id, "老客户", by=OPERATOR, now=clock.now())
        tagged = [*town.fan_ids[:3], town.other_fan_ids[0]]
        fans.tags.add(session, [tag.id], tagged, how="hand", by=OPERATOR, now=clock.now())
        return tag.id


@pytest.fixture
def marketer(app: Flask, town: Town) -> Person:
    return log_in_directly(app, town.chain, "marketer")


def begun(session: Session, town: Town, asked: Filter, **changes: object) -> Campaign:
    campaign = services.schedule(session, town.push(audience=asked, **changes), by=OPERATOR, now=clock.now())
    return services.start(session, campaign.id, by=OPERATOR, now=clock.now())


def reached(session: Session, campaign_id: int) -> set[int]:
    return set(session.scalars(sa.select(Recipient.fan_id).where(Recipient.campaign_id == campaign_id)))


def test_it_reaches_its_audience_of_its_account_who_follow(town: Town, tag_id: int) -> None:
    with unit_of_work() as session:
        leave(session, town.fan_ids[0])
        campaign = begun(session, town, Filter(tags_any=frozenset({tag_id})))
        assert reached(session, campaign.id) == set(town.fan_ids[1:3])
        assert campaign.targeted == 2
        of_all = begun(session, town, Filter(tags_any=frozenset({tag_id})), account_id=None)
        assert reached(session, of_all.id) == {*town.fan_ids[1:3], town.other_fan_ids[0]}


def test_an_audience_cannot_mean_another_account_or_who_left(town: Town) -> None:
    """What an address may ask of a list is nothing that a campaign can be for."""
    asked = EVERYBODY.changed(account_id=town.account_ids[1], following=None)
    with unit_of_work() as session:
        campaign = begun(session, town, asked)
        assert reached(session, campaign.id) == set(town.fan_ids)
        assert campaign.audience == {"v": 1}


def test_it_is_frozen_at_the_start(town: Town, tag_id: int) -> None:
    with unit_of_work() as session:
        campaign = begun(session, town, Filter(tags_any=frozenset({tag_id})))
        fans.tags.add(session, [tag_id], town.fan_ids, how="hand", by=OPERATOR, now=clock.now())
        assert reached(session, campaign.id) == set(town.fan_ids[:3])


def test_women_of_a_region_are_those_whose_chart_says_so(town: Town) -> None:
    with unit_of_work() as session:
        for fan_id, sex, region in zip(town.fan_ids, "ffm", ("31", "44", "31"), strict=False):
            chart = patients.create_chart(
                session, NewChart("某某", sex=sex, region=region), by=OPERATOR, now=clock.now()
            )
            patients.bind(
                session, fan_id=fan_id, patient_id=chart.id, how="desk", by=OPERATOR, now=clock.now()
            )
    events.drain()
    with unit_of_work() as session:
        campaign = begun(session, town, Filter(sexes=frozenset({"f"}), regions=frozenset({"31"})))
        assert reached(session, campaign.id) == {town.fan_ids[0]}


def test_the_form_plans_for_some_and_shows_it_again(town: Town, tag_id: int, marketer: Person) -> None:
    filled = {**form(town), "tag": str(tag_id), "visited": "before.180"}
    assert marketer.ask("POST", NEW, filled).status_code == 303
    campaign = the_campaign()
    assert campaign.audience == {"v": 1, "tags_any": [str(tag_id)], "visited": ["before.180"]}
    shown = words(marketer.client.get(path(campaign.id)))
    assert "Any of the tags: 老客户; Last visit: More than 180 days ago" in shown
    assert "老客户" in words(marketer.client.get("/console/campaigns"))
    again = marketer.client.get(path(campaign.id, EDIT)).text
    assert f'name="tag" value="{tag_id}" checked' in again
    assert 'name="visited" value="before.180" checked' in again


def test_a_second_form_with_another_audience_is_not_taken_for_the_first(
    town: Town, tag_id: int, marketer: Person
) -> None:
    filled = form(town)
    marketer.ask("POST", NEW, {**filled, "tag": str(tag_id)})
    assert marketer.ask("POST", NEW, {**filled, "tag": str(tag_id)}).status_code == 303
    assert marketer.ask("POST", NEW, filled).status_code == 422


def test_an_audience_can_be_changed_until_the_start(town: Town, tag_id: int, marketer: Person) -> None:
    filled = form(town)
    marketer.ask("POST", NEW, filled)
    campaign = the_campaign()
    answer = marketer.ask(
        "POST", path(campaign.id, EDIT), {**filled, "version": "1", "tag_none": str(tag_id)}
    )
    assert answer.status_code == 303
    assert the_campaign().audience == to_json(Filter(tags_none=frozenset({tag_id})))


def test_what_was_chosen_stays_when_something_else_is_wrong(
    town: Town, tag_id: int, marketer: Person
) -> None:
    answer = marketer.ask("POST", NEW, {**form(town, day=""), "tag_all": str(tag_id), "sex": "f"})
    assert answer.status_code == 422
    assert f'name="tag_all" value="{tag_id}" checked' in answer.text
    assert 'name="sex" value="f" checked' in answer.text


def test_the_preview_counts_who_is_meant_now(town: Town, tag_id: int, marketer: Person) -> None:
    asked = {**form(town), "tag": str(tag_id)}
    asked.pop("key")
    counted = marketer.client.get("/console/campaigns/preview", query_string=asked)
    assert "3 fans are meant now" in words(counted)
    everybody = marketer.client.get("/console/campaigns/preview", query_string={**asked, "tag": ""})
    assert "6 fans follow now" in words(everybody)


def test_an_address_can_bring_an_audience_along(tag_id: int, marketer: Person) -> None:
    assert f'name="tag" value="{tag_id}" checked' in marketer.client.get(f"{NEW}?tag={tag_id}").text


@pytest.mark.parametrize("wrong", ["tag=x", "visited=soon", "sex=x", "region=00"])
def test_what_no_page_offers_is_refused(marketer: Person, wrong: str) -> None:
    assert marketer.client.get(f"{NEW}?{wrong}").status_code == 400


def test_a_deleted_tag_is_said_to_be_deleted_and_means_nobody(
    town: Town, tag_id: int, marketer: Person
) -> None:
    marketer.ask("POST", NEW, {**form(town), "tag": str(tag_id)})
    with unit_of_work() as session:
        fans.tags.delete_tag(session, tag_id, by=OPERATOR, now=clock.now())
    assert "Any of the tags: Deleted" in words(marketer.client.get(path(the_campaign().id)))


def test_campaigns_for_some_cost_the_list_no_query_each(
    town: Town, tag_id: int, marketer: Person, count_queries
) -> None:
    marketer.ask("POST", NEW, {**form(town), "tag": str(tag_id)})
    with count_queries() as one:
        marketer.client.get("/console/campaigns")
    for _ in range(3):
        marketer.ask("POST", NEW, {**form(town), "tag": str(tag_id), "sex": "f"})
    with count_queries() as four:
        marketer.client.get("/console/campaigns")
    assert four.n == one.n
