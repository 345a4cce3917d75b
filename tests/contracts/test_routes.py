"""Every route: who may call it, with whose ids, and that no other page makes a browser call it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from engage.app import create_app
from engage.config import Config
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.tenancy import queries as tenancy
from engage.tenancy.models import Staff, StaffSession
from engage.tenancy.rules import PERMISSIONS, ROLES
from tests.conftest import PASSWORD, Chain, csrf_of, dispose_engines, log_in, make_chain
from tests.contracts.callers import WECHAT, House, Person, fan_browser, fill, furnish, log_in_directly

MARK = "Zanzibar"  # in every name of the foreign chain
SAFE = {"GET", "HEAD", "OPTIONS"}
SIGNED = "hooks_wechat."
# Repeating it changes nothing, and so does a session that is not one's own.
LEAVES_OTHERS_ALONE = {"console_profile.end_session"}
# What a view wants to be told before it looks for what its address names.
PRESSED = {
    "console_campaigns.act": {"action": "pause"},
    "console_fans.bulk": {"do": "tag"},
    "console_fans.apply": {"do": "tag"},
    "console_profiles.save": {"version": "1"},
}
# Work that somebody asked for is shown to them alone.
OF_ONE_PERSON = {
    f"console_{name}" for name in ("fans.task", "fans.file", "codes.bundle", "codes.bundle_file")
}

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def guard_of(app: Flask, endpoint: str) -> str:
    return getattr(app.view_functions[endpoint], "guard", "")


def rules_of(app: Flask, kind: str = "") -> list[tuple[Rule, str]]:
    """Give each rule whose guard begins with `kind`, with each of its methods."""
    return [
        (rule, method)
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
        if guard_of(app, rule.endpoint).startswith(kind)
    ]


def unsafe(app: Flask) -> list[tuple[Rule, str]]:
    return [(rule, method) for rule, method in rules_of(app) if method not in SAFE]


@pytest.fixture
def house(app: Flask, chain: Chain) -> House:
    return furnish(app, chain)


@pytest.fixture
def foreign(app: Flask) -> House:
    """Another chain; none of its names may be seen."""
    return furnish(app, make_chain(name=f"{MARK}chain", short_name=f"{MARK}short"), mark=MARK)


def shows(answer: TestResponse) -> str:
    """Give all that the browser is told."""
    return f"{answer.data.decode(errors='replace')}\n{answer.headers}"


# Guards


def test_every_route_has_a_guard(app: Flask) -> None:
    assert [rule.rule for rule, _ in rules_of(app) if not guard_of(app, rule.endpoint)] == [
        "/static/<path:filename>"
    ]


def test_guards_are_of_four_kinds(app: Flask) -> None:
    kinds = {guard_of(app, rule.endpoint).partition(":")[0] for rule, _ in rules_of(app)} - {""}
    assert kinds == {"staff", "fan", "open", "operator"}


def test_every_page_of_the_console_is_for_staff(app: Flask) -> None:
    found = {rule.endpoint for rule, _ in rules_of(app, "open") if rule.rule.startswith("/console")}
    assert found == {
        f"console_session.{name}" for name in ("login", "log_in", "code", "check_code", "switch_language")
    }


def test_nobody_gets_past_a_guard(app: Flask, client: FlaskClient, house: House) -> None:
    token = csrf_of(client.get("/console/login").text)
    for rule, method in rules_of(app, "staff"):
        answer = client.open(fill(rule.rule, house.ids), method=method, data={"csrf_token": token})
        assert answer.status_code == 302, rule
        assert answer.location.startswith("/console/login"), rule
    for rule, method in rules_of(app, "fan"):
        for agent, to_wechat in (("Mozilla/5.0", False), (WECHAT, method == "GET")):
            headers = {"User-Agent": agent}
            path = fill(rule.rule, house.ids)
            answer = client.open(path, method=method, data={"csrf_token": token}, headers=headers)
            assert answer.status_code == (302 if to_wechat else 401), rule


def test_figures_are_for_this_machine_alone(client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404


# Roles × own and foreign ids


@pytest.mark.parametrize("role", ROLES)
def test_staff_get_what_their_role_permits_and_nothing_of_another_chain(
    app: Flask, chain: Chain, house: House, foreign: House, role: str
) -> None:
    person = log_in_directly(app, chain, role)
    own = house.ids | {"session_id": person.session_id + 1_000_000}
    for rule, method in sorted(rules_of(app, "staff"), key=_deletes):
        if rule.endpoint == "console_session.logout":
            continue
        permitted = role in PERMISSIONS[guard_of(app, rule.endpoint).partition(":")[2]]
        for ids, is_own in ((own, True), (foreign.ids, False)):
            if not is_own and not rule.arguments:
                continue
            answer = person.ask(method, fill(rule.rule, ids), PRESSED.get(rule.endpoint))
            told = f"{method} {rule} as {role}, own ids: {is_own}: {answer.status}"
            assert MARK not in shows(answer), told
            if not permitted:
                assert answer.status_code == 403, told
            elif rule.endpoint in OF_ONE_PERSON:
                assert answer.status_code == 404, told
            elif is_own or rule.endpoint in LEAVES_OTHERS_ALONE:
                assert answer.status_code in {200, 204, 302, 303, 409, 422}, told
            else:
                assert answer.status_code == 404, told
    assert_untouched(foreign)
    assert person.ask("POST", "/console/logout").status_code == 303
    assert person.client.get("/console/").status_code == 302


def _deletes(asked: tuple[Rule, str]) -> bool:
    """Whether what a rule names is gone afterwards: these are asked last."""
    return any(word in asked[0].endpoint for word in ("delete", "merge"))


def assert_untouched(foreign: House) -> None:
    """Whatever was asked with its ids, the foreign chain is as it was."""
    with tenant_scope(foreign.scene.chain.id), unit_of_work() as session:
        owner = tenancy.staff_member(session, foreign.owner.id)
        assert (owner.name, owner.password_hash, owner.disabled_at) == (f"{MARK}owner", "none", None)
        assert len(tenancy.sessions_of(session, foreign.owner.id, now=clock.now())) == 1


def test_a_colleagues_session_is_left_alone(app: Flask, chain: Chain, house: House) -> None:
    person = log_in_directly(app, chain, "owner")
    person.ask("POST", f"/console/profile/sessions/{house.owner.session_id}/end")
    assert house.owner.client.get("/console/").status_code == 200


def test_search_finds_nothing_of_another_chain(app: Flask, house: House, foreign: House) -> None:
    for words in (MARK, MARK[:1], "%", "_", "' or true --"):
        for path in ("/console/search", "/console/people/find"):
            answer = house.owner.ask("POST", path, {"q": words})
            assert answer.status_code == 200
            assert f"{MARK}owner" not in answer.text


def test_a_cookie_of_one_chain_opens_no_other(app: Flask, chain: Chain, house: House, foreign: House) -> None:
    name = f"engage_staff_{app.config['INSTANCE']}"
    cookie = house.owner.client.get_cookie(name).value
    client = app.test_client()
    client.set_cookie(name, f"{foreign.scene.chain.id}.{cookie.partition('.')[2]}")
    assert client.get("/console/").status_code == 302


@pytest.mark.parametrize(
    "cookie", ["", ".", "1", "1.", ".x", "x.y", "-1.x", "9" * 40 + ".x", "１.x", "1.\x00"]
)
def test_a_cookie_that_makes_no_sense_is_nobody(app: Flask, cookie: str) -> None:
    client = app.test_client()
    client.set_cookie(f"engage_staff_{app.config['INSTANCE']}", cookie)
    assert client.get("/console/").status_code == 302


@pytest.mark.parametrize("number", [0, 2**31, 2**63 - 1, 2**63, 10**40])
def test_an_id_that_nobody_has_is_not_found(app: Flask, house: House, number: int) -> None:
    ids = house.ids | {name: number for name, value in house.ids.items() if isinstance(value, int)}
    fan = fan_browser(app, house.scene.chain, house.scene.fan_ids[0])
    everybody = log_in_directly(app, house.scene.chain, *ROLES)
    for rule, method in rules_of(app):
        if not any("_id" in name for name in rule.arguments) or rule.endpoint.startswith(SIGNED):
            continue
        path = fill(rule.rule, ids)
        pressed = PRESSED.get(rule.endpoint)
        answer = _ask(fan, method, path) if path.startswith("/p/") else everybody.ask(method, path, pressed)
        allowed = {404, 303} if rule.endpoint in LEAVES_OTHERS_ALONE else {404}
        assert answer.status_code in allowed, rule


def _ask(fan: FlaskClient, method: str, path: str) -> TestResponse:
    """Ask as a fan, with the form token."""
    if method == "GET":
        return fan.get(path)
    form = fan.get(f"{'/'.join(path.split('/')[:3])}/bind?another=1").text
    return fan.open(path, method=method, data={"csrf_token": csrf_of(form)})


def test_a_store_that_is_not_ones_own_is_not_chosen(app: Flask, house: House, foreign: House) -> None:
    answer = house.owner.ask("POST", "/console/store", {"store_id": str(foreign.scene.chain.store.id)})
    assert answer.status_code == 403
    answer = house.owner.ask("POST", "/console/store", {"store_id": str(house.scene.chain.store.id)})
    assert answer.status_code == 303


NASTY = [
    "",
    "\0",
    "%",
    "'",
    "-1",
    "１",
    "9" * 30,
    "[",
    "W10",
    "WzEsMl0",
    "bnVsbA",
    "." * 20,
    "a" * 5000,
    "\ud800",
]


def questions(app: Flask, endpoint: str) -> set[str]:
    """Give the names of what the pages of a view's module read of their address."""
    source = inspect.getsource(inspect.getmodule(inspect.unwrap(app.view_functions[endpoint])))
    named = re.findall(r'(?:args|values)\.get\(\s*"(\w+)"', source)
    if "request.args.get(key" in source:
        named += ["state", "role"]
    return set(named)


def _quoted(text: str) -> str:
    return quote(text, errors="surrogatepass")


@pytest.mark.timeout(600)  # thousands of requests
@pytest.mark.parametrize("apart", [False, pytest.param(True, marks=pytest.mark.large)])
def test_no_question_breaks_a_page(app: Flask, house: House, apart: bool) -> None:
    fan = fan_browser(app, house.scene.chain, house.scene.fan_ids[0])
    pages = [rule for rule, method in rules_of(app) if method == "GET" and rule.endpoint != "static"]
    asked: set[str] = set()
    for rule in pages:
        path = fill(rule.rule, house.ids)
        browser = fan if path.startswith("/p/") else house.owner.client
        names = sorted(questions(app, rule.endpoint))
        asked.update(names)
        for nasty in map(_quoted, NASTY):
            each = [f"{name}={nasty}" for name in names]
            for question in each if apart else filter(None, ["&".join(each)]):
                assert browser.get(f"{path}?{question}").status_code < 500, f"{path}?{question}"
    assert {"q", "state", "role", "page", "day", "doctor", "next"} <= asked


# Fans


def test_a_fan_sees_their_own_appointment_alone(app: Flask, house: House, foreign: House) -> None:
    scene = house.scene
    mine, other = (fan_browser(app, scene.chain, fan_id) for fan_id in scene.fan_ids)
    path = f"/p/{scene.account_slug}/appointments"
    assert mine.get(f"{path}/{house.appointment_id}").status_code == 200
    assert other.get(f"{path}/{house.appointment_id}").status_code == 404
    answer = mine.get(f"{path}/{foreign.appointment_id}")
    assert answer.status_code == 404
    assert MARK not in shows(answer)


def test_a_fan_is_nobody_on_pages_of_another_chain(app: Flask, house: House, foreign: House) -> None:
    fan = fan_browser(app, house.scene.chain, house.scene.fan_ids[0])
    for rule, method in rules_of(app, "fan"):
        if method != "GET":
            continue
        answer = fan.get(fill(rule.rule, foreign.ids))
        assert answer.status_code == 302
        assert MARK not in shows(answer)


def test_a_fan_books_no_doctor_of_another_chain(app: Flask, house: House, foreign: House) -> None:
    scene, other = house.scene, foreign.scene
    fan = fan_browser(app, scene.chain, scene.fan_ids[0])
    base = f"/p/{scene.account_slug}/booking"
    token = csrf_of(fan.get(f"/p/{scene.account_slug}/bind?another=1").text)
    form = {
        "csrf_token": token,
        "starts_at": other.opens_at.isoformat(),
        "key": "7d4b7a3c-6f6e-4b57-9d0b-0f6f3a1f2c11",
        "patient_id": scene.patient_ids[0],
    }
    for store_id, who in (
        (scene.chain.store.id, other.doctor_id),
        (other.chain.store.id, other.doctor_id),
        (other.chain.store.id, "any"),
        (scene.chain.store.id, 2**63),
        (scene.chain.store.id, -1),
    ):
        path = f"{base}/{store_id}/{who}"
        for answer in (fan.get(path), fan.post(path, data=form), fan.post(f"{path}/book", data=form)):
            assert answer.status_code == 404, path
            assert MARK not in shows(answer)


# Forged requests


def test_every_unsafe_route_wants_the_form_token_of_its_own_session(
    app: Flask, chain: Chain, house: House
) -> None:
    stranger = log_in_directly(app, chain, "owner")
    fan = fan_browser(app, chain, house.scene.fan_ids[0])
    asked = 0
    for rule, method in unsafe(app):
        if rule.endpoint.startswith(SIGNED):
            continue
        path = fill(rule.rule, house.ids)
        browser = fan if path.startswith("/p/") else house.owner.client
        for token in (None, "", "forged", stranger.csrf):
            form = {} if token is None else {"csrf_token": token}
            answer = browser.open(path, method=method, data=form, headers={"Accept": "application/json"})
            assert (answer.status_code, answer.json["code"]) == (400, "stale_form"), rule
            asked += 1
    assert asked > 20
    assert house.owner.client.get("/console/").status_code == 200


def test_what_wechat_calls_is_signed(app: Flask, client: FlaskClient, house: House) -> None:
    signed = [(rule, method) for rule, method in rules_of(app) if rule.endpoint.startswith(SIGNED)]
    assert signed
    for rule, method in signed:
        answer = client.open(fill(rule.rule, house.ids), method=method, data=b"<xml/>")
        assert (answer.status_code, answer.json["code"]) == (403, "forged")


def test_only_what_is_signed_goes_without_the_form_token(app: Flask) -> None:
    csrf = app.extensions["csrf"]
    assert {blueprint.name for blueprint in csrf._exempt_blueprints} == {"hooks_wechat"}
    assert not csrf._exempt_views


# Cookies and headers


@pytest.fixture(scope="module")
def secure_app(settings: Config) -> Iterator[Flask]:
    """The application as the world calls it, over https."""
    made = create_app(replace(settings, public_url="https://clinic.example"))
    yield made
    with made.app_context():
        dispose_engines()


def cookies_of(answer: TestResponse) -> dict[str, str]:
    """Give the cookies set: name → the whole header."""
    return {header.partition("=")[0]: header for header in answer.headers.getlist("Set-Cookie")}


def assert_kept_from_others(header: str) -> None:
    attributes = {part.strip().lower() for part in header.split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax"} <= attributes, header


def test_log_in_cookies_are_kept_from_scripts_and_other_sites(
    secure_app: Flask, chain: Chain, make_staff
) -> None:
    login = make_staff(chain, "lina", "desk")
    browser = secure_app.test_client()
    browser_url = "https://clinic.example"
    page = browser.get("/console/login", base_url=browser_url)
    form = {"csrf_token": csrf_of(page.text), "username": login, "password": PASSWORD}
    answer = browser.post(
        "/console/login", base_url=browser_url, data=form, headers={"Referer": f"{browser_url}/console/login"}
    )
    assert answer.status_code == 303
    instance = secure_app.config["INSTANCE"]
    assert f"engage_form_{instance}" in cookies_of(page)
    assert f"engage_staff_{instance}" in cookies_of(answer)
    for header in (cookies_of(page) | cookies_of(answer)).values():
        assert_kept_from_others(header)


def test_a_log_in_gives_a_new_cookie_and_a_new_form_token(app: Flask, chain: Chain, make_staff) -> None:
    login = make_staff(chain, "lina", "desk")
    name = f"engage_staff_{app.config['INSTANCE']}"
    browser = app.test_client()
    planted = f"{chain.id}.planted"
    browser.set_cookie(name, planted)
    before = csrf_of(browser.get("/console/login").text)
    log_in(browser, login)
    first = browser.get_cookie(name).value
    assert first != planted
    assert csrf_of(browser.get("/console/profile").text) != before
    again = app.test_client()
    log_in(again, login)
    assert again.get_cookie(name).value != first
    stale = browser.post(
        "/console/logout", data={"csrf_token": before}, headers={"Accept": "application/json"}
    )
    assert stale.status_code == 400


def test_the_cookie_is_no_use_after_log_out(app: Flask, chain: Chain) -> None:
    person = log_in_directly(app, chain, "desk")
    name = f"engage_staff_{app.config['INSTANCE']}"
    cookie = person.client.get_cookie(name).value
    person.ask("POST", "/console/logout")
    assert person.client.get_cookie(name) is None
    thief = app.test_client()
    thief.set_cookie(name, cookie)
    assert thief.get("/console/").status_code == 302


def test_the_database_keeps_no_cookie(app: Flask, chain: Chain) -> None:
    person = log_in_directly(app, chain, "desk")
    token = person.client.get_cookie(f"engage_staff_{app.config['INSTANCE']}").value.partition(".")[2]
    with tenant_scope(chain.id), unit_of_work() as session:
        assert session.scalars(sa.select(StaffSession)).one().token_digest != token
        assert session.scalars(sa.select(Staff)).one().id == person.id


def test_every_answer_carries_the_security_headers(app: Flask, client: FlaskClient, house: House) -> None:
    for browser in (client, house.owner.client):
        paths = [fill(rule.rule, house.ids) for rule, method in rules_of(app) if method == "GET"]
        for path in [*paths, "/console/nowhere", "/p/nobody/booking", "/nowhere"]:
            with browser.get(path) as answer:
                assert_secured(path, answer)


def assert_secured(path: str, answer: TestResponse) -> None:
    assert HEADERS.items() <= dict(answer.headers).items(), path
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy, path
    assert "frame-ancestors 'none'" in policy, path
    assert "unsafe" not in policy, path
    assert answer.headers["X-Request-Id"]
    if path.startswith(
        ("/console/chats/", "/console/fans/", "/console/codes/logo", "/console/photos/")
    ) and answer.content_type.startswith("image/"):
        assert answer.headers["Cache-Control"] == "private, no-cache", path
    elif re.fullmatch(r"/console/(codes/pictures/\d+|reports/attendance)/file", path):
        assert answer.headers["Cache-Control"] in {"private, no-store", "no-store"}, path  # file, or none yet
    elif re.match(r"/p/[^/]+/(pictures|photos)/", path):
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", path
    elif not path.startswith(("/static", "/accent")):
        assert answer.headers["Cache-Control"] == "no-store", path


def test_pages_carry_no_style_or_script_of_their_own(app: Flask, house: House) -> None:
    fan = fan_browser(app, house.scene.chain, house.scene.fan_ids[0])
    for rule, method in rules_of(app):
        if method != "GET" or rule.endpoint == "static":
            continue
        path = fill(rule.rule, house.ids)
        answer = (fan if path.startswith("/p/") else house.owner.client).get(path)
        if answer.mimetype == "text/html":
            for forbidden in (" style=", "<style", " onclick=", " onload=", "javascript:", "<script>"):
                assert forbidden not in answer.text, (path, forbidden)


# Addresses elsewhere

ELSEWHERE = [
    "https://evil.example/",
    "http://evil.example/console/",
    "//evil.example/console/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/console/\\evil.example",
    "javascript:alert(1)",
    " //evil.example",
    "/\t/evil.example",
    "\n//evil.example",
    "http://[",
    "/p/other/booking",
    "console/",
    "",
]


def leads(answer: TestResponse) -> str:
    assert answer.status_code in {302, 303}
    return answer.location


@pytest.mark.parametrize("following", ELSEWHERE)
def test_an_address_elsewhere_is_not_followed(app: Flask, chain: Chain, make_staff, following: str) -> None:
    person = log_in_directly(app, chain, "desk")
    answers = [
        person.client.get("/console/login", query_string={"next": following}),
        person.ask("POST", "/console/store", {"next": following}),
        person.ask("POST", "/console/language", {"next": following, "locale": "en"}),
    ]
    assert {leads(answer) for answer in answers} == {"/console/"}


@pytest.mark.parametrize(
    ("following", "leads_to"), [("//evil.example", "/console/"), ("/console/staff", "/console/staff")]
)
def test_a_log_in_leads_to_the_page_that_was_asked_for(
    app: Flask, client: FlaskClient, chain: Chain, make_staff, following: str, leads_to: str
) -> None:
    login = make_staff(chain, "lina", "owner")
    token = csrf_of(client.get("/console/login").text)
    form = {"csrf_token": token, "username": login, "password": PASSWORD, "next": following}
    assert leads(client.post("/console/login", data=form)) == leads_to


def test_who_is_not_logged_in_comes_back_to_the_page(client: FlaskClient) -> None:
    assert (
        leads(client.get("/console/staff?state=active"))
        == "/console/login?next=/console/staff?state%3Dactive"
    )


def test_a_header_cannot_be_smuggled_into_an_address(app: Flask, chain: Chain) -> None:
    person: Person = log_in_directly(app, chain, "desk")
    answer = person.ask("POST", "/console/store", {"next": "/console/\r\nSet-Cookie: a=b"})
    assert answer.status_code == 303
    assert "a" not in cookies_of(answer)
