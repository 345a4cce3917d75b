"""People of a journey: their phones, what they do on them, what comes to them."""

from __future__ import annotations

import random
import re
import time
import uuid
from typing import Any

import requests

from tests.journeys.pages import Page
from tests.system import System, eventually

APP_ID = "wxdemo0000kangmei"

# Where the menu's buttons lead.
# Places in the account's menu.
BOOKING, BINDING, ME = (0,), (1,), (2, 2)

CREATED, CHANGED, CANCELLED = "预约成功通知", "预约变更通知", "预约取消通知"
BOUND, UNBOUND = "绑定成功通知", "解除绑定通知"


class Phone:
    """A person's phone: the sandbox knows the person by a cookie.

    With `patience` the person taps again for so many seconds while nothing, or an error, answers.
    """

    def __init__(self, system: System, fan: str, *, patience: float = 0) -> None:
        self.system, self.fan, self.patience = system, fan, patience
        self.http = requests.Session()
        self.http.headers["Accept-Language"] = "zh-CN"
        self.http.cookies.set("sandbox_fan", fan, domain="127.0.0.1")

    def open(self, path: str) -> Page:
        """Open a patient page, through web authorization where it asks for it."""
        return self._ask("GET", path if path.startswith("http") else self.system.web + path)

    def tap(self, button: tuple[int, ...]) -> Page:
        """Tap a button of the account's menu, and look at the page it opens."""
        told = self.system.control("POST", f"/fans/{self.fan}/menu", {"appid": APP_ID, "path": list(button)})
        return self.open(told["page"])

    def submit(self, page: Page, asked: str, /, **values: str) -> Page:
        """Send the form that asks for something; what is not given stays as the page had it."""
        form = page.form(asked)
        url = requests.compat.urljoin(page.url, form.action)
        return self._ask("POST", url, form.filled(values))

    def _ask(self, method: str, url: str, data: dict[str, str] | None = None) -> Page:
        until = time.monotonic() + self.patience
        while True:
            try:
                answer = self.http.request(method, url, data=data, timeout=20)
                if answer.status_code < 500 or time.monotonic() > until:
                    return Page(answer)
            except requests.RequestException:
                if time.monotonic() > until:
                    raise
            time.sleep(0.1)


def person(system: System, nickname: str) -> str:
    """Make somebody who follows the account."""
    fan = f"p{uuid.uuid4().hex[:8]}"
    system.control("POST", "/fans", {"fan": fan, "nickname": nickname})
    system.control("POST", f"/fans/{fan}/follow", {"appid": APP_ID})
    return fan


def number() -> str:
    """Give a mobile number nobody has."""
    return f"139{random.SystemRandom().randrange(10**8):08}"


def bind(phone: Phone, mobile: str, name: str, *, page: Page | None = None) -> Page:
    """Bind by the menu or where a page asks: phone, code and, where there is no chart, a name."""
    page = phone.submit(page or phone.tap(BINDING), "phone", phone=mobile)
    page = phone.submit(page, "code", code=code_sent_to(phone.system, mobile))
    if any(form.has("name") for form in page.forms):
        page = phone.submit(page, "name", name=name)
    return page


def code_sent_to(system: System, mobile: str, *, seconds: float = 20) -> str:
    """Wait for the code that a text message brings."""
    return code_in(eventually(lambda: texts(system, mobile), seconds=seconds)[-1])


def code_in(message: dict[str, Any]) -> str:
    """Read the code in a text message."""
    return re.search(r"\d{6}", message["text"])[0]


def texts(system: System, mobile: str) -> list[dict[str, Any]]:
    """Give the text messages that came to a number."""
    return system.control("GET", "/sms", phone=mobile)


def times(phone: Phone, *, store: str = "徐汇店", doctor: str = "林志远") -> Page:
    """Go from the menu to a doctor's times."""
    stores = phone.tap(BOOKING)
    doctors = phone.open(stores.links(store)[0])
    return phone.open(doctors.links(doctor)[0])


def free_times(page: Page) -> list[str]:
    """Give the times of a page that can be chosen."""
    forms = [form for form in page.forms if form.has("starts_at")]
    return forms[0].choices("starts_at") if forms else []


def other_day(phone: Phone, page: Page) -> Page:
    """Go from a page of times to the last other day that has some."""
    days = (phone.open(url) for url in reversed(page.links("day=")))
    return next(day for day in days if free_times(day) and free_times(day) != free_times(page))


def hold(phone: Phone, page: Page, starts_at: str) -> Page:
    """Choose a time; gives the page that asks who comes."""
    held = phone.submit(page, "starts_at", starts_at=starts_at)
    assert "/booking/held/" in held.url, held.text[-1500:]
    return held


def settled(system: System, fan: str) -> bool:
    """Whether each message to somebody has ended, with a reason where it did not go out.

    `sent` is an end as well: WeChat's word that it arrived is lost when nobody is there to hear it.
    """
    openid = system.control("GET", f"/fans/{fan}/openid", appid=APP_ID)["openid"]
    mine = "notification_delivery d join fan f on f.tenant_id = d.tenant_id and f.id = d.fan_id"
    ended = (
        "d.state in ('sent', 'delivered')"
        " or d.state in ('failed', 'skipped', 'unknown') and d.reason is not null"
    )
    reacting = system.count("outbox where available_at is not null")
    return reacting == 0 and system.count(f"{mine} where f.openid = %s and not ({ended})", openid) == 0


def inbox(system: System, fan: str) -> list[dict[str, Any]]:
    """Give what came to somebody's chat."""
    return system.control("GET", f"/fans/{fan}/inbox", appid=APP_ID)


def cards(system: System, fan: str, title: str = "") -> list[dict[str, Any]]:
    """Give the template messages in somebody's chat."""
    found = [entry for entry in inbox(system, fan) if entry["kind"] == "template"]
    return [card for card in found if not title or card["title"] == title]
