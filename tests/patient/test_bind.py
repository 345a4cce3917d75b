"""Binding by phone, page by page: the number, its code, a name; and then where one was (PT-4, PT-5)."""

from __future__ import annotations

import datetime as dt
import html
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from engage.audit.services import Actor
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.patients import queries, rules, services
from engage.patients.models import FanPhone, PhoneCode
from tests.conftest import Chain, csrf_of
from tests.contracts.callers import fan_browser
from tests.patients.scenes import PHONE, STORED, People, chart, latest, make_people

OTHER = "13900005678"


@pytest.fixture
def people(chain: Chain) -> People:
    return make_people(chain)


@dataclass
class Fan:
    """A fan on their phone, on the pages of binding."""

    people: People
    client: FlaskClient
    number: int = 0

    @property
    def root(self) -> str:
        """Where the account's pages stand."""
        return f"/p/{self.people.account_slug}"

    @property
    def id(self) -> int:
        """The fan's id."""
        return self.people.fan_ids[self.number]

    def get(self, page: str) -> TestResponse:
        """Open a page of binding."""
        return self.client.get(f"{self.root}/bind{page}")

    def post(self, page: str, *, following: str = "", **data: str) -> TestResponse:
        """Send one of its forms."""
        token = csrf_of(self.get("?another=1").text)
        data |= {"csrf_token": token, "next": following}
        return self.client.post(f"{self.root}/bind{page}", data=data)

    def ask(self, phone: str = PHONE, **more: str) -> TestResponse:
        """Ask for a code."""
        return self.post("/code", phone=phone, **more)

    def code(self) -> str:
        """Give the code that was sent last."""
        with tenant_scope(self.people.chain.id), unit_of_work() as session:
            return latest(session).code

    def prove(self, phone: str = PHONE, **more: str) -> TestResponse:
        """Ask for a code and type it."""
        assert self.ask(phone).status_code == 303
        return self.post("", code=self.code(), **more)

    def bound(self) -> list[str]:
        """Give the names of who is bound."""
        with tenant_scope(self.people.chain.id), unit_of_work() as session:
            return [patient.name for patient in queries.of_fan(session, self.id)]


@pytest.fixture
def fan(app: Flask, people: People) -> Fan:
    return Fan(people, fan_browser(app, people.chain, people.fan_ids[0]))


@pytest.fixture
def other(app: Flask, people: People) -> Fan:
    return Fan(people, fan_browser(app, people.chain, people.fan_ids[1]), 1)


def keep_charts(people: People, *names: str, phone: str = PHONE) -> None:
    """Let the desk have made charts."""
    with tenant_scope(people.chain.id), unit_of_work() as session:
        for name in names:
            chart(session, name, phone)


def pass_time(monkeypatch: pytest.MonkeyPatch, **by: float) -> None:
    """Let the clock go on."""
    later = clock.now() + dt.timedelta(**by)
    monkeypatch.setattr(clock, "now", lambda: later)


def wrong(page: TestResponse) -> str:
    """Give what the page says is wrong."""
    return " ".join(
        html.unescape(said) for said in re.findall(r'role="alert">.*?<span>(.*?)</span>', page.text)
    )


def not_the(code: str) -> str:
    """Give six digits that are not a code."""
    return f"{(int(code) + 1) % 10**6:06}"


def test_a_known_number_binds_its_charts_and_says_so(fan: Fan) -> None:
    keep_charts(fan.people, "王小红", "王小宝")
    assert fan.get("").status_code == 200
    sent = fan.ask()
    assert sent.location == f"{fan.root}/bind/code"
    page = fan.client.get(sent.location).text
    assert "138****1234" in page
    assert PHONE not in page
    assert 'inputmode="numeric"' in page
    assert 'autocomplete="one-time-code"' in page
    done = fan.post("", code=fan.code())
    assert (done.status_code, done.location) == (303, f"{fan.root}/bind/done")
    assert fan.bound() == ["王小红", "王小宝"]
    shown = fan.get("/done").text
    assert "王小红" in shown
    assert shown.count("138****1234") == 2


def test_a_number_in_no_chart_asks_for_a_name_and_begins_one(fan: Fan) -> None:
    assert fan.prove().location == f"{fan.root}/bind/name"
    assert fan.post("/name", name="  李 雷 ").location == f"{fan.root}/bind/done"
    assert fan.bound() == ["李 雷"]


@pytest.mark.parametrize("name", ["", "  ", "名" * 41])
def test_a_name_is_one_and_what_was_typed_stays(fan: Fan, name: str) -> None:
    fan.prove()
    answer = fan.post("/name", name=name)
    assert (answer.status_code, bool(wrong(answer))) == (422, True)
    assert f'value="{name.strip()}"' in answer.text
    assert fan.bound() == []


def test_the_answer_never_tells_whether_there_is_a_chart(fan: Fan, other: Fan) -> None:
    keep_charts(fan.people, "王小红")
    known, unknown = fan.ask(PHONE), other.ask(OTHER)
    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    pages = [re.sub(r'value="[^"]+"|1\d\d\*{4}\d{4}', "", one.get("/code").text) for one in (fan, other)]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("page", ["booking?doctor=3&day=2026-11-24", "booking/held/7"])
@pytest.mark.parametrize("has_chart", [True, False])
def test_the_interrupted_page_continues(fan: Fan, page: str, has_chart: bool) -> None:
    following = f"{fan.root}/{page}"
    if has_chart:
        keep_charts(fan.people, "王小红")
    first = fan.get(f"?next={quote(following)}").text
    assert f'name="next" value="{html.escape(following)}"' in first
    sent = fan.ask(following=following)
    assert unquote(sent.location) == f"{fan.root}/bind/code?next={following}"
    assert html.escape(following) in fan.client.get(sent.location).text
    went = fan.post("", code=fan.code(), following=following)
    if not has_chart:
        assert html.escape(following) in fan.client.get(went.location).text
        went = fan.post("/name", name="李雷", following=following)
    assert (went.status_code, went.location) == (303, following)
    assert fan.get(f"?next={quote(following)}").location == following, "who is through is not asked again"


@pytest.mark.parametrize(
    "page", ["https://evil.example/", "//evil.example", "/p/another/booking", "/console/"]
)
def test_no_page_of_others_is_gone_on_to(fan: Fan, page: str) -> None:
    keep_charts(fan.people, "王小红")
    assert "evil.example" not in fan.get(f"?next={quote(page)}").text
    fan.ask(following=page)
    assert fan.post("", code=fan.code(), following=page).location == f"{fan.root}/bind/done"


@pytest.mark.parametrize("phone", ["", "138", "not a number", "02162345678", "1" * 30])
def test_a_number_that_gets_no_messages_is_told_and_stays(fan: Fan, phone: str) -> None:
    answer = fan.ask(phone)
    assert answer.status_code == 422
    assert wrong(answer)
    assert f'value="{phone}"' in answer.text
    assert fan.get("/code").location == f"{fan.root}/bind"


def test_a_wrong_code_says_how_often_it_can_be_tried_and_the_fifth_is_the_last(fan: Fan) -> None:
    keep_charts(fan.people, "王小红")
    fan.ask()
    code, seen = fan.code(), []
    for _ in range(rules.TRIES):
        answer = fan.post("", code=not_the(code))
        assert answer.status_code == 422
        seen.append(wrong(answer))
    assert len(set(seen)) == rules.TRIES, "each says how many are left"
    assert fan.bound() == []
    assert fan.post("", code=code).status_code == 422
    page = fan.get("/code").text
    assert wrong(fan.get("/code")) == seen[-1]
    assert 'name="code"' not in page, "the way on is a new one"
    assert 'id="again"' in page


def test_a_wrong_code_stays_in_the_field(fan: Fan) -> None:
    fan.ask()
    typed = not_the(fan.code())
    assert f'value="{typed}"' in fan.post("", code=typed).text


def test_a_code_with_spaces_is_the_code(fan: Fan) -> None:
    keep_charts(fan.people, "王小红")
    fan.ask()
    code = fan.code()
    assert fan.post("", code=f" {code[:3]} {code[3:]} ").status_code == 303


def test_nothing_typed_costs_no_try(fan: Fan) -> None:
    fan.ask()
    for _ in range(rules.TRIES):
        assert fan.post("", code=" ").status_code == 422
    assert fan.post("", code=fan.code()).status_code == 303


def test_an_old_code_is_told_and_another_can_be_sent(fan: Fan, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_charts(fan.people, "王小红")
    fan.ask()
    pass_time(monkeypatch, minutes=5)
    answer = fan.post("", code=fan.code())
    assert (answer.status_code, fan.bound()) == (422, [])
    assert wrong(answer) == wrong(fan.get("/code"))
    first = fan.code()
    assert fan.post("/code").location == f"{fan.root}/bind/code"
    with tenant_scope(fan.people.chain.id), unit_of_work() as session:
        assert latest(session).phone == STORED
    if fan.code() != first:
        assert fan.post("", code=first).status_code == 422
    assert fan.post("", code=fan.code()).status_code == 303


def test_another_code_waits_a_minute_and_the_page_counts_it(
    fan: Fan, monkeypatch: pytest.MonkeyPatch
) -> None:
    fan.ask()
    begun = clock.now()
    assert re.search(r'data-again="(60|59)"', fan.get("/code").text)
    again = fan.post("/code")
    assert again.status_code == 429
    assert wrong(again)
    assert 'name="code"' in again.text, "the code can still be typed"
    monkeypatch.setattr(clock, "now", lambda: begun + dt.timedelta(seconds=61))
    page = fan.get("/code").text
    assert 'data-again="0"' in page
    assert fan.post("/code").status_code == 303


def test_a_second_tap_sees_what_the_first_saw(fan: Fan) -> None:
    keep_charts(fan.people, "王小红")
    assert fan.ask().location == fan.ask().location == f"{fan.root}/bind/code"
    code = fan.code()
    assert fan.post("", code=code).location == fan.post("", code=code).location == f"{fan.root}/bind/done"
    assert fan.get("/code").location == f"{fan.root}/bind/done", "the back button too"


def test_a_number_that_another_fan_asked_for_just_now_waits_too(fan: Fan, other: Fan) -> None:
    fan.ask()
    answer = other.ask()
    assert answer.status_code == 429
    assert f'value="{PHONE}"' in answer.text
    assert wrong(answer)


def test_after_ten_codes_a_day_there_is_no_more_and_a_way_on(
    fan: Fan, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = clock.now().replace(hour=1)
    for number in range(rules.A_DAY_PER_PHONE + 1):
        monkeypatch.setattr(clock, "now", lambda: begun + dt.timedelta(minutes=2 * number))  # noqa: B023
        answer = fan.ask()
        assert answer.status_code == (303 if number < rules.A_DAY_PER_PHONE else 429)
    assert wrong(answer)
    assert fan.ask(OTHER).status_code == 303


def test_the_address_of_the_network_is_counted(fan: Fan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "A_DAY_PER_ADDRESS", 2)
    for phone, status in ((PHONE, 303), (OTHER, 303), ("13700001111", 429)):
        assert fan.ask(phone).status_code == status
    fan.client.environ_base["REMOTE_ADDR"] = "198.51.100.4"
    assert fan.ask("13700001111").status_code == 303


def test_a_message_that_could_not_be_sent_is_told(fan: Fan) -> None:
    fan.ask()
    with tenant_scope(fan.people.chain.id), unit_of_work() as session:
        session.execute(sa.update(PhoneCode).values(state="failed", reason="refused"))
    page = fan.get("/code")
    assert wrong(page)
    assert 'name="code"' not in page.text


@pytest.mark.parametrize("page", ["/code", "/name", "/done"])
def test_who_begins_in_the_middle_is_led_to_the_beginning(fan: Fan, page: str) -> None:
    assert fan.get(page).location == f"{fan.root}/bind"


def test_a_code_without_one_sent_leads_to_the_beginning(fan: Fan) -> None:
    assert fan.post("", code="123456").location == f"{fan.root}/bind"
    assert fan.post("/code").status_code == 422
    assert fan.post("/name", name="李雷").location == f"{fan.root}/bind"


def test_another_number_can_be_bound_and_both_stay(fan: Fan) -> None:
    keep_charts(fan.people, "王小红")
    keep_charts(fan.people, "王建国", phone=OTHER)
    fan.prove()
    assert fan.get("").location == f"{fan.root}/bind/done", "who is bound sees it"
    assert fan.get("?another=1").status_code == 200
    fan.prove(OTHER)
    assert fan.bound() == ["王小红", "王建国"]


def test_two_fans_of_one_number_both_speak_for_its_charts(
    fan: Fan, other: Fan, monkeypatch: pytest.MonkeyPatch
) -> None:
    fan.prove()
    fan.post("/name", name="李雷")
    pass_time(monkeypatch, minutes=2)
    assert other.prove().location == f"{other.root}/bind/done"
    assert fan.bound() == other.bound() == ["李雷"]


def test_a_name_is_text_and_nothing_else(fan: Fan) -> None:
    nasty = "<script>alert(1)</script>{{7*7}}"
    fan.prove()
    fan.post("/name", name=nasty)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in fan.get("/done").text


def test_no_address_carries_a_number_or_a_name(fan: Fan) -> None:
    answers = [fan.ask(), fan.post("", code=fan.code()), fan.post("/name", name="李雷")]
    assert all(re.fullmatch(r"/p/[\w-]+/bind/(code|name|done)", answer.location) for answer in answers)


def test_pages_ask_the_database_the_same_however_many_are_bound(fan: Fan, count_queries) -> None:
    keep_charts(fan.people, "王一")
    fan.prove()
    with count_queries() as few:
        fan.get("/done")
    keep_charts(fan.people, *(f"王{number}" for number in range(9)))
    with tenant_scope(fan.people.chain.id), unit_of_work() as session:
        session.execute(sa.delete(FanPhone))
        session.execute(sa.delete(PhoneCode))
        session.execute(sa.text("delete from phone_limit"))
    fan.prove()
    assert len(fan.bound()) == 10
    with count_queries() as many:
        fan.get("/done")
    assert few.n == many.n <= 8


def test_who_unbound_proves_the_number_again(fan: Fan, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_charts(fan.people, "王小红")
    fan.prove()
    with tenant_scope(fan.people.chain.id), unit_of_work() as session:
        (patient,) = queries.of_fan(session, fan.id)
        by = Actor("fan", fan.id)
        services.unbind(session, fan_id=fan.id, patient_id=patient.id, by=by, now=clock.now())
    assert fan.get("").status_code == 200
    assert fan.get("/name").location == f"{fan.root}/bind"
    pass_time(monkeypatch, minutes=2)
    assert fan.prove().location == f"{fan.root}/bind/done"
    assert fan.bound() == ["王小红"]
