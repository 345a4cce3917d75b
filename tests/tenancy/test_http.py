"""The console's staff, profile, search and operations, as browsers see them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import sqlalchemy as sa
from rq import Worker
from rq.serializers import JSONSerializer
from rq.utils import utcformat

from engage.app import blueprints
from engage.audit.services import OPERATOR
from engage.kernel import clock, doorbell, leases, outbox
from engage.kernel.db import db, tenant_scope, unit_of_work
from engage.kernel.outbox import OutboxRow
from engage.tenancy import passwords, queries, rules, services
from engage.tenancy.models import Staff
from engage.tenancy.rules import Grant
from engage.tenancy.services import StaffDetails

PASSWORD = "a long enough password"
DRAWER = {"HX-Request": "true", "HX-Target": "drawer-content"}


@pytest.fixture
def owner(chain, make_staff, browser):
    """The browser of the chain's owner."""
    return browser(make_staff(chain, "boss", "owner"))


def id_of(chain, name):
    with tenant_scope(chain.id), unit_of_work() as work:
        return work.scalars(sa.select(Staff.id).where(Staff.login == f"{name}@{chain.slug}")).one()


def grants_of(chain, name):
    staff_id = id_of(chain, name)
    with tenant_scope(chain.id), unit_of_work() as work:
        return set(queries.grants_of(work, [staff_id])[staff_id])


def filled(**changes):
    return {"name": "李娜", "login": "lina", "language": "en", "grants": ["desk:*"], **changes}


def secret_of(page):
    found = re.search(r'<code id="one-time-password">([^<]+)</code>', page.text)
    return found[1] if found else None


def test_who_is_new_gets_a_password_that_is_shown_once_and_changed_first(chain, owner, browser):
    store = f"desk:{chain.store.id}"
    made = owner.post(
        "/console/staff/new", filled(grants=[store, "marketer:*", f"marketer:{chain.store.id}"])
    )
    assert made.status_code == 303
    assert grants_of(chain, "lina") == {Grant("desk", chain.store.id), Grant("marketer")}
    secret = secret_of(owner.get(made.location))
    assert secret_of(owner.get(made.location)) is None

    new = browser()
    assert new.log_in(f"lina@{chain.slug}", secret).status_code == 303
    for page in ("/console/", "/console/search"):
        assert new.get(page).location == "/console/profile"
    assert "Choose your own password now" in new.get("/console/profile").text
    again = {"current_password": secret, "new_password": secret, "repeat_password": secret}
    assert new.post("/console/profile/password", again).status_code == 422
    own = {
        "current_password": secret,
        "new_password": "my own sentence",
        "repeat_password": "my own sentence",
    }
    assert new.post("/console/profile/password", own).status_code == 303
    assert new.get("/console/").status_code == 200


def test_the_one_time_password_is_not_readable_in_the_cookie(owner):
    made = owner.post("/console/staff/new", filled())
    cookies = made.headers.getlist("Set-Cookie")
    secret = secret_of(owner.get(made.location))
    assert secret
    assert not any(secret in cookie for cookie in cookies)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "Please fill this in."),
        ({"name": "x" * 21}, "At most 20 characters."),
        ({"name": "a\0b"}, "Please leave out special characters."),
        ({"login": "Li Na"}, "Small letters, digits, dot and hyphen, at most 40."),
        ({"language": "tlh"}, "Please choose a language."),
        ({"grants": []}, "Choose at least one role."),
        ({"grants": ["king:*"]}, "Please choose roles and stores from the table."),
        ({"grants": ["desk:999999"]}, "Please choose roles and stores from the table."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(owner, changes, sentence):
    page = owner.post("/console/staff/new", filled(**changes))
    assert page.status_code == 422
    text = html.unescape(page.text)
    assert sentence in text
    assert f'value="{changes.get("login", "lina")}"' in text
    if "grants" not in changes:
        assert re.search(r'value="desk:\*"[^>]*checked', text)


def test_an_owner_owns_all_stores(chain, owner):
    page = owner.post("/console/staff/new", filled(grants=[f"owner:{chain.store.id}"]))
    assert page.status_code == 422


def test_a_log_in_that_is_taken_is_refused_at_its_field(owner):
    page = owner.post("/console/staff/new", filled(login="boss"))
    assert page.status_code == 409
    assert 'id="error-login"' in page.text


def test_editing_changes_roles_and_name_but_not_the_log_in(chain, owner, make_staff):
    make_staff(chain, "lina", "desk")
    edit = f"/console/staff/{id_of(chain, 'lina')}/edit"
    form = owner.get(edit).text
    assert re.search(r'value="desk:\*"[^>]*checked', form)
    assert 'name="login"' not in form
    assert owner.post(edit, filled(name="李小娜", login="other", grants=["chief:*"])).status_code == 303
    assert grants_of(chain, "lina") == {Grant("chief")}
    page = owner.get("/console/staff").text
    assert "李小娜" in page
    assert "Chief doctor" in page
    assert owner.post(edit, filled(name=" ")).status_code == 422


def test_who_is_disabled_is_out_at_once_until_enabled(chain, owner, browser, make_staff):
    lina = make_staff(chain, "lina", "desk")
    hers, path = browser(lina), f"/console/staff/{id_of(chain, 'lina')}"
    assert owner.post(f"{path}/disable").location == path
    assert not hers.is_logged_in
    assert browser().log_in(lina).status_code == 401
    assert "Lina cannot log in any more." in owner.get(path, headers=DRAWER).text
    assert owner.post(f"{path}/enable").status_code == 303
    assert browser().log_in(lina).status_code == 303


def test_the_last_owner_can_neither_be_disabled_nor_demoted(chain, owner):
    path = f"/console/staff/{id_of(chain, 'boss')}"
    assert owner.post(f"{path}/disable").status_code == 303
    assert "last owner" in owner.get(path).text
    demoted = owner.post(f"{path}/edit", filled(grants=["desk:*"]))
    assert demoted.status_code == 409
    assert 'id="error-grants"' in demoted.text
    assert grants_of(chain, "boss") == {Grant("owner")}
    assert owner.is_logged_in


def test_a_reset_password_ends_sessions_and_must_be_changed(chain, owner, browser, make_staff):
    lina = make_staff(chain, "lina", "desk")
    hers, path = browser(lina), f"/console/staff/{id_of(chain, 'lina')}"
    assert owner.post(f"{path}/password").location == path
    secret = secret_of(owner.get(path, headers=DRAWER))
    assert not hers.is_logged_in
    assert browser().log_in(lina).status_code == 401
    fresh = browser()
    assert fresh.log_in(lina, secret).status_code == 303
    assert fresh.get("/console/").location == "/console/profile"


def test_ones_own_password_is_changed_in_the_profile(chain, owner):
    answer = owner.post(f"/console/staff/{id_of(chain, 'boss')}/password")
    assert answer.location == "/console/profile"
    assert owner.is_logged_in


def test_the_drawer_gets_the_content_alone(chain, owner):
    path = f"/console/staff/{id_of(chain, 'boss')}"
    assert "<html" in owner.get(path).text
    assert "<html" not in owner.get(path, headers=DRAWER).text


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("manager", "/console/staff", 200),
        ("manager", "/console/staff/new", 403),
        ("manager", "/console/operations", 403),
        ("desk", "/console/staff", 403),
        ("desk", "/console/search", 200),
        ("desk", "/console/profile", 200),
        ("owner", "/console/operations", 200),
        ("desk", "/console/_gallery", 200),
    ],
)
def test_who_may_open_what(chain, browser, make_staff, role, path, status):
    assert browser(make_staff(chain, "lina", role)).get(path).status_code == status


@pytest.mark.parametrize("path", ["", "/edit", "/disable", "/enable", "/password"])
def test_a_manager_changes_nobody(chain, browser, make_staff, path):
    manager = browser(make_staff(chain, "lina", "manager"))
    answer = manager.post(f"/console/staff/{id_of(chain, 'lina')}{path}", filled())
    assert answer.status_code == (403 if path else 405)


def test_staff_of_another_chain_are_not_there(chain, other_chain, owner, make_staff):
    make_staff(other_chain, "kim", "desk")
    kim = id_of(other_chain, "kim")
    for path in ("", "/edit"):
        assert owner.get(f"/console/staff/{kim}{path}").status_code == 404
    for path in ("/edit", "/disable", "/enable", "/password"):
        assert owner.post(f"/console/staff/{kim}{path}", filled()).status_code == 404
    assert "Kim" not in owner.get("/console/staff").text
    found = owner.post("/console/search", {"q": "Kim"}).text.partition("<main")[2]
    assert "Kim" not in found.replace("“Kim”", "")


def test_the_list_is_filtered_and_paged_by_its_address(chain, owner):
    crowd(chain, 120)
    first = owner.get("/console/staff")
    second = owner.get(link(first, "page-older"))
    third = owner.get(link(second, "page-older"))
    assert [len(names(page)) for page in (first, second, third)] == [50, 50, 21]
    assert sorted(names(first) + names(second) + names(third)) == sorted(
        {*names(first), *names(second), *names(third)}
    )
    assert names(owner.get(link(third, "page-newer"))) == names(second)
    assert names(owner.get(link(second, "page-newer"))) == names(first)
    assert names(owner.get("/console/staff?role=owner")) == ["Boss"]
    assert names(owner.get("/console/staff?q=Person 01")) == [f"Person {n:03}" for n in range(10, 20)]
    assert "Nobody matches" in owner.get("/console/staff?state=disabled").text
    assert owner.get("/console/staff?page=nonsense").status_code == 400


def test_a_longer_list_asks_no_more_queries(chain, owner):
    asked = []
    listen = lambda *arguments: asked.append(arguments[2])  # noqa: E731 it is removed by its name
    sa.event.listen(db.engine, "before_cursor_execute", listen)
    try:
        owner.get("/console/staff")
        few = len(asked)
        crowd(chain, 40)
        asked.clear()
        assert len(names(owner.get("/console/staff"))) == 41
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", listen)
    assert len(asked) == few


def test_an_unknown_log_in_is_answered_like_a_wrong_password(chain, browser, make_staff):
    known = make_staff(chain, "lina", "desk")
    answers = [
        browser().log_in(login, "a wrong password")
        for login in (known, f"nobody@{chain.slug}", "nobody@nowhere", "nobody")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert all("The log-in or the password is wrong." in answer.text for answer in answers)


def test_five_wrong_passwords_lock_the_right_one_out(chain, browser, make_staff):
    lina = make_staff(chain, "lina", "desk")
    for _ in range(rules.LOCK_AFTER):
        assert browser().log_in(lina, "a wrong password").status_code == 401
    locked = browser().log_in(lina)
    assert locked.status_code == 429
    assert "in 15 minutes" in locked.text


def test_twenty_wrong_passwords_at_once_are_checked_five_times(chain, browser, make_staff, monkeypatch):
    lina = make_staff(chain, "lina", "desk")
    checks, together = [], threading.Barrier(20)
    monkeypatch.setattr(passwords, "verify", lambda stored, password: checks.append(stored) or False)

    def attempt(visitor):
        together.wait()
        return visitor.log_in(lina, "a wrong password").status_code

    visitors = [browser() for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = sorted(pool.map(attempt, visitors))
    assert len(checks) == rules.LOCK_AFTER
    assert answers == [401] * 5 + [429] * 15


def test_an_ended_session_goes_to_the_log_in(chain, browser, make_staff):
    lina = make_staff(chain, "lina", "desk")
    phone = browser(lina, agent="Mozilla/5.0 (iPhone) Safari/605")
    desk = browser(lina)
    page = desk.get("/console/profile").text
    assert "Safari · iPhone" in page
    ends = re.findall(r'action="(/console/profile/sessions/\d+/end)"', page)
    assert len(ends) == 1
    assert desk.post(ends[0]).status_code == 303
    assert phone.get("/console/profile").location == "/console/login?next=/console/profile"
    assert desk.is_logged_in


def test_nobody_ends_anothers_session(chain, owner, browser, make_staff):
    hers = browser(make_staff(chain, "lina", "desk"))
    with tenant_scope(chain.id), unit_of_work() as work:
        ids = [row.id for row in queries.sessions_of(work, id_of(chain, "lina"), now=clock.now())]
    owner.post(f"/console/profile/sessions/{ids[0]}/end")
    assert hers.is_logged_in


def test_a_changed_password_ends_the_other_sessions(chain, browser, make_staff):
    lina = make_staff(chain, "lina", "desk")
    here, elsewhere = browser(lina), browser(lina)
    new = {
        "current_password": PASSWORD,
        "new_password": "another long one",
        "repeat_password": "another long one",
    }
    assert here.post("/console/profile/password", new).status_code == 303
    assert here.is_logged_in
    assert not elsewhere.is_logged_in
    assert browser().log_in(lina).status_code == 401
    assert browser().log_in(lina, "another long one").status_code == 303


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"current_password": ""}, "current_password"),
        ({"current_password": "a wrong password"}, "current_password"),
        ({"new_password": "short", "repeat_password": "short"}, "new_password"),
        ({"repeat_password": "something else"}, "repeat_password"),
    ],
)
def test_a_password_is_changed_by_who_knows_it(chain, browser, make_staff, changes, field):
    hers = browser(make_staff(chain, "lina", "desk"))
    right = {
        "current_password": PASSWORD,
        "new_password": "another long one",
        "repeat_password": "another long one",
    }
    page = hers.post("/console/profile/password", {**right, **changes})
    assert page.status_code == 422
    assert f'id="error-{field}"' in page.text


def test_guessing_in_the_profile_is_locked_like_the_log_in(chain, browser, make_staff):
    hers = browser(make_staff(chain, "lina", "desk"))
    guess = {
        "current_password": "a guess",
        "new_password": "another long one",
        "repeat_password": "another long one",
    }
    answers = [hers.post("/console/profile/password", guess).status_code for _ in range(rules.LOCK_AFTER + 1)]
    assert answers == [422] * rules.LOCK_AFTER + [429]


def test_the_profile_changes_name_and_language(chain, browser, make_staff):
    hers = browser(make_staff(chain, "lina", "desk"))
    assert hers.post("/console/profile", {"name": "娜娜", "language": "zh_Hans"}).status_code == 303
    page = hers.get("/console/profile").text
    assert 'value="娜娜"' in page
    assert '<html lang="zh-Hans">' in page
    assert hers.post("/console/profile", {"name": "", "language": "en"}).status_code == 422


def test_search_finds_staff_for_who_may_see_them(chain, owner, browser, make_staff):
    desk = browser(make_staff(chain, "lina", "desk"))
    hit = f'href="/console/staff/{id_of(chain, "lina")}"'
    asked = {"q": "Li"}
    below = owner.post("/console/search", asked, headers={"HX-Request": "true"})
    assert hit in below.text
    assert "<html" not in below.text
    assert hit in owner.post("/console/search", asked).text
    assert hit not in desk.post("/console/search", asked).text
    assert owner.post("/console/search", {"q": "\0"}).status_code == 200


def test_operations_shows_what_failed_and_tries_it_again(chain, owner):
    row_id = given_up(chain)
    page = owner.get("/console/operations").text
    assert "booking.booked → notifications.tell_booked" in page
    assert "KeyError at tell_booked:1" in page
    assert "No worker is running" in page
    assert owner.post(f"/console/operations/{row_id}/retry").status_code == 303
    with tenant_scope(chain.id), unit_of_work() as work:
        row = work.get_one(OutboxRow, (chain.id, row_id))
        assert (row.attempts, row.lease) == (0, None)
        assert row.available_at is not None
    assert "Nothing failed" in owner.get("/console/operations").text
    assert owner.post("/console/operations/999999/retry").status_code == 404


def test_operations_stays_readable_without_redis(owner, monkeypatch):
    away = redis.Redis.from_url("redis://127.0.0.1:9", socket_connect_timeout=0.2)
    monkeypatch.setattr(doorbell, "connection", lambda: away)
    page = owner.get("/console/operations")
    assert page.status_code == 200
    assert "No worker is running" in page.text


def test_a_worker_is_shown_until_it_is_silent(app, owner):
    connection = doorbell.connection()
    worker = Worker(["events"], connection=connection, serializer=JSONSerializer, name="w1")
    worker.register_birth()
    try:
        assert f"{worker.hostname} · {worker.pid}" in owner.get("/console/operations").text
        assert "Ready" in owner.get("/console/operations").text
        worker.set_state("busy")
        assert "Working" in owner.get("/console/operations").text
        long_ago = clock.real_now() - dt.timedelta(minutes=5)
        connection.hset(worker.key, "last_heartbeat", utcformat(long_ago))
        assert "Silent" in owner.get("/console/operations").text
    finally:
        worker.register_death()


@pytest.mark.parametrize(
    "path", ["/console/staff?role=%00&state=%00&q=%00", "/console/staff?role=king&page=."]
)
def test_what_the_address_makes_no_sense_of_filters_nothing(owner, path):
    assert names(owner.get(path)) == ["Boss"]


def test_no_transaction_is_open_while_passwords_are_hashed(chain, owner, browser, make_staff, monkeypatch):
    lina, open_connections = make_staff(chain, "lina", "desk"), []
    for name in ("verify", "hash_password"):
        real = getattr(passwords, name)

        def watched(*arguments, real=real):
            open_connections.append(db.engine.pool.checkedout())
            return real(*arguments)

        monkeypatch.setattr(passwords, name, watched)
    new = {
        "current_password": PASSWORD,
        "new_password": "another long one",
        "repeat_password": "another long one",
    }
    hers = browser(lina)
    assert hers.post("/console/profile/password", new).status_code == 303
    assert owner.post("/console/staff/new", filled(login="wang")).status_code == 303
    assert owner.post(f"/console/staff/{id_of(chain, 'lina')}/password").status_code == 303
    assert open_connections == [0] * 5


def given_up(chain):
    """Leave a reaction that has used up its attempts; gives its id."""
    with tenant_scope(chain.id), unit_of_work() as work:
        outbox.record(work, "booking.booked", now=clock.now(), appointment_id=1)
        telling = sa.select(OutboxRow).where(OutboxRow.handler == "notifications.tell_booked")
        row = work.scalars(telling).one()
        row.attempts = leases.ATTEMPTS
        leases.postpone(row, "KeyError at tell_booked:1: 'appointment_id'", now=clock.now())
        return row.id


def crowd(chain, size):
    """Make many members of staff."""
    with tenant_scope(chain.id), unit_of_work() as work:
        for number in range(size):
            details = StaffDetails(f"p{number}", f"Person {number:03}", "en", frozenset({Grant("desk")}))
            services.create_staff(
                work, details, password_hash="none", one_time=False, by=OPERATOR, now=clock.now()
            )


def names(page):
    table = page.text.partition("<tbody>")[2].partition("</tbody>")[0]
    return re.findall(r"\b(Boss|Person \d+)\b(?=</a>|<)", table)


def link(page, name):
    found = re.search(rf'id="{name}"[^>]*href="([^"]+)"', page.text)
    assert found
    return html.unescape(found[1])


def test_production_has_no_gallery(settings):
    names = {part.name for part in blueprints(dataclasses.replace(settings, env="production"))}
    assert "console_staff" in names
    assert "console_gallery" not in names
