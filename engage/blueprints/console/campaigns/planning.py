"""A new campaign, and a changed one: the form, with a preview of what will happen beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from marshmallow import ValidationError

from engage.accounts import queries as accounts
from engage.audiences.filters import EVERYBODY, Filter
from engage.blueprints.console import filter_bar
from engage.blueprints.console.campaigns import forms, previews, shapes
from engage.blueprints.console.campaigns.blueprint import MANAGE, bp
from engage.blueprints.console.refused import sentences
from engage.blueprints.guard import Staff
from engage.campaigns import queries, rules, services
from engage.campaigns.errors import InThePast, NotOnline, OverByThen, SentBefore, TooFarAhead
from engage.campaigns.models import Campaign
from engage.campaigns.services import NewPush
from engage.coupons import queries as coupons
from engage.coupons.queries import Offer
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import DomainError

if TYPE_CHECKING:
    from engage.accounts.models import OfficialAccount

# At which field a refusal of the service is shown.
WHERE: Final[Mapping[type[DomainError], str]] = {
    InThePast: "time",
    TooFarAhead: "day",
    OverByThen: "coupon",
    NotOnline: "coupon",
    SentBefore: "name",
}


@bp.view("/new", permission=MANAGE, everywhere=True)
def new(staff: Staff) -> ResponseReturnValue:
    """Show an empty form, or one for the coupon and the audience that stand in the address."""
    form = forms.empty(clock.now(), staff.house.zone)
    meant = forms.audience(request.args.items(multi=True))
    return _page(staff, form | {"coupon": request.args.get("coupon", "")}, {}, meant=meant)


@bp.view("/new", permission=MANAGE, everywhere=True, methods=("POST",))
def create(staff: Staff) -> ResponseReturnValue:
    """Plan a campaign."""
    form, meant = forms.typed(request.form), forms.audience(request.form.items(multi=True))

    def plan(work: Session, wished: NewPush) -> Campaign:
        return services.schedule(work, wished, by=staff.actor, now=clock.now())

    made, errors = _try(staff, form, meant, plan)
    if made is None:
        return _page(staff, form, errors, meant=meant), 422
    flash(gettext("%(name)s is planned.", name=made.name), "good")
    return redirect(url_for("console_campaigns.show", campaign_id=made.id), 303)


@bp.view("/<int:campaign_id>/edit", permission=MANAGE, everywhere=True)
def edit(staff: Staff, campaign_id: int) -> ResponseReturnValue:
    """Show the form as it is planned; of one that has begun there is nothing to change."""
    with unit_of_work() as work:
        campaign = queries.campaign(work, campaign_id)
    if campaign.state not in rules.EDITABLE:
        return redirect(url_for("console_campaigns.show", campaign_id=campaign_id))
    form = forms.stored(campaign, staff.house.zone)
    return _page(staff, form, {}, meant=queries.audience(campaign), campaign=campaign)


@bp.view("/<int:campaign_id>/edit", permission=MANAGE, everywhere=True, methods=("POST",))
def update(staff: Staff, campaign_id: int) -> ResponseReturnValue:
    """Change a campaign that has not begun."""
    form, meant = forms.typed(request.form), forms.audience(request.form.items(multi=True))
    version = request.form.get("version", type=int, default=0)

    def change(work: Session, wished: NewPush) -> Campaign:
        return services.edit(work, campaign_id, wished, version=version, by=staff.actor, now=clock.now())

    made, errors = _try(staff, form, meant, change)
    if made is None:
        with unit_of_work() as work:
            campaign = queries.campaign(work, campaign_id)
        return _page(staff, form, errors, meant=meant, campaign=campaign), 422
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_campaigns.show", campaign_id=campaign_id), 303)


@bp.view("/preview", permission=MANAGE, everywhere=True)
def preview(staff: Staff) -> ResponseReturnValue:
    """Give what would happen with the form as it stands."""
    form, meant = forms.typed(request.args), forms.audience(request.args.items(multi=True))
    with unit_of_work() as work:
        view = _preview(work, form, meant, coupons.publishable(work), accounts.accounts(work), staff)
    return render_template("console/campaigns/preview.html", view=view)


def _try(
    staff: Staff, form: Mapping[str, Any], meant: Filter, do: Callable[[Session, NewPush], Campaign]
) -> tuple[Campaign | None, Mapping[str, list[str]]]:
    """Do it with what the form says; gives the campaign, or what is wrong with which field."""
    try:
        with unit_of_work() as work:
            names = {offer.id: offer.name for offer in coupons.publishable(work)}
            return do(work, forms.read(form, staff.house.zone, coupon_names=names, meant=meant)), {}
    except ValidationError as error:
        return None, sentences(error)
    except tuple(WHERE) as refusal:
        return None, {WHERE[type(refusal)]: [gettext(refusal.title)]}


def _page(
    staff: Staff,
    form: Mapping[str, Any],
    errors: Mapping[str, list[str]],
    *,
    meant: Filter,
    campaign: Campaign | None = None,
) -> str:
    now = clock.now()
    with unit_of_work() as work:
        offers = coupons.publishable(work)
        connected = accounts.accounts(work)
        shown = _preview(work, form, meant, offers, connected, staff)
        chips = filter_bar.bar(work, meant, staff, leave_out=("account_id", "following"))
    view = {
        "id": campaign.id if campaign else None,
        "version": campaign.version if campaign else 0,
        "name": campaign.name if campaign else "",
        "coupons": [
            {"value": "", "label": gettext("Please choose")},
            *({"value": str(offer.id), "label": offer.name} for offer in offers),
        ],
        "accounts": _accounts(connected),
        "filters": chips,
        "quick": forms.quick(now, staff.house.zone),
        "earliest": clock.local(now, staff.house.zone).date().isoformat(),
        **shown,
    }
    in_order = {name: errors[name] for name in ("name", "coupon", "account", "day", "time") if name in errors}
    return render_template("console/campaigns/form.html", view=view, form=form, errors=in_order)


def _accounts(connected: Sequence[OfficialAccount]) -> list[dict[str, str]]:
    one_by_one = [{"value": str(account.id), "label": account.name} for account in connected]
    return [{"value": "", "label": gettext("All official accounts")}, *one_by_one]


def _preview(
    work: Session,
    form: Mapping[str, Any],
    meant: Filter,
    offers: Sequence[Offer],
    connected: Sequence[OfficialAccount],
    staff: Staff,
) -> dict[str, Any]:
    """Say what would happen: to how many, when, whether the stock reaches, what they would see."""
    offer = next((one for one in offers if str(one.id) == form["coupon"]), None)
    account = next((one for one in connected if str(one.id) == form["account"]), None)
    asked = meant.changed(account_id=account.id if account else None)
    audience = queries.reachable(work, asked, now=clock.now())
    try:
        starts_at = forms.read(
            {**form, "name": "", "coupon": "0", "account": ""}, staff.house.zone, coupon_names={}
        ).starts_at
    except ValidationError:
        starts_at = None
    shown: dict[str, Any] = {
        "audience": shapes.number(audience),
        "everybody": meant.changed(account_id=None) == EVERYBODY,
        "to": shapes.account_name(account.id if account else None, {one.id: one.name for one in connected}),
        "starts_at": clock.local(starts_at, staff.house.zone) if starts_at else None,
        "offer": None,
    }
    if offer is None:
        return shown
    stock = previews.stock(offer, audience)
    at = max(starts_at or clock.now(), clock.now())
    return {
        **shown,
        "offer": {
            **stock,
            "left": None if stock["left"] is None else shapes.number(stock["left"]),
            "short": shapes.number(stock["short"]) if stock["short"] else "",
        },
        **previews.of(work, offer.id, account.id if account else None, connected, at=at),
    }
