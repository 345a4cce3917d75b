"""Fans in the console: the list and its filters, the drawer, work on many, tags, and who may do what."""

from __future__ import annotations

import html
import io
import re
import uuid

import openpyxl
import pytest
import sqlalchemy as sa
from flask import Flask

from engage.audit.models import AuditEntry
from engage.chat.models import Conversation
from engage.fans import queries, services
from engage.fans.rules import short_code
from engage.fans.services import tags
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.console.conftest import Desk, words
from tests.contracts.callers import Person, log_in_directly
from workers import tagging


@pytest.fixture
def tagged(desk: Desk) -> tuple[int, int]:
    """A group with a tag that the first fan has, and a second tag; gives both."""
    told = {"by": desk.owner_actor, "now": clock.now()}
    with tenant_scope(desk.scene.chain.id), unit_of_work() as work:
        group = tags.create_group(work, "兴趣", **told)
        first = tags.create_tag(work, group.id, "种植牙", **told)
        second = tags.create_tag(work, group.id, "洗牙", **told)
        tags.add(work, [first.id], desk.scene.fan_ids[:1], how="hand", **told)
        services.record_profile(
            work, desk.scene.fan_ids[0], nickname="橘子汽水", avatar=None, now=clock.now()
        )
        return first.id, second.id


def staff(app: Flask, desk: Desk, *roles: str, store_id: int | None = None) -> Person:
    return log_in_directly(app, desk.scene.chain, *roles, store_id=store_id)


def fan(desk: Desk, number: int = 0):
    return desk.read(lambda session: queries.fan(session, desk.scene.fan_ids[number]))


def has(desk: Desk, number: int = 0) -> list[str]:
    fan_id = desk.scene.fan_ids[number]
    return desk.read(lambda session: [tag.name for tag in queries.tags_of(session, [fan_id]).get(fan_id, ())])


def send(app: Flask, desk: Desk, path: str, data: dict[str, object]):
    """Post a form of several values of one name."""
    return desk.owner.client.post(path, data={"csrf_token": desk.owner.csrf, **data})


def test_the_list_shows_whom_the_address_asks_for(desk: Desk, tagged: tuple[int, int]):
    everybody = words(desk.owner.ask("GET", "/console/fans"))
    assert "橘子汽水" in everybody
    assert "种植牙" in everybody
    first, second = tagged
    assert "橘子汽水" in words(desk.owner.ask("GET", f"/console/fans?tag={first}"))
    nobody = desk.owner.ask("GET", f"/console/fans?tag={second}")
    assert "No fan matches" in words(nobody)
    assert "橘子汽水" not in words(nobody)
    assert desk.owner.ask("GET", "/console/fans?tag=x").status_code == 400


def test_the_list_is_filtered_by_who_answers_and_by_who_sent_them(desk: Desk, tagged: tuple[int, int]):
    named, other = desk.scene.fan_ids[:2]
    drawer = f"/console/fans/{other}"
    assert "Fans they sent" not in desk.owner.ask("GET", drawer).text
    now = clock.now()
    with tenant_scope(desk.scene.chain.id), unit_of_work() as work:
        services.record_source(work, named, referrer_fan_id=other, now=now)
        work.add(
            Conversation(
                account_id=desk.scene.account_id,
                fan_id=named,
                seq=0,
                touched_at=now,
                last_at=now,
                last_in_seq=0,
                answered_seq=0,
                window_left=0,
                dedicated_staff_id=desk.owner_actor.id,
            )
        )

    def shown(asked: str) -> list[int]:
        page = desk.owner.ask("GET", f"/console/fans?{asked}").text
        return sorted({int(one) for one in re.findall(r'href="/console/fans/(\d+)" data-drawer', page)})

    assert shown(f"agent={desk.owner_actor.id}") == [named]
    assert shown("sent=yes") == [named]
    assert named not in shown("sent=no")
    assert other in shown("sent=no&follow=any")
    (link,) = re.findall(r'href="/console/fans\?([^"]*referrer=[^"]*)"', desk.owner.ask("GET", drawer).text)
    assert shown(html.unescape(link)) == [named]
    assert f"Fan {short_code(other)}" in words(desk.owner.ask("GET", f"/console/fans?referrer={other}"))


def test_a_page_of_fans_asks_the_database_as_often_for_one_as_for_many(
    desk: Desk, tagged: tuple[int, int], count_queries
):
    def counted() -> int:
        with count_queries() as seen:
            assert desk.owner.ask("GET", "/console/fans?follow=any").status_code == 200
        return seen.n

    before = counted()
    with tenant_scope(desk.scene.chain.id), unit_of_work() as work:
        ids = [
            services.follow(
                work, desk.scene.account_id, f"more-{number}", changed_at=clock.now(), now=clock.now()
            )
            for number in range(20)
        ]
        tags.add(work, tagged, ids, how="hand", by=desk.owner_actor, now=clock.now())
        services.assign_store(work, ids, desk.other_store_id, by=desk.owner_actor, now=clock.now())
    assert counted() == before
    assert before <= 22


def test_how_many_match_is_asked_for_apart(desk: Desk, tagged: tuple[int, int]):
    assert desk.owner.ask("GET", "/console/fans/count").text.strip() == "2 fans"
    assert desk.owner.ask("GET", f"/console/fans/count?tag={tagged[0]}").text.strip() == "1 fan"


def test_a_fan_without_a_name_has_the_patients_or_a_code(app: Flask, desk: Desk):
    code = short_code(desk.scene.fan_ids[0])
    assert "王小红" in words(desk.owner.ask("GET", "/console/fans"))
    marketer = words(staff(app, desk, "marketer").ask("GET", "/console/fans"))
    assert "王小红" not in marketer
    assert f"Fan {code}" in marketer


def test_the_field_finds_by_letters_and_puts_no_word_in_an_address(desk: Desk, tagged: tuple[int, int]):
    answer = desk.owner.ask("POST", "/console/fans/find", {"q": "jzqs"})
    assert "橘子汽水" in words(answer)
    assert "jzqs" not in answer.text.replace('value="jzqs"', "").replace("“jzqs”", "")
    assert "Nobody found" in words(desk.owner.ask("POST", "/console/fans/find", {"q": "zzz"}))


def test_a_remark_is_kept_found_and_refused_when_too_long(desk: Desk, tagged: tuple[int, int]):
    fan_id = desk.scene.fan_ids[0]
    path = f"/console/fans/{fan_id}/remark"
    in_place = {"HX-Request": "true", "HX-Target": f"fan-marks-{fan_id}"}
    answer = desk.owner.client.post(
        path, data={"csrf_token": desk.owner.csrf, "remark": " 张阿姨 "}, headers=in_place
    )
    assert answer.headers["HX-Trigger"] == "fan-changed"
    assert 'value="张阿姨"' in answer.text
    assert "<html" not in answer.text
    refused = desk.owner.client.post(
        path, data={"csrf_token": desk.owner.csrf, "remark": "好" * 41}, headers=in_place
    )
    assert "at most 40" in words(refused)
    assert "好" * 41 in refused.text
    assert fan(desk).remark == "张阿姨"


def test_tags_are_given_and_taken_in_the_drawer(desk: Desk, tagged: tuple[int, int]):
    path = f"/console/fans/{desk.scene.fan_ids[0]}/tags"
    assert desk.owner.ask("POST", path, {"add": str(tagged[1])}).status_code == 303
    assert has(desk) == ["种植牙", "洗牙"]
    desk.owner.ask("POST", path, {"remove": str(tagged[0])})
    assert has(desk) == ["洗牙"]


def test_store_and_consultant_are_changed_in_the_drawer(app: Flask, desk: Desk):
    consultant = staff(app, desk, "consultant")
    path = f"/console/fans/{desk.scene.fan_ids[0]}/place"
    answer = desk.owner.ask(
        "POST", path, {"store": str(desk.other_store_id), "consultant": str(consultant.id)}
    )
    assert answer.status_code == 303
    assert (fan(desk).store_id, fan(desk).consultant_id) == (desk.other_store_id, consultant.id)
    assert desk.owner.ask("POST", path, {"consultant": str(desk.owner.id)}).status_code == 400
    assert desk.owner.ask("POST", path, {"store": "999999"}).status_code == 400


def test_a_fan_of_another_store_is_not_there(app: Flask, desk: Desk):
    with tenant_scope(desk.scene.chain.id), unit_of_work() as work:
        services.assign_store(
            work, desk.scene.fan_ids[:1], desk.other_store_id, by=desk.owner_actor, now=clock.now()
        )
    agent = staff(app, desk, "agent", store_id=desk.scene.chain.store.id)
    mine, theirs = desk.scene.fan_ids[1], desk.scene.fan_ids[0]
    assert agent.ask("GET", f"/console/fans/{mine}").status_code == 200
    assert agent.ask("GET", f"/console/fans/{theirs}").status_code == 404
    assert agent.ask("POST", f"/console/fans/{theirs}/remark", {"remark": "x"}).status_code == 404
    assert agent.ask("GET", "/console/fans/count").text.strip() == "1 fan"
    answer = agent.ask("POST", "/console/fans/bulk", {"do": "store", "ids": str(theirs), "choice": "none"})
    assert answer.status_code == 303
    assert fan(desk).store_id == desk.other_store_id


def test_picked_fans_are_changed_at_once(app: Flask, desk: Desk, tagged: tuple[int, int]):
    ids = [str(fan_id) for fan_id in desk.scene.fan_ids]
    page = desk.owner.ask("GET", f"/console/fans/bulk?do=tag&ids={ids[0]}&ids={ids[1]}")
    assert "2 picked fans" in words(page)
    sent = {"do": "tag", "ids": ids, "choice": str(tagged[1]), "key": str(uuid.uuid4())}
    assert send(app, desk, "/console/fans/bulk", sent).status_code == 303
    assert (has(desk), has(desk, 1)) == (["种植牙", "洗牙"], ["洗牙"])
    refused = send(app, desk, "/console/fans/bulk", sent | {"choice": ""})
    assert refused.status_code == 422
    assert "Choose at least one" in words(refused)


@pytest.mark.enable_socket
def test_all_that_match_are_changed_by_a_worker_and_the_page_tells_how_far(
    desk: Desk, tagged: tuple[int, int]
):
    sent = {"do": "tag", "choice": str(tagged[1]), "tag": str(tagged[0]), "key": str(uuid.uuid4())}
    first = desk.owner.ask("POST", "/console/fans/bulk", sent)
    again = desk.owner.ask("POST", "/console/fans/bulk", sent)
    assert first.location == again.location
    assert "Begins in a moment" in words(desk.owner.ask("GET", first.location))
    with tenant_scope(desk.scene.chain.id):
        tagging.drain()
    assert "1 fan " in words(desk.owner.ask("GET", first.location))
    assert (has(desk), has(desk, 1)) == (["种植牙", "洗牙"], [])


@pytest.mark.enable_socket
def test_an_export_is_made_fetched_by_its_owner_alone_and_audited(app: Flask, desk: Desk):
    asked = desk.owner.ask("POST", "/console/fans/bulk", {"do": "export", "key": str(uuid.uuid4())})
    with tenant_scope(desk.scene.chain.id):
        tagging.drain()
    assert "Download the Excel file" in words(desk.owner.ask("GET", asked.location))
    file = desk.owner.ask("GET", f"{asked.location}/file")
    sheet = openpyxl.load_workbook(io.BytesIO(file.data)).active
    assert [row[2].value for row in sheet.rows] == ["Patients", "王小红", "王小红"]
    assert file.headers["Cache-Control"] == "private, no-store"
    assert staff(app, desk, "manager").ask("GET", f"{asked.location}/file").status_code == 404
    trail = sa.select(AuditEntry.action).where(AuditEntry.subject_kind == "fan_task").order_by(AuditEntry.id)
    actions = desk.read(lambda session: session.scalars(trail).all())
    assert actions == ["fans.export", "fans.task_finished", "fans.export_fetched"]


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("manager", {"list", "tag", "export", "tags"}),
        ("marketer", {"list", "tag", "export", "tags"}),
        ("agent", {"list", "tag"}),
        ("chief", {"list"}),
        ("doctor", set()),
    ],
)
def test_roles_may_what_they_may(app: Flask, desk: Desk, role: str, may: set[str]):
    person = staff(app, desk, role)
    pages = {
        "list": "/console/fans",
        "tag": "/console/fans/bulk?do=tag",
        "export": "/console/fans/bulk?do=export",
        "tags": "/console/tags",
    }
    assert {key for key, path in pages.items() if person.ask("GET", path).status_code == 200} == may


def test_tags_are_made_renamed_ordered_and_deleted(desk: Desk):
    ask = desk.owner.ask
    assert ask("POST", "/console/tags/groups", {"name": "兴趣"}).status_code == 303
    (group,) = desk.read(queries.tag_groups)
    assert ask("POST", f"/console/tags/groups/{group.id}/tags", {"name": "洗牙"}).status_code == 303
    twice = ask("POST", f"/console/tags/groups/{group.id}/tags", {"name": "洗牙"})
    assert twice.status_code == 422
    assert "there already" in words(twice)
    (tag,) = desk.read(queries.tag_groups)[0].tags
    form = {"name": "洁牙", "group": str(group.id), "version": "1"}
    assert ask("POST", f"/console/tags/{tag.id}", form).status_code == 303
    assert ask("POST", f"/console/tags/{tag.id}", form).status_code == 409
    assert ask("POST", f"/console/tags/groups/{group.id}", {"name": "", "version": "1"}).status_code == 422
    assert ask("POST", f"/console/tags/groups/{group.id}/delete").location.endswith(str(group.id))
    assert "cannot be undone" in words(ask("GET", f"/console/tags/{tag.id}"))
    assert ask("POST", f"/console/tags/{tag.id}/delete").status_code == 303
    assert ask("POST", f"/console/tags/groups/{group.id}/delete").status_code == 303
    assert "No tag yet" in words(ask("GET", "/console/tags"))
