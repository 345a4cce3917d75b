"""The detour over WeChat's authorization: who may begin it, how it is remembered, where it may end.

Each detour is a cookie of its own, named by its state: two tabs that begin at once do not overwrite
each other, no other browser can end it, and it is forgotten when it ends.
"""

from __future__ import annotations

import re
import secrets
from urllib.parse import unquote, urlsplit

from flask import current_app, request
from werkzeug.wrappers import Response

from engage.blueprints.guard import account_path, cookie_options
from engage.kernel import clock

# What is asked of WeChat (WeChat §8): who it is, silently; or name and picture, with consent.
SILENT, PROFILE = "snsapi_base", "snsapi_userinfo"

# Longer than a code lives, so that somebody may think about the consent page.
LIFE_SECONDS = 30 * 60
AT_ONCE = 5

# What still fits into a QR code that a phone reads off a screen.
LONGEST_PAGE = 600


def is_in_wechat(agent: str, *, host: str, sandboxed: bool, has_person: bool) -> bool:
    """Whether a browser is WeChat's own, the only one its authorization serves (WeChat §13).

    The sandbox's phone is an ordinary browser. There, a host `<fan>.localhost` or the sandbox's
    cookie with the person (`has_person`) counts too; in production neither does.
    """
    if "micromessenger/" in agent.lower():
        return True
    on_a_phone = host.partition(":")[0].endswith(".localhost")
    return sandboxed and (on_a_phone or has_person)


def own_page(address: str, slug: str) -> str:
    """Give an address if it is a patient page of this account to which one may be led, else nothing."""
    path = address.partition("?")[0]
    inside = address.startswith(f"/p/{slug}/") and len(address) <= LONGEST_PAGE
    straight = re.fullmatch(r"[!-\[\]-~]+", address) and ".." not in unquote(path) and "#" not in address
    return address if inside and straight and path != f"/p/{slug}/authorized" else ""


def asked_page(slug: str) -> str:
    """Give the page that was asked for; of a form that was sent, the page that holds it. Else nothing."""
    if request.method in {"GET", "HEAD"}:
        return own_page(request.full_path.rstrip("?"), slug) or own_page(request.path, slug)
    try:
        form = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # a browser's word: anything may stand there
        return ""
    return own_page(f"{form.path}?{form.query}".rstrip("?"), slug)


def begin(answer: Response, slug: str, *, state: str, scope: str) -> None:
    """Remember a detour in the browser, and forget the oldest where there are too many."""
    held = sorted(name for name in request.cookies if name.startswith(_cookie("")))
    for name in held[: 1 - AT_ONCE]:
        answer.delete_cookie(name, **cookie_options(account_path(slug)))
    answer.set_cookie(_cookie(state), scope, max_age=LIFE_SECONDS, **cookie_options(account_path(slug)))


def new_state() -> str:
    """Give a state that nobody can guess, of letters and digits; later ones sort behind earlier ones."""
    return f"{int(clock.now().timestamp()):x}{secrets.token_hex(16)}"


def scope_of(state: str) -> str | None:
    """Give what was asked for by the detour that this browser began with a state; None if it did not."""
    scope = request.cookies.get(_cookie(state))
    return scope if scope in {SILENT, PROFILE} else None


def end(answer: Response, slug: str, *, state: str) -> None:
    """Forget a detour: its state works once."""
    if scope_of(state):
        answer.delete_cookie(_cookie(state), **cookie_options(account_path(slug)))


def _cookie(state: str) -> str:
    return f"engage_detour_{current_app.config['INSTANCE']}_{state}"
