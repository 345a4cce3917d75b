"""Channel codes in the console: list, form, one code with its figures, pictures, who may see what."""

from __future__ import annotations

import datetime as dt
import html
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.qrcodes import queries, services
from engage.qrcodes.models import ChannelCode, PictureBundle
from engage.wechat.outcomes import Refused
from tests.booking.scenes import Scene
from tests.contracts.callers import Person, log_in_directly
from tests.qrcodes.scenes import answer, follower, make, scan, use_up
from workers import bundles

CODES = "/console/codes"


@pytest.fixture
def marketer(app: Flask, scene: Scene) -> Person:
    return log_in_directly(app, scene.chain, "marketer")


def write(scene: Scene, act: Callable[[Session], Any]) -> Any:
    """Do something for the chain, committed."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return act(session)


def made(scene: Scene, **changes: Any) -> int:
    """Make a code that WeChat has made; gives its id."""

    def act(session: Session) -> int:
        code = make(session, scene, now=clock.now(), **changes)
        answer(session, now=clock.now())
        return code.id

    return write(scene, act)


def form(scene: Scene, **changes: str) -> dict[str, str]:
    return {
        "kind": "promotion",
        "account": str(scene.account_id),
        "name": "地铁广告",
        "caption": "扫码领洁牙券",
        "lasting": "permanent",
        "cost": "1200.50",
        **changes,
    }


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def only(scene: Scene) -> ChannelCode:
    return write(scene, lambda session: session.scalars(sa.select(ChannelCode)).one())


def test_a_code_is_made_by_the_form_and_shown(scene: Scene, marketer: Person) -> None:
    assert "No code yet" in marketer.client.get(CODES).text
    answered = marketer.ask("POST", f"{CODES}/new", form(scene, welcome="欢迎"))
    code = only(scene)
    assert answered.location == f"{CODES}/{code.id}"
    assert (code.name, code.caption, code.cost_minor, code.permanent) == (
        "地铁广告",
        "扫码领洁牙券",
        1200_50,
        True,
    )
    page = marketer.client.get(answered.location).text
    assert "WeChat is making the picture" in page
    assert 'hx-trigger="every 2s"' in page
    assert "¥1,200.50" in page
    assert "地铁广告" in marketer.client.get(CODES).text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "Please fill this in."),
        ({"caption": "字" * 25}, "At most 24 characters."),
        ({"kind": "store"}, "Please choose the store."),
        ({"store": "999999"}, "Please choose from the list."),
        ({"tags": "7"}, "Please choose from the list."),
        ({"account": "999999"}, "Please choose from the list."),
        ({"account": ""}, "Please choose the account."),
        ({"cost": "NaN"}, "Please give an amount such as 100 or 99.5."),
        ({"welcome": "字" * 601}, "At most 600 characters."),
        ({"welcome": "{booking}" * 20}, "Too long for WeChat"),
        ({"welcome": "欢\x00迎"}, "Please leave out special characters."),
        ({"note": "二号口\x00"}, "Please leave out special characters."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    scene: Scene, marketer: Person, wrong: dict[str, str], sentence: str
) -> None:
    answered = marketer.ask("POST", f"{CODES}/new", form(scene, **{"note": "二号口"} | wrong))
    assert answered.status_code == 422
    assert sentence in words(answered.text)
    assert "二号口" in answered.text


def test_a_store_code_is_made_once_and_all_missing_ones_at_once(scene: Scene, marketer: Person) -> None:
    assert "Make the store code" in marketer.client.get(CODES).text
    for _ in range(2):
        answered = marketer.ask("POST", f"{CODES}/stores", {"account_id": str(scene.account_id)})
        assert answered.status_code == 303
    code = only(scene)
    assert (code.kind, code.store_id, code.caption) == ("store", scene.chain.store.id, "徐汇店")
    assert "Make the store code" not in marketer.client.get(CODES).text
    again = marketer.ask("POST", f"{CODES}/new", form(scene, kind="store", store=str(scene.chain.store.id)))
    assert (again.status_code, "This store has a code already" in again.text) == (409, True)


def test_where_none_is_left_the_code_is_temporary_and_the_page_says_so(
    scene: Scene, marketer: Person
) -> None:
    write(scene, lambda session: use_up(session, scene, but=0))
    assert "no permanent codes left" in words(marketer.client.get(CODES).text)
    answered = marketer.ask("POST", f"{CODES}/new", form(scene))
    write(scene, lambda session: answer(session, now=clock.now()))
    page = words(marketer.client.get(answered.location).text)
    assert "Temporary: this picture works until" in page
    assert "temporary and renewed by itself" in page


def test_two_who_edit_at_once_do_not_overwrite(scene: Scene, marketer: Person) -> None:
    code_id = made(scene)
    first = marketer.ask("POST", f"{CODES}/{code_id}/edit", form(scene, version="1", name="甲"))
    second = marketer.ask("POST", f"{CODES}/{code_id}/edit", form(scene, version="1", name="乙"))
    assert (first.status_code, second.status_code) == (303, 409)
    assert "乙" in second.text
    assert only(scene).name == "甲"


def test_retiring_can_be_taken_back(scene: Scene, marketer: Person) -> None:
    code_id = made(scene)
    marketer.ask("POST", f"{CODES}/{code_id}/retire")
    page = marketer.client.get(f"{CODES}/{code_id}").text
    assert f'action="{CODES}/{code_id}/restore"' in page
    assert "地铁广告" not in words(marketer.client.get(CODES).text)
    assert "地铁广告" in words(marketer.client.get(f"{CODES}?state=retired").text)
    marketer.ask("POST", f"{CODES}/{code_id}/restore")
    assert only(scene).state == "active"


def test_the_funnel_and_who_stands_behind_it(scene: Scene, marketer: Person) -> None:
    code_id = made(scene, cost_minor=300_00)
    now = clock.now()

    def happen(session: Session) -> None:
        scene_of = queries.code(session, code_id).scene
        for fan_id in scene.fan_ids:
            scan(session, fan_id, scene_of, at=now)
        scan(session, follower(session, scene, "o-new"), scene_of, at=now, is_first=True)

    write(scene, happen)
    page = words(marketer.client.get(f"{CODES}/{code_id}").text)
    assert "3 scans" in page
    assert "Persons 3 100 %" in page
    assert "1 new fans 2 followed before" in page
    assert "Bound 2 67 %" in page
    assert "Per new fan CN¥300.00" in page
    assert "Per bound patient CN¥150.00" in page
    listed = marketer.client.get(f"{CODES}/{code_id}/people?step=bound").text
    assert listed.count("<tr>") == 3  # with the head
    assert "王小红" not in listed  # a marketer sees no patient's name
    old = marketer.client.get(f"{CODES}/{code_id}?from=2026-01-01&until=2026-01-31").text
    assert "No scans in these days" in old
    ever = marketer.client.get(f"{CODES}/{code_id}?span=").text
    assert "Persons 3" in words(ever)


@pytest.mark.parametrize(
    "query", ["?from=x&until=y", "?from=2026-02-01&until=2026-01-01", "?span=5", "?page=x"]
)
def test_odd_addresses_show_the_usual(scene: Scene, marketer: Person, query: str) -> None:
    assert marketer.client.get(f"{CODES}/{made(scene)}{query}").status_code == 200


def test_pictures_are_files_with_the_codes_name(scene: Scene, marketer: Person) -> None:
    code_id = made(scene, caption="徐汇店")
    png = marketer.client.get(f"{CODES}/{code_id}/picture.png?save=1")
    assert Image.open(io.BytesIO(png.data)).width == 1200
    assert "attachment" in png.headers["Content-Disposition"]
    svg = marketer.client.get(f"{CODES}/{code_id}/picture.svg")
    assert (svg.mimetype, "Content-Disposition" in svg.headers) == ("image/svg+xml", False)
    assert "徐汇店" in svg.text
    assert marketer.client.get(f"{CODES}/{code_id}/picture.gif").status_code == 404


def test_without_a_picture_there_is_nothing_to_print(scene: Scene, marketer: Person) -> None:
    code_id = write(scene, lambda session: make(session, scene, now=clock.now())).id
    assert marketer.client.get(f"{CODES}/{code_id}/picture.png").status_code == 409
    assert marketer.ask("POST", f"{CODES}/pictures", {"ids": str(code_id)}).location == CODES


@pytest.mark.parametrize("number", [2**31, 2**63])
def test_ids_that_nobody_has_are_not_found(scene: Scene, marketer: Person, number: int) -> None:
    for path in (f"{number}", f"{number}/people", f"{number}/picture.png", f"pictures/{number}"):
        assert marketer.client.get(f"{CODES}/{path}").status_code == 404, path
    assert marketer.ask("POST", f"{CODES}/pictures", {"ids": str(number)}).location == CODES


def test_a_few_pictures_come_at_once(scene: Scene, marketer: Person) -> None:
    ids = [made(scene, name=f"码 {number}") for number in range(2)]
    answered = marketer.client.post(f"{CODES}/pictures", data={"csrf_token": marketer.csrf, "ids": ids})
    names = zipfile.ZipFile(io.BytesIO(answered.data)).namelist()
    assert sorted(names) == sorted(f"码-{n}-{ids[n]}.{end}" for n in range(2) for end in ("png", "svg"))


def test_many_are_gathered_by_a_worker(
    scene: Scene, marketer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engage.qrcodes.rules.PICTURES_AT_ONCE", 1)
    ids = [made(scene) for _ in range(3)]
    waiting = marketer.client.post(
        f"{CODES}/pictures", data={"csrf_token": marketer.csrf, "ids": ids}
    ).location
    assert "0 of 3 drawn" in marketer.client.get(waiting).text
    assert marketer.client.get(f"{waiting}/file").status_code == 404
    with tenant_scope(scene.chain.id):
        bundles.drain()
    assert "Download the ZIP" in marketer.client.get(waiting, headers={"HX-Request": "true"}).text
    packed = zipfile.ZipFile(io.BytesIO(marketer.client.get(f"{waiting}/file").data))
    assert len(packed.namelist()) == 6
    colleague = log_in_directly(marketer.client.application, scene.chain, "marketer")
    assert colleague.client.get(f"{waiting}/file").status_code == 404


def test_a_bundle_goes_after_a_day(
    app: Flask, scene: Scene, marketer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engage.qrcodes.rules.PICTURES_AT_ONCE", 0)
    waiting = marketer.ask("POST", f"{CODES}/pictures", {"ids": str(made(scene))}).location
    with tenant_scope(scene.chain.id):
        bundles.drain()
        key = bundle(scene, waiting, marketer).file
        later = clock.now() + dt.timedelta(hours=25)
        monkeypatch.setattr(clock, "now", lambda: later)
        bundles.drain()
    assert key is not None
    assert bundle(scene, waiting, marketer).state == "gone"
    assert not app.extensions["files"]._path(scene.chain.id, key).exists()


def bundle(scene: Scene, address: str, who: Person) -> PictureBundle:
    """Give the bundle of an address as it is now."""
    number = int(address.rpartition("/")[2])
    return write(scene, lambda session: queries.bundle(session, number, asked_by=who.id))


def test_the_logo_is_taken_and_taken_away(scene: Scene, marketer: Person) -> None:
    code_id = made(scene)
    before = marketer.client.get(f"{CODES}/{code_id}/picture.png").data
    upload = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(upload, "PNG")
    upload.seek(0)
    told = {"csrf_token": marketer.csrf, "logo": (upload, "logo.png")}
    assert marketer.client.post(f"{CODES}/logo", data=told).status_code == 303
    with_logo = marketer.client.get(f"{CODES}/{code_id}/picture.png").data
    assert with_logo != before
    assert Image.open(io.BytesIO(marketer.client.get(f"{CODES}/logo.png").data)).size == (480, 480)
    bad = {"csrf_token": marketer.csrf, "logo": (io.BytesIO(b"<svg onload=alert(1)>"), "logo.svg")}
    assert marketer.client.post(f"{CODES}/logo", data=bad).status_code == 422
    marketer.ask("POST", f"{CODES}/logo", {"remove": "yes"})
    assert marketer.client.get(f"{CODES}/{code_id}/picture.png").data == before


def test_staff_of_one_store_see_its_codes_and_change_none(app: Flask, scene: Scene) -> None:
    own, shared = made(scene, store_id=scene.chain.store.id), made(scene)
    manager = log_in_directly(app, scene.chain, "manager", store_id=scene.chain.store.id)
    assert "Download pictures" in manager.client.get(CODES).text
    statuses = [manager.client.get(f"{CODES}/{code_id}").status_code for code_id in (own, shared)]
    assert statuses == [200, 404]
    assert manager.client.get(f"{CODES}/{shared}/people").status_code == 404
    assert manager.client.get(f"{CODES}/{shared}/picture.png").status_code == 404
    assert manager.ask("POST", f"{CODES}/{own}/retire").status_code == 403
    assert manager.client.get(f"{CODES}/new").status_code == 403
    assert log_in_directly(app, scene.chain, "desk").client.get(CODES).status_code == 403


def test_names_are_escaped(scene: Scene, marketer: Person) -> None:
    nasty = "<script>alert(1)</script>"
    code_id = made(scene, name=nasty, caption="<b>&\"'", welcome=nasty, note=nasty)
    for address in (CODES, f"{CODES}/{code_id}", f"{CODES}/{code_id}/edit", f"{CODES}/{code_id}/people"):
        assert nasty not in marketer.client.get(address).text
    assert "<b>" not in marketer.client.get(f"{CODES}/{code_id}/picture.svg").text


def test_no_page_asks_more_the_more_there_is(scene: Scene, marketer: Person, count_queries: Any) -> None:
    def happen(session: Session, number: int) -> None:
        for _ in range(number):
            code = make(session, scene, now=clock.now(), store_id=scene.chain.store.id)
            for place in range(number):
                scan(session, follower(session, scene, f"o-{code.id}-{place}"), code.scene, at=clock.now())
        answer(session, now=clock.now())

    def asked() -> list[int]:
        newest = write(
            scene, lambda session: queries.codes(session, queries.Wanted(), cursor=None).items[0].id
        )
        counted = []
        for address in (CODES, f"{CODES}/{newest}", f"{CODES}/{newest}/people", f"{CODES}/{newest}/edit"):
            with count_queries() as counting:
                assert marketer.client.get(address).status_code == 200
            counted.append(counting.n)
        return counted

    write(scene, lambda session: happen(session, 1))
    before = asked()
    write(scene, lambda session: happen(session, 5))
    assert asked() == before
    assert max(before) <= 20, before


def test_trying_again_asks_wechat_again(scene: Scene, marketer: Person) -> None:
    def refuse(session: Session) -> int:
        code = make(session, scene, now=clock.now())
        (order,) = services.tickets.claim(session, now=clock.now(), batch=1)
        services.tickets.settle(session, order, Refused(48001, "api unauthorized"), now=clock.now())
        return code.id

    code_id = write(scene, refuse)
    assert "does not let this account make codes" in words(marketer.client.get(f"{CODES}/{code_id}").text)
    marketer.ask("POST", f"{CODES}/{code_id}/again")
    assert write(scene, lambda session: answer(session, now=clock.now())) == [None]
