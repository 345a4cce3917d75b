"""`engage tenant` and `engage staff`: what an operator sets up before anybody can log in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import click
from flask import Flask

from engage import config
from engage.app import create_app
from engage.audiences import services as audiences
from engage.audit.services import OPERATOR
from engage.cli import Refused
from engage.fans import services as fan_services
from engage.kernel import clock, directory
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import DomainError
from engage.patients import services as patients
from engage.privacy import services as privacy
from engage.tenancy import passwords, queries, services
from engage.tenancy.rules import ROLES, Grant

# What a turn of `engage tenant index` takes on; the last one lets no other chart be compared meanwhile.
CHARTS_AT_ONCE, FANS_AT_ONCE, COMPARED_AT_ONCE = 500, 1000, 100
TURN_MS = 30_000


@click.group()
def tenant() -> None:
    """Chains of clinics."""


@tenant.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="Name that patients read.")
@click.option("--short-name", help="Name in tight places; the name if left out.")
@click.option("--zone", default="Asia/Shanghai", show_default=True, help="Time zone.")
@click.option("--currency", default="CNY", show_default=True)
def create_tenant(slug: str, name: str, short_name: str | None, zone: str, currency: str) -> None:
    """Create the chain SLUG; its staff log in as name@SLUG."""
    new = services.NewTenant(slug, name, short_name or name, zone, currency)
    with quiet_app().app_context():
        try:
            tenant_id = make_tenant(new)
        except DomainError as error:
            raise Refused(error.title % error.data) from error
    click.echo(f"{slug} is tenant {tenant_id}; next: engage staff create owner@{slug} --name … --role owner")


@tenant.command("index")
@click.argument("slug")
def index(slug: str) -> None:
    """Write anew what follows from sealed names of SLUG; after an upgrade that asks more of them."""
    with quiet_app().app_context(), tenant_scope(find_tenant(slug)):
        charts = _each(patients.refresh_terms, CHARTS_AT_ONCE)
        fans = _each(fan_services.refresh_terms_from, FANS_AT_ONCE)
        speakers = _each(audiences.recompute_from, FANS_AT_ONCE)
        compared = _each(partial(privacy.compare_from, now=clock.now()), COMPARED_AT_ONCE)
    click.echo(f"{slug}: {charts} charts are searched by name, by letters and by number")
    click.echo(
        f"{slug}: {fans} fans are searched by name and remark, {speakers} chosen by whom they speak for"
    )
    click.echo(f"{slug}: {compared} charts are compared with each other")


@click.group()
def staff() -> None:
    """People who log in to the console."""


@staff.command("create")
@click.argument("login")
@click.option("--name", required=True)
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(list(ROLES)))
@click.option("--language", default="zh_Hans", type=click.Choice(["zh_Hans", "en"]), show_default=True)
def create_staff(login: str, name: str, roles: tuple[str, ...], language: str) -> None:
    """Create LOGIN (name@tenant) with roles at all stores, and print a one-time password."""
    short, _, slug = login.partition("@")
    password = services.one_time_password()
    hashed = passwords.hash_password(password)
    details = services.StaffDetails(short.lower(), name, language, frozenset(Grant(role) for role in roles))
    with quiet_app().app_context(), tenant_scope(find_tenant(slug)):
        try:
            with unit_of_work() as session:
                services.create_staff(
                    session, details, password_hash=hashed, one_time=True, by=OPERATOR, now=clock.now()
                )
        except DomainError as error:
            raise Refused(error.title % error.data) from error
    click.echo(f"{login.lower()} logs in once with {password}")


@staff.command("unlock")
@click.argument("login")
def unlock(login: str) -> None:
    """Give LOGIN a new one-time password and forget the wrong ones."""
    password = services.one_time_password()
    hashed = passwords.hash_password(password)
    slug = login.partition("@")[2]
    with quiet_app().app_context(), tenant_scope(find_tenant(slug)), unit_of_work() as session:
        known = queries.by_login(session, login.lower())
        if known is None:
            raise Refused(f"nobody logs in as {login!r}")
        services.set_password(
            session, known.id, password_hash=hashed, one_time=True, by=OPERATOR, now=clock.now()
        )
    click.echo(f"{login.lower()} logs in once with {password}")


def _each(step: Callable[..., Sequence[int]], limit: int) -> int:
    """Let a service go through all rows, in the order of their ids, each turn a transaction; counts them."""
    done, after = 0, 0
    while True:
        with unit_of_work(statement_ms=TURN_MS) as session:
            ids = step(session, after=after, limit=limit)
        if not ids:
            return done
        done, after = done + len(ids), ids[-1]


def quiet_app() -> Flask:
    """Make the application for a command, whose answer stands alone unless a log level was chosen."""
    settings = config.load()
    if not config.is_set("ENGAGE_LOG_LEVEL"):
        settings = replace(settings, log_level="WARNING")
    return create_app(settings)


def make_tenant(new: services.NewTenant) -> int:
    """Create a chain in a scope of its own; gives its id.

    Raises:
        NameTaken: another chain has the short address.
    """
    with unit_of_work() as session:
        tenant_id = services.next_tenant_id(session)
    with tenant_scope(tenant_id), unit_of_work() as session:
        services.create_tenant(session, new, now=clock.now())
    return tenant_id


def find_tenant(slug: str) -> int:
    """Give the id of a chain by its short address.

    Raises:
        Refused: there is none.
    """
    with unit_of_work() as session:
        tenant_id = directory.tenant_of(session, "tenant", slug)
    if tenant_id is None:
        raise Refused(f"there is no tenant {slug!r}; `engage tenant create {slug} --name …` makes it")
    return tenant_id
