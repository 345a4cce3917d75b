"""Permanent material: `/cgi-bin/material/*` (WeChat §10)."""

from flask import Blueprint, Response, request

from sandbox import filetypes, wire
from sandbox.api.media import file_answer, posted_file
from sandbox.errors import WeChatError
from sandbox.posted import json_object
from sandbox.state import state
from sandbox.state.accounts import Account
from sandbox.state.media import PERMANENT, Media

blueprint = Blueprint("material", __name__, url_prefix="/cgi-bin/material")

MOST = {"image": 100_000, "thumb": 100_000, "voice": 1000, "video": 1000}
LONGEST_PAGE = 20


@blueprint.post("/add_material")
def add() -> Response:
    """Keep a file for good; a video needs a title and an introduction, a picture gets an address."""
    account = wire.caller()
    type_ = request.args.get("type") or request.form.get("type", "")
    if type_ not in filetypes.PERMANENT:
        raise WeChatError(40004)
    name, content, kind = posted_file(filetypes.PERMANENT[type_])
    title, introduction = _description() if type_ == "video" else ("", "")
    if state().media.counts(account.appid).get(type_, 0) >= MOST[type_]:
        raise WeChatError(45028)
    media = state().media.add(
        account.appid,
        type=type_,
        mime=kind.mime,
        name=name,
        title=title,
        introduction=introduction,
        content=content,
        keeping=PERMANENT,
    )
    return wire.answer({"media_id": media.media_id, **_address(media)})


@blueprint.post("/get_material")
def get() -> Response:
    """A file's bytes; of a video its texts and address."""
    media = _own(wire.caller())
    if media.type != "video":
        return file_answer(media.media_id)
    return wire.answer(
        {
            "title": media.title,
            "description": media.introduction,
            "down_url": f"{request.host_url.rstrip('/')}{media.path}",
        }
    )


@blueprint.post("/del_material")
def remove() -> Response:
    """Throw a file away."""
    media = _own(wire.caller())
    state().media.remove(media.media_id)
    return wire.ok()


@blueprint.get("/get_materialcount")
def count() -> Response:
    """How many there are of each type; thumbs count as images."""
    counts = state().media.counts(wire.caller().appid)
    return wire.answer(
        {
            "voice_count": counts.get("voice", 0),
            "video_count": counts.get("video", 0),
            "image_count": counts.get("image", 0) + counts.get("thumb", 0),
            "news_count": 0,
        }
    )


@blueprint.post("/batchget_material")
def page() -> Response:
    """Up to 20 files of a type, the newest first."""
    account, data = wire.caller(), wire.body()
    type_, offset, most = data.get("type"), data.get("offset", 0), data.get("count")
    if type_ not in ("image", "voice", "video", "news"):
        raise WeChatError(40004)
    if not isinstance(offset, int) or not 0 <= offset <= max(MOST.values()) or not isinstance(most, int):
        raise WeChatError(40035)
    if not 1 <= most <= LONGEST_PAGE:
        raise WeChatError(40035)
    found = state().media.page(account.appid, type_, offset=offset, count=most)
    return wire.answer(
        {
            "item": [
                {
                    "media_id": media.media_id,
                    "name": media.title or media.name,
                    "update_time": int(media.created_at),
                    **_address(media),
                }
                for media in found
            ],
            "total_count": state().media.counts(account.appid).get(type_, 0),
            "item_count": len(found),
        }
    )


def _own(account: Account) -> Media:
    media = state().media.permanent(account.appid, wire.body().get("media_id"))
    if media is None:
        raise WeChatError(40007)
    return media


def _description() -> tuple[str, str]:
    """Title and introduction of a video, from the form's field `description`."""
    data = json_object(request.form.get("description", "").encode())
    if data is None:
        raise WeChatError(47001)
    if not data.get("title"):
        raise WeChatError(40035)
    return str(data["title"]), str(data.get("introduction") or "")


def _address(media: Media) -> dict[str, str]:
    if media.type not in ("image", "thumb"):
        return {}
    return {"url": f"{request.host_url.rstrip('/')}{media.path}"}
