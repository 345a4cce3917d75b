"""Files as phones and servers fetch them: anybody with the address may (WeChat §10)."""

from flask import Blueprint, Response, abort

from sandbox.state import state

blueprint = Blueprint("files", __name__)


@blueprint.get("/sandbox/media/<media_id>")
def media(media_id: str) -> Response:
    """A file's bytes; they outlive the three days of its id."""
    found = state().media.get(media_id)
    if found is None:
        abort(404)
    answer = Response(state().media.content(media_id), content_type=found.mime)
    answer.headers["Cache-Control"] = "private, max-age=86400, immutable"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
