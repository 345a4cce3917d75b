"""The menu's pages in the console, as browsers see them, with the sandbox as WeChat."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from engage.accounts import queries as accounts
from engage.accounts.menus import queries, rules
from engage.accounts.menus.errors import ChangedElsewhere
from engage.accounts.menus.sending import Taken
from engage.cli import menus
from engage.kernel import doorbell
from engage.kernel.db import tenant_scope, unit_of_work
from engage.wechat.client import HttpGateway
from engage.wechat.gateway import Credentials
from tests.accounts.conftest import connected
from tests.accounts.menus import BOOK, LINKED, MENU, SAID, THEIRS, drafted, published
from tests.contracts.callers import log_in_directly

PLAN = {
    "entry": ["top:book", "top:mine", "sub:said"],
    "name-book": "预约",
    "kind-book": "module",
    "module-book": "booking",
    "on-book": "yes",
    "name-mine": "我的",
    "kind-mine": "list",
    "on-mine": "yes",
    "name-said": "地址",
    "kind-said": "reply",
    "text-said": "二楼",
    "on-said": "yes",
}


@pytest.fixture
def wechat(app, sandbox, monkeypatch):
    """WeChat is the sandbox."""
    gateway = HttpGateway(sandbox.url, doorbell.connection(), mp_url=sandbox.url)
    monkeypatch.setitem(app.extensions, "wechat", gateway)
    return sandbox


class Account:
    """An account of a chain, at the sandbox too, and the pages of its menu as a person sees them."""

    def __init__(self, chain, person, wechat):
        self.made = wechat.account("http://127.0.0.1:9/")
        self.chain, self.person, self.wechat = chain, person, wechat
        self.id = connected(chain, app_id=self.made["appid"], secret=self.made["secret"])

    def ask(self, path="", method="GET", **data):
        return self.person.ask(method, f"/console/accounts/{self.id}/menu{path}", data)

    def draft(self, entries=MENU):
        with tenant_scope(self.chain.id), unit_of_work() as work:
            return drafted(work, self.id, entries)

    def entries(self):
        with tenant_scope(self.chain.id), unit_of_work() as work:
            return rules.unpacked(queries.draft(work, self.id).entries)

    def compared(self):
        """Open the page that compares, and give what its forms carry."""
        page = text_of(self.ask("/compare", "POST"))
        return {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("version", "digest")}

    def publish(self):
        return self.ask("/publish", "POST", **self.compared())

    def change_elsewhere(self, buttons=THEIRS):
        account = Credentials(self.made["appid"], self.made["secret"])
        HttpGateway(self.wechat.url, doorbell.connection()).publish_menu(account, buttons)

    def shown(self):
        answer = self.wechat.get("/cgi-bin/menu/get", access_token=self.wechat.token(self.made))
        return [button["name"] for button in answer["menu"]["button"]]


def text_of(answer):
    assert answer.status_code == 200, answer.status
    return html.unescape(answer.text)


def told(account, answer):
    """Give what the page says to which an answer leads."""
    assert answer.status_code == 303
    page = account.person.ask("GET", answer.location)
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", text_of(page)))


@pytest.fixture
def account(chain, owner, wechat):
    """An account whose menu the owner works on."""
    return Account(chain, owner, wechat)


def test_an_account_begins_with_our_pages_and_saves_a_draft(account):
    page = text_of(account.ask())
    for name in ("Book a visit", "Bind my chart", "My coupons", "Nothing is published."):
        assert name in page
    saved = account.ask("", "POST", version="0", **PLAN)
    assert "The draft is saved" in told(account, saved)
    book, mine = account.entries()
    assert (book.name, book.module, mine.children[0].text) == ("预约", "booking", "二楼")
    gone = account.ask("", "POST", version="1", then="publish", **PLAN)
    assert gone.location.endswith("/menu/publish")


def test_who_was_overtaken_keeps_what_was_typed_and_overwrites_nothing(account):
    account.draft()
    answer = account.ask("", "POST", version="0", **PLAN)
    assert answer.status_code == 409
    page = html.unescape(answer.text)
    assert "Somebody saved this menu while you were working on it" in page
    assert 'value="预约"' in page
    assert account.entries() == MENU


@pytest.mark.parametrize(
    "changes",
    [
        {"entry": ["sub:said"]},
        {"entry": ["top:book", "top:book"]},
        {"entry": ["top:A B"]},
        {"entry": ["side:book"]},
        {"entry": [f"top:{name}" for name in "abcd"]},
        {"entry": ["top:mine", *(f"sub:{name}" for name in "abcdef")]},
        {"kind-book": "nothing"},
        {"kind-book": "kept"},
        {"name-book": "x" * 4001},
    ],
)
def test_what_no_page_of_ours_sends_is_not_read(account, changes):
    for path in ("", "/preview"):
        every = {f"kind-{name}": "module" for name in "abcdef"}
        assert account.ask(path, "POST", version="0", **{**PLAN, **every, **changes}).status_code == 400


def test_the_phone_follows_and_says_what_stands_in_the_way(account):
    page = text_of(account.ask("/preview", "POST", **PLAN))
    assert "预约" in page
    assert "put right" not in page
    page = text_of(account.ask("/preview", "POST", **{**PLAN, "name-book": "预约看牙吧", "text-said": ""}))
    assert re.search(r'data-problem="book" data-field="name"[^>]*>At most 4 Chinese characters', page)
    assert re.search(r'data-problem="said" data-field="text"', page)
    sharp = account.ask("/preview", "POST", **{**PLAN, "name-book": "<b>x"}).text
    assert "&lt;b&gt;x" in sharp
    assert "<b>x" not in sharp


def test_a_menu_is_compared_published_and_taken_back(account):
    account.draft((BOOK,))
    assert "Published. Phones show it within five minutes." in told(account, account.publish())
    account.draft()
    page = text_of(account.ask("/compare", "POST"))
    assert "“官网”: opens https://kangmei.example/" in page
    assert "“地址” in “我的”: answers “淮海中路 999 号”" in page
    account.publish()
    assert account.shown() == ["微信预约", "官网", "我的"]
    page = text_of(account.ask("/compare", "POST"))
    assert "Nothing changes" in page
    assert ">Publish<" not in page

    listed = re.findall(r"/menu/history/(\d+)", text_of(account.ask("/history")))
    first = min(listed, key=int)
    page = text_of(account.ask(f"/history/{first}"))
    digest = re.search(r'name="digest" value="([^"]*)"', page)[1]
    again = account.ask(f"/history/{first}/restore", "POST", digest=digest)
    assert "Published." in told(account, again)
    assert account.shown() == ["微信预约"]
    assert account.entries() == (BOOK,)


def test_a_draft_with_a_fault_is_not_published(account):
    account.draft((BOOK, replace(LINKED, url="http://a.example/")))
    page = text_of(account.ask("/compare", "POST"))
    assert "begins with https://" in page
    answer = account.ask("/publish", "POST", version="1", digest=digest_of(account))
    assert "cannot be published as it is" in told(account, answer)


def digest_of(account):
    with tenant_scope(account.chain.id), unit_of_work() as work:
        return queries.live(work, account.id).digest


def test_a_menu_changed_at_wechat_is_noticed_and_never_overwritten_silently(account):
    account.draft()
    account.publish()
    account.draft((BOOK,))
    decided = account.compared()
    account.change_elsewhere()
    # Between the comparing and the pressing: nothing is sent.
    assert "had been changed at WeChat" in told(account, account.ask("/publish", "POST", **decided))
    assert account.shown() == ["别家"]
    assert "The menu was changed at WeChat" in text_of(account.ask())
    assert "Changed at WeChat" in text_of(account.person.ask("GET", "/console/accounts"))
    page = text_of(account.ask("/compare", "POST"))
    assert "“别家”: opens https://elsewhere.example/" in page
    # It may be taken over …
    account.ask("/take-over", "POST", **account.compared())
    assert [entry.name for entry in account.entries()] == ["别家"]
    # … or replaced, when that was asked for.
    account.draft((BOOK,))
    assert "Published." in told(account, account.publish())
    assert account.shown() == ["微信预约"]


def test_a_menu_changed_at_wechat_is_noticed_when_the_page_opens(account):
    account.draft()
    account.publish()
    assert "The saved draft is what phones show." in text_of(account.ask("/read", "POST"))
    account.change_elsewhere()
    assert "The menu was changed at WeChat" in text_of(account.ask("/read", "POST"))


@pytest.mark.parametrize(
    ("effect", "said"),
    [({"errcode": 48001}, "may not be verified"), ({"errcode": -1}, "busy or not reachable")],
)
def test_what_wechat_refuses_is_said_and_kept(account, effect, said):
    account.draft()
    decided = account.compared()
    match = {"appid": account.made["appid"], "path": "/cgi-bin/menu/create"}
    account.wechat.control("/faults", {"match": match, "effect": effect, "times": 1})
    assert said in told(account, account.ask("/publish", "POST", **decided))
    assert said in text_of(account.ask("/history"))


def test_a_wechat_that_is_away_is_said(chain, owner):
    account_id = connected(chain)
    page = owner.ask("POST", f"/console/accounts/{account_id}/menu/compare")
    assert "WeChat could not be asked what it shows" in text_of(page)
    page = owner.ask("POST", f"/console/accounts/{account_id}/menu/read")
    assert "WeChat could not be asked what it shows" in text_of(page)


def test_managers_see_menus_of_their_stores_and_marketers_none(app, chain, other_chain, wechat):
    of_all = connected(chain)
    of_store = connected(chain, store_id=chain.store.id)
    manager = log_in_directly(app, chain, "manager", store_id=chain.store.id)
    assert manager.ask("GET", f"/console/accounts/{of_store}/menu").status_code == 200
    assert manager.ask("GET", f"/console/accounts/{of_all}/menu").status_code == 403
    assert manager.ask("GET", "/console/accounts").status_code == 200
    for role in ("marketer", "desk"):
        person = log_in_directly(app, chain, role)
        assert person.ask("GET", f"/console/accounts/{of_store}/menu").status_code == 403
    stranger = log_in_directly(app, other_chain, "owner")
    assert stranger.ask("GET", f"/console/accounts/{of_store}/menu").status_code == 404


def test_no_page_of_the_menu_asks_more_the_more_there_is(account, count_queries):
    with tenant_scope(account.chain.id), unit_of_work() as work:
        published(work, account.id, (BOOK,))
    pages = ("", "/history")
    for path in pages:
        account.ask(path)
    before = []
    for path in pages:
        with count_queries() as counted:
            account.ask(path)
        before.append(counted.n)
    with tenant_scope(account.chain.id), unit_of_work() as work:
        for entries in (MENU, (SAID,), MENU, (BOOK,), MENU):
            published(work, account.id, entries)
    for path, few in zip(pages, before, strict=True):
        with count_queries() as counted:
            account.ask(path)
        assert counted.n == few


# Without anybody at a screen


def test_the_operator_publishes_the_draft_and_replaces_theirs_only_if_told(account):
    account.draft()
    account.change_elsewhere()
    with tenant_scope(account.chain.id), unit_of_work() as work:
        found = accounts.account(work, account.id)
    gateway = HttpGateway(account.wechat.url, doorbell.connection())
    with tenant_scope(account.chain.id):
        with pytest.raises(ChangedElsewhere):
            menus.publish(gateway, found)
        assert account.shown() == ["别家"]
        assert isinstance(menus.publish(gateway, found, replace=True), Taken)
    assert account.shown() == [entry.name for entry in MENU]
