"""The check-up of an account: each line in order, not in order, and where WeChat cannot be asked."""

from __future__ import annotations

import datetime as dt
import html
import re

import pytest

from engage.accounts import checkup
from engage.accounts.checkup import Facts
from engage.accounts.menus import shapes
from engage.kernel import clock, doorbell
from engage.kernel.db import tenant_scope, unit_of_work
from engage.wechat.client import HttpGateway
from engage.wechat.gateway import Credentials
from tests.accounts.conftest import connected
from tests.accounts.menus import MENU, published
from tests.contracts.callers import log_in_directly

NOBODY = Credentials("wx0000000000000000", "0" * 32)


@pytest.fixture
def gateway(app, sandbox, monkeypatch):
    """WeChat is the sandbox."""
    made = HttpGateway(sandbox.url, doorbell.connection(), mp_url=sandbox.url)
    monkeypatch.setitem(app.extensions, "wechat", made)
    return made


@pytest.fixture
def made(sandbox):
    """An account at the sandbox."""
    return sandbox.account(
        f"{sandbox.url}/", templates=[{"template_id": "tpl-1", "title": "t", "content": "c"}]
    )


def facts(made, **changes):
    known = {
        "account": Credentials(made["appid"], made["secret"]),
        "host": "clinic.example",
        "verified_at": clock.now(),
        "refused_at": None,
        "received_at": clock.now(),
        "templates": {"Appointment made": "tpl-1"},
        "menu": shapes.NONE,
        "now": clock.now(),
        "word": lambda text: text,
        "when": lambda at: f"{at:%Y-%m-%d}",
    }
    return Facts(**{**known, **changes})


def fault(sandbox, made, path, **effect):
    match = {"appid": made["appid"], "path": path}
    sandbox.control("/faults", {"match": match, "effect": effect, "times": 1})


@pytest.mark.parametrize("key", checkup.LINES)
def test_a_sound_account_is_in_order(gateway, made, key):
    line = checkup.check(gateway, key, facts(made))
    wanted = "cannot_tell" if key in ("oauth", "scripts") else "ok"
    assert (line.verdict, bool(line.todo)) == (wanted, wanted == "cannot_tell")
    assert line.sentence


@pytest.mark.parametrize(
    ("key", "changes", "verdict", "said"),
    [
        ("token", {"account": NOBODY}, "broken", "does not know"),
        ("callback", {"verified_at": None}, "broken", "has not checked our address"),
        ("callback", {"refused_at": clock.now() + dt.timedelta(hours=1)}, "broken", "does not fit"),
        ("pushes", {"received_at": None}, "cannot_tell", "Nothing has come"),
        ("pushes", {"received_at": clock.now() - dt.timedelta(days=8)}, "cannot_tell", "since"),
        ("templates", {"templates": {}}, "cannot_tell", "No message"),
        ("templates", {"templates": {"Bound": "gone"}}, "broken", "Bound"),
        ("menu", {"menu": None}, "cannot_tell", "No menu was published"),
        ("menu", {"menu": "another"}, "broken", "another menu"),
        (
            "addresses",
            {"account": NOBODY},
            "cannot_tell",
            "does not know",
        ),
    ],
)
def test_what_is_wrong_is_said(gateway, made, key, changes, verdict, said):
    line = checkup.check(gateway, key, facts(made, **changes))
    assert line.verdict == verdict
    assert said in line.sentence


def test_a_server_that_wechat_may_not_call_from_is_broken(gateway, sandbox, made):
    fault(sandbox, made, "/cgi-bin/getcallbackip", errcode=40164)
    line = checkup.check(gateway, "addresses", facts(made))
    assert (line.verdict, "IP white list" in line.sentence) == ("broken", True)


def test_a_server_that_wechat_does_not_reach_is_broken(gateway, sandbox):
    away = sandbox.account("http://127.0.0.1:9/")
    line = checkup.check(gateway, "reached", facts(away))
    assert (line.verdict, "does not reach it" in line.sentence) == ("broken", True)
    nowhere = sandbox.account("http://no-such-host.invalid/")
    line = checkup.check(gateway, "reached", facts(nowhere))
    assert (line.verdict, "by its name" in line.sentence) == ("broken", True)


@pytest.mark.parametrize("key", ["token", "addresses", "reached", "templates", "menu", "quotas"])
def test_a_wechat_that_is_away_makes_nothing_broken(made, key):
    away = HttpGateway("http://127.0.0.1:9", doorbell.connection())
    assert checkup.check(away, key, facts(made, account=Credentials("wx1", "x"))).verdict == "cannot_tell"


def test_each_line_of_the_page_asks_by_itself(chain, owner, gateway, made):
    account_id = connected(chain, app_id=made["appid"], secret=made["secret"])
    page = owner.ask("GET", f"/console/accounts/{account_id}/checkup")
    lines = re.findall(r'hx-post="([^"]*/checkup/[^"]*)"', page.text)
    assert [path.rsplit("/", 1)[1] for path in lines] == list(checkup.LINES)
    answers = {path.rsplit("/", 1)[1]: owner.ask("POST", path) for path in lines}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert "has not checked our address yet" in html.unescape(answers["callback"].text)
    assert "In order" in answers["token"].text
    assert made["secret"] not in "".join(answer.text for answer in answers.values())
    assert owner.ask("POST", f"/console/accounts/{account_id}/checkup/nothing").status_code == 404


def test_the_menu_published_here_is_what_is_compared(chain, owner, gateway, made):
    account_id = connected(chain, app_id=made["appid"], secret=made["secret"])
    with tenant_scope(chain.id), unit_of_work() as work:
        published(work, account_id, MENU)
    answer = owner.ask("POST", f"/console/accounts/{account_id}/checkup/menu")
    assert "Not in order" in answer.text


def test_only_owners_check_accounts(app, chain, gateway):
    account_id = connected(chain)
    manager = log_in_directly(app, chain, "manager")
    assert manager.ask("GET", f"/console/accounts/{account_id}/checkup").status_code == 403
