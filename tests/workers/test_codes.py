"""Codes leave for the provider once, with no transaction open, and end with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from flask import Flask

from engage.kernel import clock, due
from engage.kernel.db import db, tenant_scope, unit_of_work
from engage.kernel.due import Due
from engage.patients import rules
from engage.patients.models import PhoneCode
from engage.patients.services import codes as services
from engage.sms.gateway import SmsRefused, SmsUnreachable
from tests.patients.scenes import make_people
from workers import codes


@dataclass
class Provider:
    """A provider that does what it is told to."""

    act: Callable[[], None] = lambda: None
    sent: list[tuple[str, Mapping[str, str], str]] = field(default_factory=list)

    def send(self, phone: str, template: str, params: Mapping[str, str], text: str) -> str:
        assert template == "phone_code"
        self.sent.append((phone, params, text))
        self.act()
        return str(len(self.sent))


@pytest.fixture
def provider(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Provider:
    made = Provider()
    monkeypatch.setitem(app.extensions, "sms", made)
    return made


@pytest.fixture
def people(chain):
    """A chain with two fans, inside its scope."""
    made = make_people(chain)
    with tenant_scope(chain.id):
        yield made


def ask(people, phone: str = "13800001234") -> None:
    with unit_of_work() as session:
        services.request_code(
            session, fan_id=people.fan_ids[0], phone=phone, address="203.0.113.7", now=clock.now()
        )


def rows() -> list[PhoneCode]:
    with unit_of_work() as session:
        return list(session.scalars(sa.select(PhoneCode).order_by(PhoneCode.id)))


def test_a_code_is_sent_in_words_and_as_the_template_wants_it(people, provider):
    ask(people)
    codes.drain()
    (row,) = rows()
    ((phone, params, text),) = provider.sent
    assert (phone, params) == (row.phone, {"clinic": "康美口腔", "code": row.code, "minutes": "5"})
    assert row.code in text
    assert "康美口腔" in text
    assert (row.state, row.reason, row.available_at) == ("sent", None, None)


def test_who_has_another_countrys_number_reads_english(people, provider):
    ask(people, "+821012345678")
    codes.drain()
    ((_, params, text),) = provider.sent
    assert text == rules.CODE_TEXT % params


def test_many_are_sent_each_once(people, provider):
    for number in range(2 * codes.BATCH + 1):
        ask(people, f"1380000{number:04}")
    codes.drain()
    codes.drain()
    assert len({phone for phone, _, _ in provider.sent}) == len(provider.sent) == 2 * codes.BATCH + 1
    assert {row.state for row in rows()} == {"sent"}


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (SmsRefused("HTTP 400"), "failed", "HTTP 400"),
        (SmsUnreachable("ReadTimeout"), "unknown", "ReadTimeout"),
    ],
)
def test_what_the_provider_says_ends_it(people, provider, answer, state, reason):
    def act() -> None:
        raise answer

    provider.act = act
    ask(people)
    codes.drain()
    codes.drain()
    (row,) = rows()
    assert (row.state, row.reason, row.available_at) == (state, reason, None)
    assert len(provider.sent) == 1


def test_no_transaction_is_open_while_it_is_sent(people, provider):
    open_connections = []
    provider.act = lambda: open_connections.append(db.engine.pool.checkedout())
    ask(people)
    codes.drain()
    assert open_connections == [0]


def test_a_worker_that_died_while_sending_leaves_it_unknown(people, provider, monkeypatch):
    def die() -> None:
        raise KeyboardInterrupt

    provider.act = die
    ask(people)
    with pytest.raises(KeyboardInterrupt):
        codes.drain()
    (row,) = rows()
    assert row.state == "pending"
    monkeypatch.setattr(clock, "now", lambda: row.available_at)
    codes.drain()
    assert [(one.state, one.reason) for one in rows()] == [("unknown", "no_answer")]
    assert len(provider.sent) == 1


def test_the_clock_has_nothing_left_to_ring_for(people, provider):
    ask(people)
    with unit_of_work() as session:
        assert (people.chain.id, rules.QUEUE) in due.reached(session, now=clock.now())
    codes.drain()
    with unit_of_work() as session:
        left = session.scalars(
            sa.select(Due).where(Due.tenant_id == people.chain.id, Due.queue == rules.QUEUE)
        )
        assert left.all() == []


def test_nothing_of_a_person_is_logged(people, provider, caplog, capsys):
    ask(people)
    codes.drain()
    told = caplog.text + "".join(capsys.readouterr())
    assert rows()[0].code not in told
    assert "13800001234" not in told
