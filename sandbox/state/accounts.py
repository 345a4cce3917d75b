"""Official accounts and their templates."""

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sandbox import links
from sandbox.state.store import Row, Store

MODES = ("plain", "compat", "safe")
KINDS = ("production", "test")


class BadAccount(ValueError):
    """A field of the account is missing or malformed; the message says which."""


@dataclass(frozen=True)
class Account:
    """An official account as its owner configured it (WeChat §1)."""

    appid: str
    secret: str
    token: str
    encoding_aes_key: str
    mode: str
    callback_url: str
    kind: str
    name: str
    username: str  # the gh_ id: ToUserName of a push
    oauth_domain: str  # web authorization domain; empty allows any host
    typed_fields: bool | None  # None: as the kind has it

    @property
    def checks_types(self) -> bool:
        """Whether template values are held to their types: test accounts are lenient (WeChat §4)."""
        return self.kind == "production" if self.typed_fields is None else self.typed_fields


@dataclass(frozen=True)
class Template:
    """A private template of an account."""

    appid: str
    template_id: str
    title: str
    content: str
    example: str


class Accounts:
    """All official accounts of the sandbox."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, appid: str) -> Account | None:
        """The account of an app id, if it exists."""
        row = self._store.one("SELECT * FROM account WHERE appid = ?", appid)
        return _account(row) if row else None

    def all(self) -> list[Account]:
        """Every account, the oldest first."""
        return [_account(row) for row in self._store.all("SELECT * FROM account ORDER BY rowid")]

    def put(self, data: dict[str, Any]) -> Account:
        """Create an account or update the one of the same app id.

        Idempotent: an update keeps what `data` does not mention.

        Raises:
            BadAccount: a field is missing or malformed.
        """
        appid = _text(data, "appid")
        known = self.get(appid)
        account = _checked({**(vars(known) if known else _defaults(appid)), **_said(data)})
        templates = _objects(data, "templates")
        with self._store.transaction():
            if self._store.one(
                "SELECT 1 FROM account WHERE username = ? AND appid <> ?", account.username, appid
            ):
                raise BadAccount("username is another account's")
            self._store.run(
                "INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (appid) DO UPDATE"
                " SET secret = excluded.secret, token = excluded.token, mode = excluded.mode,"
                " encoding_aes_key = excluded.encoding_aes_key, callback_url = excluded.callback_url,"
                " kind = excluded.kind, name = excluded.name, username = excluded.username,"
                " oauth_domain = excluded.oauth_domain, typed_fields = excluded.typed_fields",
                *vars(account).values(),
            )
            for template in templates:
                self.add_template(
                    appid,
                    title=_text(template, "title"),
                    content=_text(template, "content"),
                    template_id=_text(template, "template_id"),
                )
        return account

    def templates(self, appid: str) -> list[Template]:
        """The private templates of an account."""
        rows = self._store.all("SELECT * FROM template WHERE appid = ? ORDER BY rowid", appid)
        return [Template(**row) for row in rows]

    def template(self, appid: str, template_id: str) -> Template | None:
        """One private template; None for another account's."""
        row = self._store.one(
            "SELECT * FROM template WHERE appid = ? AND template_id = ?", appid, template_id
        )
        return Template(**row) if row else None

    def add_template(
        self, appid: str, *, title: str, content: str, example: str = "", template_id: str = ""
    ) -> Template:
        """Add a private template, or replace the one with the same id."""
        template = Template(appid, template_id or secrets.token_urlsafe(32), title, content, example)
        self._store.run(
            "INSERT INTO template VALUES (?, ?, ?, ?, ?) ON CONFLICT (appid, template_id)"
            " DO UPDATE SET title = excluded.title, content = excluded.content, example = excluded.example",
            *vars(template).values(),
        )
        return template

    def drop_template(self, appid: str, template_id: str) -> None:
        """Delete a private template."""
        self._store.run("DELETE FROM template WHERE appid = ? AND template_id = ?", appid, template_id)

    def industries(self, appid: str) -> tuple[str, str, str] | None:
        """The codes of the account's two industries, and the month in which they were set."""
        row = self._store.one("SELECT * FROM industry WHERE appid = ?", appid)
        return (row["first_id"], row["second_id"], row["month"]) if row else None

    def set_industries(self, appid: str, first: str, second: str, *, month: str) -> None:
        """Change the account's industries."""
        self._store.run("INSERT OR REPLACE INTO industry VALUES (?, ?, ?, ?)", appid, first, second, month)


def _account(row: Row) -> Account:
    typed = row["typed_fields"]
    return Account(**{**row, "typed_fields": None if typed is None else bool(typed)})


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise BadAccount(f"{key} must be a non-empty string")
    return value


def _checked(data: dict[str, Any]) -> Account:
    account = Account(
        appid=_text(data, "appid"),
        secret=_text(data, "secret"),
        token=_text(data, "token"),
        encoding_aes_key=str(data["encoding_aes_key"]),
        mode=_choice(data, "mode", MODES),
        callback_url=_text(data, "callback_url"),
        kind=_choice(data, "kind", KINDS),
        name=_text(data, "name"),
        username=_text(data, "username"),
        oauth_domain=str(data["oauth_domain"]),
        typed_fields=_switch(data, "typed_fields"),
    )
    if account.mode != "plain":
        _check_aes_key(account.encoding_aes_key)
    if not links.is_page(account.callback_url) or not account.callback_url.isascii():
        raise BadAccount("callback_url must be an http or https address")
    return account


def _said(data: dict[str, Any]) -> dict[str, Any]:
    """The fields with a value; only the switch has a null of its own."""
    return {key: value for key, value in data.items() if value not in (None, "") or key == "typed_fields"}


def _defaults(appid: str) -> dict[str, Any]:
    """What a new account has unless told otherwise."""
    return {
        "encoding_aes_key": "",
        "mode": "safe",
        "kind": "production",
        "name": appid,
        "username": f"gh_{hashlib.sha256(appid.encode()).hexdigest()[:12]}",
        "oauth_domain": "",
    }


def _objects(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = data.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadAccount(f"{key} must be a list of objects")
    return value


def _choice(data: dict[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = data[key]
    if value not in allowed:
        raise BadAccount(f"{key} must be one of {', '.join(allowed)}")
    return str(value)


def _switch(data: dict[str, Any], key: str) -> bool | None:
    value = data.get(key)
    if value not in (None, True, False):
        raise BadAccount(f"{key} must be true, false or null")
    return None if value is None else bool(value)


def _check_aes_key(key: str) -> None:
    try:
        size = len(base64.b64decode(key + "=", validate=True))
    except binascii.Error:
        size = 0
    if len(key) != 43 or size != 32:
        raise BadAccount("encoding_aes_key must be 43 characters of base64")
