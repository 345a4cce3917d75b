"""Pictures of stores and doctors: WeChat shows them with a shared page, and fetches them by their address."""

from __future__ import annotations

from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from engage.blueprints.guard import OpenBlueprint, tenant_of_account
from engage.clinic import queries
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotFound
from engage.kernel.files import Files
from engage.wechat import pictures

bp = OpenBlueprint("photos", __name__)

PUBLIC = "what a chain shows of itself; only logos, pictures of stores and portraits are given"


@bp.open("/p/<account>/photos/<file>", reason=PUBLIC)
def photo(account: str, file: str) -> ResponseReturnValue:
    """Give a picture; its key is its content's, so it never changes."""
    with tenant_scope(tenant_of_account(account)), unit_of_work() as session:
        if not queries.is_photo(session, file):
            raise NotFound(file=file)
        tenant_id = session.tenant_id
    files: Files = current_app.extensions["files"]
    return drawn(files.get(tenant_id, file), file)


def drawn(content: bytes, file: str) -> Response:
    """Answer with a picture that may be kept for ever."""
    answer = Response(content, content_type=pictures.kind_of(content))
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    answer.set_etag(file)
    answer.make_conditional(request)
    return answer
