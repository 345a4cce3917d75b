"""Pictures of the cards that replies send; WeChat and phones fetch them by their address alone."""

from __future__ import annotations

from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from engage.accounts import queries as accounts
from engage.blueprints.guard import OpenBlueprint, tenant_of_account
from engage.kernel.db import tenant_scope, unit_of_work
from engage.kernel.errors import NotFound
from engage.kernel.files import Files
from engage.replies import queries
from engage.wechat import pictures

bp = OpenBlueprint("reply_pictures", __name__)

PUBLIC = "WeChat shows the card's picture to whoever gets it; only pictures of replies are given"


@bp.open("/p/<account>/pictures/<file>", reason=PUBLIC)
def picture(account: str, file: str) -> ResponseReturnValue:
    """Give a picture of the account's replies; its key is its content's, so it never changes."""
    with tenant_scope(tenant_of_account(account)), unit_of_work() as session:
        account_id = accounts.by_slug(session, account).id
        if not queries.is_shown(session, account_id, file):
            raise NotFound(file=file)
        tenant_id = session.tenant_id
    files: Files = current_app.extensions["files"]
    content = files.get(tenant_id, file)
    answer = Response(content, content_type=pictures.kind_of(content))
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    answer.set_etag(file)
    return answer.make_conditional(request)
