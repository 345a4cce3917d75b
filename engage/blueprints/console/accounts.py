"""Official accounts: the list, connecting one, what WeChat is to be told, and whether it works (OA-10)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.accounts import checkup, queries, services
from engage.accounts.checkup import Finding
from engage.accounts.errors import AccountRefused
from engage.accounts.menus import queries as menus
from engage.accounts.rules import MODES, callback_url
from engage.accounts.schemas import AccountIn, DetailsIn
from engage.accounts.services import AccountDetails, NewAccount
from engage.blueprints.console.accounts_form import read_store, typed
from engage.blueprints.console.refused import sentences
from engage.blueprints.console.subnav import account_pages, settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.replies import services as replies
from engage.replies.rules import TEXT, Content
from engage.wechat import envelope
from engage.wechat.gateway import Credentials, Gateway
from engage.wechat.refusals import Refusals

if TYPE_CHECKING:
    from engage.accounts.menus.models import MenuLive
    from engage.accounts.models import OfficialAccount

bp = ConsoleBlueprint("console_accounts", __name__, url_prefix="/console/accounts")

StoreNames = Mapping[int, str]

# As the form shows them.
FIELDS = ("app_id", "secret", "name", "store", "slug", "mode")


@bp.view("", permission="accounts.view")
def index(staff: Staff) -> ResponseReturnValue:
    """Show the chain's accounts."""
    with unit_of_work() as work:
        accounts = queries.accounts(work)
        received = queries.last_received(work)
        stores = _store_names(work)
        shown = menus.lives(work)
    tokens = _gateway().tokens_left([account.app_id for account in accounts])
    rows = [
        _row(account, received.get(account.id), stores, staff.house.zone)
        | {"has_token": tokens[account.app_id] > 0, "menu": _menu(shown.get(account.id))}
        | {"url": next((page["url"] for page in account_pages(staff, account.id)), "")}
        for account in accounts
    ]
    view = {"rows": rows, "subnav": settings_pages(staff), "may_connect": staff.may("accounts.manage")}
    return render_template("console/accounts/list.html", view=view)


@bp.view("/<int:account_id>", permission="accounts.manage")
def show(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Show one account, with what is to be entered at WeChat."""
    return _page(staff, account_id)


@bp.view("/<int:account_id>/credentials", permission="accounts.manage", methods=("POST",))
def check_credentials(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Ask WeChat whether app id and secret are right."""
    with unit_of_work() as work:
        account = queries.account(work, account_id)
    credentials = Credentials(account.app_id, account.secret)
    finding = checkup.check_credentials(_gateway(), credentials)
    return _page(staff, account_id, finding=finding)


@bp.view("/new", permission="accounts.manage")
def new(_staff: Staff) -> ResponseReturnValue:
    """Show an empty form."""
    return _form({"mode": "safe", "store": ""}, {})


@bp.view("/new", permission="accounts.manage", methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Connect an account; its callback's token and key are drawn here."""
    try:
        account = _new_account()
    except ValidationError as error:
        return _form(typed(request.form), sentences(error)), 422
    try:
        with unit_of_work() as work:
            connected = services.connect(work, account, by=staff.actor, now=clock.now())
            replies.set_welcome(work, connected.id, _first_welcome(), by=staff.actor, now=clock.now())
    except AccountRefused as refusal:
        return _form(typed(request.form), {refusal.field: [gettext(refusal.title)]}), 409
    flash(gettext("%(name)s is saved. Now tell WeChat where to find us.", name=connected.name), "good")
    return redirect(url_for("console_accounts.show", account_id=connected.id), 303)


@bp.view("/<int:account_id>/edit", permission="accounts.manage")
def edit(_staff: Staff, account_id: int) -> ResponseReturnValue:
    """Show the form filled with what is known; never the secret."""
    with unit_of_work() as work:
        account = queries.account(work, account_id)
    form = {
        "name": account.name,
        "mode": account.mode,
        "store": str(account.store_id or ""),
    }
    return _form(form, {}, account=account)


@bp.view("/<int:account_id>/edit", permission="accounts.manage", methods=("POST",))
def update(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Change an account; app id and address stay."""
    with unit_of_work() as work:
        account = queries.account(work, account_id)
    try:
        details = _details()
    except ValidationError as error:
        return _form(typed(request.form), sentences(error), account=account), 422
    try:
        with unit_of_work() as work:
            services.update(work, account_id, details, by=staff.actor, now=clock.now())
    except AccountRefused as refusal:
        errors = {refusal.field: [gettext(refusal.title)]}
        return _form(typed(request.form), errors, account=account), 409
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_accounts.show", account_id=account_id), 303)


@bp.view("/<int:account_id>/keys", permission="accounts.manage", methods=("POST",))
def renew_keys(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Draw a new token and a new key for the callback."""
    token, key = envelope.new_token(), envelope.new_aes_key()
    with unit_of_work() as work:
        services.renew_keys(
            work, account_id, token=token, encoding_aes_key=key, by=staff.actor, now=clock.now()
        )
    flash(gettext("Token and key are new. Enter both at WeChat now."), "good")
    return redirect(url_for("console_accounts.show", account_id=account_id), 303)


def _row(
    account: OfficialAccount, received_at: dt.datetime | None, stores: StoreNames, zone: str
) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "app_id": account.app_id,
        "store": stores.get(account.store_id) if account.store_id else gettext("All stores"),
        "mode": gettext(MODES[account.mode]),
        "since": clock.local(account.created_at, zone),
        "received_at": clock.local(received_at, zone) if received_at else None,
        "verified_at": clock.local(account.verified_at, zone) if account.verified_at else None,
    }


def _menu(shown: MenuLive | None) -> dict[str, str]:
    """Say whether phones show a menu of ours, as far as WeChat was asked."""
    if shown is None or shown.read_at is None or not shown.wire:
        return {"tone": "ended", "word": gettext("None")}
    if shown.release_id is None:
        return {"tone": "bad", "word": gettext("Changed at WeChat")}
    return {"tone": "good", "word": gettext("As published")}


def _refused_at(account: OfficialAccount, zone: str) -> dt.datetime | None:
    """Give when a request to the callback was last refused, unless all was well after that."""
    refusals: Refusals = current_app.extensions["refusals"]
    at = refusals.latest(account.app_id)
    is_news = at is not None and (account.verified_at is None or at > account.verified_at)
    return clock.local(at, zone) if at is not None and is_news else None


def _page(staff: Staff, account_id: int, *, finding: Finding | None = None) -> str:
    with unit_of_work() as work:
        account = queries.account(work, account_id)
        received = queries.last_received(work)
        stores = _store_names(work)
    public_url = current_app.config["PUBLIC_URL"]
    view = _row(account, received.get(account_id), stores, staff.house.zone) | {
        "keys": [
            {"key": "url", "label": gettext("URL"), "value": callback_url(public_url, account.app_id)},
            {"key": "token", "label": gettext("Token"), "value": account.token},
            {"key": "aes-key", "label": "EncodingAESKey", "value": account.encoding_aes_key},
        ],
        "host": urlsplit(public_url).hostname,
        "pages_url": f"{public_url}/p/{account.slug}/booking",
        "finding": _finding(finding) if finding else None,
        "refused_at": _refused_at(account, staff.house.zone),
    }
    view["tabs"] = account_pages(staff, account_id)
    return render_template("console/accounts/account.html", view=view)


def _finding(finding: Finding) -> dict[str, Any]:
    return {"is_well": finding.is_well, "sentence": gettext(finding.sentence, **finding.data)}


def _new_account() -> NewAccount:
    """Read the form of a new account.

    Raises:
        ValidationError: with the sentences of every wrong field.
    """
    read: dict[str, Any] = AccountIn().load(typed(request.form) | _secret())
    store_id = _store(read.pop("store"))
    return NewAccount(
        **read, store_id=store_id, token=envelope.new_token(), encoding_aes_key=envelope.new_aes_key()
    )


def _details() -> AccountDetails:
    """Read the form of an account that is known.

    Raises:
        ValidationError: with the sentences of every wrong field.
    """
    read: dict[str, Any] = DetailsIn().load(typed(request.form) | _secret())
    return AccountDetails(store_id=_store(read.pop("store")), **read)


def _first_welcome() -> Content:
    """Give what a new account answers to who follows it, until somebody words it otherwise."""
    text = gettext(
        'Welcome, and thank you for following us.\n<a href="{booking}">Book a visit</a> when it suits you.'
    )
    return Content(TEXT, text)


def _secret() -> dict[str, str]:
    return {"secret": request.form.get("secret", "").strip()}


def _store(value: str) -> int | None:
    with unit_of_work() as work:
        return read_store(value, _store_names(work))


def _store_names(work: Session) -> StoreNames:
    return {store.id: store.short_name for store in clinic.stores(work)}


def _form(
    form: Mapping[str, Any], errors: Mapping[str, list[str]], *, account: OfficialAccount | None = None
) -> str:
    with unit_of_work() as work:
        stores = _store_names(work)
    view = {
        "id": account.id if account else None,
        "name": account.name if account else "",
        "app_id": account.app_id if account else "",
        "pages_url": f"{current_app.config['PUBLIC_URL']}/p/",
        "modes": [{"value": mode, "label": gettext(label)} for mode, label in MODES.items()],
        "stores": [
            {"value": "", "label": gettext("All stores")},
            *({"value": str(store_id), "label": name} for store_id, name in stores.items()),
        ],
    }
    in_order = {name: errors[name] for name in FIELDS if name in errors}
    return render_template("console/accounts/form.html", view=view, form=form, errors=in_order)


def _gateway() -> Gateway:
    gateway: Gateway = current_app.extensions["wechat"]
    return gateway
