"""The demo's walk-ins: as far as the day has come, and again later in the day."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from engage.audit.services import OPERATOR
from engage.booking.models import WalkIn
from engage.cli.demo import month
from engage.cli.demo.history import Known
from engage.cli.demo.kangmei import KANGMEI
from engage.kernel.db import Session
from tests.conftest import Chain

# In Shanghai midnight, a quarter past eleven, and half past five of one day.
MIDNIGHT = dt.datetime(2026, 11, 22, 16, tzinfo=dt.UTC)
LATE_MORNING = MIDNIGHT + dt.timedelta(hours=11, minutes=15)
EVENING = MIDNIGHT + dt.timedelta(hours=17, minutes=30)


def test_people_walk_in_as_the_day_goes_on(session: Session, chain: Chain) -> None:
    stores = dict.fromkeys(("xuhui", "pudong"), chain.store.id)
    known = Known({}, {}, stores, {}, {}, OPERATOR)

    def states_at(now: dt.datetime) -> list[str]:
        month.walk_in(session, KANGMEI, known, now=now)
        return list(session.scalars(sa.select(WalkIn.state).order_by(WalkIn.arrived_at)))

    assert states_at(MIDNIGHT) == []
    assert states_at(LATE_MORNING) == ["in_treatment", "waiting"]
    assert states_at(EVENING) == [*["completed"] * 5, "in_treatment"]
    assert states_at(EVENING) == [*["completed"] * 5, "in_treatment"]
