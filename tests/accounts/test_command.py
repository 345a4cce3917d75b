"""`engage account`, as an operator runs it: another process, the secret on standard input."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from engage.accounts import queries
from engage.config import ROOT
from engage.kernel.db import tenant_scope, unit_of_work
from tests.accounts.conftest import SECRET, app_id

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def engage(settings, sandbox, chain):
    """Run `engage account …` for the chain; WeChat is the sandbox."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ENGAGE_")},
        "ENGAGE_ENV": "test",
        "ENGAGE_HOME": str(settings.home),
        "ENGAGE_DATABASE_URL": settings.database_url,
        "ENGAGE_OWNER_DATABASE_URL": settings.owner_database_url,
        "ENGAGE_REDIS_URL": settings.redis_url,
        "ENGAGE_WECHAT_API_URL": sandbox.url,
    }

    def run(command, *arguments, typed="", tenant=chain.slug, **chosen):
        return subprocess.run(
            [sys.executable, "-m", "engage.cli", "account", command, "--tenant", tenant, *arguments],
            cwd=ROOT,
            env=environment | chosen,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_an_account_is_connected_listed_and_checked(engage, chain, sandbox):
    made = sandbox.account("http://127.0.0.1:9/")
    name = made["appid"]
    chosen = ("--name", "康美口腔", "--slug", f"c{name[2:12]}", "--store", "xuhui")
    run = engage("connect", name, *chosen, typed=f"{made['secret']}\n")
    assert run.returncode == 0, run.stderr
    told = dict(line.split(maxsplit=1) for line in run.stdout.splitlines())
    assert told["URL"].endswith(f"/hooks/wechat/{name}")
    assert re.fullmatch("[0-9A-Za-z]{43}", told["EncodingAESKey"])
    with tenant_scope(chain.id), unit_of_work() as session:
        (account,) = queries.accounts(session)
    assert (account.token, account.mode, account.store_id) == (told["Token"], "safe", chain.store.id)
    assert account.secret == made["secret"]

    listed = engage("list")
    assert listed.stdout.split() == [name, "safe", "not", "checked", "康美口腔"]
    assert engage("keys", name).stdout == run.stdout
    checked = engage("check", name)
    # WeChat was never told where to find us, and its sandbox does not reach port 9.
    assert checked.returncode == 1
    assert "In order       App ID and secret: WeChat accepts the app ID and the secret." in checked.stdout
    assert re.search(
        r"Not in order +Address for pushes: WeChat has not checked our address yet.", checked.stdout
    )
    assert re.search(r"Cannot tell +Web authorization domain: ", checked.stdout)
    assert checked.stdout.count("→") >= 3
    assert (run.stderr, "not everything is in order" in checked.stderr) == ("", True)
    assert "wechat.token_fetched" in engage("check", name, ENGAGE_LOG_LEVEL="INFO").stderr
    told = "".join(part for ran in (run, listed, checked) for part in (ran.stdout, ran.stderr))
    assert made["secret"] not in told


def test_what_is_wrong_is_said(engage):
    chosen = ("--name", "康美口腔", "--slug")
    wrong = engage("connect", "gh_1", *chosen, "Kang Mei", typed="short\n")
    assert wrong.returncode == 1
    for field in ("app_id", "slug", "secret"):
        assert f"{field}: " in wrong.stderr
    assert "short" not in wrong.stderr

    name = app_id()
    long = engage("connect", name, *chosen, name[2:12], "--welcome", "{booking}" * 20, typed=f"{SECRET}\n")
    assert (long.returncode, "welcome: Too long for WeChat" in long.stderr) == (1, True)
    elsewhere = engage("connect", name, *chosen, name[2:12], "--store", "nowhere", typed=f"{SECRET}\n")
    assert (elsewhere.returncode, "there are: xuhui" in elsewhere.stderr) == (1, True)
    for _ in range(2):
        again = engage("connect", name, *chosen, name[2:12], typed=f"{SECRET}\n")
    assert (again.returncode, "already connected" in again.stderr) == (1, True)
    refused = engage("check", name)
    assert (refused.returncode, "does not know this app ID" in refused.stdout) == (1, True)
    unknown = engage("check", app_id())
    assert (unknown.returncode, "`engage account list` names those it has" in unknown.stderr) == (1, True)
    nobody = engage("list", tenant="nobody-has-this")
    assert (nobody.returncode, "there is no tenant" in nobody.stderr) == (1, True)


def test_the_menu_leads_to_the_patient_pages(engage, sandbox):
    made = sandbox.account("http://127.0.0.1:9/")
    name = made["appid"]
    slug = f"c{name[2:12]}"
    engage("connect", name, "--name", "康美口腔", "--slug", slug, typed=f"{made['secret']}\n")
    run = engage("menu", name, ENGAGE_PUBLIC_URL="https://clinic.example")
    assert run.returncode == 0, run.stderr
    shown = sandbox.get("/cgi-bin/menu/get", access_token=sandbox.token(made))["menu"]["button"]
    leaves = [leaf for button in shown for leaf in button.get("sub_button") or [button]]
    pages = ["booking", "bind", "coupons", "appointments", "me"]
    assert [leaf["url"] for leaf in leaves] == [f"https://clinic.example/p/{slug}/{page}" for page in pages]


def test_a_menu_that_wechat_does_not_take_is_said(engage, sandbox):
    name = sandbox.account("http://127.0.0.1:9/")["appid"]
    engage("connect", name, "--name", "康美口腔", "--slug", f"c{name[2:12]}", typed=f"{'0' * 32}\n")
    run = engage("menu", name)
    assert run.returncode == 1
    assert "did not take the menu" in run.stderr
