"""P4, P5, P6: booking over HTTP against a counter in plain SQL, over many slots and on one.

Ours is the whole request of a fan: log-in, form token, opening time, ledger, appointment, audit, event,
commit. The reference takes a place by `update … where taken < capacity returning` and inserts a row, in
the same database, on as many connections; its tables have no wall. Before it is measured, a thousand visits
are booked and the tables are analysed, as autovacuum does within its minute: PostgreSQL plans for a table
that it takes for empty are those of a system that was set up a moment ago.

P5 is a stampede on one slot with a hundred places: how many were booked, and how long it took.
"""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlencode

import psycopg
from flask import current_app, session
from flask_wtf.csrf import generate_csrf

from bench import load, servers
from bench.account import APP_ID
from engage.accounts import queries as accounts
from engage.audit.services import OPERATOR
from engage.blueprints.guard import cookie_value, fan_cookie
from engage.booking.services import OPEN_PER_FAN, OPEN_PER_PATIENT
from engage.clinic import services as clinic
from engage.fans import services as fans
from engage.kernel import clock, directory, settings
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.embedded import Database
from engage.patients import services as patients
from engage.patients.services import NewChart

ZONE = "Asia/Shanghai"
REQUESTS, CONNECTIONS, ROUNDS, WARMING = 2_000, 16, 3, 300
# A thousand slots: so many doctors, days and half hours a day. Each fan books once a round.
DOCTORS, DAYS, SLOTS_A_DAY = 10, 5, 20
OPENS, SLOT = 8 * 60, 30
STAMPEDE, STAMPEDERS, PLACES = 10_000, 50, 100
GOALS = {"1,000 slots": "P4 0.08 / 0.17", "one slot": "P6 0.20 / 0.40"}


@dataclass
class Prepared:
    """What was set up: where to send, who sends, and which times are open."""

    reference_url: str = ""
    store_id: int = 0
    doctor_ids: Sequence[int] = ()
    first_day: dt.date = dt.date.min
    cookies: Sequence[str] = ()
    patient_ids: Sequence[int] = ()
    form_cookie: str = ""
    owner_url: str = ""
    form_token: str = ""

    def request(self, number: int, doctor: int, starts_at: dt.datetime) -> bytes:
        """Write the request with which a fan books for their patient."""
        form = {
            "csrf_token": self.form_token,
            "key": uuid.uuid4(),
            "starts_at": starts_at.isoformat(),
            "patient_id": self.patient_ids[number],
        }
        body = urlencode(form)
        head = (
            f"POST /p/bench/booking/{self.store_id}/{self.doctor_ids[doctor]}/book HTTP/1.1\r\n"
            f"Host: bench\r\nConnection: keep-alive\r\nCookie: {self.form_cookie}; {self.cookies[number]}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()

    def at(self, day: int, slot: int) -> dt.datetime:
        """Give when a slot of a day begins."""
        begin, _end = clock.day_bounds(self.first_day + dt.timedelta(days=day), ZONE)
        return begin + dt.timedelta(minutes=OPENS + slot * SLOT)

    def many(self, turn: int) -> list[bytes]:
        """Give a round over all slots; in each a fan books another day."""
        slots = [
            (doctor, day, slot)
            for slot in range(SLOTS_A_DAY)
            for day in range(DAYS)
            for doctor in range(DOCTORS)
        ]
        chosen = [slots[number % len(slots)] for number in range(REQUESTS)]
        return [
            self.request(number, doctor, self.at((day + turn) % DAYS, slot))
            for number, (doctor, day, slot) in enumerate(chosen)
        ]

    def hot(self, turn: int) -> list[bytes]:
        """Give a round on one slot, of a day without others."""
        return [self.request(number, 0, self.at(DAYS, turn)) for number in range(REQUESTS)]

    def stampede(self) -> list[bytes]:
        """Give a round on the slot that has a place for few, of a day without others."""
        at = self.at(DAYS + 1, 0)
        return [self.request(number % REQUESTS, 0, at) for number in range(STAMPEDE)]


def main() -> None:
    """Print all rows."""
    prepared, figures = Prepared(), {}
    with ExitStack() as stack:
        address = stack.enter_context(servers.engage(seed=lambda database: _prepare(prepared, database)))
        warming = prepared.hot(ROUNDS)[:WARMING] + prepared.many(ROUNDS)[WARMING:]
        load.closed_loop(address, warming, connections=CONNECTIONS, keep_alive=True)
        with psycopg.connect(prepared.owner_url, autocommit=True) as owner:
            owner.execute("analyze")
        print(f"booking, closed loop of {CONNECTIONS}, {REQUESTS} a round; 2 processes of 8 threads")
        print(f"{'':14}{'Engage/s':>12}{'not booked':>12}{'plain SQL/s':>14}{'ratio':>8}   must / stretch")
        for name, requests, places in (
            ("1,000 slots", prepared.many, DOCTORS * DAYS * SLOTS_A_DAY),
            ("one slot", prepared.hot, 1),
        ):
            ours, plain, refused = [], [], 0
            for turn in range(ROUNDS):
                outcome = load.closed_loop(address, requests(turn), connections=CONNECTIONS, keep_alive=True)
                refused += REQUESTS - outcome.statuses.get(303, 0)
                ours.append(outcome.rate)
                plain.append(_plain(prepared.reference_url, places))
            mine, reference = sorted(ours)[ROUNDS // 2], sorted(plain)[ROUNDS // 2]
            ratio = mine / reference
            print(f"{name:14}{mine:12.0f}{refused:12}{reference:14.0f}{ratio:8.3f}   {GOALS[name]}")
            figures[f"{GOALS[name][:2]}, {name}"] = [round(ratio, 3), refused]
        outcome = load.closed_loop(address, prepared.stampede(), connections=STAMPEDERS, keep_alive=True)
    told = outcome.statuses
    print(f"\nstampede of {STAMPEDE} on {PLACES} places, {STAMPEDERS} connections   P5 20 s, p99 1 s / 10 s")
    print(f"{told.get(303, 0)} booked, {told.get(409, 0)} refused, in {outcome.seconds:.1f} s,", end=" ")
    print(f"p50 {outcome.quantile(0.5):.0f} ms, p99 {outcome.quantile(0.99):.0f} ms; answers {told}")
    figures["P5, one slot of 100"] = [told.get(303, 0), round(outcome.seconds, 1)]
    print(json.dumps(figures))


def _plain(url: str, places: int) -> float:
    """Book as often by a counter and a row; gives bookings a second."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        begun = time.perf_counter()
        shares = [range(first, REQUESTS, CONNECTIONS) for first in range(CONNECTIONS)]
        booked = sum(pool.map(lambda numbers: _book_plainly(url, numbers, places), shares))
        seconds = time.perf_counter() - begun
    if booked != REQUESTS:
        raise RuntimeError(f"the reference booked {booked} of {REQUESTS}")
    return REQUESTS / seconds


def _book_plainly(url: str, numbers: range, places: int) -> int:
    booked = 0
    with psycopg.connect(url) as connection:
        for number in numbers:
            with connection.transaction():
                took = connection.execute(
                    "update plain_place set taken = taken + 1 where id = %s and taken < capacity returning 1",
                    [number % places],
                ).fetchone()
                connection.execute(
                    "insert into plain_booking (place_id, fan_id) values (%s, %s)", [number % places, number]
                )
            booked += took is not None
    return booked


def _prepare(prepared: Prepared, database: Database) -> None:
    """Set up the clinic, fans who are logged in with a patient each, and the reference's tables."""
    tables = """
        create table plain_place (id int primary key, capacity int not null, taken int not null);
        create table plain_booking (id bigint generated always as identity primary key,
            place_id int not null references plain_place, fan_id int not null,
            at timestamptz not null default now());
        insert into plain_place select id, 1000000, 0 from generate_series(0, 999) id;
        grant select, insert, update on plain_place, plain_booking to engage_app
    """
    with psycopg.connect(database.owner_url.replace("+psycopg", "")) as owner:
        for statement in tables.split(";"):
            owner.execute(statement)
    prepared.owner_url = database.owner_url.replace("+psycopg", "")
    prepared.reference_url = database.app_url.replace("+psycopg", "")
    with unit_of_work() as work:
        tenant_id = directory.tenant_of(work, "app_id", APP_ID) or 0
    with tenant_scope(tenant_id), unit_of_work() as work:
        _open_the_clinic(work, prepared)
        _bring_fans(work, prepared, tenant_id)
    with current_app.test_request_context():
        prepared.form_token = generate_csrf()
        signed = current_app.session_interface.get_signing_serializer(current_app).dumps(dict(session))
        prepared.form_cookie = f"{current_app.config['SESSION_COOKIE_NAME']}={signed}"


def _open_the_clinic(work: Session, prepared: Prepared) -> None:
    now = clock.now()
    store = clinic.create_store(
        work,
        slug="bench",
        name="Bench",
        short_name="Bench",
        address="",
        zone=ZONE,
        position=0,
        by=OPERATOR,
        now=now,
    )
    doctors = [
        clinic.create_doctor(work, name=f"D{number}", title="", position=number, by=OPERATOR, now=now)
        for number in range(DOCTORS)
    ]
    store.shown_before = True  # patients are shown no store without pictures
    prepared.store_id, prepared.doctor_ids = store.id, [doctor.id for doctor in doctors]
    prepared.first_day = clock.local(now, ZONE).date() + dt.timedelta(days=1)
    for doctor_id in prepared.doctor_ids:
        for day in range(DAYS + 1):
            clinic.add_shift(
                work,
                doctor_id=doctor_id,
                store_id=store.id,
                starts_at=prepared.at(day, 0),
                ends_at=prepared.at(day, SLOTS_A_DAY),
                slot_minutes=SLOT,
                per_slot=2 * ROUNDS * REQUESTS,
            )
    clinic.add_shift(
        work,
        doctor_id=prepared.doctor_ids[0],
        store_id=store.id,
        starts_at=prepared.at(DAYS + 1, 0),
        ends_at=prepared.at(DAYS + 1, 1),
        slot_minutes=SLOT,
        per_slot=PLACES,
    )
    settings.put(work, OPEN_PER_PATIENT, 50)
    settings.put(work, OPEN_PER_FAN, 50)


def _bring_fans(work: Session, prepared: Prepared, tenant_id: int) -> None:
    now, account = clock.now(), accounts.by_app_id(work, APP_ID)
    cookies, patient_ids = [], []
    for number in range(REQUESTS):
        fan_id = fans.recognise(work, account.id, f"obench-{number:021}", follows=True, now=now)
        patient = patients.create_chart(work, NewChart(name=f"Bench {number}"), by=OPERATOR, now=now)
        patients.bind(work, fan_id=fan_id, patient_id=patient.id, how="desk", by=OPERATOR, now=now)
        token = fans.log_in(work, fan_id, now=now)
        cookies.append(f"{fan_cookie()}={cookie_value(tenant_id, token)}")
        patient_ids.append(patient.id)
    prepared.cookies, prepared.patient_ids = cookies, patient_ids
