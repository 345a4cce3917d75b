"""`engage account`: connecting official accounts and seeing whether they are set up rightly."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from flask import current_app
from flask_babel import force_locale
from marshmallow import ValidationError

from engage.accounts import checkup, queries, services
from engage.accounts.checkup import Facts
from engage.accounts.menus import queries as menu_queries
from engage.accounts.menus.sending import Taken
from engage.accounts.rules import MODES, callback_url
from engage.accounts.schemas import AccountIn
from engage.accounts.services import NewAccount
from engage.audit.services import OPERATOR
from engage.cli import Refused, menus
from engage.cli.tenants import find_tenant, quiet_app
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, tenant_scope, unit_of_work
from engage.kernel.errors import DomainError, Invalid, NotFound
from engage.notifications import queries as notifications
from engage.notifications.rules import KINDS
from engage.replies import services as replies
from engage.replies.rules import TEXT, Content
from engage.wechat import envelope
from engage.wechat.gateway import Credentials, Gateway

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
    typed = {"app_id": app_id, "name": name, "slug": slug, "mode": mode}
    with _of(tenant):
        try:
            read = _read(typed)
            with unit_of_work() as session:
                connected = services.connect(
                    session, _new_account(read, _store(session, store)), by=OPERATOR, now=clock.now()
                )
                if welcome:
                    content = Content(TEXT, welcome)
                    replies.set_welcome(session, connected.id, content, by=OPERATOR, now=clock.now())
        except ValidationError as error:
            raise Refused("; ".join(_sentences(error.messages_dict))) from error
        except Invalid as error:
            raise Refused("; ".join(_sentences({"welcome": error.fields["text"]}))) from error
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
    """Look whether APP_ID is set up rightly at WeChat, line by line; fails if anything is not in order."""
    with _of(tenant):
        found = _account(app_id)
        facts = _facts(found)
        verdicts = set()
        for key, label in checkup.LINES.items():
            line = checkup.check(current_app.extensions["wechat"], key, facts)
            verdicts.add(line.verdict)
            click.echo(f"{checkup.VERDICTS[line.verdict]:13}  {label}: {line.sentence}")
            if line.todo:
                click.echo(f"{'':13}  → {line.todo}")
    if checkup.BROKEN in verdicts:
        raise Refused("not everything is in order")


@account.command("menu")
@click.argument("app_id")
@of_tenant
@click.option("--replace", is_flag=True, help="Also if the menu was changed on WeChat's own site.")
def menu(app_id: str, tenant: str, *, replace: bool) -> None:
    """Publish the menu of APP_ID as drafted in the console, else one that leads to the patient pages."""
    with _of(tenant), force_locale("zh_Hans"):
        found = _account(app_id)
        gateway: Gateway = current_app.extensions["wechat"]
        try:
            outcome = menus.publish(gateway, found, replace=replace)
        except DomainError as error:
            raise Refused(error.title % error.data) from error
    if not isinstance(outcome, Taken):
        raise Refused(f"WeChat did not take the menu: {outcome}; `engage account check` may know why")
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
    return read


def _secret() -> str:
    """Read the app secret where no history of commands keeps it."""
    if sys.stdin.isatty():
        return str(click.prompt("App secret", hide_input=True)).strip()
    return sys.stdin.readline().strip()


def _sentences(errors: Mapping[str, list[str]]) -> list[str]:
    return [f"{name}: {text}" for name, texts in errors.items() for text in texts]


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


def _facts(found: OfficialAccount) -> Facts:
    with unit_of_work() as session:
        received = queries.last_received(session).get(found.id)
        last = menu_queries.last_published(session, found.id)
        templates = notifications.templates_in_use(session, found.id)
    return Facts(
        account=Credentials(found.app_id, found.secret),
        host=urlsplit(current_app.config["PUBLIC_URL"]).hostname or "",
        verified_at=found.verified_at,
        refused_at=current_app.extensions["refusals"].latest(found.app_id),
        received_at=received,
        templates={KINDS[kind].label: template for kind, template in templates.items()},
        menu=last.digest if last else None,
        now=clock.now(),
        word=lambda text: text,
        when=lambda at: f"{at:%Y-%m-%d %H:%M} UTC",
    )


def _print_keys(found: OfficialAccount) -> None:
    click.echo(f"URL             {callback_url(current_app.config['PUBLIC_URL'], found.app_id)}")
    click.echo(f"Token           {found.token}")
    click.echo(f"EncodingAESKey  {found.encoding_aes_key}")
    click.echo(f"Mode            {found.mode}")
