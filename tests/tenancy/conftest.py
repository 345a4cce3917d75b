"""Browsers of staff."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

PASSWORD = "a long enough password"


class Browser:
    """One browser of a member of staff; every request has an application context of its own."""

    def __init__(self, app: Flask, agent: str = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0") -> None:
        self.app, self.client = app, app.test_client()
        self.client.environ_base |= {"HTTP_USER_AGENT": agent, "HTTP_ACCEPT_LANGUAGE": "en"}

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        with self.app.app_context():
            return self.client.get(path, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """Send a form, with the token of a page that has one."""
        page = self.get("/console/profile")
        token = self._token(page if page.status_code == 200 else self.get("/console/login"))
        with self.app.app_context():
            return self.client.post(path, data={"csrf_token": token, **(data or {})}, **options)

    def log_in(self, login: str, password: str = PASSWORD) -> TestResponse:
        """Log in through the form."""
        return self.post("/console/login", {"username": login, "password": password})

    @property
    def is_logged_in(self) -> bool:
        """Whether the console still knows this browser."""
        return self.get("/console/profile").status_code == 200

    @staticmethod
    def _token(page: TestResponse) -> str:
        return page.text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


@pytest.fixture
def browser(app: Flask):
    """Make a browser, logged in if a log-in is given."""

    def make(login: str = "", **options: str) -> Browser:
        made = Browser(app, **options)
        if login:
            assert made.log_in(login).status_code == 303
        return made

    return make
