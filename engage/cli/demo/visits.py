"""Who comes when and what becomes of it: a plan that is the same every time for the same day.

Each day draws from a generator of its own, so that a later load adds days and changes none.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from engage.cli.demo.people import UNBOUND
from engage.cli.demo.shapes import Chain, Person, Practitioner, Treatment

SLOT = dt.timedelta(minutes=30)
PAST_DAYS, COMING_DAYS = 56, 14
# Of days longer ago it is not told when treatment began.
SHOWN_WHOLE = dt.timedelta(days=3)
MOST_A_DAY = 24
# When the desk takes bookings, in minutes of the day.
OPENS, CLOSES = 9 * 60 + 30, 19 * 60

# Why the clinic calls a visit off; what those said who did not come, nothing where nobody answered.
CALLED_OFF = "医生临时停诊"
REACHED = ("忘记了，会再约", "临时加班", "孩子生病", "")

_KEYS = uuid.UUID("6b0f5a52-4c8e-4c39-9f0e-3d7a6f2f9c11")


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to a visit, when, and why."""

    at: dt.datetime
    action: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A planned appointment; `first_at` is where it stood before somebody moved it."""

    key: uuid.UUID
    person: Person
    phone: str
    fan: str
    store: str
    doctor: str
    item: Treatment
    starts_at: dt.datetime
    ends_at: dt.datetime
    booked_at: dt.datetime
    first_at: dt.datetime | None = None
    steps: tuple[Step, ...] = ()

    @property
    def channel(self) -> str:
        """Where it was booked: those who are bound book by themselves."""
        return "wechat" if self.fan else "desk"


def plan(chain: Chain, now: dt.datetime) -> Iterator[Visit]:
    """Give the visits of the past month and the coming weeks, with what happened to them until `now`."""
    today = now.astimezone(ZoneInfo(chain.zone)).date()
    for ahead in range(-PAST_DAYS, COMING_DAYS):
        visits, busy = _day(chain, today + dt.timedelta(days=ahead)), -(-_busy(ahead) // chain.thin)
        sought = [visit for visit in visits[busy:] if visit.doctor == chain.sought and -30 <= ahead < 0]
        for visit in (*visits[:busy], *sought[:1]):
            yield _so_far(visit, now)


def _busy(ahead: int) -> int:
    """How many visits a day has: today is full, the past is an outline, each second day of it long ago."""
    if ahead < 0:
        return 5 if ahead >= -7 else 2 if ahead >= -30 else ahead % 2
    return (MOST_A_DAY, 12, *(5,) * 6, *(2,) * COMING_DAYS)[ahead]


def _so_far(visit: Visit, now: dt.datetime) -> Visit:
    """Leave out what is still to come, and of days gone by when treatment began."""
    booked_at, lately = min(visit.booked_at, now - dt.timedelta(hours=1)), now - SHOWN_WHOLE
    steps = [replace(step, at=max(step.at, booked_at)) for step in visit.steps if step.at <= now]
    shown = (step for step in steps if step.action != "start" or step.at > lately)
    return replace(visit, booked_at=booked_at, steps=tuple(shown))


def _day(chain: Chain, day: dt.date) -> list[Visit]:
    chance = random.Random(f"{chain.slug} {day}")  # noqa: S311 a demo
    open_times = _open_times(chain, day)
    people = _people(chain, day)
    visits: list[Visit] = []
    for number in range(MOST_A_DAY):
        doctor = chain.doctors[(number + day.toordinal()) % len(chain.doctors)]
        if visit := _visit(chain, chance, doctor, open_times, people, f"{day} {number}"):
            visits.append(visit)
    return visits


def _open_times(chain: Chain, day: dt.date) -> dict[str, tuple[str, list[dt.datetime]]]:
    """Give each doctor's store and free slots of the day."""
    midnight = dt.datetime.combine(day, dt.time(), ZoneInfo(chain.zone))
    times: dict[str, tuple[str, list[dt.datetime]]] = {}
    for doctor in chain.doctors:
        for duty in doctor.duties:
            if day.weekday() in duty.weekdays:
                slots = [
                    (midnight + dt.timedelta(hours=begin) + number * SLOT).astimezone(dt.UTC)
                    for begin, end in duty.hours
                    for number in range((end - begin) * 2)
                ]
                times[doctor.name] = (duty.store, slots)
    return times


def _people(chain: Chain, day: dt.date) -> list[tuple[str, str, Person]]:
    """Give everybody with phone and fan, each day beginning with somebody else."""
    everybody = [
        (family.phone, "" if family.fan == UNBOUND else family.fan, person)
        for family in chain.families
        for person in family.people
    ]
    first = day.toordinal() * 13 % len(everybody)
    return everybody[first:] + everybody[:first]


def _visit(
    chain: Chain,
    chance: random.Random,
    doctor: Practitioner,
    open_times: dict[str, tuple[str, list[dt.datetime]]],
    people: list[tuple[str, str, Person]],
    number: str,
) -> Visit | None:
    store, free = open_times.get(doctor.name, ("", []))
    item = _item(chain, chance.choice(doctor.items))
    starts = [at for at in free if all(at + step in free for step in _steps_of(item))]
    who = next((one for one in people if _suits(item, one[2], number)), None)
    if who is None or not starts or (item.stores and store not in item.stores):
        return None
    starts_at = chance.choice(starts)
    for step in _steps_of(item):
        free.remove(starts_at + step)
    people.remove(who)
    phone, fan, person = who
    visit = Visit(
        key=uuid.uuid5(_KEYS, f"{chain.slug} {number}"),
        person=person,
        phone=phone,
        fan=fan,
        store=store,
        doctor=doctor.name,
        item=item,
        starts_at=starts_at,
        ends_at=starts_at + len(_steps_of(item)) * SLOT,
        booked_at=_booked_at(chance, chain, starts_at),
    )
    if len(_steps_of(item)) == 1 and free and chance.random() < 0.1:
        visit = replace(visit, first_at=free.pop(chance.randrange(len(free))))
    return replace(visit, steps=tuple(_fate(chance, visit, doctor.kept, chain.reasons)))


def _booked_at(chance: random.Random, chain: Chain, starts_at: dt.datetime) -> dt.datetime:
    """Choose a moment of a day before, while the desk is there."""
    day = starts_at.astimezone(ZoneInfo(chain.zone)).date() - dt.timedelta(days=chance.randrange(1, 13))
    minute = chance.randrange(OPENS, CLOSES)
    return dt.datetime.combine(day, dt.time(minute // 60, minute % 60), ZoneInfo(chain.zone)).astimezone(
        dt.UTC
    )


def _fate(chance: random.Random, visit: Visit, kept: int, reasons: Sequence[str]) -> Iterator[Step]:
    """Give what happens to a visit: kept, cancelled in time or late, or missed."""
    begins, ends, minute = visit.starts_at, visit.ends_at, dt.timedelta(minutes=1)
    fate = chance.random()
    if fate < 0.08:
        cancelled_at = max(visit.booked_at + 30 * minute, begins - 24 * 60 * minute)
        is_ours = fate < 0.02
        reason = CALLED_OFF if is_ours else chance.choice(reasons)
        yield Step(cancelled_at, "call_off" if is_ours else "cancel", reason)
        return
    if chance.random() < 0.3:
        yield Step(max(visit.booked_at + 6 * minute, begins - 20 * 60 * minute), "attend")
    if _turn(visit) < kept:
        yield Step(begins - chance.randrange(2, 15) * minute, "check_in")
        yield Step(begins + chance.randrange(2, 19) * minute, "start")
        yield Step(ends - 3 * minute, "complete")
    elif chance.random() < 0.3:
        yield Step(begins - 50 * minute, "cancel", chance.choice(reasons))
    else:
        is_called = chance.random() < 0.75
        if is_called:
            yield Step(begins + 16 * minute, "call")
        yield Step(begins + 20 * minute, "no_show")
        if is_called:
            yield Step(begins + 27 * minute, "called", chance.choice(REACHED))


def _turn(visit: Visit) -> int:
    """Spread visits over a hundred evenly, so that each doctor keeps as many as the chain says."""
    return (visit.starts_at.toordinal() * 61 + int(visit.starts_at.timestamp()) // 1800 * 37) % 100


def _item(chain: Chain, name: str) -> Treatment:
    return next(item for _category, items in chain.items for item in items if item.name == name)


def _steps_of(item: Treatment) -> list[dt.timedelta]:
    return [number * SLOT for number in range(-(-item.minutes // 30))]


def _suits(item: Treatment, person: Person, number: str) -> bool:
    youngest, oldest = item.ages
    age = int(number[:4]) - int(person.birth_date[:4])
    return youngest <= age <= oldest
