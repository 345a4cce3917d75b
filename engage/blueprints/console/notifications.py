"""Notifications: which messages an account sends, by which template, in which words (NT-1, NT-2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.accounts import queries as accounts
from engage.blueprints.console import notifications_form as forms
from engage.blueprints.console.refused import sentences
from engage.blueprints.console.subnav import settings_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.clinic import queries as clinic
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import NotFound
from engage.notifications import queries, services
from engage.notifications.errors import WrongWording
from engage.notifications.fields import USUAL
from engage.notifications.rules import KINDS
from engage.wechat.gateway import Credentials, Gateway, Template, WeChatError, WeChatUnreachable

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount
    from engage.notifications.models import Wording

bp = ConsoleBlueprint("console_notifications", __name__, url_prefix="/console/notifications")


@dataclass(frozen=True, slots=True)
class Shelf:
    """The account's templates at WeChat; None when WeChat did not tell."""

    templates: Sequence[Template] | None

    def find(self, template_id: str) -> Template | None:
        """Give the template of this id, if WeChat has it."""
        return next((one for one in self.templates or () if one.id == template_id), None)


@bp.view("", permission="notifications.manage")
def index(staff: Staff) -> ResponseReturnValue:
    """Show every account's kinds of messages, and how each stands; a store's manager sees its account."""
    scope = staff.reach("notifications.manage")
    with unit_of_work() as work:
        connected = [
            account
            for account in accounts.accounts(work)
            if scope.everywhere or (account.store_id is not None and scope.holds(account.store_id))
        ]
        worded = queries.wordings(work)
    view = {
        "accounts": [
            {
                "id": account.id,
                "name": account.name,
                "rows": [_row(kind, worded.get((account.id, kind))) for kind in KINDS],
            }
            for account in connected
        ],
        "subnav": settings_pages(staff),
    }
    return render_template("console/notifications/list.html", view=view)


@bp.view("/<int:account_id>/<kind>", permission="notifications.manage")
def edit(staff: Staff, account_id: int, kind: str) -> ResponseReturnValue:
    """Show the editor: with the stored wording, or for another template with what was typed so far."""
    account, wording, values = _known(staff, account_id, kind)
    shelf = _shelf(account)
    form = _opened(kind, wording, shelf, request.args.get("template_id", "")) | forms.retyped(request.args)
    return _editor(account, kind, form, {}, shelf, values)


@bp.view("/<int:account_id>/<kind>", permission="notifications.manage", methods=("POST",))
def update(staff: Staff, account_id: int, kind: str) -> ResponseReturnValue:
    """Keep a wording in which every text fits."""
    account, _wording, values = _known(staff, account_id, kind)
    form = forms.posted(request.form)
    try:
        read: dict[str, Any] = forms.WordingIn().load(form)
        with unit_of_work() as work:
            services.set_wording(
                work, account_id, kind, **read, fields=forms.texts(form), by=staff.actor, now=clock.now()
            )
    except ValidationError as error:
        return _editor(account, kind, form, sentences(error), _shelf(account), values), 422
    except WrongWording as wrong:
        errors = forms.sentences(wrong.problems)
        return _editor(account, kind, form, errors, _shelf(account), values), 422
    flash(gettext("Saved. It holds for messages from now on."), "good")
    return redirect(url_for("console_notifications.index"), 303)


def _row(kind: str, wording: Wording | None) -> dict[str, Any]:
    if wording is None:
        tone, state = "waiting", gettext("Not set up")
    elif wording.enabled:
        tone, state = "good", gettext("On")
    else:
        tone, state = "ended", gettext("Off")
    return {
        "kind": kind,
        "label": gettext(KINDS[kind].label),
        "occasion": gettext(KINDS[kind].occasion),
        "template": (wording.title or wording.template_id) if wording else "",
        "tone": tone,
        "state": state,
    }


def _known(
    staff: Staff, account_id: int, kind: str
) -> tuple[OfficialAccount, Wording | None, Mapping[str, str]]:
    """Give the account, its wording of the kind, and real values to show it with."""
    if kind not in KINDS:
        raise NotFound(kind=kind)
    with unit_of_work() as work:
        account = accounts.account(work, account_id)
        staff.demand("notifications.manage", account.store_id)
        return account, queries.wording(work, account_id, kind), _values(work, account)


def _values(work: Session, account: OfficialAccount) -> Mapping[str, str]:
    """Give what a message of tomorrow would say, in the account's own store or the first."""
    stores = clinic.stores(work)
    store = next((one for one in stores if one.id == account.store_id), stores[0] if stores else None)
    doctor = next(iter(clinic.doctors(work)), None)
    if store is None:
        return {**USUAL, "account": account.name}
    tomorrow = clock.local(clock.now(), store.zone) + dt.timedelta(days=1)
    return {
        "account": account.name,
        "store": store.short_name,
        "doctor": doctor.name if doctor else USUAL["doctor"],
        "time": f"{tomorrow:%Y-%m-%d} 14:30",
        "address": store.address,
        "phone": store.phone,
        "coupon": USUAL["coupon"],
        "valid_until": f"{tomorrow + dt.timedelta(days=30):%Y-%m-%d} 23:59",
    }


def _shelf(account: OfficialAccount) -> Shelf:
    """Ask WeChat for the account's templates; no transaction is open."""
    gateway: Gateway = current_app.extensions["wechat"]
    try:
        return Shelf(gateway.templates(Credentials(account.app_id, account.secret)))
    except (WeChatError, WeChatUnreachable):
        return Shelf(None)


def _opened(kind: str, wording: Wording | None, shelf: Shelf, chosen: str) -> dict[str, Any]:
    """Give what the editor opens with; texts that are stored stay with their keys."""
    stored = forms.as_stored(wording.fields) if wording else {}
    template = shelf.find(chosen or (wording.template_id if wording else ""))
    if template is None and wording is None and shelf.templates:
        template = shelf.templates[0]
    if template is not None:
        basics = {"template_id": template.id, "title": template.title, "content": template.content.strip()}
    elif wording is not None:
        basics = {
            "template_id": wording.template_id,
            "title": wording.title,
            "content": wording.content or _content_of(wording),
        }
    else:
        basics = {"template_id": "", "title": "", "content": ""}
    is_on = wording.enabled if wording else not KINDS[kind].is_marketing
    return {**basics, "enabled": is_on, **forms.suggested(kind, basics["content"]), **stored}


def _content_of(wording: Wording) -> str:
    """Give a content with the keys that are worded, where the template's own was never seen."""
    return "\n".join(f"{field['key']}：{{{{{field['key']}.DATA}}}}" for field in wording.fields)


def _editor(
    account: OfficialAccount,
    kind: str,
    form: Mapping[str, Any],
    errors: Mapping[str, list[str]],
    shelf: Shelf,
    values: Mapping[str, str],
) -> str:
    is_gone = (
        shelf.templates is not None and bool(form["template_id"]) and not shelf.find(form["template_id"])
    )
    view = {
        "account_id": account.id,
        "account": account.name,
        "kind": kind,
        "label": gettext(KINDS[kind].label),
        "occasion": gettext(KINDS[kind].occasion),
        "is_marketing": KINDS[kind].is_marketing,
        "is_live": shelf.templates is not None,
        "is_gone": is_gone,
        "templates": _options(shelf, form, is_gone=is_gone),
        "rows": forms.rows(form, values),
        "chips": forms.chips(kind),
        "values": {name: values[name] for name in KINDS[kind].placeholders},
    }
    names = ["template_id", "title", "content", *(row["name"] for row in view["rows"])]
    in_order = {name: errors[name] for name in names if name in errors}
    return render_template("console/notifications/edit.html", view=view, form=form, errors=in_order)


def _options(shelf: Shelf, form: Mapping[str, Any], *, is_gone: bool) -> list[dict[str, str]]:
    found = [{"value": one.id, "label": one.title or one.id} for one in shelf.templates or ()]
    gone = [{"value": form["template_id"], "label": form["title"] or form["template_id"]}] if is_gone else []
    return [*gone, *found]
