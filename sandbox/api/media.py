"""Temporary media and pictures for articles: `/cgi-bin/media/*` (WeChat §10)."""

import re

from flask import Blueprint, Response, request

from sandbox import filetypes, wire
from sandbox.errors import WeChatError
from sandbox.filetypes import Allowed, FileType
from sandbox.state import state
from sandbox.state.media import ARTICLE, TEMPORARY

blueprint = Blueprint("media", __name__, url_prefix="/cgi-bin/media")

# A file name in the form of RFC 2231, which WeChat does not find.
EXTENDED_NAME = re.compile(rb"Content-Disposition:[^\r\n]*filename\*=", re.IGNORECASE)


@blueprint.post("/upload")
def upload() -> Response:
    """Keep a file for three days; a thumb's id comes under a name of its own."""
    account, type_ = wire.caller(), request.args.get("type", "")
    if type_ not in filetypes.TEMPORARY:
        raise WeChatError(40004)
    name, content, kind = posted_file(filetypes.TEMPORARY[type_])
    media = state().media.add(
        account.appid, type=type_, mime=kind.mime, name=name, content=content, keeping=TEMPORARY
    )
    key = "thumb_media_id" if type_ == "thumb" else "media_id"
    return wire.answer({"type": type_, key: media.media_id, "created_at": int(media.created_at)})


@blueprint.get("/get")
def get() -> Response:
    """A temporary file's bytes; of a video only its address."""
    account = wire.caller()
    media = state().media.usable(account.appid, request.args.get("media_id"), *filetypes.TEMPORARY)
    if media is None or media.keeping != TEMPORARY:
        raise WeChatError(40007)
    if media.type == "video":
        return wire.answer({"video_url": f"{request.host_url.rstrip('/')}{media.path}"})
    return file_answer(media.media_id)


@blueprint.post("/uploadimg")
def upload_image() -> Response:
    """Keep a picture for the body of articles: it has an address and no id."""
    account = wire.caller()
    name, content, kind = posted_file(filetypes.ARTICLE)
    media = state().media.add(
        account.appid, type="image", mime=kind.mime, name=name, content=content, keeping=ARTICLE
    )
    return wire.answer({"url": f"{request.host_url.rstrip('/')}{media.path}"})


def posted_file(allowed: Allowed) -> tuple[str, bytes, FileType]:
    """Name, bytes and kind of the multipart field `media`.

    The notes name no code for a wrong kind or size; 40005 and 40006 are the ones widely seen.

    Raises:
        WeChatError: 41005 no file, or its name in the form of RFC 2231; 40005 its kind; 40006 its size.
    """
    sent = request.files.get("media")
    if sent is None or EXTENDED_NAME.search(request.get_data()):
        raise WeChatError(41005)
    content = sent.read()
    try:
        return sent.filename or "", content, filetypes.checked(content, allowed)
    except filetypes.WrongType as error:
        raise WeChatError(40005) from error
    except filetypes.TooLarge as error:
        raise WeChatError(40006) from error


def file_answer(media_id: str) -> Response:
    """A file's bytes as WeChat's servers give them."""
    media = state().media.get(media_id)
    if media is None:
        raise WeChatError(40007)
    content = state().media.content(media_id)
    kind = filetypes.of(content)
    answer = Response(content, content_type=media.mime)
    ending = kind.ending if kind else "bin"
    answer.headers["Content-disposition"] = f'attachment; filename="{media_id[:20]}.{ending}"'
    return answer
