"""Writing a reply, with the phone beside the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask import current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.accounts.rules import PLACES
from engage.blueprints.console.chats.pictures import LARGEST_IN, NoPicture, PictureTooLarge, recompressed
from engage.blueprints.console.replies.blueprint import PERMISSION, bp, own_account, own_reply, pages_url
from engage.blueprints.console.replies.drawing import bubble
from engage.blueprints.console.replies.form import content_of, empty, filled, read, sentences, typed
from engage.blueprints.guard import Staff
from engage.coupons import queries as coupons
from engage.coupons.queries import Offer
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import Invalid
from engage.kernel.files import Files
from engage.replies import queries, rules, services
from engage.replies.errors import Stale, TooMany

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount
    from engage.replies.models import ReplyRule


@bp.view("/accounts/<int:account_id>/replies/welcome", permission=PERMISSION)
def welcome(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Show the form of what is answered to who begins to follow."""
    with unit_of_work() as session:
        account = own_account(session, staff, account_id)
        rule = queries.welcome(session, account_id)
    form = filled(rule) if rule else empty()
    return _form(account, form, {}, rule=rule, is_welcome=True, version=str(rule.version if rule else 0))


@bp.view("/accounts/<int:account_id>/replies/welcome", permission=PERMISSION, methods=("POST",))
def write_welcome(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Write the welcome, unless somebody else did since the form was drawn."""
    with unit_of_work() as session:
        account = own_account(session, staff, account_id)
        rule = queries.welcome(session, account_id)

    def write(session: Session, form: Mapping[str, Any]) -> None:
        services.set_welcome(
            session,
            account_id,
            content_of(form),
            is_on=bool(form["is_on"]),
            version=_version(),
            by=staff.actor,
            now=clock.now(),
        )

    return _write(account, write, rule=rule, is_welcome=True)


@bp.view("/accounts/<int:account_id>/replies/new", permission=PERMISSION)
def new(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Show the form of a new reply; words that were tried without a hit stand in it."""
    with unit_of_work() as session:
        account = own_account(session, staff, account_id)
    form = empty() | {"words": request.args.get("words", "")[: rules.WORD_LENGTH]}
    return _form(account, form, {})


@bp.view("/accounts/<int:account_id>/replies/new", permission=PERMISSION, methods=("POST",))
def create(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Add a reply to words."""
    with unit_of_work() as session:
        account = own_account(session, staff, account_id)

    def write(session: Session, form: Mapping[str, Any]) -> None:
        services.add(session, account_id, read(form), by=staff.actor, now=clock.now())

    return _write(account, write)


@bp.view("/replies/<int:reply_id>", permission=PERMISSION)
def edit(staff: Staff, reply_id: int) -> ResponseReturnValue:
    """Show the form of a reply as it is."""
    with unit_of_work() as session:
        rule, account = own_reply(session, staff, reply_id)
    if rule.kind == rules.WELCOME:
        return redirect(url_for("console_replies.welcome", account_id=account.id))
    return _form(account, filled(rule), {}, rule=rule, version=str(rule.version))


@bp.view("/replies/<int:reply_id>", permission=PERMISSION, methods=("POST",))
def update(staff: Staff, reply_id: int) -> ResponseReturnValue:
    """Change a reply, unless somebody else did since the form was drawn."""
    with unit_of_work() as session:
        rule, account = own_reply(session, staff, reply_id)

    def write(session: Session, form: Mapping[str, Any]) -> None:
        services.change(session, reply_id, read(form), version=_version(), by=staff.actor, now=clock.now())

    return _write(account, write, rule=rule)


@bp.view("/accounts/<int:account_id>/replies/preview", permission=PERMISSION, methods=("POST",))
def preview(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Draw what is typed so far."""
    form = typed()
    with unit_of_work() as session:
        account = own_account(session, staff, account_id)
        offers = _offered(session)
    return render_template("console/replies/phone.html", view=_phone(form, account, offers))


@bp.view("/accounts/<int:account_id>/replies/pictures", permission=PERMISSION, methods=("POST",))
def keep_picture(staff: Staff, account_id: int) -> ResponseReturnValue:
    """Keep a picture for a reply of the account, and show it in the form."""
    with unit_of_work() as session:
        account = own_account(session, staff, account_id)
    file = request.files.get("file")
    try:
        small = recompressed(file.stream.read(LARGEST_IN + 1) if file else b"")
    except (PictureTooLarge, NoPicture) as refusal:
        kept = request.form.get("picture", "")
        return _picture(account, kept, errors={"picture": [gettext(refusal.title)]})
    files: Files = current_app.extensions["files"]
    key = files.put(staff.house.id, small.content)
    with unit_of_work() as session:
        services.keep_picture(session, account_id, file=key, width=small.width, height=small.height)
    answer = make_response(_picture(account, key))
    answer.headers["HX-Trigger-After-Settle"] = "reply-picture"  # the phone beside the form is drawn again
    return answer


def _write(
    account: OfficialAccount,
    write: Callable[[Session, Mapping[str, Any]], None],
    *,
    rule: ReplyRule | None = None,
    is_welcome: bool = False,
) -> ResponseReturnValue:
    """Do it, or show the form again with what was typed and why it could not be done."""
    form = typed()
    try:
        with unit_of_work() as session:
            write(session, form)
    except Invalid as refusal:
        errors, status = sentences(refusal, form), refusal.status
    except (Stale, TooMany) as refusal:
        beside = "kind" if is_welcome else "words"
        errors, status = {beside: [gettext(refusal.title, **refusal.data)]}, refusal.status
    else:
        flash(gettext("Saved. It is answered within seconds."), "good")
        return redirect(url_for("console_replies.listed", account_id=account.id), 303)
    version = request.form.get("version", "")
    return _form(account, form, errors, rule=rule, is_welcome=is_welcome, version=version), status


def _form(
    account: OfficialAccount,
    form: Mapping[str, Any],
    errors: Mapping[str, list[str]],
    *,
    rule: ReplyRule | None = None,
    is_welcome: bool = False,
    version: str = "",
) -> str:
    with unit_of_work() as session:
        offers = _offered(session)
    view = {
        "account": {"id": account.id, "name": account.name},
        "id": rule.id if rule else None,
        "is_welcome": is_welcome,
        "version": version,
        "matches": [{"value": key, "label": gettext(label)} for key, label in rules.MATCHES.items()],
        "kinds": [{"value": key, "label": gettext(label)} for key, label in rules.ANSWERS.items()],
        "coupons": [{"value": str(one.id), "label": one.name} for one in offers.values()],
        "places": [{"value": f"{{{key}}}", "label": gettext(label)} for key, label in PLACES.items()],
        "picture": _picture_view(account, str(form.get("picture") or "")),
        "phone": _phone(form, account, offers),
    }
    return render_template("console/replies/form.html", view=view, form=form, errors=errors)


def _phone(form: Mapping[str, Any], account: OfficialAccount, offers: Mapping[int, Offer]) -> dict[str, Any]:
    whole = {
        name: form.get(name, "") for name in ("kind", "text", "lead", "title", "url", "coupon", "picture")
    }
    said = rules.read_words(str(form.get("words", "")))
    return {
        "said": said[0] if said else "",
        "name": account.name,
        "bubble": bubble(content_of(whole), pages_url(account), offers),
    }


def _picture(account: OfficialAccount, key: str, *, errors: Mapping[str, list[str]] | None = None) -> str:
    view = {"account": {"id": account.id}, "picture": _picture_view(account, key)}
    return render_template("console/replies/picture.html", view=view, errors=errors or {})


def _picture_view(account: OfficialAccount, key: str) -> dict[str, str]:
    return {"key": key, "url": rules.picture_url(pages_url(account), key) if key else ""}


def _offered(session: Session) -> Mapping[int, Offer]:
    """Give the coupons that a reply may lead to."""
    return {one.id: one for one in coupons.publishable(session)}


def _version() -> int:
    """Read the version that the form was drawn from; what nobody wrote there is none."""
    version = request.form.get("version", "")
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else 0
