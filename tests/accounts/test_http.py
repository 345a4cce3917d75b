"""Official accounts and the journal in the console, as browsers see them."""

from __future__ import annotations

import html
import json
import re
import time

import pytest
import redis
import sqlalchemy as sa

from engage.accounts import queries
from engage.audit.models import AuditEntry
from engage.fans import services as fans
from engage.kernel import clock, doorbell
from engage.kernel.db import db, tenant_scope, unit_of_work
from engage.replies import queries as replies
from engage.wechat import envelope
from engage.wechat.client import HttpGateway
from tests.accounts.conftest import SECRET, connected, pushed, typed
from tests.contracts.callers import log_in_directly

DRAWER = {"HX-Request": "true", "HX-Target": "drawer-content"}


def account_of(chain, account_id):
    with tenant_scope(chain.id), unit_of_work() as work:
        return queries.account(work, account_id)


def the_account(chain):
    with tenant_scope(chain.id), unit_of_work() as work:
        (account,) = queries.accounts(work)
        return account


def audited(chain, action):
    with tenant_scope(chain.id), unit_of_work() as work:
        written = sa.select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)
        entries = work.scalars(written).all()
        return [(entry.actor_id, entry.subject_id, entry.fields) for entry in entries]


def text_of(answer):
    return html.unescape(answer.text)


def copied(page, key):
    return re.search(rf'<code id="{key}">([^<]*)</code>', page.text)[1]


# Connecting


def test_an_account_is_connected_and_wechat_is_told_where_to_find_it(app, chain, owner, client):
    assert "No official account yet" in owner.ask("GET", "/console/accounts").text
    form = typed(name="康美口腔")
    made = owner.ask("POST", "/console/accounts/new", form)
    assert made.status_code == 303
    page = owner.ask("GET", made.location)
    token, key = copied(page, "token"), copied(page, "aes-key")
    assert copied(page, "url") == f"{app.config['PUBLIC_URL']}/hooks/wechat/{form['app_id']}"
    assert re.fullmatch(r"[0-9A-Za-z]{3,32}", token)
    assert re.fullmatch(r"[0-9A-Za-z]{43}", key)
    assert "Waiting for WeChat’s check" in page.text
    assert "every 3s" in page.text

    now = str(int(time.time()))
    query = {"timestamp": now, "nonce": "n", "echostr": "hello", "signature": envelope.sign(token, now, "n")}
    assert client.get(f"/hooks/wechat/{form['app_id']}", query_string=query).text == "hello"
    page = owner.ask("GET", made.location)
    assert "WeChat checked this address on" in page.text
    assert "every 3s" not in page.text
    listed = owner.ask("GET", "/console/accounts").text
    assert form["app_id"] in listed
    assert "Verified" in listed
    assert audited(chain, "account.connected") == [(owner.id, the_account(chain).id, [])]


def test_a_check_that_was_refused_is_told_until_one_fits(owner, client):
    form = typed()
    made = owner.ask("POST", "/console/accounts/new", form).location
    token, now = copied(owner.ask("GET", made), "token"), str(int(time.time()))
    query = {"timestamp": now, "nonce": "n", "echostr": "hello"}
    assert "signature that does not fit" not in owner.ask("GET", made).text

    def ask(token: str) -> int:
        signed = query | {"signature": envelope.sign(token, now, "n")}
        return client.get(f"/hooks/wechat/{form['app_id']}", query_string=signed).status_code

    assert ask("mistyped") == 403
    assert "signature that does not fit" in owner.ask("GET", made).text
    assert ask(token) == 200
    assert "signature that does not fit" not in owner.ask("GET", made).text


def test_the_secret_is_in_no_answer_and_in_no_log(chain, owner, capfd):
    form = typed()
    answers = [owner.ask("POST", "/console/accounts/new", form | {"name": ""})]
    answers.append(owner.ask("POST", "/console/accounts/new", form))
    account = the_account(chain)
    assert account.secret == SECRET
    paths = ("", f"/{account.id}", f"/{account.id}/edit")
    answers += [owner.ask("GET", f"/console/accounts{path}") for path in paths]
    answers.append(owner.ask("POST", f"/console/accounts/{account.id}/credentials"))
    wrong = {"name": "", "secret": "another-secret-0001", "mode": "safe"}
    answers.append(owner.ask("POST", f"/console/accounts/{account.id}/edit", wrong))
    assert {answer.status_code for answer in answers} == {422, 303, 200}
    told = "".join(f"{answer.text}{answer.headers}" for answer in answers)
    logged = "".join(capfd.readouterr())
    for secret in (SECRET, "another-secret-0001"):
        assert secret not in told
        assert secret not in logged


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"name": ""}, "name", "Please fill this in."),
        ({"name": "x" * 31}, "name", "At most 30 characters."),
        ({"app_id": "gh_0123456789"}, "app_id", "An app ID begins with wx"),
        ({"secret": ""}, "secret", "Please copy the app secret again"),
        ({"secret": "short"}, "secret", "Please copy the app secret again"),
        ({"slug": "Kang Mei"}, "slug", "small letters, digits and hyphens."),
        ({"mode": "open"}, "mode", "Please choose a mode."),
        ({"store": "999999"}, "store", "Please choose a store from the list."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(chain, owner, changes, field, sentence):
    form = typed(**{"name": "康美口腔", **changes})
    page = owner.ask("POST", "/console/accounts/new", form)
    assert page.status_code == 422
    assert sentence in text_of(page)
    assert f'id="error-{field}"' in page.text
    for name in ("app_id", "name", "slug"):
        assert f'value="{form[name]}"' in page.text


def test_a_new_account_answers_who_follows_until_somebody_words_it(chain, owner):
    assert owner.ask("POST", "/console/accounts/new", typed()).status_code == 303
    with tenant_scope(chain.id), unit_of_work() as session:
        welcome = replies.welcome(session, the_account(chain).id)
    assert (welcome.is_on, "{booking}" in welcome.content.text) == (True, True)


def test_what_another_chain_has_is_refused_kindly_and_nothing_is_told_of_it(other_chain, owner):
    taken = typed()
    connected(other_chain, app_id=taken["app_id"], slug=taken["slug"], name="Zanzibar")
    for same, field in (("app_id", "app_id"), ("slug", "slug")):
        page = owner.ask("POST", "/console/accounts/new", typed(**{same: taken[same]}))
        assert page.status_code == 409
        assert f'id="error-{field}"' in page.text
        assert "Zanzibar" not in page.text


def test_a_store_has_one_account(chain, owner):
    store = str(chain.store.id)
    assert owner.ask("POST", "/console/accounts/new", typed(store=store)).status_code == 303
    page = owner.ask("POST", "/console/accounts/new", typed(store=store))
    assert page.status_code == 409
    assert "This store has an official account already." in page.text


# Changing


def test_an_account_is_changed_and_keeps_its_secret_unless_another_is_typed(chain, owner):
    account_id = connected(chain)
    form = {"name": "康美", "mode": "compat", "store": str(chain.store.id)}
    path = f"/console/accounts/{account_id}/edit"
    assert owner.ask("POST", path, form).status_code == 303
    account = account_of(chain, account_id)
    assert (account.name, account.mode, account.store_id) == ("康美", "compat", chain.store.id)
    assert account.secret == SECRET
    assert owner.ask("POST", path, form | {"secret": "another-secret-0001"}).status_code == 303
    assert account_of(chain, account_id).secret == "another-secret-0001"
    assert audited(chain, "account.updated") == [
        (owner.id, account_id, ["mode", "name", "store_id"]),
        (owner.id, account_id, ["secret"]),
    ]


def test_an_edit_that_is_wrong_keeps_what_was_typed(chain, owner):
    account_id = connected(chain)
    form = {"name": "", "mode": "plain", "store": ""}
    page = owner.ask("POST", f"/console/accounts/{account_id}/edit", form)
    assert page.status_code == 422
    assert re.search(r'value="plain" selected', page.text)


def test_new_keys_replace_the_old_ones(chain, owner):
    account_id = connected(chain)
    assert owner.ask("POST", f"/console/accounts/{account_id}/keys").status_code == 303
    account = account_of(chain, account_id)
    page = owner.ask("GET", f"/console/accounts/{account_id}")
    assert (copied(page, "token"), copied(page, "aes-key")) == (account.token, account.encoding_aes_key)
    assert (account.token, account.encoding_aes_key) != ("token", "key")
    fields = ["encoding_aes_key", "token"]
    assert audited(chain, "account.keys_renewed") == [(owner.id, account_id, fields)]


# Asking WeChat


@pytest.fixture
def wechat(app, sandbox, monkeypatch):
    """WeChat is the sandbox."""
    gateway = HttpGateway(sandbox.url, doorbell.connection(), mp_url=sandbox.url)
    monkeypatch.setitem(app.extensions, "wechat", gateway)
    return sandbox


def asked(owner, account_id):
    page = owner.ask("POST", f"/console/accounts/{account_id}/credentials")
    assert page.status_code == 200
    found = re.search(r'<div class="finding".*?tone-(\w+).*?<p>(.*?)</p>', page.text, re.DOTALL)
    return found[1], html.unescape(found[2])


def test_wechat_says_whether_app_id_and_secret_are_right(chain, owner, wechat):
    made = wechat.account("http://127.0.0.1:9/")
    right = connected(chain, app_id=made["appid"], secret=made["secret"])
    assert asked(owner, right) == ("good", "WeChat accepts the app ID and the secret.")
    form = {"name": "康美", "mode": "safe", "store": "", "secret": "a-wrong-secret-00001"}
    assert owner.ask("POST", f"/console/accounts/{right}/edit", form).status_code == 303
    tone, sentence = asked(owner, right)
    assert (tone, "The app secret is wrong" in sentence) == ("bad", True)
    tone, sentence = asked(owner, connected(chain))
    assert (tone, "does not know this app ID" in sentence) == ("bad", True)


def test_an_address_that_is_not_on_the_white_list_is_named(chain, owner, wechat):
    made = wechat.account("http://127.0.0.1:9/")
    account_id = connected(chain, app_id=made["appid"], secret=made["secret"])
    wechat.control("/faults", {"match": {"appid": made["appid"]}, "effect": {"errcode": 40164}, "times": 1})
    tone, sentence = asked(owner, account_id)
    assert tone == "bad"
    assert "does not accept calls from" in sentence


def test_a_wechat_that_does_not_answer_is_no_fault_of_the_account(chain, owner):
    tone, sentence = asked(owner, connected(chain))
    assert (tone, "not reachable just now" in sentence) == ("bad", True)


def test_the_list_shows_whose_token_is_held(chain, owner, wechat):
    made = wechat.account("http://127.0.0.1:9/")
    connected(chain, app_id=made["appid"], secret=made["secret"])
    assert "None now" in owner.ask("GET", "/console/accounts").text
    doorbell.connection().set(f"wechat:token:{made['appid']}", "a token", ex=100)
    page = owner.ask("GET", "/console/accounts").text
    assert "In force" in page
    assert "a token" not in page


def test_without_redis_the_list_shows_no_token(app, chain, owner, monkeypatch):
    away = redis.Redis.from_url("redis://127.0.0.1:9")
    monkeypatch.setitem(app.extensions, "wechat", HttpGateway("http://127.0.0.1:9", away))
    connected(chain)
    assert "None now" in owner.ask("GET", "/console/accounts").text


def test_what_became_of_a_push_says_nothing_of_its_words_and_is_not_audited(chain, owner):
    push_id = pushed(chain, connected(chain), body="<xml><Content>牙疼</Content></xml>")
    assert owner.ask("POST", f"/console/journal/{push_id}/replay").status_code == 303
    waiting = owner.ask("GET", f"/console/journal/{push_id}/outcome").text
    assert "every 2s" in waiting
    assert "牙疼" not in waiting
    with tenant_scope(chain.id), unit_of_work() as work:
        queries.push(work, push_id).available_at = None
    assert "every 2s" not in owner.ask("GET", f"/console/journal/{push_id}/outcome").text
    assert audited(chain, "push.viewed") == []


# The journal


def shown(owner, query=""):
    page = owner.ask("GET", f"/console/journal{query}")
    assert page.status_code == 200
    return [int(found) for found in re.findall(r"/console/journal/(\d+)", page.text)]


def test_the_journal_is_filtered_by_its_address(chain, owner):
    assert "WeChat pushes once an official account is connected." in owner.ask("GET", "/console/journal").text
    first, second = connected(chain), connected(chain)
    assert "Nothing pushed yet" in owner.ask("GET", "/console/journal").text
    text = pushed(chain, first)
    follow = pushed(chain, second, "event:subscribe")
    assert shown(owner) == [follow, text]
    assert shown(owner, "?kind=text") == [text]
    assert shown(owner, f"?account={second}") == [follow]
    assert shown(owner, "?state=done&kind=event:subscribe") == [follow]
    assert shown(owner, "?state=failed") == []
    assert "No push fits all of the chosen filters." in owner.ask("GET", "/console/journal?state=failed").text
    assert shown(owner, "?state=x&kind=y&account=z&page=") == [follow, text]


def test_the_journal_has_neighbouring_pages(chain, owner):
    account_id = connected(chain)
    made = [pushed(chain, account_id) for _ in range(51)][::-1]
    page = owner.ask("GET", "/console/journal?kind=text")
    older = html.unescape(re.search(r'rel="next" href="([^"]+)"', page.text)[1])
    assert "kind=text" in older
    assert shown(owner, "?kind=text") == made[:50]
    assert shown(owner, older.removeprefix("/console/journal")) == made[50:]


def test_the_journal_names_who_is_known_in_the_account_that_knows_them(chain, owner):
    first, second = connected(chain, name="one"), connected(chain, name="two")
    with tenant_scope(chain.id), unit_of_work() as work:
        fan_id = fans.recognise(work, first, "openid-of-a-fan", now=clock.now())
        fans.record_profile(work, fan_id, nickname="林<b>小姐", avatar=None, now=clock.now())
    pushed(chain, first)
    page = owner.ask("GET", "/console/journal").text
    assert '<span class="sub">林&lt;b&gt;小姐</span>' in page
    assert "openid-of-a-fan" not in page
    pushed(chain, second)
    assert '<span class="sub">openid-of-a-fan</span>' in owner.ask("GET", "/console/journal").text


def test_a_page_asks_as_often_for_many_rows_as_for_one(chain, owner):
    account_id = connected(chain)
    pushed(chain, account_id)

    def asked_for(path):
        statements = []
        listener = lambda *arguments: statements.append(arguments[2])  # noqa: E731
        sa.event.listen(db.engine, "before_cursor_execute", listener)
        owner.ask("GET", path)
        sa.event.remove(db.engine, "before_cursor_execute", listener)
        return len(statements)

    few = [asked_for(path) for path in ("/console/journal", "/console/accounts")]
    for _ in range(5):
        pushed(chain, connected(chain))
    assert [asked_for(path) for path in ("/console/journal", "/console/accounts")] == few


def test_a_look_at_what_a_patient_wrote_is_audited(chain, owner):
    words = "<xml><Content><![CDATA[<script>alert(1)</script> 牙疼]]></Content></xml>"
    push_id = pushed(chain, connected(chain), body=words)
    for headers in ({}, DRAWER):
        page = owner.client.get(f"/console/journal/{push_id}", headers=headers)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "  <Content><![CDATA[<script>alert(1)</script> 牙疼]]></Content>" in text_of(page)
    assert audited(chain, "push.viewed") == [(owner.id, push_id, [])] * 2
    owner.ask("GET", "/console/journal")
    assert len(audited(chain, "push.viewed")) == 2


def test_a_push_that_failed_is_replayed_by_hand(chain, owner):
    push_id = pushed(chain, connected(chain))
    with tenant_scope(chain.id), unit_of_work() as work:
        push = queries.push(work, push_id)
        push.error, push.handled_at = "ValueError at take_effect:1", None
    assert shown(owner, "?state=failed") == [push_id]
    assert "ValueError at take_effect:1" in owner.ask("GET", f"/console/journal/{push_id}").text
    for _ in range(2):
        assert owner.ask("POST", f"/console/journal/{push_id}/replay").status_code == 303
    assert shown(owner, "?state=waiting") == [push_id]
    assert audited(chain, "push.replayed") == [(owner.id, push_id, [])] * 2


@pytest.mark.parametrize("role", ["manager", "marketer", "desk", "agent"])
def test_only_the_owner_may_look(app, chain, role):
    account_id = connected(chain)
    push_id = pushed(chain, account_id)
    person = log_in_directly(app, chain, role)
    for path in (f"/console/accounts/{account_id}", f"/console/journal/{push_id}"):
        assert person.ask("GET", path).status_code == 403
    # The list leads to what others may change of an account: its menu, its replies.
    listed = 200 if role in ("manager", "marketer") else 403
    assert person.ask("GET", "/console/accounts").status_code == listed
    assert audited(chain, "push.viewed") == []


def test_problems_of_a_foreign_account_are_problems_of_nobody(chain, other_chain, owner):
    foreign = connected(other_chain)
    answer = owner.client.post(
        f"/console/accounts/{foreign}/credentials",
        data={"csrf_token": owner.csrf},
        headers={"Accept": "application/json"},
    )
    assert (answer.status_code, json.loads(answer.text)["code"]) == (404, "not_found")
