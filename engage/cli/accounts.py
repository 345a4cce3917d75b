"""`engage account`: connecting official accounts and seeing whether they are set up rightly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from flask import current_app
from flask_babel import force_locale, gettext
from marshmallow import ValidationError

from engage.accounts import checkup, queries, services
from engage.accounts.rules import MODES, callback_url
from engage.accounts.schemas import AccountIn, check_greeting
from engage.accounts.services import NewAccount
from engage.audit.services import OPERATOR
from engage.cli import Refused
from engage.cli.tenants import find_tenant, quiet_app
from engage.clinic import queries as clinic
from engage.inbound import rules as inbound
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.errors import DomainError, NotFound
from engage.wechat import envelope
from engage.wechat.gateway import Credentials, Gateway, WeChatError, WeChatUnreachable

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount

of_tenant = click.option("--tenant", required=True, help="Short address of the chain.")


@click.group()
def account() -> None:
    """Official accounts on WeChat."""


@account.command("connect")
@click.argument("app_id")
@of_tenant
@click.option("--name", required=True, help="Name that patients know.")
@click.option("--slug", required=True, help="Patient pages stand at /p/SLUG.")
@click.option("--mode", default="safe", type=click.Choice(list(MODES)), show_default=True)
@click.option("--store", help="Short address of the one store that it belongs to; all of them if left out.")
@click.option("--welcome", default="", help="Sent to who begins to follow; {booking} becomes an address.")
def connect(
    app_id: str, tenant: str, name: str, slug: str, mode: str, store: str | None, welcome: str
) -> None:
    """Connect APP_ID; its app secret is asked for, or read from standard input.

    Prints what is to be entered at WeChat.
    """
    typed = {"app_id": app_id, "name": name, "slug": slug, "mode": mode, "welcome": welcome}
    with _of(tenant):
        try:
            read = _read(typed)
            with unit_of_work() as session:
                connected = services.connect(
                    session, _new_account(read, _store(session, store)), by=OPERATOR, now=clock.now()
                )
        except ValidationError as error:
            raise Refused("; ".join(_sentences(error))) from error
        except DomainError as error:
            raise Refused(error.title % error.data) from error
        _print_keys(connected)


@account.command("list")
@of_tenant
def list_accounts(tenant: str) -> None:
    """List the chain's accounts: app id, mode, whether WeChat checked the address, name."""
    with _of(tenant), unit_of_work() as session:
        for found in queries.accounts(session):
            checked = f"checked {found.verified_at:%Y-%m-%d}" if found.verified_at else "not checked"
            click.echo(f"{found.app_id}  {found.mode:6}  {checked:18}  {found.name}")


@account.command("keys")
@click.argument("app_id")
@of_tenant
def keys(app_id: str, tenant: str) -> None:
    """Print what is to be entered at WeChat for APP_ID."""
    with _of(tenant):
        _print_keys(_account(app_id))


@account.command("check")
@click.argument("app_id")
@of_tenant
def check(app_id: str, tenant: str) -> None:
    """Ask WeChat for a token for APP_ID, and say what is wrong."""
    with _of(tenant):
        found = _account(app_id)
        credentials = Credentials(found.app_id, found.secret)
        finding = checkup.check_credentials(current_app.extensions["wechat"], credentials)
        sentence = finding.sentence % finding.data
        if not finding.is_well:
            raise Refused(sentence)
        click.echo(sentence)
        if found.verified_at is None:
            click.echo(
                "WeChat has not checked our address yet; `engage account keys` says what to enter there"
            )


@account.command("menu")
@click.argument("app_id")
@of_tenant
def menu(app_id: str, tenant: str) -> None:
    """Publish the menu with booking, binding and the pages of one's own for APP_ID; replaces the old one."""
    with _of(tenant), force_locale("zh_Hans"):
        found = _account(app_id)
        buttons = _buttons(f"{current_app.config['PUBLIC_URL']}/p/{found.slug}")
        gateway: Gateway = current_app.extensions["wechat"]
        try:
            gateway.publish_menu(Credentials(found.app_id, found.secret), buttons)
        except (WeChatError, WeChatUnreachable) as error:
            raise Refused(
                f"WeChat did not take the menu: {error}; `engage account check` may know why"
            ) from error
    click.echo("published; phones show it within five minutes")


@contextmanager
def _of(tenant: str) -> Iterator[None]:
    with quiet_app().app_context(), tenant_scope(find_tenant(tenant)):
        yield


def _read(typed: dict[str, str]) -> dict[str, Any]:
    """Read what was typed, and the secret.

    Raises:
        ValidationError: with the sentences of every wrong field.
    """
    read: dict[str, Any] = AccountIn(exclude=["store"]).load(typed | {"secret": _secret()})
    public_url = current_app.config["PUBLIC_URL"]
    check_greeting(inbound.welcome(read["welcome"], public_url=public_url, slug=read["slug"]))
    return read


def _secret() -> str:
    """Read the app secret where no history of commands keeps it."""
    if sys.stdin.isatty():
        return str(click.prompt("App secret", hide_input=True)).strip()
    return sys.stdin.readline().strip()


def _sentences(error: ValidationError) -> list[str]:
    return [f"{name}: {text}" for name, texts in error.messages_dict.items() for text in texts]


def _new_account(read: dict[str, Any], store_id: int | None) -> NewAccount:
    return NewAccount(
        **{**read, "store_id": store_id},
        token=envelope.new_token(),
        encoding_aes_key=envelope.new_aes_key(),
    )


def _account(app_id: str) -> OfficialAccount:
    with unit_of_work() as session:
        try:
            return queries.by_app_id(session, app_id)
        except NotFound as error:
            raise Refused(
                f"the chain has no account {app_id!r}; `engage account list` names those it has"
            ) from error


def _store(session: Session, slug: str | None) -> int | None:
    if slug is None:
        return None
    stores = {store.slug: store.id for store in clinic.stores(session)}
    if slug not in stores:
        raise Refused(f"there is no store {slug!r}; there are: {', '.join(stores)}")
    return stores[slug]


def _buttons(pages: str) -> list[dict[str, Any]]:
    """Give the menu that leads to the patient pages: three buttons, the last with a list of its own."""

    def opens(name: str, path: str) -> dict[str, Any]:
        return {"type": "view", "name": name, "url": f"{pages}/{path}"}

    mine = [
        opens(gettext("My coupons"), "coupons"),
        opens(gettext("My visits"), "appointments"),
        opens(gettext("About me"), "me"),
    ]
    return [
        opens(gettext("Book a visit"), "booking"),
        opens(gettext("Bind my chart"), "bind"),
        {"name": gettext("Mine"), "sub_button": mine},
    ]


def _print_keys(found: OfficialAccount) -> None:
    click.echo(f"URL             {callback_url(current_app.config['PUBLIC_URL'], found.app_id)}")
    click.echo(f"Token           {found.token}")
    click.echo(f"EncodingAESKey  {found.encoding_aes_key}")
    click.echo(f"Mode            {found.mode}")
