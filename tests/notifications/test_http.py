"""The console's pages of messages: wording them, and looking at what was sent (NT-2, NT-5)."""

from __future__ import annotations

import datetime as dt
from html import unescape

import pytest
import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.kernel import clock, paging
from engage.kernel.db import unit_of_work
from engage.notifications import queries, services
from engage.notifications.models import Delivery
from engage.patients import services as patients
from tests.contracts.callers import log_in_directly
from tests.notifications import crowds
from tests.notifications.scenes import (
    CONTENT,
    SILENCE,
    TEXTS,
    TITLE,
    run,
    state,
    states,
    withdraw,
    word,
    write,
)

pytestmark = pytest.mark.enable_socket

KIND = "appointment_created"
GOOD = {f"text_{key}": text for key, text in TEXTS}


def address(scene, kind: str = KIND) -> str:
    """Give the address of an editor."""
    return f"/console/notifications/{scene.account_id}/{kind}"


def typed(**changes: str) -> dict[str, str]:
    """Give the form as somebody fills it in."""
    form = {"template_id": "live-1", "title": TITLE, "content": CONTENT, "enabled": "yes", **GOOD}
    return {**form, **changes}


def stored(scene, kind: str = KIND):
    """Give the wording that is kept."""
    with unit_of_work() as session:
        return queries.wording(session, scene.account_id, kind)


def test_the_list_tells_how_every_kind_stands(scene, manager):
    word(scene, "appointment_created")
    word(scene, "bound", enabled=False)
    page = manager.client.get("/console/notifications").text
    assert [page.count(f"<span>{name}</span>") for name in ("On", "Off", "Not set up")] == [1, 1, 9]


def test_the_editor_begins_with_the_accounts_own_templates(scene, manager, wechat):
    page = unescape(manager.client.get(address(scene)).text)
    assert [name in page for name in (TITLE, "取消通知")] == [True, True]
    for line in ('value="{store}"', 'value="{doctor}"', 'value="{time}"', ">徐汇店<", ">李明<"):
        assert line in page
    other = unescape(manager.client.get(f"{address(scene)}?template_id=live-2").text)
    assert 'name="text_phone_number2" value="{phone}"' in other
    assert 'data-limit="5"' in other


def test_what_may_be_marketing_starts_switched_off_and_says_why(scene, manager, wechat):
    warning = "WeChat may take this message for marketing"
    page = unescape(manager.client.get(address(scene, crowds.KIND)).text)
    assert warning in page
    assert "3.9.3" in page
    assert [name in page for name in ("{coupon}", "{valid_until}")] == [True, True]
    ours = unescape(manager.client.get(address(scene)).text)
    assert warning not in ours
    checked = [text.split('name="enabled"')[1].split(">")[0] for text in (page, ours)]
    assert ["checked" in box for box in checked] == [False, True]


def test_another_template_takes_over_what_was_typed(scene, manager, wechat):
    word(scene, KIND)
    chosen = f"{address(scene)}?template_id=live-2&text_phrase1=已取消&text_phone_number2="
    page = unescape(manager.client.get(chosen).text)
    assert 'name="text_phrase1" value="已取消"' in page
    assert 'name="text_phone_number2" value="{phone}"' in page
    assert 'name="enabled" value="yes" aria' in page
    assert 'name="enabled" value="yes" checked' in unescape(manager.client.get(f"{chosen}&enabled=yes").text)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "nonsense"])
def test_a_day_that_no_calendar_counts_on_from_filters_nothing(scene, manager, day):
    write(scene, now=clock.now())
    page = manager.client.get(f"/console/messages?from={day}&to={day}")
    assert page.status_code == 200
    assert "Appointment made" in page.text.partition("<tbody")[2]


def test_a_wording_is_saved_and_shown_again(scene, manager, wechat):
    answer = manager.ask("POST", address(scene), typed(text_thing1="{store}（{account}）"))
    assert (answer.status_code, answer.location) == (303, "/console/notifications")
    kept = stored(scene)
    assert (kept.template_id, kept.title, kept.content, kept.enabled) == ("live-1", TITLE, CONTENT, True)
    page = unescape(manager.client.get(address(scene)).text)
    assert 'value="{store}（{account}）"' in page
    assert ">徐汇店（康美口腔）<" in page
    assert "9 / 20" in page


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"text_thing1": "一" * 21}, "text_thing1"),
        ({"text_thing1": ""}, "text_thing1"),
        ({"text_thing2": "{patient}"}, "text_thing2"),
        ({"text_time3": "{store}"}, "text_time3"),
        ({"template_id": ""}, "template_id"),
        ({"template_id": "x" * 65}, "template_id"),
        ({"title": "一" * 41}, "title"),
        ({"title": "预约\0通知"}, "title"),
        ({"text_thing2": "{doctor|\0}"}, "text_thing2"),
        ({"content": "no key"}, "content"),
        ({"content": CONTENT + "\n备注：{{thing4.DATA}}"}, "text_thing4"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field_and_stays_typed(scene, manager, changes, field):
    answer = manager.ask("POST", address(scene), typed(text_thing1="请准时 {store}") | changes)
    page = unescape(answer.text)
    assert answer.status_code == 422
    assert f'id="error-{field}"' in page
    if "text_thing1" not in changes and "content" not in changes:
        assert 'value="请准时 {store}"' in page
    assert stored(scene) is None


def test_a_wechat_that_does_not_answer_leaves_the_editor_usable(scene, manager):
    word(scene, KIND)
    page = unescape(manager.client.get(address(scene)).text)
    assert "WeChat did not tell" in page
    assert 'name="template_id" type="text" value="template-appointment_created"' in page
    assert 'value="{doctor|到店安排}"' in page
    answer = manager.ask("POST", address(scene), typed(template_id="by-hand"))
    assert answer.status_code == 303
    assert stored(scene).template_id == "by-hand"


def test_a_template_that_wechat_no_longer_has_is_pointed_at(scene, manager, wechat):
    word(scene, KIND)
    page = manager.client.get(address(scene)).text
    assert "WeChat no longer has this template" in page
    assert 'value="template-appointment_created" selected' in page


def test_a_manager_of_one_store_words_its_account_alone(app, scene):
    local = log_in_directly(app, scene.chain, "manager", store_id=scene.chain.store.id)
    assert address(scene) not in local.ask("GET", "/console/notifications").text
    for method in ("GET", "POST"):
        assert local.ask(method, address(scene), typed()).status_code == 403
    with unit_of_work() as session:
        session.execute(sa.text("update official_account set store_id = :id"), {"id": scene.chain.store.id})
    assert address(scene) in local.ask("GET", "/console/notifications").text
    assert local.ask("POST", address(scene), typed()).status_code == 303
    assert stored(scene) is not None


def test_a_message_is_switched_off(scene, manager):
    form = typed()
    del form["enabled"]
    assert manager.ask("POST", address(scene), form).status_code == 303
    assert stored(scene).enabled is False


def test_kinds_and_accounts_that_are_not_there_are_not_found(scene, manager):
    assert manager.client.get(address(scene, "late_reply")).status_code == 404
    assert manager.client.get(f"/console/notifications/{scene.account_id + 1000}/{KIND}").status_code == 404


@pytest.mark.parametrize("role", ["desk", "doctor", "agent", "marketer"])
def test_who_may_look_and_who_may_word(app, scene, role):
    person = log_in_directly(app, scene.chain, role)
    assert person.client.get("/console/notifications").status_code == 403
    assert person.client.get("/console/messages").status_code == (200 if role == "desk" else 403)
    assert person.ask("POST", address(scene), typed()).status_code == 403


def test_the_desk_finds_the_history_in_the_menu(app, scene):
    desk = log_in_directly(app, scene.chain, "desk")
    assert 'href="/console/messages"' in desk.client.get("/console/").text


def test_history_shows_who_was_told_what_and_what_became_of_it(scene, manager):
    write(scene, now=clock.now())
    page = manager.client.get("/console/messages").text
    assert [words in page for words in ("Appointment made", "王小红", "Waiting")] == [True] * 3
    with unit_of_work() as session:
        (message_id,) = session.scalars(sa.select(Delivery.id))
    drawer = manager.client.get(f"/console/messages/{message_id}").text
    assert [words in drawer for words in (TITLE, "门店", "徐汇店", "康美口腔")] == [True] * 4
    assert "It arrived" not in drawer


def test_history_is_filtered_by_its_address(scene, manager):
    now = clock.now()
    write(scene, 1, now=now)
    run([SILENCE], now)
    withdraw(1, now=now)
    write(scene, 2, now=now - dt.timedelta(days=3))
    today = clock.local(now, "Asia/Shanghai").date()
    for query, rows in (
        ("", 2),
        ("?state=unknown", 1),
        ("?state=pending", 1),
        ("?state=sending", 0),
        ("?state=nonsense", 2),
        (f"?kind={KIND}", 2),
        ("?kind=bound", 0),
        (f"?from={today}", 1),
        (f"?to={today - dt.timedelta(days=1)}", 1),
        (f"?from={today - dt.timedelta(days=2)}&to={today - dt.timedelta(days=1)}", 0),
        ("?from=yesterday", 2),
        (f"?person={scene.patient_ids[0]}", 2),
        (f"?person={scene.patient_ids[1]}", 0),
        ("?person=x", 2),
    ):
        answer = manager.client.get(f"/console/messages{query}")
        assert answer.status_code == 200
        assert answer.text.count('class="row-link"') == rows, query


def test_a_patient_is_found_and_the_address_holds_a_number_alone(scene, manager):
    write(scene, now=clock.now())
    with unit_of_work() as session:
        new = patients.NewChart("欧阳娜娜", phone="13800138000")
        lone = patients.create_chart(session, new, by=OPERATOR, now=clock.now()).id
    for words in ("欧阳", "13800138000", "8000"):
        answer = manager.ask("POST", "/console/messages/find", {"q": words, "kind": KIND})
        assert answer.location == f"/console/messages?kind={KIND}&person={lone}"
    several = manager.ask("POST", "/console/messages/find", {"q": "王小红"})
    assert several.text.count("王小红") >= 2
    assert f"person={scene.patient_ids[1]}" in several.text
    assert "Nobody found" in manager.ask("POST", "/console/messages/find", {"q": "司马"}).text


def test_history_has_neighbouring_pages(scene, manager, monkeypatch):
    monkeypatch.setattr(queries, "SIZE", 2)
    for subject in range(3):
        write(scene, subject, now=clock.now())
    first = unescape(manager.client.get("/console/messages").text)
    assert first.count('class="row-link"') == 2
    older = first.split('id="page-older" rel="next" href="')[1].split('"')[0]
    second = manager.client.get(older).text
    assert second.count('class="row-link"') == 1
    assert 'id="page-newer"' in second
    assert paging.SIZE == 50


def test_a_page_asks_as_often_for_many_rows_as_for_one(scene, manager, count_queries):
    write(scene, 1, now=clock.now())
    with count_queries() as one:
        manager.client.get("/console/messages")
    for subject in range(2, 30):
        write(scene, subject, now=clock.now())
    with count_queries() as many:
        manager.client.get("/console/messages")
    assert many.n == one.n
    word(scene)
    with count_queries() as worded:
        manager.client.get("/console/notifications")
    assert worded.n <= one.n


def test_history_shows_what_was_sent_to_many_as_each_read_it(scene, manager):
    batch_id = crowds.open_batch(scene)
    crowds.write(batch_id, crowds.strangers(scene, 2))
    page = manager.client.get("/console/messages").text
    assert page.count("Coupon arrived") >= 2
    with unit_of_work() as session:
        message_id = session.scalars(sa.select(Delivery.id).limit(1)).one()
    drawer = manager.client.get(f"/console/messages/{message_id}").text
    assert [words in drawer for words in (TITLE, "优惠券", "洗牙抵扣券", "有效期至")] == [True] * 4


@pytest.mark.parametrize(("ends", "words"), [("delivered", "Delivered"), ("failed", "Failed")])
def test_an_unknown_message_is_settled_by_hand_once(scene, manager, ends, words):
    now = clock.now()
    write(scene, now=now)
    run([SILENCE], now)
    withdraw(now=now)
    with unit_of_work() as session:
        (message_id,) = session.scalars(sa.select(Delivery.id))
    path = f"/console/messages/{message_id}"
    assert "It arrived" in manager.client.get(path).text
    assert manager.ask("POST", f"{path}/resolve", {"state": "sent"}).status_code == 422
    assert manager.ask("POST", f"{path}/resolve", {"state": ends}).status_code == 303
    assert state() == (ends, "settled_by_staff")
    page = manager.client.get(path).text
    assert words in page
    assert "It arrived" not in page
    assert manager.ask("POST", f"{path}/resolve", {"state": ends}).status_code == 409


def test_old_messages_show_what_is_known_of_them(scene, manager):
    write(scene, now=clock.now())
    late = services.late_reply(9, scene.account_id, scene.fan_ids[0], {"text": "欢迎关注：\n康美"})
    with unit_of_work() as session:
        session.execute(sa.update(Delivery).values(text=None))
        services.write(session, late, now=clock.now())
    with unit_of_work() as session:
        old, reply = session.scalars(sa.select(Delivery.id).order_by(Delivery.id))
    assert "徐汇店" in manager.client.get(f"/console/messages/{old}").text
    assert "欢迎关注：" in manager.client.get(f"/console/messages/{reply}").text
    assert len(states()) == 2


def test_reasons_are_words_or_wechats_own(scene, manager):
    write(scene, 1, now=clock.now())
    write(scene, 2, now=clock.now())
    with unit_of_work() as session:
        one, two = session.scalars(sa.select(Delivery.id).order_by(Delivery.id))
        for row, reason in ((one, "switched_off"), (two, "43004 require subscribe")):
            changed = sa.update(Delivery).where(Delivery.id == row)
            session.execute(changed.values(state="skipped", reason=reason))
    assert "This kind of message is switched off." in manager.client.get(f"/console/messages/{one}").text
    assert "WeChat said: 43004 require subscribe" in manager.client.get(f"/console/messages/{two}").text
