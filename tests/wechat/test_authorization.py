"""Log-in of fans by web authorization (OA-6, WeChat §8), against the sandbox: one browser, step by step."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from engage.accounts import services as accounts
from engage.app import create_app
from engage.audit.services import OPERATOR
from engage.blueprints import guard
from engage.blueprints.patient import authorization
from engage.blueprints.patient.detour import AT_ONCE
from engage.config import Config
from engage.fans import services as fans
from engage.fans.models import Fan, FanSession
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotFound
from tests.booking.scenes import Scene, make_scene
from tests.conftest import Browser, Chain, dispose_engines
from tests.contracts.callers import WECHAT, fan_browser
from tests.sandbox.conftest import Sandbox
from workers import privacy

pytestmark = pytest.mark.enable_socket

NOWHERE = "http://127.0.0.1:9/hooks"
EXCHANGE = "/sns/oauth2/access_token"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of these tests."""
    running = Sandbox(tmp_path_factory.mktemp("authorization"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def app(settings: Config, sandbox: Sandbox) -> Iterator[Flask]:
    """The application, with the sandbox for its WeChat."""
    made = create_app(replace(settings, wechat_api_url=sandbox.url, wechat_open_url=sandbox.url))
    made.test_client_class = Browser
    with made.app_context():
        yield made
        dispose_engines()


@dataclass
class Phone:
    """A person's WeChat: its browser, and what WeChat does between two of our pages."""

    client: FlaskClient
    sandbox: Sandbox
    fan: str

    def get(self, address: str) -> TestResponse:
        """Open a page of ours."""
        return self.client.get(address, headers={"User-Agent": WECHAT})

    def leave(self, address: str) -> str:
        """Open a page that leads to WeChat; gives the address there."""
        answer = self.get(address)
        assert answer.status_code == 302, answer.text
        assert answer.location.startswith(f"{self.sandbox.url}/connect/oauth2/authorize?"), answer.location
        return answer.location

    def at_wechat(self, address: str) -> requests.Response:
        """Open WeChat's own page as this person."""
        return requests.get(
            address, cookies={"sandbox_fan": self.fan}, allow_redirects=False, timeout=10, headers=AGENT
        )

    def back(self, address: str) -> str:
        """Let WeChat send the person back at once; gives the address with the code."""
        answer = self.at_wechat(address)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def consent(self, address: str) -> str:
        """Agree on WeChat's page; gives the address with the code."""
        page = self.at_wechat(address)
        assert page.status_code == 200, page.headers
        agree = re.search(r'href="([^"]*sandbox_consent=1[^"]*)"', page.text)
        assert agree
        return self.back(self.sandbox.url + html.unescape(agree[1]).removeprefix(self.sandbox.url))

    def open(self, address: str) -> TestResponse:
        """Open a page, with the silent detour where it is needed."""
        return self.get(self.get(self.back(self.leave(address))).location)

    @property
    def detours(self) -> int:
        """How many detours the browser remembers."""
        return sum(name.startswith("engage_detour_") for _, _, name in self.client._cookies)


AGENT = {"User-Agent": WECHAT}


@pytest.fixture
def scene(app: Flask, chain: Chain, sandbox: Sandbox) -> Scene:
    made = make_scene(chain)
    sandbox.account(NOWHERE, appid=f"wx-{chain.slug}", secret="secret")
    return made


@pytest.fixture
def phone(app: Flask, scene: Scene, sandbox: Sandbox) -> Phone:
    return Phone(app.test_client(), sandbox, sandbox.fan(nickname="林小姐"))


@pytest.fixture
def booking(scene: Scene) -> str:
    return f"/p/{scene.account_slug}/booking"


@pytest.fixture
def times(booking: str, scene: Scene) -> str:
    """Give the page of booking that asks for day and time: the first that is a form."""
    return f"{booking}/{scene.chain.store.id}/{scene.doctor_id}"


@pytest.fixture
def me(scene: Scene) -> str:
    return f"/p/{scene.account_slug}/me"


def fans_of(scene: Scene) -> list[Fan]:
    """Give the fans who were not there from the start."""
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        return list(session.scalars(sa.select(Fan).where(Fan.id.not_in(scene.fan_ids))))


def exchanges(sandbox: Sandbox, scene: Scene) -> int:
    """Count the codes that were swapped for the scene's account, with success or without."""
    found = sandbox.get("/sandbox/v1/calls", path=EXCHANGE, appid=f"wx-{scene.chain.slug}")
    return len(found)


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


# Silently


def test_a_stranger_is_known_after_the_detour_and_sees_the_page_asked_for(phone, times, scene):
    asked = f"{times}?day=2026-11-24&part=2"
    away = phone.leave(asked)
    assert query_of(away)["scope"] == "snsapi_base"
    assert away.endswith("#wechat_redirect")
    assert re.fullmatch("[A-Za-z0-9]{1,128}", query_of(away)["state"])
    answer = phone.get(phone.back(away))
    assert answer.location == asked
    assert phone.get(asked).status_code == 200
    (fan,) = fans_of(scene)
    assert (
        fan.openid
        == phone.sandbox.get(f"/sandbox/v1/fans/{phone.fan}/openid", appid=f"wx-{scene.chain.slug}")["openid"]
    )


def test_a_log_in_is_kept_from_scripts_and_from_other_accounts(phone, booking, scene):
    answer = phone.get(phone.back(phone.leave(booking)))
    (cookie,) = [kept for kept in answer.headers.getlist("Set-Cookie") if kept.startswith("engage_fan_")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert f"Path=/p/{scene.account_slug};" in f"{cookie};"


def test_two_tabs_that_begin_at_once_both_arrive(phone, booking, me):
    first, second = phone.leave(f"{booking}?day=2026-11-24"), phone.leave(f"{booking}?day=2026-11-25")
    late, early = phone.back(first), phone.back(second)
    assert phone.get(early).location.endswith("2026-11-25")
    assert phone.get(late).location.endswith("2026-11-24")
    assert phone.detours == 0


def test_a_detour_is_begun_in_a_request_that_knows_of_no_other(phone, booking):
    """Two at the same moment: neither answer may overwrite what the other sets."""
    names = set()
    for _ in range(2):
        answer = phone.client.application.test_client().get(booking, headers=AGENT)
        names |= {kept.partition("=")[0] for kept in answer.headers.getlist("Set-Cookie")}
    assert len([name for name in names if name.startswith("engage_detour_")]) == 2


def test_detours_that_nobody_ended_are_forgotten_the_oldest_first(phone, booking):
    aways = [phone.leave(f"{booking}?day=2026-11-{day}") for day in range(10, 10 + 2 * AT_ONCE)]
    assert phone.detours == AT_ONCE
    assert phone.get(phone.back(aways[-1])).location.endswith(f"2026-11-{9 + 2 * AT_ONCE}")


def test_several_accounts_of_a_chain_are_open_in_one_browser(phone, times, scene, sandbox):
    new = accounts.NewAccount(
        app_id=f"wx2-{scene.chain.slug}",
        slug=f"b-{scene.chain.slug}",
        name="康美口腔浦东",
        secret="secret",
        token="token",
        encoding_aes_key="key",
    )
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        accounts.connect(session, new, by=OPERATOR, now=clock.now())
    sandbox.account(NOWHERE, appid=new.app_id, secret=new.secret)
    other = times.replace(f"/p/{scene.account_slug}/", f"/p/{new.slug}/")
    assert phone.open(times).status_code == 200
    assert phone.open(other).status_code == 200
    assert phone.get(times).status_code == 200
    assert phone.get(other).status_code == 200
    assert len({fan.account_id for fan in fans_of(scene)}) == 2


def test_a_log_in_of_another_account_is_none_here(app, phone, booking, scene, other_chain):
    elsewhere = make_scene(other_chain)
    theirs = fan_browser(app, other_chain, elsewhere.fan_ids[0]).get_cookie(guard.fan_cookie()).value
    for planted in (theirs, f"{scene.chain.id}.{theirs.partition('.')[2]}"):
        phone.client.set_cookie(guard.fan_cookie(), planted)
        phone.leave(booking)


# Back button, reload, forged and used


def test_the_back_button_and_a_reload_go_on_without_asking_wechat_again(phone, booking, scene, sandbox):
    landed = phone.back(phone.leave(booking))
    phone.get(landed)
    before = exchanges(sandbox, scene)
    assert before == 1
    for _ in range(2):
        assert phone.get(landed).location == booking
    assert exchanges(sandbox, scene) == before


def test_a_state_that_this_browser_did_not_begin_swaps_no_code(app, phone, booking, scene, sandbox):
    landed = phone.back(phone.leave(booking))
    other = Phone(app.test_client(), sandbox, sandbox.fan())
    away = other.leave(landed)
    assert exchanges(sandbox, scene) == 0
    assert fans_of(scene) == []
    # The other person is asked for, once more, as who they are themselves.
    assert other.get(other.back(away)).location == booking
    assert [fan.openid for fan in fans_of(scene)] == [
        sandbox.get(f"/sandbox/v1/fans/{other.fan}/openid", appid=f"wx-{scene.chain.slug}")["openid"]
    ]


@pytest.mark.parametrize("state", ["", "forged", "0" * 40, "%00", "a b", "=;"])
def test_a_forged_state_is_none(phone, booking, scene, sandbox, state):
    phone.leave(f"{booking[: -len('booking')]}authorized?code=x&state={state}&page={booking}")
    assert exchanges(sandbox, scene) == 0


def test_a_used_code_is_begun_again(app, phone, booking, scene, sandbox):
    used = query_of(phone.back(phone.leave(booking)))["code"]
    sandbox.get(
        EXCHANGE,
        appid=f"wx-{scene.chain.slug}",
        secret="secret",
        code=used,
        grant_type="authorization_code",
    )
    other = Phone(app.test_client(), sandbox, sandbox.fan())
    landed = other.back(other.leave(booking))
    again = other.leave(landed.replace(query_of(landed)["code"], used))
    assert query_of(again)["state"] != query_of(landed)["state"]
    assert other.get(other.back(again)).location == booking


@pytest.mark.parametrize("errcode", [40029, 40163, 42003])
def test_a_code_of_no_use_is_tried_again_once_and_no_more(phone, times, scene, sandbox, errcode):
    spoil(sandbox, scene, {"errcode": errcode}, times=2)
    again = phone.leave(phone.back(phone.leave(times)))
    answer = phone.get(phone.back(again))
    assert answer.status_code == 401
    assert f'href="{times}"' in answer.text
    assert phone.open(times).status_code == 200


def test_without_a_code_it_is_tried_again_and_wechat_not_asked_about_nothing(phone, booking, scene, sandbox):
    away = phone.leave(booking)
    again = phone.leave(f"{query_of(away)['redirect_uri']}&state={query_of(away)['state']}")
    assert exchanges(sandbox, scene) == 0
    assert phone.get(phone.back(again)).location == booking


@pytest.mark.parametrize("effect", [{"errcode": 40125}, {"http": 502}, {"errcode": -1}])
def test_what_wechat_cannot_say_is_told_kindly_with_a_way_on(phone, booking, scene, sandbox, effect):
    spoil(sandbox, scene, effect, times=1)
    answer = phone.get(phone.back(phone.leave(f"{booking}?day=2026-11-24")))
    assert answer.status_code == 401
    assert f'href="{booking}?day=2026-11-24"' in answer.text
    assert fans_of(scene) == []


def test_a_browser_that_keeps_no_cookies_does_not_go_round_for_ever(app, sandbox, scene, booking):
    client = app.test_client(use_cookies=False)
    phone = Phone(client, sandbox, sandbox.fan())
    address, hops = booking, 0
    while (answer := phone.get(address)).status_code == 302:
        address, hops = phone.back(answer.location), hops + 1
        assert hops < 5
    assert answer.status_code == 401
    assert hops == 2
    assert exchanges(sandbox, scene) == 0


@pytest.mark.parametrize(
    "page",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "/p/other/booking",
        "/console/",
        "javascript:alert(1)",
        "",
        "http://[",
    ],
)
def test_nobody_is_led_elsewhere(phone, booking, page):
    landed = phone.back(phone.leave(booking))
    code, state = (query_of(landed)[name] for name in ("code", "state"))
    there = booking.replace("booking", "authorized")
    query = {"code": code, "state": state, "page": page}
    for _ in range(2):  # first with the code, then as somebody known
        answer = phone.client.get(there, query_string=query, headers=AGENT)
        assert (answer.status_code, answer.location) == (302, booking)


# Snapshots


def test_nothing_is_kept_of_a_snapshot_visitor_who_goes_on_after_the_tap(phone, times, scene, sandbox):
    asked = f"{times}?day=2026-11-24"
    person, phone.fan = phone.fan, sandbox.fan(snapshot=True)
    landed = phone.back(phone.leave(asked))
    answer = phone.get(landed)
    assert answer.status_code == 403
    assert "使用完整服务" in answer.text
    assert "engage_fan_" not in str(answer.headers)
    assert fans_of(scene) == []
    phone.fan = person  # the tap: WeChat loads the same address again, as a real person
    assert phone.get(phone.back(phone.leave(landed))).location == asked
    assert phone.get(asked).status_code == 200
    assert len(fans_of(scene)) == 1


# Outside WeChat


def test_outside_wechat_a_code_leads_in(app, booking, scene):
    answer = app.test_client().get(f"{booking}?day=2026-11-24", headers={"User-Agent": "Mozilla/5.0 Safari"})
    assert answer.status_code == 401
    assert "data:image/svg+xml;base64," in answer.text
    assert f"http://localhost{booking}?day=2026-11-24</code>" in answer.text
    assert "“康美口腔”" in answer.text
    assert "engage_detour_" not in str(answer.headers)


def test_in_production_the_code_holds_the_address_the_world_knows(settings, scene, booking):
    made = create_app(replace(settings, public_url="https://clinic.example", wechat_open_url="https://w"))
    with made.app_context():
        answer = made.test_client().get(booking, headers={"Host": "p1.localhost"})
        dispose_engines()
    assert f"https://clinic.example{booking}</code>" in answer.text


# Forms


def test_a_form_sent_without_a_log_in_leads_back_to_its_page(phone, times, scene):
    token = token_of(phone.open(times).text)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.delete(FanSession))
    page = f"http://localhost{times}?day=2026-11-24"
    chosen = {"csrf_token": token, "starts_at": scene.opens_at.isoformat()}
    answer = phone.client.post(times, data=chosen, headers=AGENT | {"Referer": page})
    assert answer.status_code == 401
    assert f'href="{times}?day=2026-11-24"' in answer.text


def test_a_form_whose_token_is_stale_leads_back_to_its_page(phone, times, scene):
    phone.open(times)
    chosen = {"starts_at": scene.opens_at.isoformat()}
    answer = phone.client.post(times, data=chosen, headers=AGENT | {"Referer": f"http://localhost{times}"})
    assert answer.status_code == 400
    assert f'href="{times}"' in answer.text
    assert phone.client.post("/p/nobody-at-all/booking/1/any", headers=AGENT).status_code == 404


@pytest.mark.parametrize("referer", ["", "https://evil.example/x", "http://[", "http://localhost/console/"])
def test_a_form_from_nowhere_leads_to_booking(phone, booking, times, referer):
    phone.open(times)
    answer = phone.client.post(times, headers=AGENT | {"Referer": referer})
    assert answer.status_code == 400
    assert f'href="{booking}"' in answer.text


def token_of(page: str) -> str:
    return page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


# Name and picture


def test_name_and_picture_are_asked_for_where_they_are_shown(phone, me, scene, sandbox):
    landed = phone.get(phone.back(phone.leave(me)))  # who it is, silently
    away = phone.leave(landed.location)
    assert query_of(away)["scope"] == "snsapi_userinfo"
    assert phone.get(phone.consent(away)).location == me
    page = phone.get(me)
    assert page.status_code == 200
    assert "林小姐" in page.text
    (fan,) = fans_of(scene)
    assert fan.nickname == "林小姐"
    assert exchanges(sandbox, scene) == 2


def test_of_two_pictures_the_earlier_ones_file_goes(app, phone, me, scene, monkeypatch):
    # People of the sandbox have no picture.
    monkeypatch.setattr(authorization.pictures, "fetch", lambda _address, **_where: b"a later picture")
    earlier = app.extensions["files"].put(scene.chain.id, b"an earlier picture")
    phone.get(phone.back(phone.leave(me)))
    (fan,) = fans_of(scene)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        fans.record_profile(session, fan.id, nickname="林", avatar=earlier, now=clock.now())
        session.execute(sa.update(Fan).values(ask_profile_at=None).where(Fan.id == fan.id))
    assert phone.get(phone.consent(phone.leave(me))).location == me
    with tenant_scope(scene.chain.id):
        privacy.drain()
    (fan,) = fans_of(scene)
    assert fan.avatar not in {None, earlier}
    with pytest.raises(NotFound):
        app.extensions["files"].get(scene.chain.id, earlier)


def test_booking_asks_nobody_for_their_name(phone, booking, times, scene):
    """On none of the pages from the store to the phone number, which is asked for under a held time."""
    doctors = phone.open(booking).location  # there is one store only
    assert phone.get(doctors).status_code == 200
    token = token_of(phone.get(times).text)
    chosen = {"csrf_token": token, "starts_at": scene.opens_at.isoformat()}
    held = phone.client.post(times, data=chosen, headers=AGENT).location
    assert phone.get(phone.get(held).location).status_code == 200
    (fan,) = fans_of(scene)
    assert (fan.nickname, fan.ask_profile_at) == (None, None)


def test_who_refuses_sees_the_page_and_is_left_in_peace(phone, me, scene):
    away = phone.leave(phone.get(phone.back(phone.leave(me))).location)
    refused = f"{query_of(away)['redirect_uri']}&state={query_of(away)['state']}"
    assert phone.get(refused).location == me
    for _ in range(2):
        assert phone.get(me).status_code == 200
    (fan,) = fans_of(scene)
    assert fan.nickname is None
    assert fan.ask_profile_at > clock.now()


@pytest.mark.parametrize("effect", [{"errcode": 48001}, {"http": 502}])
def test_where_wechat_gives_no_name_the_page_goes_on_without(phone, me, scene, sandbox, effect):
    away = phone.leave(phone.get(phone.back(phone.leave(me))).location)
    # That call names no account: these tests run one after the other.
    sandbox.control("/faults", {"match": {"path": "/sns/userinfo"}, "effect": effect, "times": 1})
    assert phone.get(phone.consent(away)).location == me
    assert phone.get(me).status_code == 200
    (fan,) = fans_of(scene)
    assert fan.nickname is None


def test_nothing_is_kept_of_a_snapshot_visitor_asked_for_their_name(phone, me, scene, sandbox):
    away = phone.leave(phone.get(phone.back(phone.leave(me))).location)
    phone.fan = sandbox.fan(snapshot=True)
    assert phone.get(phone.consent(away)).status_code == 403
    assert len(fans_of(scene)) == 1


def test_a_picture_is_kept_itself_since_its_address_does_not_last(app, scene, sandbox):
    """Any picture at the sandbox's host will do: here that of a QR code."""
    account = {"appid": f"wx-{scene.chain.slug}", "secret": "secret"}
    code = {"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "x"}}}
    made = sandbox.post("/cgi-bin/qrcode/create", code, access_token=sandbox.token(account))
    address = f"{sandbox.url}/cgi-bin/showqrcode?{urlencode({'ticket': made['ticket']})}"
    with app.test_request_context():
        key = authorization._kept(scene.chain.id, address)
    assert app.extensions["files"].get(scene.chain.id, key) == requests.get(address, timeout=10).content
    with app.test_request_context():
        assert authorization._kept(scene.chain.id, "http://127.0.0.1:9/132") is None


def test_the_picture_is_ones_own(phone, me, scene, app):
    phone.open(f"{me}/avatar")
    assert phone.get(f"{me}/avatar").status_code == 404
    picture = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
    key = app.extensions["files"].put(scene.chain.id, picture)
    (fan,) = fans_of(scene)
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Fan).where(Fan.id == fan.id).values(avatar=key))
    answer = phone.get(f"{me}/avatar")
    assert (answer.data, answer.mimetype) == (picture, "image/png")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    known = {"User-Agent": WECHAT, "If-None-Match": answer.headers["ETag"]}
    assert phone.client.get(f"{me}/avatar", headers=known).status_code == 304
    other = app.extensions["files"].put(scene.chain.id, picture + b"another")
    with tenant_scope(scene.chain.id), unit_of_work() as session:
        session.execute(sa.update(Fan).where(Fan.id == fan.id).values(avatar=other))
    assert phone.client.get(f"{me}/avatar", headers=known).data == picture + b"another"


def spoil(sandbox: Sandbox, scene: Scene, effect: dict, *, times: int) -> None:
    """Let the sandbox answer badly when a code of the scene's account is swapped."""
    match = {"appid": f"wx-{scene.chain.slug}", "path": EXCHANGE}
    sandbox.control("/faults", {"match": match, "effect": effect, "times": times})
