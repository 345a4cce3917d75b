"""Replies in the console, and their coupons on the phone."""

from __future__ import annotations

import html
import io
import re

import pytest
import sqlalchemy as sa
from PIL import Image

from engage.accounts import services as accounts
from engage.audit.services import OPERATOR
from engage.coupons.models import CouponGrant
from engage.kernel import clock
from engage.patients.models import FanPhone
from engage.replies import queries, services
from engage.replies.models import ReplyPicture
from engage.replies.rules import CONTAINS, EQUAL, Content
from engage.replies.services import NewReply
from tests.accounts.conftest import new_account
from tests.contracts.callers import log_in_directly
from tests.coupons.scenes import published
from tests.patient.phones import phone_of
from tests.replies.conftest import added, says, within

TEXT = {"match": "contains", "words": "价格\n多少钱", "kind": "text", "text": "先看这里", "is_on": "yes"}
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def marketer(app, scene):
    return log_in_directly(app, scene.chain, "marketer")


def path_of(scene, rest=""):
    return f"/console/accounts/{scene.account_id}/replies{rest}"


def found(scene):
    with within(scene) as session:
        return queries.replies(session, scene.account_id)


def text_of(page):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


def test_a_reply_is_written_changed_switched_and_deleted(scene, marketer):
    assert marketer.ask("POST", path_of(scene, "/new"), TEXT).status_code == 303
    (rule,) = found(scene)
    assert (rule.words, rule.match, rule.content.text) == (["价格", "多少钱"], "contains", "先看这里")
    page = marketer.ask("GET", path_of(scene)).text
    assert "价格 · 多少钱" in page
    own = f"/console/replies/{rule.id}"
    assert "价格\n多少钱</textarea>" in marketer.ask("GET", own).text
    changed = TEXT | {"text": "再看那里", "version": "1"}
    assert marketer.ask("POST", own, changed).status_code == 303
    assert marketer.ask("POST", f"{own}/switch", {"on": ""}).status_code == 303
    (rule,) = found(scene)
    assert (rule.content.text, rule.is_on) == ("再看那里", False)
    assert marketer.ask("POST", f"{own}/remove").status_code == 303
    assert found(scene) == []


def test_two_people_at_one_reply_do_not_overwrite_each_other(scene, marketer):
    (rule,) = added(scene, says("a", "价格"))
    own = f"/console/replies/{rule.id}"
    assert marketer.ask("POST", own, TEXT | {"version": "1"}).status_code == 303
    page = marketer.ask("POST", own, TEXT | {"version": "1", "text": "mine"})
    assert page.status_code == 409
    assert "Somebody changed this reply meanwhile" in text_of(page)
    assert "mine</textarea>" in page.text


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"text": ""}, "text", "Please write what is answered."),
        ({"text": "x" * 601}, "text", "At most 600 characters."),
        ({"words": " ,\n"}, "words", "Please write at least one word."),
        ({"words": "x" * 31}, "words", "At most 30 characters in a word."),
        ({"words": "a\x00b"}, "words", "Please leave out special characters."),
        ({"text": "a\x00b"}, "text", "Please leave out special characters."),
        ({"kind": "image"}, "picture", "Please choose a picture."),
        ({"kind": "image", "picture": "f" * 64}, "picture", "Please choose a picture."),
        (
            {"kind": "news", "title": "标题", "url": "http://a.example"},
            "url",
            "An address begins with https://",
        ),
        ({"kind": "news", "url": "{booking}", "lead": "x" * 101}, "lead", "At most 100 characters."),
        ({"kind": "coupon", "coupon": "x"}, "coupon", "Please choose a coupon from the list."),
        ({"kind": "voice"}, "kind", "Please choose what to answer with."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(scene, marketer, changes, field, sentence):
    page = marketer.ask("POST", path_of(scene, "/new"), TEXT | changes)
    assert page.status_code == 422
    assert f'id="error-{field}"' in page.text
    assert sentence in text_of(page)
    assert found(scene) == []


def test_the_welcome_is_written_and_drawn_without_its_markup(scene, marketer):
    text = f'您好 <a href="{{booking}}">预约</a> {NASTY}'
    form = {"kind": "text", "text": text, "is_on": "yes", "version": "0"}
    assert marketer.ask("POST", path_of(scene, "/welcome"), form).status_code == 303
    page = marketer.ask("GET", path_of(scene))
    assert '<span class="wx-link">预约</span>' in page.text
    assert NASTY not in page.text
    (rule,) = found(scene)
    own = f"/console/replies/{rule.id}"
    assert marketer.ask("GET", own).location == path_of(scene, "/welcome")
    assert marketer.ask("POST", own, TEXT | {"version": "1"}).status_code == 303
    (rule,) = found(scene)
    assert (rule.kind, rule.match, rule.words, rule.content.text) == ("welcome", None, [], "先看这里")
    assert marketer.ask("POST", path_of(scene, "/welcome"), form).status_code == 409  # it is there by now
    (rule,) = found(scene)
    assert marketer.ask("GET", f"/console/replies/{rule.id}").status_code == 302


def test_the_test_box_says_which_reply_a_sentence_gets(scene, marketer):
    added(scene, says("off", "价", is_on=False), says("price", "价格"), says("exact", "洗牙", match=EQUAL))

    def tried(sentence):
        return text_of(marketer.ask("POST", path_of(scene, "/try"), {"sentence": sentence}))

    assert "Reply 2" in tried("请问价格")
    assert "price" in tried("请问价格")
    assert "Reply 3 is exactly 洗牙" in tried(" 洗牙 ")
    assert "No reply" in tried("洗牙贵吗")
    assert NASTY not in marketer.ask("POST", path_of(scene, "/try"), {"sentence": f"价格{NASTY}"}).text


def test_the_phone_beside_the_form_follows_what_is_typed(scene, marketer):
    page = marketer.ask("POST", path_of(scene, "/preview"), TEXT | {"text": f"看 {NASTY}"})
    assert "价格" in page.text
    assert html.escape(NASTY, quote=False) in page.text
    card = {"kind": "news", "title": "标题", "lead": "下面", "url": "{booking}", "words": ""}
    page = marketer.ask("POST", path_of(scene, "/preview"), card)
    assert "wx-card-title" in page.text


def test_the_list_costs_the_same_however_many_replies(scene, marketer, count_queries):
    with within(scene) as session:
        coupon_id = published(session, now=clock.now())
    offer = NewReply(Content("coupon", coupon_id=coupon_id), EQUAL, ["券"])
    added(scene, says("a", "价格"), offer)
    with count_queries() as few:
        assert marketer.ask("GET", path_of(scene)).status_code == 200
    added(scene, *[says("a", f"价格{number}") for number in range(10)], offer, offer)
    with count_queries() as many:
        assert marketer.ask("GET", path_of(scene)).status_code == 200
    assert many.n == few.n


def picture(width=8, height=4):
    packed = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(packed, "PNG")
    packed.seek(0)
    return packed


def uploaded(marketer, scene, file):
    data = {"csrf_token": marketer.csrf, "file": (file, "图片.png")}
    return marketer.client.post(path_of(scene, "/pictures"), data=data)


def test_a_picture_is_kept_shown_and_sent(app, scene, marketer):
    page = uploaded(marketer, scene, picture())
    key = re.search(r'name="picture" value="(\w{64})"', page.text)[1]
    assert (
        marketer.ask("POST", path_of(scene, "/new"), TEXT | {"kind": "image", "picture": key}).status_code
        == 303
    )
    with within(scene) as session:
        row = session.scalars(sa.select(ReplyPicture)).one()
    assert (row.width, row.height, row.available_at is not None) == (8, 4, True)
    anybody = app.test_client().get(f"/p/{scene.account_slug}/pictures/{key}")
    assert (anybody.status_code, anybody.content_type) == (200, "image/jpeg")
    assert "The picture is on its way to WeChat" in text_of(marketer.ask("GET", path_of(scene)))


def test_other_files_are_nobodys_to_see(app, scene):
    key = app.extensions["files"].put(scene.chain.id, b"\xff\xd8\xff of a conversation")
    assert app.test_client().get(f"/p/{scene.account_slug}/pictures/{key}").status_code == 404


def test_what_is_no_picture_is_refused(scene, marketer):
    page = uploaded(marketer, scene, io.BytesIO(b"<svg onload=alert(1)>"))
    assert "This is not a picture." in text_of(page)
    with within(scene) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ReplyPicture)) == 0


def test_who_works_at_one_store_writes_for_its_account_alone(app, scene):
    with within(scene) as session:
        new = new_account(store_id=scene.chain.store.id)
        own = accounts.connect(session, new, by=OPERATOR, now=clock.now()).id
    person = log_in_directly(app, scene.chain, "marketer", store_id=scene.chain.store.id)
    assert person.ask("GET", f"/console/accounts/{own}/replies").status_code == 200
    assert person.ask("GET", path_of(scene)).status_code == 403
    (rule,) = added(scene, says("a", "价格"))
    assert person.ask("POST", f"/console/replies/{rule.id}/remove").status_code == 403


@pytest.mark.parametrize("role", ["desk", "doctor", "accountant"])
def test_others_do_not_write_replies(app, scene, role):
    assert log_in_directly(app, scene.chain, role).ask("GET", path_of(scene)).status_code == 403


# On the phone


@pytest.fixture
def offer(scene):
    with within(scene) as session:
        coupon_id = published(session, now=clock.now(), stock=1)
    (rule,) = added(scene, NewReply(Content("coupon", coupon_id=coupon_id), CONTAINS, ["券"]))
    return rule.id


def verified(scene, number=0):
    """Let a fan have proven a phone."""
    proven = {"phone": "+8613800000000", "phone_index": b"x", "verified_at": clock.now()}
    with within(scene) as session:
        session.add(FanPhone(fan_id=scene.fan_ids[number], **proven))


def test_the_coupon_is_taken_after_the_phone_is_proven(app, scene, offer):
    phone = phone_of(app, scene)
    page = phone.get(f"/coupons/offer/{offer}")
    assert "新客立减" in page.text
    assert "Verify your phone to take it" in page.text
    way = phone.post(f"/coupons/offer/{offer}")
    assert way.location.endswith(f"/bind?next=/p/{scene.account_slug}/coupons/offer/{offer}")
    verified(scene)
    taken = phone.post(f"/coupons/offer/{offer}")
    with within(scene) as session:
        grant = session.scalars(sa.select(CouponGrant)).one()
    assert taken.location.endswith(f"/coupons/{grant.id}")
    assert phone.post(f"/coupons/offer/{offer}").location == taken.location
    assert "You have it. Show it" in phone.get(f"/coupons/offer/{offer}").text


def test_who_comes_too_late_is_told_kindly(app, scene, offer):
    for number in (0, 1):
        verified(scene, number)
    phone_of(app, scene).post(f"/coupons/offer/{offer}")
    late = phone_of(app, scene, 1)
    assert "All of these coupons have been taken." in late.get(f"/coupons/offer/{offer}").text
    assert late.post(f"/coupons/offer/{offer}").status_code == 409
    with within(scene) as session:
        services.switch(session, offer, is_on=False, by=OPERATOR, now=clock.now())
    page = phone_of(app, scene).get(f"/coupons/offer/{offer}")
    assert (page.status_code, "You have it. Show it" in page.text) == (200, True)
    for number in (offer, 999_999):
        for page in (late.get(f"/coupons/offer/{number}"), late.post(f"/coupons/offer/{number}")):
            assert (page.status_code, "This offer has ended." in page.text) == (404, True)
