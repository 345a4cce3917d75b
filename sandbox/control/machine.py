"""The sandbox itself: faults, clock, what it received and sent, and a fresh start."""

from dataclasses import asdict

from flask import Response, abort, jsonify, request

from sandbox.control import asked
from sandbox.control.asked import blueprint
from sandbox.pusher import pusher
from sandbox.state import state

FURTHEST = 1000 * 366 * 86400  # seconds that the clock may be away from the real time


@blueprint.post("/faults")
def add_fault() -> Response:
    """Put a fault in force: `{id}`.

    `match.path` may hold `*`; pushes have the path `push/<event or message type>`.
    """
    return jsonify(id=state().faults.add(asked.body()).id)


@blueprint.get("/faults")
def faults() -> Response:
    """The faults in force."""
    return jsonify([asdict(fault) for fault in state().faults.all()])


@blueprint.delete("/faults")
def lift_faults() -> Response:
    """Lift all faults."""
    state().faults.clear()
    return jsonify({})


@blueprint.delete("/faults/<int:fault_id>")
def lift_fault(fault_id: int) -> Response:
    """Lift one fault."""
    if not state().faults.remove(fault_id):
        abort(404, "no such fault")
    return jsonify({})


@blueprint.post("/clock")
def clock() -> Response:
    """Move the sandbox's clock: `{offset_seconds, now}`. Pushes keep the real time."""
    seconds = asked.body().get("advance_seconds")
    if not isinstance(seconds, int | float) or abs(state().clock.offset + seconds) > FURTHEST:
        abort(400, "advance_seconds must be a number, and the clock stays within a thousand years of now")
    offset = state().clock.advance(seconds)
    return jsonify(offset_seconds=offset, now=int(state().clock.now()))


@blueprint.get("/clock")
def clock_now() -> Response:
    """The sandbox's clock: `{offset_seconds, now}`."""
    return jsonify(offset_seconds=state().clock.offset, now=int(state().clock.now()))


@blueprint.get("/calls")
def calls() -> Response:
    """The newest API calls received; tokens and secrets are not kept."""
    args = request.args
    return jsonify(state().calls.after(asked.after(), appid=args.get("appid", ""), path=args.get("path", "")))


@blueprint.get("/pushes")
def pushes() -> Response:
    """The newest pushes sent, with every attempt."""
    args = request.args
    return jsonify(
        state().pushes.after(asked.after(), appid=args.get("appid", ""), label=args.get("label", ""))
    )


@blueprint.get("/counters")
def counters() -> Response:
    """Calls counted today: `{day, counts: {appid: {path: n}}}`."""
    return jsonify(state().counters.today())


@blueprint.post("/reset")
def reset() -> Response:
    """Forget everything."""
    state().reset()
    pusher().lift_marks()
    return jsonify({})
