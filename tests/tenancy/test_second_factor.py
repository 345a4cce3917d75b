"""The second factor: set up, asked for at the log-in, lost, and turned off."""

from __future__ import annotations

import re

import pyotp
import pytest
import sqlalchemy as sa

from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from engage.tenancy import second_factor
from engage.tenancy.models import RecoveryCode, SecondFactor, Staff
from tests.concurrency.race import race

PAGE = "/console/profile/second-factor"


class App:
    """Somebody's authenticator app."""

    def __init__(self, secret: str) -> None:
        self.counter = pyotp.HOTP(secret)

    def code(self, *, steps: int = 0) -> str:
        """Give the code of now, or of so many steps later."""
        return self.counter.at(int(clock.real_now().timestamp()) // 30 + steps)


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch):
    """Let a test pass in one step of time: a slow machine must not let a code grow old."""
    moment = clock.real_now()
    monkeypatch.setattr(clock, "real_now", lambda: moment)


@pytest.fixture
def login(chain, make_staff):
    return make_staff(chain, "boss", "owner")


@pytest.fixture
def owner(browser, login):
    return browser(login)


def set_up(owner):
    """Turn the second factor on; gives the app and the recovery codes."""
    assert owner.post(PAGE).status_code == 303
    secret = re.search(r'class="secret"><code>([A-Z2-7 ]+)</code>', owner.get(PAGE).text)[1].replace(" ", "")
    app = App(secret)
    page = owner.post(f"{PAGE}/confirm", {"code": app.code(steps=-1)})
    assert page.status_code == 200
    return app, re.findall(r"<li><code>([a-z2-9-]+)</code>", page.text)


def half_way(browser, login):
    """Give a browser in which the password was typed."""
    made = browser()
    answer = made.log_in(login)
    assert answer.headers["Location"] == "/console/login/code"
    return made


def test_the_log_in_asks_for_the_code_of_the_app(browser, login, owner):
    app, codes = set_up(owner)
    assert len(set(codes)) == 10
    other = half_way(browser, login)
    assert not other.is_logged_in
    wrong = other.post("/console/login/code", {"code": "000000"})
    assert (wrong.status_code, other.is_logged_in) == (422, False)
    assert "This code is wrong" in wrong.text
    assert other.post("/console/login/code", {"code": app.code()}).status_code == 303
    assert other.is_logged_in


def test_a_code_of_the_app_counts_once(browser, login, owner):
    app, _ = set_up(owner)
    first, second = half_way(browser, login), half_way(browser, login)
    code = app.code()
    assert first.post("/console/login/code", {"code": code}).status_code == 303
    assert second.post("/console/login/code", {"code": code}).status_code == 422
    assert not second.is_logged_in


def test_a_recovery_code_counts_once_however_it_is_typed(browser, login, owner):
    _, codes = set_up(owner)
    first, second = half_way(browser, login), half_way(browser, login)
    typed = codes[0].replace("-", " ").upper()
    assert first.post("/console/login/code", {"code": typed}).status_code == 303
    assert second.post("/console/login/code", {"code": codes[0]}).status_code == 422
    assert "9 recovery codes are left" in owner.get(PAGE).text


def test_wrong_codes_lock_the_log_in_as_wrong_passwords_do(browser, login, owner):
    app, _ = set_up(owner)
    other = half_way(browser, login)
    answers = [other.post("/console/login/code", {"code": "000000"}).status_code for _ in range(5)]
    assert answers == [422, 422, 422, 422, 429]
    assert other.post("/console/login/code", {"code": app.code()}).status_code == 429
    assert browser().log_in(login).status_code == 429


def test_without_the_password_nobody_is_asked_for_a_code(browser, login, owner):
    app, _ = set_up(owner)
    stranger = browser()
    assert stranger.get("/console/login/code").headers["Location"] == "/console/login"
    assert stranger.post("/console/login/code", {"code": app.code()}).headers["Location"] == "/console/login"
    assert not stranger.is_logged_in


def test_five_minutes_after_the_password_it_is_asked_for_again(browser, login, owner, monkeypatch):
    app, _ = set_up(owner)
    other = half_way(browser, login)
    later = clock.real_now() + second_factor_life()
    monkeypatch.setattr("engage.blueprints.console.session.clock.real_now", lambda: later)
    assert other.post("/console/login/code", {"code": app.code()}).headers["Location"] == "/console/login"
    assert not other.is_logged_in


def second_factor_life():
    from engage.blueprints.console.session import HALF_WAY_LIFE

    return HALF_WAY_LIFE * 1.01


def test_a_password_that_was_changed_meanwhile_opens_nothing(chain, browser, login, owner):
    app, _ = set_up(owner)
    other = half_way(browser, login)
    with tenant_scope(chain.id), unit_of_work() as session:
        session.execute(sa.update(Staff).values(password_hash="another"))
    assert other.post("/console/login/code", {"code": app.code()}).headers["Location"] == "/console/login"
    assert not other.is_logged_in


def test_a_wrong_first_code_turns_nothing_on(browser, login, owner):
    owner.post(PAGE)
    assert owner.post(f"{PAGE}/confirm", {"code": "000000"}).status_code == 422
    assert browser().log_in(login).headers["Location"] == "/console/"


def test_it_is_turned_off_with_a_code_alone(browser, login, owner):
    app, _ = set_up(owner)
    assert owner.post(f"{PAGE}/off", {"code": "000000"}).status_code == 422
    assert owner.post(f"{PAGE}/off", {"code": app.code()}).status_code == 303
    assert browser().log_in(login).headers["Location"] == "/console/"


def test_guesses_on_the_page_count_as_at_the_log_in(owner):
    app, _ = set_up(owner)
    answers = [owner.post(f"{PAGE}/off", {"code": "000000"}).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert owner.post(f"{PAGE}/off", {"code": app.code()}).status_code == 429


def test_who_lost_the_phone_is_let_in_by_an_owner(chain, browser, login, owner, make_staff):
    helped = browser(make_staff(chain, "nurse", "desk"))
    set_up(helped)
    with tenant_scope(chain.id), unit_of_work() as session:
        nurse = session.scalars(sa.select(Staff.id).where(Staff.login.startswith("nurse@"))).one()
    assert helped.post(f"/console/staff/{nurse}/second-factor/off").status_code == 403
    assert owner.post(f"/console/staff/{nurse}/second-factor/off").status_code == 303
    assert browser().log_in(f"nurse@{chain.slug}").headers["Location"] == "/console/"
    trail = owner.get("/console/audit?what=log_ins").text
    assert "second factor turned off" in trail
    assert "second factor turned on" in trail


def test_neither_secret_nor_codes_can_be_read_in_the_database(chain, owner):
    app, codes = set_up(owner)
    with tenant_scope(chain.id), unit_of_work() as session:
        kept = session.execute(sa.text("select secret from staff_second_factor")).scalar_one()
        indexes = session.scalars(sa.select(RecoveryCode.code_index)).all()
        secret = session.scalars(sa.select(SecondFactor.secret)).one()
    assert secret.encode() not in bytes(kept)
    assert not any(code.replace("-", "").encode() in bytes(index) for code in codes for index in indexes)
    assert app.counter.secret == secret


def trying(staff_id, code, accepts):
    return lambda session: accepts(session, staff_id, code, now=clock.real_now())


def reading_first(session, staff_id, code, *, now):
    """The control: looks at the last step, waits for all to have looked, then writes."""
    factor = session.get(SecondFactor, (session.tenant_id, staff_id))
    step = second_factor._step_of(factor.secret, code, now)
    fresh = factor.last_step < step
    reading_first.barrier.wait(30)
    session.execute(sa.update(SecondFactor).values(last_step=step))
    return fresh


@pytest.mark.parametrize(("accepts", "accepted"), [(second_factor.accepts, 1), (reading_first, 4)])
def test_one_code_typed_four_times_at_once_counts_once(app, chain, owner, accepts, accepted):
    import threading

    phone, _ = set_up(owner)
    with tenant_scope(chain.id), unit_of_work() as session:
        staff_id = session.scalars(sa.select(SecondFactor.staff_id)).one()
    reading_first.barrier = threading.Barrier(4)
    results = race(app, chain.id, [trying(staff_id, phone.code(), accepts)] * 4)
    assert sum(result is True for result in results) == accepted


def test_the_trail_is_paged_and_filtered_by_its_address(chain, browser, login, owner, make_staff):
    other = browser(make_staff(chain, "nurse", "desk"))
    assert other.get("/console/audit").status_code == 403
    page = owner.get("/console/audit").text
    assert "Staff: logged in" in page
    assert "Staff: created" in page
    with tenant_scope(chain.id), unit_of_work() as session:
        nurse = session.scalars(sa.select(Staff.id).where(Staff.login.startswith("nurse@"))).one()
    mine = owner.get(f"/console/audit?who={nurse}").text
    assert "Staff: logged in" in mine
    assert "Staff: created" not in mine
    about = owner.get(f"/console/audit?about=staff-{nurse}&what=looks")
    assert "Nothing matches" in about.text
    assert owner.get("/console/audit?who=x&what=y&days=z&about=-1&page=").status_code == 200
