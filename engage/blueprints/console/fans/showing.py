"""One fan in the drawer: who it is, for whom they speak, what they hold; remark, tags, store, consultant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import Response, current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from engage.audiences.filters import Filter
from engage.blueprints.console.fans import shapes, words
from engage.blueprints.console.fans.access import MANAGE, VIEW, may, visible
from engage.blueprints.console.fans.blueprint import bp
from engage.blueprints.console.fans.shapes import Names
from engage.blueprints.console.people_words import described
from engage.blueprints.coupon_card import dated
from engage.blueprints.faces import day
from engage.blueprints.guard import Staff
from engage.chat import queries as chat
from engage.clinic import queries as clinic
from engage.coupons import queries as coupons
from engage.fans import queries, services
from engage.fans.errors import WrongRemark
from engage.fans.rules import REMARK_LENGTH, short_code
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import Malformed, NotAllowed, NotFound
from engage.patients import queries as patients
from engage.tenancy import queries as tenancy
from engage.wechat import pictures

if TYPE_CHECKING:
    from engage.fans.models import Fan
    from engage.fans.queries import Group

COUPONS: Final = 10
MARKS: Final = "fan-marks"


@bp.view("/<int:fan_id>", permission=VIEW)
def show(staff: Staff, fan_id: int) -> ResponseReturnValue:
    """Show one fan, in the drawer or on a page."""
    with unit_of_work() as work:
        fan = visible(work, staff, fan_id)
        names = Names.of(work, staff, [fan])
        name = names.name(fan)
        view = {
            "id": fan.id,
            "url": url_for("console_fans.show", fan_id=fan.id),
            "name": name,
            "sub": " · ".join((names.accounts[fan.account_id], short_code(fan.id))),
            "face": shapes.face(fan, name),
            "follows": fan.following,
            "since": _since(fan, staff.house.zone),
            "facts": _facts(fan, names),
            "marks": marks(work, staff, fan),
            "patients": _patients(work, staff, fan_id),
            "sees_patients": staff.may("people.view"),
            "coupons": _coupons(work, fan_id, staff.house.zone),
            "chat_url": _chat_url(work, staff, fan_id),
            "sent_url": _sent_url(work, fan_id),
            "place": _place(work, staff, fan),
        }
    return render_template("console/fans/drawer.html", view=view)


@bp.view("/<int:fan_id>/face", permission=VIEW)
def face(staff: Staff, fan_id: int) -> ResponseReturnValue:
    """Give the fan's picture."""
    with unit_of_work() as work:
        key = visible(work, staff, fan_id).avatar
    if key is None:
        raise NotFound(fan=fan_id)
    content = current_app.extensions["files"].get(staff.house.id, key)
    kind = pictures.kind_of(content)
    if kind is None:
        raise NotFound(fan=fan_id)
    answer = Response(content, content_type=kind)
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(key)
    return answer.make_conditional(request)


@bp.view("/<int:fan_id>/remark", permission=MANAGE, methods=("POST",))
def remark(staff: Staff, fan_id: int) -> ResponseReturnValue:
    """Keep what staff call the fan."""
    typed = request.form.get("remark", "")
    try:
        with unit_of_work() as work:
            visible(work, staff, fan_id, MANAGE)
            services.set_remark(work, fan_id, typed, by=staff.actor, now=clock.now())
    except WrongRemark as refusal:
        return _marked(staff, fan_id, typed=typed, wrong=gettext(refusal.title))
    return _marked(staff, fan_id)


@bp.view("/<int:fan_id>/tags", permission=MANAGE, methods=("POST",))
def tag(staff: Staff, fan_id: int) -> ResponseReturnValue:
    """Give the fan tags, or take one."""
    add = {int(one) for one in request.form.getlist("add") if _is_id(one)}
    remove = {int(one) for one in request.form.getlist("remove") if _is_id(one)}
    with unit_of_work() as work:
        visible(work, staff, fan_id, MANAGE)
        by, now = staff.actor, clock.now()
        if add:
            services.tags.add(work, add, [fan_id], how="hand", by=by, now=now)
        if remove:
            services.tags.remove(work, remove, [fan_id], by=by, now=now)
    return _marked(staff, fan_id)


@bp.view("/<int:fan_id>/place", permission=MANAGE, methods=("POST",))
def place(staff: Staff, fan_id: int) -> ResponseReturnValue:
    """Let the fan belong to a store and somebody look after them."""
    with unit_of_work() as work:
        fan = visible(work, staff, fan_id, MANAGE)
        store_id = _choice("store", {store.id for store in clinic.stores(work)})
        consultant_id = _choice("consultant", set(tenancy.consultants(work, and_also=fan.consultant_id)))
        if store_id not in {None, fan.store_id} and not staff.reach(MANAGE).holds(store_id or 0):
            raise NotAllowed
        services.assign_store(work, [fan_id], store_id, by=staff.actor, now=clock.now())
        services.assign_consultant(work, [fan_id], consultant_id, by=staff.actor, now=clock.now())
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_fans.show", fan_id=fan_id), 303)


def marks(
    work: Session, staff: Staff, fan: Fan, *, typed: str | None = None, wrong: str = ""
) -> dict[str, Any]:
    """Give remark and tags, as `console/fans/marks.html` draws them in drawers and beside conversations."""
    has = queries.tags_of(work, [fan.id]).get(fan.id, ())
    having = {one.id for one in has}
    return {
        "id": f"{MARKS}-{fan.id}",
        "remark": (fan.remark or "") if typed is None else typed,
        "wrong": wrong,
        "longest": REMARK_LENGTH,
        "may": may(staff, fan, MANAGE),
        "tags": [{"id": one.id, "name": one.name} for one in has],
        "groups": _offered(queries.tag_groups(work), having),
        "remark_url": url_for("console_fans.remark", fan_id=fan.id),
        "tags_url": url_for("console_fans.tag", fan_id=fan.id),
    }


def _marked(staff: Staff, fan_id: int, *, typed: str | None = None, wrong: str = "") -> ResponseReturnValue:
    """Answer with remark and tags alone where they were changed in place, else with the whole fan."""
    if not request.headers.get("HX-Target", "").startswith(MARKS):
        if wrong:
            flash(wrong, "bad")
        return redirect(url_for("console_fans.show", fan_id=fan_id), 303)
    with unit_of_work() as work:
        view = marks(work, staff, queries.fan(work, fan_id), typed=typed, wrong=wrong)
    answer = make_response(render_template("console/fans/marked.html", view=view))
    answer.headers["HX-Trigger"] = "fan-changed"
    return answer


def _offered(groups: Sequence[Group], having: set[int]) -> list[dict[str, Any]]:
    left = [
        {
            "name": group.name,
            "tags": [{"id": one.id, "name": one.name} for one in group.tags if one.id not in having],
        }
        for group in groups
    ]
    return [group for group in left if group["tags"]]


def _since(fan: Fan, zone: str) -> str:
    at = fan.follow_changed_at or (fan.first_seen_at if fan.following else None)
    if at is None:
        return str(gettext("Never followed the account"))
    when = _dated(at, zone)
    said: str = (
        gettext("Follows since %(day)s", day=when) if fan.following else gettext("Left on %(day)s", day=when)
    )
    return said


def _dated(at: dt.datetime, zone: str) -> str:
    return dated(clock.local(at, zone).date(), clock.local(clock.now(), zone).date())


def _facts(fan: Fan, names: Names) -> list[dict[str, str]]:
    return [
        {"label": gettext("Last contact"), "value": _dated(fan.last_seen_at, names.zone)},
        {"label": gettext("First seen"), "value": _dated(fan.first_seen_at, names.zone)},
        {"label": gettext("Came by"), "value": shapes.source(fan, names)},
        {
            "label": gettext("Dedicated agent"),
            "value": names.staff.get(names.agents.get(fan.id, 0), ""),
        },
    ]


def _patients(work: Session, staff: Staff, fan_id: int) -> list[dict[str, str]]:
    if not staff.may("people.view"):
        return []
    return [
        {
            "name": person.name,
            "sub": described(person),
            "url": url_for("console_people.show", patient_id=person.id),
        }
        for person in patients.of_fan(work, fan_id)
    ]


def _coupons(work: Session, fan_id: int, zone: str) -> list[dict[str, str]]:
    last = dt.timedelta(seconds=1)
    return [
        {
            "name": held.name,
            "until": gettext(
                "Valid until %(day)s", day=day(clock.local(held.valid_until - last, zone).date())
            ),
        }
        for held in coupons.of_fan(work, fan_id, clock.now(), COUPONS)
    ]


def _chat_url(work: Session, staff: Staff, fan_id: int) -> str:
    if not staff.may("chats.view"):
        return ""
    conversation_id = chat.of_fan(work, fan_id)
    if conversation_id is None:
        return ""
    return url_for("console_chats.show", conversation_id=conversation_id)


def _sent_url(work: Session, fan_id: int) -> str:
    """Give the address of the list of those whom the fan sent, if there are any."""
    if not queries.has_sent(work, fan_id):
        return ""
    whom = Filter(referrer_ids=frozenset({fan_id}), following=None)
    return url_for("console_fans.index", **words.arguments(whom))


def _place(work: Session, staff: Staff, fan: Fan) -> dict[str, Any]:
    """Give the form of store and consultant; the fan's own store stands in it also for staff of others."""
    reach = staff.reach(MANAGE)
    stores = [store for store in clinic.stores(work) if reach.holds(store.id) or store.id == fan.store_id]
    none = {"value": "", "label": gettext("None")}
    people = tenancy.consultants(work, and_also=fan.consultant_id)
    return {
        "may": may(staff, fan, MANAGE),
        "form": {"store": str(fan.store_id or ""), "consultant": str(fan.consultant_id or "")},
        "stores": [none, *({"value": str(store.id), "label": store.short_name} for store in stores)],
        "consultants": [none, *({"value": str(key), "label": name} for key, name in people.items())],
    }


def _choice(name: str, offered: set[int]) -> int | None:
    text = request.form.get(name, "")
    if not text:
        return None
    if not _is_id(text) or int(text) not in offered:
        raise Malformed
    return int(text)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
