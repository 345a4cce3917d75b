"""Tags and their groups: made, named, ordered, deleted (PT-2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from babel.numbers import format_decimal
from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext, ngettext

from engage.blueprints.console.subnav import people_pages
from engage.blueprints.guard import ConsoleBlueprint, Staff
from engage.fans import queries
from engage.fans.errors import GroupInUse, TagExists, WrongTagName
from engage.fans.rules import TAG_LENGTH
from engage.fans.services import tags
from engage.kernel import clock
from engage.kernel.db import Session, unit_of_work

bp = ConsoleBlueprint("console_tags", __name__, url_prefix="/console/tags")

MANAGE: Final = "tags.manage"


@bp.view("", permission=MANAGE, everywhere=True)
def index(staff: Staff) -> ResponseReturnValue:
    """Show all groups, their tags, and how many fans have each."""
    return _page(staff)


@bp.view("/groups", permission=MANAGE, everywhere=True, methods=("POST",))
def create_group(staff: Staff) -> ResponseReturnValue:
    """Add a group."""
    name = request.form.get("name", "")
    return _try(
        staff,
        "group",
        name,
        lambda work: tags.create_group(work, name, by=staff.actor, now=clock.now()),
    )


@bp.view("/groups/<int:tag_group_id>/tags", permission=MANAGE, everywhere=True, methods=("POST",))
def create_tag(staff: Staff, tag_group_id: int) -> ResponseReturnValue:
    """Add a tag to a group."""
    name = request.form.get("name", "")
    return _try(
        staff,
        f"tag-{tag_group_id}",
        name,
        lambda work: tags.create_tag(work, tag_group_id, name, by=staff.actor, now=clock.now()),
    )


@bp.view("/groups/<int:tag_group_id>", permission=MANAGE, everywhere=True)
def edit_group(staff: Staff, tag_group_id: int) -> ResponseReturnValue:
    """Show the form of a group's name."""
    with unit_of_work() as work:
        group = queries.tag_group(work, tag_group_id)
    return _group_form(staff, tag_group_id, {"name": group.name, "version": group.version}, group.name)


@bp.view("/groups/<int:tag_group_id>", permission=MANAGE, everywhere=True, methods=("POST",))
def update_group(staff: Staff, tag_group_id: int) -> ResponseReturnValue:
    """Rename a group."""
    form = _typed()
    try:
        with unit_of_work() as work:
            known = queries.tag_group(work, tag_group_id).name
            tags.rename_group(
                work, tag_group_id, form["name"], version=form["version"], by=staff.actor, now=clock.now()
            )
    except (TagExists, WrongTagName) as refusal:
        wrong = {"name": [gettext(refusal.title)]}
        return _group_form(staff, tag_group_id, form, known, errors=wrong), 422
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_tags.index"), 303)


@bp.view("/groups/<int:tag_group_id>/delete", permission=MANAGE, everywhere=True, methods=("POST",))
def delete_group(staff: Staff, tag_group_id: int) -> ResponseReturnValue:
    """Delete a group without tags."""
    try:
        with unit_of_work() as work:
            tags.delete_group(work, tag_group_id, by=staff.actor, now=clock.now())
    except GroupInUse as refusal:
        flash(gettext(refusal.title), "bad")
        return redirect(url_for("console_tags.edit_group", tag_group_id=tag_group_id), 303)
    flash(gettext("The group is deleted."), "good")
    return redirect(url_for("console_tags.index"), 303)


@bp.view("/groups/<int:tag_group_id>/move", permission=MANAGE, everywhere=True, methods=("POST",))
def move_group(staff: Staff, tag_group_id: int) -> ResponseReturnValue:
    """Move a group up or down."""
    up = request.form.get("direction") == "up"
    with unit_of_work() as work:
        tags.move_group(work, tag_group_id, up=up, by=staff.actor, now=clock.now())
    return redirect(url_for("console_tags.index"), 303)


@bp.view("/<int:tag_id>", permission=MANAGE, everywhere=True)
def edit(staff: Staff, tag_id: int) -> ResponseReturnValue:
    """Show the form of a tag: its name and group, and deleting it."""
    with unit_of_work() as work:
        tag = queries.tag(work, tag_id)
    form = {"name": tag.name, "group": str(tag.group_id), "version": tag.version}
    return _tag_form(staff, tag_id, form, tag.name)


@bp.view("/<int:tag_id>", permission=MANAGE, everywhere=True, methods=("POST",))
def update(staff: Staff, tag_id: int) -> ResponseReturnValue:
    """Rename a tag, or put it below another group."""
    form = _typed() | {"group": request.form.get("group", "")}
    try:
        with unit_of_work() as work:
            tag = queries.tag(work, tag_id)
            known = tag.name
            tags.change_tag(
                work,
                tag_id,
                form["name"],
                request.form.get("group", type=int, default=tag.group_id),
                version=form["version"],
                by=staff.actor,
                now=clock.now(),
            )
    except (TagExists, WrongTagName) as refusal:
        return _tag_form(staff, tag_id, form, known, errors={"name": [gettext(refusal.title)]}), 422
    flash(gettext("Saved."), "good")
    return redirect(url_for("console_tags.index"), 303)


@bp.view("/<int:tag_id>/delete", permission=MANAGE, everywhere=True, methods=("POST",))
def delete(staff: Staff, tag_id: int) -> ResponseReturnValue:
    """Delete a tag; a worker takes it from all who have it."""
    with unit_of_work() as work:
        tags.delete_tag(work, tag_id, by=staff.actor, now=clock.now())
    flash(gettext("The tag is deleted. It is being taken from all fans who have it."), "good")
    return redirect(url_for("console_tags.index"), 303)


@bp.view("/<int:tag_id>/move", permission=MANAGE, everywhere=True, methods=("POST",))
def move(staff: Staff, tag_id: int) -> ResponseReturnValue:
    """Move a tag up or down in its group."""
    up = request.form.get("direction") == "up"
    with unit_of_work() as work:
        tags.move_tag(work, tag_id, up=up, by=staff.actor, now=clock.now())
    return redirect(url_for("console_tags.index"), 303)


def _try(staff: Staff, where: str, name: str, make: Callable[[Session], object]) -> ResponseReturnValue:
    """Make something by its name; a name that is refused stays in its field."""
    try:
        with unit_of_work() as work:
            make(work)
    except (TagExists, WrongTagName) as refusal:
        return _page(staff, where=where, name=name, wrong=gettext(refusal.title)), 422
    return redirect(url_for("console_tags.index"), 303)


def _typed() -> dict[str, Any]:
    return {
        "name": request.form.get("name", ""),
        "version": request.form.get("version", type=int, default=0),
    }


def _page(staff: Staff, *, where: str = "", name: str = "", wrong: str = "") -> str:
    with unit_of_work() as work:
        counts = queries.tag_counts(work)
        groups = [
            {
                "id": group.id,
                "name": group.name,
                "tags": [
                    {
                        "id": tag.id,
                        "name": tag.name,
                        "count": _fans(counts.get(tag.id, 0)),
                        "fans_url": url_for("console_fans.index", tag=tag.id, follow="any"),
                    }
                    for tag in group.tags
                ],
            }
            for group in queries.tag_groups(work)
        ]
    view = {
        "groups": groups,
        "where": where,
        "name": name,
        "wrong": wrong,
        "longest": TAG_LENGTH,
        "subnav": people_pages(staff),
    }
    return render_template("console/tags/list.html", view=view)


def _fans(count: int) -> str:
    """Say how many fans have a tag, beyond some only that they are more."""
    written = format_decimal(count, locale=get_locale())
    if count >= queries.COUNTED:
        return str(gettext("%(count)s or more fans", count=written))
    return str(ngettext("%(count)s fan", "%(count)s fans", count, count=written))


def _group_form(
    staff: Staff,
    group_id: int,
    form: dict[str, Any],
    name: str,
    *,
    errors: dict[str, list[str]] | None = None,
) -> str:
    view = {
        "name": name,
        "url": url_for("console_tags.update_group", tag_group_id=group_id),
        "delete_url": url_for("console_tags.delete_group", tag_group_id=group_id),
        "groups": [],
        "consequence": gettext("Only a group without tags can be deleted."),
        "delete": gettext("Delete the group"),
        "longest": TAG_LENGTH,
        "subnav": people_pages(staff),
    }
    return render_template("console/tags/form.html", view=view, form=form, errors=errors or {})


def _tag_form(
    staff: Staff, tag_id: int, form: dict[str, Any], name: str, *, errors: dict[str, list[str]] | None = None
) -> str:
    with unit_of_work() as work:
        has = _fans(queries.tag_counts(work).get(tag_id, 0))
        groups = [{"value": str(group.id), "label": group.name} for group in queries.tag_groups(work)]
    view = {
        "name": name,
        "url": url_for("console_tags.update", tag_id=tag_id),
        "delete_url": url_for("console_tags.delete", tag_id=tag_id),
        "groups": groups,
        "consequence": gettext(
            "Taken from all who have it (%(fans)s). Audiences and codes that ask for it find nobody by it "
            "any more. This cannot be undone.",
            fans=has,
        ),
        "delete": gettext("Delete the tag"),
        "longest": TAG_LENGTH,
        "subnav": people_pages(staff),
    }
    return render_template("console/tags/form.html", view=view, form=form, errors=errors or {})
