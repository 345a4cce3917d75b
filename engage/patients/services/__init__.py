"""Charts, bindings, codes sent to phones, and the timeline: one module each."""

from __future__ import annotations

from engage.patients.services.bindings import bind, bind_by_phone, present, unbind
from engage.patients.services.charts import (
    NameParts,
    NewChart,
    add_relative,
    change_chart,
    chart_for_fan,
    create_chart,
    refresh_terms,
    reveal_phone,
)
from engage.patients.services.codes import check_code, request_code
from engage.patients.services.submissions import (
    Decision,
    HandedIn,
    attach,
    conflicts,
    create_from,
    reject,
    save_form,
    submit,
)
from engage.patients.services.tickets import make_ticket, use_ticket
from engage.patients.services.timeline import note

__all__ = [
    "Decision",
    "HandedIn",
    "NameParts",
    "NewChart",
    "add_relative",
    "attach",
    "bind",
    "bind_by_phone",
    "change_chart",
    "chart_for_fan",
    "check_code",
    "conflicts",
    "create_chart",
    "create_from",
    "make_ticket",
    "note",
    "present",
    "refresh_terms",
    "reject",
    "request_code",
    "reveal_phone",
    "save_form",
    "submit",
    "unbind",
    "use_ticket",
]
