"""A live process on the database of the tests, and a chain whose fans write."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask

from engage import config
from engage.accounts import services as accounts
from engage.audit.services import OPERATOR
from engage.blueprints import guard
from engage.chat import queries
from engage.chat import services as chat
from engage.chat.reading import Arrival
from engage.clinic import services as clinic
from engage.fans import services as fans
from engage.kernel import clock
from engage.kernel.db import tenant_scope, unit_of_work
from tests.booking.scenes import AES_KEY, make_scene
from tests.conftest import Chain
from tests.contracts.callers import Person
from tests.live.ears import Live, live_process

_pushes = itertools.count(1_000_000)


@dataclass(frozen=True)
class Talk:
    """A chain whose first fan can write, to the account of all stores or to the account of one."""

    chain: Chain
    account_id: int
    fan_id: int
    store_account_id: int
    store_fan_id: int

    def writes(self, words: str = "您好", *, to_the_store: bool = False) -> int:
        """Let a fan write; gives the conversation."""
        account_id = self.store_account_id if to_the_store else self.account_id
        fan_id = self.store_fan_id if to_the_store else self.fan_id
        now = clock.now()
        with tenant_scope(self.chain.id), unit_of_work() as session:
            arrival = Arrival("text", words, {})
            chat.arrived(session, account_id, fan_id, next(_pushes), arrival, at=now, now=now)
            found = queries.of_fan(session, fan_id)
        assert found
        return found


@pytest.fixture(scope="session")
def live(settings: config.Config, app: Flask) -> Iterator[Live]:
    """The live process that most tests share."""
    with live_process(settings) as running:
        yield running


def make_talk(chain: Chain) -> Talk:
    """Set the scene, committed."""
    scene = make_scene(chain)
    now = clock.now()
    with tenant_scope(chain.id), unit_of_work() as session:
        new = accounts.NewAccount(
            app_id=f"wx-store-{chain.slug}",
            slug=f"s-{chain.slug}",
            name="徐汇店",
            secret="secret",
            token="token",
            encoding_aes_key=AES_KEY,
            store_id=chain.store.id,
        )
        account = accounts.connect(session, new, by=OPERATOR, now=now)
        fan_id = fans.follow(session, account.id, "openid-of-the-store", changed_at=now, now=now)
    return Talk(chain, scene.account_id, scene.fan_ids[0], account.id, fan_id)


@pytest.fixture
def talk(chain: Chain) -> Talk:
    """A chain with two accounts, whose fans can write."""
    return make_talk(chain)


def other_store(chain: Chain) -> int:
    """Give a second store of the chain, committed."""
    with tenant_scope(chain.id), unit_of_work() as session:
        return clinic.create_store(
            session,
            slug="pudong",
            name="康美口腔浦东店",
            short_name="浦东店",
            address="世纪大道 1 号",
            zone="Asia/Shanghai",
            position=1,
            by=OPERATOR,
            now=clock.now(),
        ).id


def cookie_of(app: Flask, person: Person) -> str:
    """Give the log-in's cookie of a person's browser, as it is sent."""
    with app.app_context():
        name = guard.staff_cookie()
    kept = person.client.get_cookie(name)
    assert kept
    return f"{name}={kept.value}"
