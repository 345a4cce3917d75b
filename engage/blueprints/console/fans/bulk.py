"""Work on many fans: some that were picked at once, all that match by a worker, and the Excel export."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import current_app, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from engage.audiences import filters
from engage.audiences.filters import Filter
from engage.blueprints.console import filter_bar
from engage.blueprints.console.fans import words
from engage.blueprints.console.fans.access import MANAGE, VIEW, may
from engage.blueprints.console.fans.blueprint import bp
from engage.blueprints.console.fans.listing import address
from engage.blueprints.console.subnav import people_pages
from engage.blueprints.guard import Staff
from engage.clinic import queries as clinic
from engage.fans import queries, services
from engage.fans.errors import Expired
from engage.fans.services.tasks import Asked
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work
from engage.kernel.errors import N_, Malformed, NotAllowed, NotFound
from engage.tenancy import queries as tenancy

# As many as a page of the list shows.
PICKED_AT_MOST: Final = 100
EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS: Final = {
    "code": N_("Short code"),
    "nickname": N_("WeChat name"),
    "patients": N_("Patients"),
    "remark": N_("Remark"),
    "tags": N_("Tags"),
    "follows": N_("Follows"),
    "source": N_("Came by"),
    "referrer": N_("Sent by"),
    "store": N_("Store"),
    "consultant": N_("Consultant"),
    "agent": N_("Dedicated agent"),
    "account": N_("Official account"),
    "first_seen": N_("First seen"),
    "last_contact": N_("Last contact"),
}


@bp.view("/bulk", permission=MANAGE)
def bulk(staff: Staff) -> ResponseReturnValue:
    """Show what will be done, to whom, and ask for what it needs."""
    return _form(staff, _act(staff, request.args.get("do", "")), request.args)


@bp.view("/bulk", permission=MANAGE, methods=("POST",))
def apply(staff: Staff) -> ResponseReturnValue:
    """Do it: at once to fans who were picked, by a worker to all that match."""
    act = _act(staff, request.form.get("do", ""))
    ids = _ids(request.form.getlist("ids"))
    with unit_of_work() as work:
        data = _data(work, staff, act, request.form)
        if data is None:
            return _form(staff, act, request.form, errors={"choice": [gettext("Choose at least one.")]}), 422
        if ids:
            number = _do(work, staff, act, ids, data)
        else:
            task_id = services.tasks.ask(work, _asked(staff, act, data), by=staff.actor, now=clock.now())
    if not ids:
        return redirect(url_for("console_fans.task", fan_task_id=task_id), 303)
    flash(ngettext("Done for %(num)s fan.", "Done for %(num)s fans.", number), "good")
    return redirect(address(filters.parse(request.form.items(multi=True))), 303)


@bp.view("/tasks/<int:fan_task_id>", permission=VIEW)
def task(staff: Staff, fan_task_id: int) -> ResponseReturnValue:
    """Show how far work on many has come; reads itself again while it moves."""
    with unit_of_work() as work:
        one = _mine(work, staff, fan_task_id)
        about = filter_bar.sentence(work, filters.from_json(one.filter)) if one.filter else ""
    view = words.task(one) | {
        "about": about,
        "subnav": people_pages(staff),
        "expires_at": clock.local(one.expires_at, staff.house.zone) if one.expires_at else None,
    }
    return render_template("console/fans/task.html", view=view)


@bp.view("/tasks/<int:fan_task_id>/file", permission="fans.export")
def file(staff: Staff, fan_task_id: int) -> ResponseReturnValue:
    """Give the file of an export to whoever asked for it; the look is audited."""
    with unit_of_work() as work:
        one = _mine(work, staff, fan_task_id)
        if one.file is None or one.expires_at is None or one.expires_at <= clock.now():
            raise Expired
        services.tasks.note_fetched(work, one, by=staff.actor, now=clock.now())
        day = clock.local(one.made_at, staff.house.zone)
    content = current_app.extensions["files"].get(staff.house.id, one.file)
    name = f"{gettext('Fans')}-{day:%Y%m%d-%H%M}.xlsx"
    answer = send_file(io.BytesIO(content), EXCEL, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _act(staff: Staff, key: str) -> str:
    """Give what is to be done, if the person may."""
    if key not in words.ACTS and key != "export":
        raise Malformed
    if key == "export" and not staff.may("fans.export"):
        raise NotAllowed
    return key


def _mine(work: Session, staff: Staff, task_id: int) -> Any:
    one = queries.task(work, task_id)
    if one.made_by != staff.id:
        raise NotFound(fan_task=task_id)
    return one


def _form(staff: Staff, act: str, given: Any, errors: Mapping[str, list[str]] | None = None) -> str:
    asked = filters.parse(given.items(multi=True))
    ids = _ids(given.getlist("ids"))
    with unit_of_work() as work:
        view = {
            "act": act,
            "title": gettext({**words.ACTS, "export": words.EXPORT}[act]),
            "ids": ids,
            "about": "" if ids else filter_bar.sentence(work, asked),
            "count_url": url_for("console_fans.count", **words.arguments(asked)),
            "args": filters.to_args(asked),
            "key": given.get("key") or str(uuid.uuid4()),
            "groups": queries.tag_groups(work) if act in {"tag", "untag"} else [],
            "chosen": given.getlist("choice"),
            "options": _options(work, staff, act),
            "patients": staff.may("people.view"),
            "back_url": address(asked),
            "subnav": people_pages(staff),
        }
    return render_template("console/fans/bulk.html", view=view, errors=errors or {})


def _options(work: Session, staff: Staff, act: str) -> list[dict[str, str]]:
    none = {"value": "none", "label": gettext("None")}
    if act == "store":
        scope = staff.reach(MANAGE)
        stores = [store for store in clinic.stores(work) if scope.holds(store.id)]
        return [*({"value": str(store.id), "label": store.short_name} for store in stores), none]
    if act == "consultant":
        people = tenancy.consultants(work)
        return [*({"value": str(key), "label": name} for key, name in people.items()), none]
    return []


def _data(work: Session, staff: Staff, act: str, form: Any) -> dict[str, Any] | None:
    """Give what the act needs, None if nothing was chosen; what is not offered cannot be."""
    if act == "export":
        return _export_data(staff)
    chosen = form.getlist("choice")
    if act in {"tag", "untag"}:
        known = {str(tag.id): tag.id for group in queries.tag_groups(work) for tag in group.tags}
        tag_ids = sorted({known[value] for value in chosen if value in known})
        return {"tag_ids": tag_ids} if tag_ids else None
    offered = {option["value"] for option in _options(work, staff, act)}
    if len(chosen) != 1 or chosen[0] not in offered:
        return None
    return {"id": None if chosen[0] == "none" else int(chosen[0])}


def _export_data(staff: Staff) -> dict[str, Any]:
    """Give the words of the file in the language of whoever asks, and whether patients are named in it."""
    return {
        "labels": {key: gettext(label) for key, label in COLUMNS.items()},
        "words": {"follows": gettext("Yes"), "left": gettext("Left")},
        "zone": staff.house.zone,
        "patients": staff.may("people.view"),
    }


def _do(work: Session, staff: Staff, act: str, ids: Sequence[int], data: Mapping[str, Any]) -> int:
    """Do it to fans who were picked, as far as the person may; gives how many they are."""
    fans = queries.by_ids(work, ids)
    mine = [fan_id for fan_id, fan in fans.items() if may(staff, fan, MANAGE)]
    by, now = staff.actor, clock.now()
    if act == "tag":
        services.tags.add(work, data["tag_ids"], mine, how="hand", by=by, now=now)
    elif act == "untag":
        services.tags.remove(work, data["tag_ids"], mine, by=by, now=now)
    elif act == "store":
        services.assign_store(work, mine, data["id"], by=by, now=now)
    elif act == "consultant":
        services.assign_consultant(work, mine, data["id"], by=by, now=now)
    else:
        raise Malformed
    return len(mine)


def _asked(staff: Staff, act: str, data: Mapping[str, Any]) -> Asked:
    asked: Filter = filters.parse(request.form.items(multi=True))
    permission = "fans.export" if act == "export" else MANAGE
    scope = staff.scope(permission)
    return Asked(
        kind=act,
        data=data,
        filter=filters.to_json(asked),
        scope={"everywhere": scope.everywhere, "store_ids": sorted(scope.store_ids)},
        key=_key(request.form.get("key", "")),
    )


def _key(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Malformed from error


def _ids(given: Sequence[str]) -> list[int]:
    """Read the picked fans.

    Raises:
        Malformed: one is no id, or they are more than a page shows.
    """
    if len(given) > PICKED_AT_MOST or not all(
        one.isascii() and one.isdecimal() and len(one) < 19 for one in given
    ):
        raise Malformed
    return sorted(map(int, given))
