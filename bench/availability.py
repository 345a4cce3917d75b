"""Open time: a month of a store with 20 doctors, while 200,000 visits stand in other stores (BK-1, R24).

What is timed is the server's: the queries, and the arithmetic of slots. The goals are 50 ms for a month
and 100 ms for a day's board; the number of statements is printed beside them.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
import time
from collections.abc import Callable
from typing import Final

import psycopg
import sqlalchemy as sa

from bench import servers
from engage.audit.services import OPERATOR
from engage.booking import queries
from engage.clinic import services as clinic
from engage.clinic.rules import Roster, Special
from engage.kernel import clock, directory, sealing, serving
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.embedded import Database
from engage.patients import services as patients

DOCTORS: Final = 20
OTHERS: Final = 40
VISITS: Final = 200_000
PATIENTS: Final = 100
DAYS: Final = 31
ROUNDS: Final = 40
GOALS_MS: Final = {"month of all doctors": 50, "board of a day": 100}
ZONE: Final = "Asia/Shanghai"

SEED: Final = """
    insert into appointment (tenant_id, key, store_id, doctor_id, patient_id, resource, state, version,
                             channel, starts_at, ends_at, complaint, note, booked_at)
    select %(tenant)s, gen_random_uuid(), store_id, doctor_id, patient_id, resource, 'confirmed', 1, 'desk',
           starts_at, starts_at + interval '30 minutes', %(empty)s, %(empty)s, now()
      from (select (%(others)s::bigint[])[1 + n %% %(other_count)s] as store_id, null::bigint as doctor_id,
                   (%(patients)s::bigint[])[1 + n %% %(patient_count)s] as patient_id,
                   'store:' || (%(others)s::bigint[])[1 + n %% %(other_count)s] || ':any' as resource,
                   %(begin)s::timestamptz + n / %(patient_count)s * interval '30 minutes' as starts_at
              from generate_series(0, %(visits)s - 1) n
            union all
            select %(store)s, (%(doctors)s::bigint[])[1 + n %% %(doctor_count)s],
                   (%(doctor_patients)s::bigint[])[1 + n %% %(doctor_count)s],
                   'doctor:' || (%(doctors)s::bigint[])[1 + n %% %(doctor_count)s],
                   %(begin)s::timestamptz + n / %(doctor_count)s / 8 * interval '1 day'
                   + n / %(doctor_count)s %% 8 * interval '1 hour'
              from generate_series(0, %(doctor_count)s * %(days)s * 8 - 1) n) visit;
    analyze appointment
"""


def main() -> None:
    """Make the rows and print the figures."""
    servers.within(_measure)


def _measure(database: Database) -> None:
    with unit_of_work() as session:
        tenant_id = directory.tenant_of(session, "tenant", "bench")
    if tenant_id is None:
        raise RuntimeError("the benchmark's chain is missing")
    first = clock.local(clock.now(), ZONE).date() + dt.timedelta(days=1)
    begin, _ = clock.day_bounds(first, ZONE)
    with tenant_scope(tenant_id):
        store_id = _seed(database.owner_url.replace("+psycopg", ""), tenant_id, first)
        asked = {"begin": begin, "end": begin + dt.timedelta(days=DAYS), "now": clock.now()}
        serving.begin()
        figures = {
            "month of all doctors": _time(lambda work: queries.openings(work, store_id, **asked)),
            "board of a day": _time(lambda work: queries.board(work, first, store_id, now=clock.now())),
            "visits outside": _time(
                lambda work: queries.outside_ids(work, begin=begin, end=asked["end"], store_ids={store_id})
            ),
        }
    for name, (half, most, asked_for) in figures.items():
        print(f"{name:24} p50 {half:6.1f} ms   p95 {most:6.1f} ms   {asked_for} statements")
    told = {name: round(most, 1) for name, (_, most, _) in figures.items()}
    print(json.dumps({"p95 ms": told, "goals ms": GOALS_MS}))


def _seed(url: str, tenant_id: int, first: dt.date) -> int:
    """Make the clinic through services, and the visits by one statement; gives the store's id."""
    now = clock.now()
    with unit_of_work() as work:
        stores = [
            clinic.create_store(
                work,
                slug=f"bench-{number}",
                name=f"Store {number}",
                short_name=f"Store {number}",
                address="",
                zone=ZONE,
                position=number,
                any_per_hour=4,
                by=OPERATOR,
                now=now,
            ).id
            for number in range(OTHERS + 1)
        ]
        doctors = [
            clinic.create_doctor(
                work, name=f"Doctor {number}", title="", position=number, by=OPERATOR, now=now
            ).id
            for number in range(DOCTORS)
        ]
        people = [
            patients.create_chart(work, patients.NewChart(f"Patient {number}"), by=OPERATOR, now=now).id
            for number in range(PATIENTS + DOCTORS)
        ]
        _open_the_clinic(work, stores[0], doctors, first, now=now)
    values = {
        "tenant": tenant_id,
        "store": stores[0],
        "others": stores[1:],
        "other_count": OTHERS,
        "doctors": doctors,
        "doctor_count": DOCTORS,
        "patients": people[:PATIENTS],
        "patient_count": PATIENTS,
        "doctor_patients": people[PATIENTS:],
        "visits": VISITS,
        "days": DAYS,
        "begin": clock.day_bounds(first, ZONE)[0] + dt.timedelta(hours=9),
        "empty": sealing.seal(""),
    }
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        for statement in SEED.split(";\n"):
            owner.execute(statement, values)
    return stores[0]


def _open_the_clinic(
    work: Session, store_id: int, doctors: list[int], first: dt.date, *, now: dt.datetime
) -> None:
    last = first + dt.timedelta(days=DAYS - 1)
    for doctor_id in doctors:
        for begin, end in ((540, 720), (780, 1080)):
            roster = Roster(doctor_id, store_id, frozenset(range(7)), first, last, begin, end, 30, 2)
            clinic.add_shifts(work, roster, by=OPERATOR, now=now)
        away = clinic.ClosureDetails(
            doctor_id=doctor_id, weekday=4, from_minute=900, to_minute=1080, from_date=first
        )
        clinic.add_closure(work, away, by=OPERATOR, now=now)
    clinic.keep_holidays(work, store_id, country="CN", by=OPERATOR, now=now)
    date = first + dt.timedelta(days=7)
    clinic.set_special_day(work, store_id, date, Special("", ((540, 720),)), by=OPERATOR, now=now)


def _time(ask: Callable[[Session], object]) -> tuple[float, float, int]:
    """Give the median and the 95th of a hundred in milliseconds, and how many statements one is."""
    took, statements = [], 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    for number in range(ROUNDS + 1):
        with unit_of_work() as work:
            if number == ROUNDS:
                sa.event.listen(sa.Engine, "before_cursor_execute", count)
            begun = time.perf_counter()
            ask(work)
            took.append((time.perf_counter() - begun) * 1000)
            if number == ROUNDS:
                sa.event.remove(sa.Engine, "before_cursor_execute", count)
    took = took[ROUNDS // 10 :]  # the first ones warm caches
    return statistics.median(took), statistics.quantiles(took, n=20)[18], statements
