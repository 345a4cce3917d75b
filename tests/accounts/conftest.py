"""An owner's browser, accounts as they are typed, and pushes in the journal."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from engage.accounts import services
from engage.accounts.services import NewAccount, NewPush
from engage.audit.services import OPERATOR
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from tests.conftest import Chain
from tests.contracts.callers import Person, log_in_directly
from tests.sandbox.conftest import Sandbox
from tests.wechat.pushes import keep

SECRET = "0123456789abcdef0123456789abcdef"

_numbers = itertools.count(1)


@pytest.fixture
def owner(app: Flask, chain: Chain) -> Person:
    """The chain's owner, logged in, reading English."""
    return log_in_directly(app, chain, "owner")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests here."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


def app_id() -> str:
    """Give an app id nobody has."""
    return f"wx{uuid.uuid4().hex[:16]}"


def typed(**changes: str) -> dict[str, str]:
    """Give a form as somebody fills it in."""
    name = app_id()
    filled = {
        "app_id": name,
        "secret": SECRET,
        "name": "康美口腔",
        "slug": f"a{name[2:14]}",
        "mode": "safe",
        "store": "",
    }
    return {**filled, **changes}


def new_account(**changes: Any) -> NewAccount:
    """Give an account to connect."""
    name = app_id()
    wanted = {
        "app_id": name,
        "slug": f"a{name[2:14]}",
        "name": "康美口腔",
        "secret": SECRET,
        "token": "token",
        "encoding_aes_key": "key",
    }
    return NewAccount(**{**wanted, **changes})


def connected(chain: Chain, **changes: Any) -> int:
    """Connect an account of a chain; gives its id."""
    with tenant_scope(chain.id), unit_of_work() as session:
        return services.connect(session, new_account(**changes), by=OPERATOR, now=clock.now()).id


def journalled(session: Session, account_id: int, kind: str = "text", **changes: str) -> int:
    """Keep a push that is done with; gives its id."""
    number = next(_numbers)
    fields = {
        "push_key": f"key-{number}",
        "stamp": f"stamp-{number}",
        "body_digest": "digest",
        "openid": "openid-of-a-fan",
        "body": f"<xml><MsgType><![CDATA[{kind}]]></MsgType></xml>",
    }
    push = NewPush(account_id=account_id, kind=kind, **{**fields, **changes})
    return keep(session, push)


def pushed(chain: Chain, account_id: int, kind: str = "text", **changes: str) -> int:
    """Keep a push, committed; gives its id."""
    with tenant_scope(chain.id), unit_of_work() as session:
        return journalled(session, account_id, kind, **changes)
