"""`engage demo`: the demo chain (design §6), the same every time, made through services only.

What is past came about without messages: their wording is set when all of it has been reacted to.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import replace

import click
from flask import current_app

from engage import config
from engage.accounts import queries as accounts
from engage.app import create_app
from engage.audit.services import OPERATOR, Actor
from engage.cli import Refused
from engage.cli.demo import (
    account,
    charts,
    chats,
    clinic,
    codes,
    history,
    looks,
    marks,
    menu,
    month,
    offers,
    profiles,
    register,
    replies,
    season,
    wishes,
)
from engage.cli.demo.hanbit import HANBIT
from engage.cli.demo.kangmei import KANGMEI
from engage.cli.demo.shapes import Chain
from engage.cli.demo.visits import Visit, plan
from engage.cli.tenants import make_tenant
from engage.kernel import clock, directory, outbox
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.files import Files
from engage.tenancy import passwords, queries
from engage.tenancy import services as tenancy

PASSWORD = "engage-demo"  # noqa: S105 the demo's, printed on the terminal

# Visits of these people are booked at the end, so that their phones have a message.
TOLD = ("jianguo", "meiling", "tongtong")

_REACTED_WITHIN = 120.0
_PAUSE = 0.05


@click.command()
def demo() -> None:
    """Load the demo chain into what runs; loading it again adds only what is missing."""
    settings = config.load()
    if settings.production:
        raise Refused("the demo is not for production")
    with create_app(settings).app_context():
        hashed = passwords.hash_password(PASSWORD)
        now = clock.now()
        with tenant_scope(_tenant(KANGMEI)):
            _kangmei(settings, hashed, now=now)
        with tenant_scope(_tenant(HANBIT)):
            _set_up(HANBIT, hashed, now=now)
            with unit_of_work() as session:
                looks.hang(session, HANBIT, current_app.extensions["files"], now=now)
            _live(HANBIT, {}, list(plan(HANBIT, now)), now=now)
    click.echo("the demo chain is there: 康美口腔 (kangmei), 한빛치과 (hanbit)")


@click.command()
@click.argument("seconds", type=float)
def advance(seconds: float) -> None:
    """Move the clocks of Engage and the sandbox forward together (development)."""
    settings = config.load()
    if settings.production:
        raise Refused("the clock cannot be moved in production")
    clock.use_offset(settings.home / "clock-offset")
    clock.advance(seconds)
    account.move_clock(settings, seconds)
    click.echo(f"it is now {clock.now():%Y-%m-%d %H:%M:%S} UTC")


def _tenant(chain: Chain) -> int:
    with unit_of_work() as session:
        known = directory.tenant_of(session, "tenant", chain.slug)
    look = (chain.colour,) if chain.colour else ()
    return known or make_tenant(
        tenancy.NewTenant(chain.slug, chain.name, chain.name, chain.zone, chain.currency, *look)
    )


def _kangmei(settings: config.Config, hashed: str, *, now: dt.datetime) -> None:
    _set_up(KANGMEI, hashed, now=now)
    files: Files = current_app.extensions["files"]
    with unit_of_work() as session:
        looks.hang(session, KANGMEI, files, now=now)
        season.announce(session, zone=KANGMEI.zone, now=now)
        account.connect(session, now=now)
    openids = account.introduce(settings)
    with unit_of_work() as session:
        fans = account.recognise(session, openids, now=now)
        marks.mark(session, KANGMEI.slug, fans, now=now)
        codes.spread(session, accounts.by_app_id(session, account.APP_ID).id, fans, now=now)
    visits = list(plan(KANGMEI, now))
    last = {visit.fan: visit for visit in visits if visit.fan in TOLD and visit.starts_at > now}
    known = _live(KANGMEI, fans, [visit for visit in visits if visit not in last.values()], now=now)
    with unit_of_work() as session:
        season.restrict(session, known, zone=KANGMEI.zone, now=now)
    _live(KANGMEI, fans, list(month.asked_for(KANGMEI, now)), now=now)
    with unit_of_work() as session:
        register.take_over(session, by=OPERATOR, now=now)
        is_quiet = not account.is_worded(session)
    if is_quiet:
        _react()
    with unit_of_work() as session:
        account.word_messages(session, now=now)
        wishes.ask(session, fans, now=now)
    menu.publish()
    account.open_doors(settings)
    _offer(now=now)
    _talk(settings, fans, openids, now=now)
    with unit_of_work() as session:
        page = f"{settings.public_url}/p/{account.SLUG}/profile"
        profiles.hand_in(session, fans, slug=KANGMEI.slug, pages=page, now=now)
    offers.until_told()
    with unit_of_work() as session:
        offers.use(session, fans, zone=KANGMEI.zone, now=now)
    fresh = [replace(visit, booked_at=now, first_at=None, steps=()) for visit in last.values()]
    _live(KANGMEI, fans, fresh, now=now)
    with unit_of_work() as session:
        month.walk_in(session, KANGMEI, known, now=now)
        month.look(session, KANGMEI, now=now)
        month.wait(session, KANGMEI, known, now=now)


def _offer(*, now: dt.datetime) -> None:
    """Make coupons, let one push be over and another be planned."""
    with unit_of_work() as session:
        account_id = accounts.by_app_id(session, account.APP_ID).id
        offers.make_coupons(session, account_id, now=now)
        offers.push(session, account_id, zone=KANGMEI.zone, now=now)
        offers.plan(session, account_id, zone=KANGMEI.zone, now=now)
        replies.write(session, now=now)


def _talk(
    settings: config.Config, fans: Mapping[str, int], openids: Mapping[str, str], *, now: dt.datetime
) -> None:
    """Let fans and staff write to each other."""
    with unit_of_work() as session:
        account_id = accounts.by_app_id(session, account.APP_ID).id
        house = chats.House(
            session.tenant_id, KANGMEI.zone, KANGMEI.slug, account.APP_ID, account_id, fans, openids
        )
    chats.converse(settings, house, now=now)


def _set_up(chain: Chain, hashed: str, *, now: dt.datetime) -> None:
    with unit_of_work() as session:
        clinic.set_up(session, chain, now=now)
        clinic.hire(session, chain, hashed, now=now)
    with unit_of_work() as session:
        clinic.draw_rosters(session, chain, now=now)


def _live(chain: Chain, fans: Mapping[str, int], visits: list[Visit], *, now: dt.datetime) -> history.Known:
    """Let charts be opened and visits come about; gives the ids of what plans name."""
    with unit_of_work() as session:
        desk = queries.by_login(session, f"desk@{chain.slug}")
        by = Actor("staff", desk.id) if desk else OPERATOR
        opened = charts.open_charts(session, chain, fans, by=by, now=now)
        known = history.look_up(session, opened, fans, by)
    for visit in visits:
        history.record(visit, known)
    return known


def _react() -> None:
    """Wait until all that came about has been reacted to, helping the workers; what fails is left to them."""
    until = time.monotonic() + _REACTED_WITHIN
    while time.monotonic() < until:
        with unit_of_work() as session:
            claimed = outbox.claim(session, now=clock.now())
        if claimed:
            with unit_of_work() as session:
                outbox.work(session, claimed, now=clock.now())
            continue
        with unit_of_work() as session:
            if not outbox.backlog(session).waiting:
                return
        time.sleep(_PAUSE)
