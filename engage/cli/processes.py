"""The commands that start processes. They become the process and never import it (design §2)."""

from __future__ import annotations

import os
from typing import NoReturn

import click

from engage import config
from engage.cli import Refused
from engage.cli.running import CLOCK, LIVE, WEB, WORKER, run

_HERE = str(config.ROOT)


def _become(command: list[str]) -> NoReturn:
    config.load()  # refuse a wrong configuration here, in words
    os.chdir(_HERE)
    os.execve(command[0], command, config.for_child({}))  # noqa: S606 the point is to be that process


@click.command()
def web() -> None:
    """Serve WeChat's callbacks, patient pages, console and API (gunicorn)."""
    _become(WEB)


@click.command()
def live() -> None:
    """Serve the console's event streams (gunicorn, gevent)."""
    _become(LIVE)


@click.command()
def worker() -> None:
    """Work off the queues; any number may run, on any host."""
    _become(WORKER)


@click.command()
def clock() -> None:
    """Ring what is due; several may run, a lease picks one."""
    _become(CLOCK)


@click.command()
def migrate() -> None:
    """Bring the database to the newest migration, as its owner."""
    settings = config.load()
    if not settings.owner_database_url:
        raise Refused("ENGAGE_OWNER_DATABASE_URL is not set: migrations need the database's owner")
    from engage.kernel import migrations

    migrations.upgrade(settings.owner_database_url)


@click.command()
def up() -> None:
    """Start everything here: embedded servers unless URLs are given, web, live, worker, clock, sandbox."""
    run(config.load(running=False))
