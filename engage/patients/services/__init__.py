"""Charts, bindings, codes sent to phones, and the timeline: one module each."""

from __future__ import annotations

from engage.patients.services.bindings import bind, bind_by_phone, unbind
from engage.patients.services.charts import NewChart, add_relative, chart_for_fan, create_chart
from engage.patients.services.codes import check_code, request_code
from engage.patients.services.timeline import note

__all__ = [
    "NewChart",
    "add_relative",
    "bind",
    "bind_by_phone",
    "chart_for_fan",
    "check_code",
    "create_chart",
    "note",
    "request_code",
    "unbind",
]
