"""The commands `engage …`; each is imported when it is called, so that one may fail without the rest."""

from __future__ import annotations

import importlib

import click

from engage.config import ConfigError

_COMMANDS = {
    "up": "engage.cli.processes:up",
    "web": "engage.cli.processes:web",
    "live": "engage.cli.processes:live",
    "worker": "engage.cli.processes:worker",
    "clock": "engage.cli.processes:clock",
    "migrate": "engage.cli.processes:migrate",
    "demo": "engage.cli.demo:demo",
    "tenant": "engage.cli.tenants:tenant",
    "staff": "engage.cli.tenants:staff",
    "account": "engage.cli.accounts:account",
    "advance": "engage.cli.demo:advance",
    "doctor": "engage.cli.doctor:doctor",
}


class Refused(click.ClickException):
    """A command cannot do what was asked; the message says why and what to do. Exit code 1."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        return [*_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise Refused(str(error)) from error


@click.group(cls=_Commands)
def main() -> None:
    """Engage: patient engagement for clinics on WeChat."""
