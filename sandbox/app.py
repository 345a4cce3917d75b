"""The sandbox's Flask application."""

from pathlib import Path

from flask import Flask

from sandbox import api, control, files, oauth, phone, scripts, sms, wire
from sandbox.pusher import MARK_SECONDS, TIMEOUT, Pusher
from sandbox.state import State


def create_app(
    home: Path | None = None, *, push_timeout: float = TIMEOUT, mark_seconds: float = MARK_SECONDS
) -> Flask:
    """Build the application.

    `home` is the folder that keeps the sandbox's file, None for memory only; `push_timeout` is how
    many seconds a server has to answer a push, `mark_seconds` how long one that does not is left alone.
    """
    app = Flask(__name__, static_url_path="/sandbox/static")
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # of Flask's default provider
    app.json.sort_keys = False  # type: ignore[attr-defined]
    memory = State(home / "state.sqlite" if home else None)
    app.extensions["sandbox.state"] = memory
    app.extensions["sandbox.pusher"] = Pusher(memory, timeout=push_timeout, mark_seconds=mark_seconds)
    wire.install(app)
    for module in (oauth, control, phone, files, scripts, sms):
        app.register_blueprint(module.blueprint)
    for blueprint in api.BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
