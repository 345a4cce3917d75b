"""The tables of states as a drawing and a list, for `docs/states.md`; a test compares them."""

from __future__ import annotations

from collections.abc import Mapping

from engage.booking.rules.arrivals import WALK_IN_ACTIONS, WALK_IN_STATES
from engage.booking.rules.states import ACTIONS, PATIENT, STATES, Action

BEGIN, END = "<!-- drawn: {} -->", "<!-- end of {} -->"
WHO = {"patient": "the patient", "staff": "staff"}


def drawings() -> Mapping[str, str]:
    """Give what is drawn, by the name of its place in the page."""
    return {
        "visits": _drawn(STATES, ACTIONS, ("requested", "confirmed")),
        "walk-ins": _drawn(WALK_IN_STATES, WALK_IN_ACTIONS, ("waiting",)),
    }


def filled(page: str) -> str:
    """Give a page with its drawings as the tables have them now."""
    for name, drawing in drawings().items():
        before, _, rest = page.partition(BEGIN.format(name))
        _, _, after = rest.partition(END.format(name))
        page = f"{before}{BEGIN.format(name)}\n{drawing}\n{END.format(name)}{after}"
    return page


def _drawn(states: Mapping[str, str], actions: Mapping[str, Action], begins: tuple[str, ...]) -> str:
    arrows = [f"    [*] --> {state}" for state in begins]
    for name, action in actions.items():
        if action.to is not None:
            arrows += [f"    {state} --> {action.to}: {name}" for state in action.from_states]
    reached = {state for action in actions.values() for state in action.from_states if action.to}
    arrows += [f"    {state} --> [*]" for state in states if state not in reached]
    rows = [_row(name, action) for name, action in actions.items()]
    head = ["| Action | From | To | Who may | Writes | Event |", "|---|---|---|---|---|---|"]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```", "", *head, *rows])


def _row(name: str, action: Action) -> str:
    who = ", ".join(WHO[each] for each in sorted(action.by))
    if action.by != {PATIENT}:
        who += f" with `{action.permission}`"
    writes = [f"`{action.sets}`"] if action.sets else []
    writes += [f"clears `{each}`" for each in action.clears]
    cells = (
        f"`{name}`",
        ", ".join(action.from_states),
        action.to or "stays",
        who,
        ", ".join(writes) or "–",
        f"`{action.event}`",
    )
    return f"| {' | '.join(cells)} |"
