"""Staff services on a real database: owners, log-ins, locks, sessions."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from engage.audit.models import AuditEntry
from engage.audit.services import OPERATOR
from engage.kernel import ids
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.directory import NameTaken
from engage.kernel.errors import Invalid, NotFound
from engage.tenancy import queries, rules, services
from engage.tenancy.errors import LastOwner, LockedOut, WeakPassword, WrongLogin
from engage.tenancy.models import Staff
from engage.tenancy.rules import Grant
from engage.tenancy.services import StaffDetails

NOW = dt.datetime(2026, 11, 22, 6, 30, tzinfo=dt.UTC)
OWNER, DESK = frozenset({Grant("owner")}), frozenset({Grant("desk")})


def make(session, login="lina", grants=DESK, **options):
    details = StaffDetails(login, "李娜", "zh_Hans", grants)
    return services.create_staff(
        session, details, password_hash="hash", one_time=options.get("one_time", False), by=OPERATOR, now=NOW
    )


def details_of(person, **changes):
    held = {"login": "", "name": person.name, "language": person.language, "grants": DESK}
    return StaffDetails(**{**held, **changes})


def actions(session):
    session.flush()
    return list(session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))


def test_a_log_in_carries_the_chain_and_is_unique(session, scope):
    assert make(session).login == f"lina@{scope.slug}"
    with pytest.raises(NameTaken):
        make(session)


@pytest.mark.parametrize("grants", [frozenset(), frozenset({Grant("king")})])
def test_staff_have_a_known_role(session, grants):
    with pytest.raises(Invalid):
        make(session, grants=grants)


def test_a_change_is_audited_by_the_names_of_fields(session):
    person = make(session)
    services.update_staff(
        session, person.id, details_of(person, name="李小娜", grants=OWNER), by=OPERATOR, now=NOW
    )
    session.flush()
    entry = session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "staff.updated")).one()
    assert entry.fields == ["name", "roles"]
    assert queries.grants_of(session, [person.id])[person.id] == (Grant("owner"),)


def test_a_change_of_nothing_is_not_audited(session):
    person = make(session)
    services.update_staff(session, person.id, details_of(person), by=OPERATOR, now=NOW)
    assert "staff.updated" not in actions(session)


def test_the_last_owner_stays(session):
    owner = make(session, "boss", OWNER)
    with pytest.raises(LastOwner):
        services.disable_staff(session, owner.id, by=OPERATOR, now=NOW)
    with pytest.raises(LastOwner):
        services.update_staff(session, owner.id, details_of(owner), by=OPERATOR, now=NOW)
    make(session, "partner", OWNER)
    assert services.disable_staff(session, owner.id, by=OPERATOR, now=NOW).state == "disabled"


def test_a_disabled_owner_does_not_count(session):
    owner, partner = make(session, "boss", OWNER), make(session, "partner", OWNER)
    services.disable_staff(session, partner.id, by=OPERATOR, now=NOW)
    with pytest.raises(LastOwner):
        services.disable_staff(session, owner.id, by=OPERATOR, now=NOW)


def test_disabling_and_enabling_twice_changes_nothing(session):
    person = make(session)
    for _ in range(2):
        services.disable_staff(session, person.id, by=OPERATOR, now=NOW)
    for _ in range(2):
        services.enable_staff(session, person.id, by=OPERATOR, now=NOW)
    assert person.state == "active"
    assert [action for action in actions(session) if "abled" in action] == ["staff.disabled", "staff.enabled"]


def test_staff_of_another_chain_do_not_exist(chain, other_chain, make_staff):
    kim = _id_of(other_chain, make_staff(other_chain, "kim", "owner"))
    with tenant_scope(chain.id), unit_of_work() as work, pytest.raises(NotFound):
        queries.staff_member(work, kim)


def test_the_fifth_wrong_password_locks_for_a_quarter_of_an_hour(session):
    login = make(session).login
    for _ in range(rules.LOCK_AFTER):
        assert services.begin_login(session, login, now=NOW) is not None
    with pytest.raises(LockedOut) as refusal:
        services.begin_login(session, login, now=NOW + dt.timedelta(minutes=1))
    assert refusal.value.data == {"minutes": 15}
    later = NOW + rules.LOCK_FOR
    assert services.begin_login(session, login, now=later) is not None
    assert services.begin_login(session, login, now=later) is not None


def test_a_right_password_forgets_the_wrong_ones(session):
    person = make(session)
    for _ in range(3 * rules.LOCK_AFTER):
        assert services.begin_login(session, person.login, now=NOW) is not None
        services.finish_login(session, person.id, browser="Firefox", now=NOW)
        session.flush()
        session.expire_all()


def test_unknown_and_disabled_log_ins_look_the_same(session):
    person = make(session)
    services.disable_staff(session, person.id, by=OPERATOR, now=NOW)
    session.flush()
    assert services.begin_login(session, person.login, now=NOW) is None
    assert services.begin_login(session, "nobody@nowhere", now=NOW) is None
    with pytest.raises(WrongLogin):
        services.finish_login(session, person.id, browser="Firefox", now=NOW)


def test_a_session_ends_when_idle_and_lives_while_in_use(session):
    person = make(session)
    digest = ids.digest(services.finish_login(session, person.id, browser="Firefox", now=NOW))
    session.flush()
    row, who, _ = queries.live_session(session, digest, now=NOW)
    assert who is person
    services.touch_session(session, row.id, now=NOW + dt.timedelta(hours=11))
    session.flush()
    assert queries.live_session(session, digest, now=NOW + dt.timedelta(hours=22)) is not None
    assert queries.live_session(session, digest, now=NOW + dt.timedelta(hours=23)) is None


def test_a_new_password_ends_the_other_sessions(session):
    person = make(session, one_time=True)
    kept, ended = (
        ids.digest(services.finish_login(session, person.id, browser=name, now=NOW)) for name in "ab"
    )
    session.flush()
    this = queries.live_session(session, kept, now=NOW)[0]
    services.set_password(
        session,
        person.id,
        password_hash="new",
        one_time=False,
        by=OPERATOR,
        now=NOW,
        keep_session=this.id,
    )
    assert queries.live_session(session, kept, now=NOW) is not None
    assert queries.live_session(session, ended, now=NOW) is None
    assert not person.must_change_password


def test_nobody_ends_the_session_of_another(session):
    person, other = make(session), make(session, "wang")
    digest = ids.digest(services.finish_login(session, person.id, browser="Firefox", now=NOW))
    session.flush()
    row = queries.live_session(session, digest, now=NOW)[0]
    services.end_session(session, other.id, row.id, now=NOW)
    assert queries.live_session(session, digest, now=NOW) is not None


def test_passwords_are_long_and_one_time_ones_are_readable():
    with pytest.raises(WeakPassword):
        services.check_password("x" * (rules.PASSWORD_MINIMUM - 1))
    password = services.one_time_password()
    services.check_password(password)
    assert set(password) <= set(services.ONE_TIME_ALPHABET) | {"-"}


def test_twenty_tries_at_once_get_five_checks(app, chain, make_staff):
    login = make_staff(chain, "lina", "desk")
    assert _tries_at_once(app, chain, login, services.begin_login, threads=20) == rules.LOCK_AFTER


def test_control_counting_after_reading_lets_all_slip_past(app, chain, make_staff):
    login = make_staff(chain, "lina", "desk")
    read = threading.Barrier(8)  # no more than the pool has connections

    def naive(session, login, *, now):
        person = queries.by_login(session, login)
        failed = person.failed_logins
        read.wait()
        if failed >= rules.LOCK_AFTER:
            raise LockedOut(minutes=15)
        return person.id, person.password_hash

    assert _tries_at_once(app, chain, login, naive, threads=8) == 8


def test_two_owners_cannot_disable_each_other(app, chain, make_staff):
    assert _disable_each_other(app, chain, make_staff, wait=True) == 1


def test_control_without_the_lock_no_owner_is_left(app, chain, make_staff, monkeypatch):
    monkeypatch.setattr(services, "_hold_owners", lambda session: None)
    assert _disable_each_other(app, chain, make_staff, wait=False) == 0


def test_a_log_in_is_given_once_even_at_once(app, chain):
    def make_too():
        with app.app_context(), tenant_scope(chain.id), unit_of_work() as work:
            make(work)

    with ThreadPoolExecutor(1) as pool, tenant_scope(chain.id):
        with unit_of_work() as work:
            make(work)
            other = pool.submit(make_too)
            _until_one_waits(other)
        with pytest.raises(NameTaken):
            other.result()


def _tries_at_once(app, chain, login, begin, *, threads):
    """Let threads begin a log-in at once; give how many would check the password."""

    def attempt(_number):
        with app.app_context(), tenant_scope(chain.id):
            try:
                with unit_of_work() as work:
                    return begin(work, login, now=NOW) is not None
            except LockedOut:
                return False

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(attempt, range(threads)))


def _disable_each_other(app, chain, make_staff, *, wait):
    """Let two owners disable each other at once; give how many are left."""
    first, second = (_id_of(chain, make_staff(chain, name, "owner")) for name in ("boss", "partner"))

    def disable_first():
        with app.app_context(), tenant_scope(chain.id), unit_of_work() as work:
            services.disable_staff(work, first, by=OPERATOR, now=NOW)

    with ThreadPoolExecutor(1) as pool, tenant_scope(chain.id):
        with unit_of_work() as work:
            services.disable_staff(work, second, by=OPERATOR, now=NOW)
            work.flush()
            other = pool.submit(disable_first)
            if wait:
                _until_one_waits(other)
            else:
                other.result()
        if wait:
            with pytest.raises(LastOwner):
                other.result()
        with unit_of_work() as work:
            return len(queries.active_owners(work))


def _until_one_waits(future):
    waiting = sa.text(
        "select count(*) from pg_stat_activity"
        " where wait_event_type = 'Lock' and datname = current_database()"
    )
    deadline = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=3)
    while dt.datetime.now(dt.UTC) < deadline and not future.done():
        with unit_of_work() as watch:
            if watch.scalar(waiting):
                return
    raise AssertionError("nobody waited for the lock")


def _id_of(chain, login):
    with tenant_scope(chain.id), unit_of_work() as work:
        return work.scalars(sa.select(Staff.id).where(Staff.login == login)).one()
