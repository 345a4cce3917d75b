"""People of a journey: their phones, their inboxes, what became of their messages."""

from __future__ import annotations

import re
import uuid

import requests

from tests.system import System

APP_ID = "wxdemo0000kangmei"


class Phone:
    """A person's WeChat browser: the sandbox knows the person by a cookie."""

    def __init__(self, system: System, fan: str) -> None:
        self.system, self.http = system, requests.Session()
        self.http.cookies.set("sandbox_fan", fan, domain="127.0.0.1")

    def open(self, path: str) -> requests.Response:
        """Open a patient page, through web authorization where it asks for it."""
        answer = self.http.get(self.system.web + path, timeout=20)
        answer.raise_for_status()
        return answer

    def book(self, page: requests.Response, starts_at: str, name: str) -> requests.Response:
        """Send the booking form of a page."""
        form = {
            "csrf_token": hidden(page.text, "csrf_token"),
            "doctor_id": hidden(page.text, "doctor_id"),
            "key": hidden(page.text, "key"),
            "starts_at": starts_at,
            "name": name,
        }
        return self.http.post(f"{self.system.web}/p/kangmei/booking", data=form, timeout=20)


def person(system: System, nickname: str) -> str:
    fan = f"p{uuid.uuid4().hex[:8]}"
    system.control("POST", "/fans", {"fan": fan, "nickname": nickname})
    system.control("POST", f"/fans/{fan}/follow", {"appid": APP_ID})
    return fan


def inbox(system: System, fan: str) -> list[dict]:
    return system.control("GET", f"/fans/{fan}/inbox", appid=APP_ID)


def free_times(page: str) -> list[str]:
    inputs = re.findall(r'<input type="radio" name="starts_at"[^>]*>', page)
    return [re.search(r'value="([^"]+)"', tag)[1] for tag in inputs if "disabled" not in tag]


def hidden(page: str, name: str) -> str:
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def delivered(system: System, url: str) -> int:
    """Count the delivered messages about the appointment of a page."""
    about = "notification_delivery where subject_id = %s and state = 'delivered'"
    return system.count(about, int(url.rpartition("/")[2]))
