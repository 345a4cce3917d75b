"""How each kind of push is read (WeChat §1): a table from its name to what makes its content."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence

from engage.wechat.messages import contents
from engage.wechat.messages.contents import Content
from engage.wechat.xml import Node, Nodes

SECONDS = re.compile(r"[0-9]{1,11}")
NUMBER = re.compile(r"-?[0-9]{1,19}")
LARGEST_NUMBER = 2**63 - 1
DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,20})?")
BY_QR_CODE = "qrscene_"


class Unfit(Exception):
    """A node is not of the shape that its kind has."""


def content(kind: str, fields: Nodes) -> Content:
    """Give what a push of this kind says; `Unknown` of other kinds, and of other shapes than the kind has."""
    name = kind.removeprefix("event:")
    build = MESSAGES.get(kind) if name == kind else EVENTS.get(name.lower())
    if build is None:
        return contents.Unknown(fields)
    try:
        return build(fields)
    except Unfit:
        return contents.Unknown(fields)


def seconds(fields: Nodes, name: str) -> dt.datetime:
    """Give a time that WeChat wrote in seconds.

    Raises:
        Unfit: it is none.
    """
    value = _id(fields, name)
    if not SECONDS.fullmatch(value):
        raise Unfit(name)
    return dt.datetime.fromtimestamp(int(value), dt.UTC)


def _text(fields: Nodes, name: str) -> str:
    """Give what a person wrote, to the letter."""
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise Unfit(name)
    return value


def _id(fields: Nodes, name: str) -> str:
    """Give what a machine wrote, without space around it."""
    return _text(fields, name).strip()


def _number(fields: Nodes, name: str) -> int:
    return _whole(fields.get(name, ""))


def _whole(value: Node) -> int:
    if not isinstance(value, str) or not NUMBER.fullmatch(value.strip()) or abs(int(value)) > LARGEST_NUMBER:
        raise Unfit(value)
    return int(value)


def _decimal(fields: Nodes, name: str) -> float:
    value = _id(fields, name)
    if not DECIMAL.fullmatch(value):
        raise Unfit(name)
    return float(value)


def _inside(fields: Nodes, name: str) -> Nodes:
    """Give the nodes inside one; an empty or missing one has none."""
    value = fields.get(name) or {}
    if not isinstance(value, dict):
        raise Unfit(name)
    return value


def _each(fields: Nodes, name: str) -> list[Node]:
    """Give a node that may be there never, once or repeatedly, as a list."""
    value = fields.get(name) or []
    return value if isinstance(value, list) else [value]


def _items(fields: Nodes, name: str = "item") -> Sequence[Nodes]:
    every = _each(fields, name)
    items = [item for item in every if isinstance(item, dict)]
    if len(items) != len(every):
        raise Unfit(name)
    return items


# --- One builder for each kind ---


def _location(fields: Nodes) -> Content:
    return contents.Location(
        latitude=_decimal(fields, "Location_X"),
        longitude=_decimal(fields, "Location_Y"),
        scale=_number(fields, "Scale"),
        label=_text(fields, "Label"),
    )


def _followed(fields: Nodes) -> Content:
    key = _id(fields, "EventKey")
    scene = key.removeprefix(BY_QR_CODE) if key.startswith(BY_QR_CODE) else ""
    return contents.Followed(scene, _id(fields, "Ticket"))


def _located(fields: Nodes) -> Content:
    return contents.Located(
        _decimal(fields, "Latitude"), _decimal(fields, "Longitude"), _decimal(fields, "Precision")
    )


def _code_scanned(fields: Nodes, *, waits: bool) -> Content:
    code = _inside(fields, "ScanCodeInfo")
    return contents.CodeScanned(
        _id(fields, "EventKey"), _id(code, "ScanType"), _text(code, "ScanResult"), waits
    )


def _pictures_chosen(fields: Nodes) -> Content:
    pictures = _items(_inside(_inside(fields, "SendPicsInfo"), "PicList"))
    digests = tuple(_id(picture, "PicMd5Sum") for picture in pictures)
    return contents.PicturesChosen(_id(fields, "EventKey"), digests)


def _place_chosen(fields: Nodes) -> Content:
    place = _inside(fields, "SendLocationInfo")
    return contents.PlaceChosen(
        key=_id(fields, "EventKey"),
        latitude=_decimal(place, "Location_X"),
        longitude=_decimal(place, "Location_Y"),
        scale=_number(place, "Scale"),
        label=_text(place, "Label"),
        name=_text(place, "Poiname"),
    )


def _mass_finished(fields: Nodes) -> Content:
    check = _inside(fields, "CopyrightCheckResult")
    urls = _inside(_inside(fields, "ArticleUrlResult"), "ResultList")
    return contents.MassFinished(
        msg_id=_number(fields, "MsgID"),
        status=_id(fields, "Status"),
        total=_number(fields, "TotalCount"),
        filtered=_number(fields, "FilterCount"),
        sent=_number(fields, "SentCount"),
        failed=_number(fields, "ErrorCount"),
        originality=tuple(_originality(item) for item in _items(_inside(check, "ResultList"))),
        check_state=_id(check, "CheckState"),
        articles=tuple(
            contents.Article(_number(item, "ArticleIdx"), _id(item, "ArticleUrl")) for item in _items(urls)
        ),
    )


def _originality(item: Nodes) -> contents.Originality:
    return contents.Originality(
        article=_number(item, "ArticleIdx"),
        declared=_id(item, "UserDeclareState"),
        audit=_id(item, "AuditState"),
        original_url=_id(item, "OriginalArticleUrl"),
        original_type=_id(item, "OriginalArticleType"),
        can_reprint=_id(item, "CanReprint") == "1",
        content_replaced=_id(item, "NeedReplaceContent") == "1",
        source_shown=_id(item, "NeedShowReprintSource") == "1",
    )


def _published(fields: Nodes) -> Content:
    info = _inside(fields, "PublishEventInfo")
    return contents.Published(
        publish_id=_id(info, "publish_id"),
        status=_number(info, "publish_status"),
        article_id=_id(info, "article_id"),
        articles=tuple(
            contents.Article(_number(item, "idx"), _id(item, "article_url"))
            for item in _items(_inside(info, "article_detail"))
        ),
        failed=tuple(_whole(index) for index in _each(info, "fail_idx")),
    )


def _choices(fields: Nodes, name: str) -> tuple[contents.NoticeChoice, ...]:
    return tuple(
        contents.NoticeChoice(
            _id(item, "TemplateId"), _id(item, "SubscribeStatusString") == "accept", _id(item, "PopupScene")
        )
        for item in _items(_inside(fields, name), "List")
    )


def _notice_sent(fields: Nodes) -> Content:
    return contents.NoticeSent(
        tuple(
            contents.NoticeResult(
                template_id=_id(item, "TemplateId"),
                msg_id=_number(item, "MsgID"),
                error_code=_number(item, "ErrorCode"),
                error_status=_id(item, "ErrorStatus"),
            )
            for item in _items(_inside(fields, "SubscribeMsgSentEvent"), "List")
        )
    )


def _verified(what: str) -> Callable[[Nodes], Content]:
    return lambda fields: contents.AccountVerified(what, seconds(fields, "ExpiredTime"))


def _refused(what: str) -> Callable[[Nodes], Content]:
    return lambda fields: contents.AccountRefused(
        what, seconds(fields, "FailTime"), _text(fields, "FailReason")
    )


def _person(fields: Nodes) -> tuple[str, str, str]:
    return _id(fields, "OpenID"), _id(fields, "UnionID"), _id(fields, "AppID")


MESSAGES: Mapping[str, Callable[[Nodes], Content]] = {
    "text": lambda fields: contents.Text(_text(fields, "Content"), _id(fields, "bizmsgmenuid")),
    "image": lambda fields: contents.Image(_id(fields, "PicUrl"), _id(fields, "MediaId")),
    "voice": lambda fields: contents.Voice(
        _id(fields, "MediaId"), _id(fields, "Format"), _text(fields, "Recognition")
    ),
    "video": lambda fields: contents.Video(_id(fields, "MediaId"), _id(fields, "ThumbMediaId"), short=False),
    "shortvideo": lambda fields: contents.Video(
        _id(fields, "MediaId"), _id(fields, "ThumbMediaId"), short=True
    ),
    "location": _location,
    "link": lambda fields: contents.Link(
        _text(fields, "Title"), _text(fields, "Description"), _id(fields, "Url")
    ),
}

# By the name in small letters: WeChat writes SCAN, subscribe and subscribe_msg_popup_event.
EVENTS: Mapping[str, Callable[[Nodes], Content]] = {
    "subscribe": _followed,
    "unsubscribe": lambda _fields: contents.Left(),
    "scan": lambda fields: contents.Scanned(_id(fields, "EventKey"), _id(fields, "Ticket")),
    "location": _located,
    "click": lambda fields: contents.MenuClicked(_id(fields, "EventKey")),
    "view": lambda fields: contents.PageOpened(_id(fields, "EventKey"), _id(fields, "MenuId")),
    "view_miniprogram": lambda fields: contents.MiniProgramOpened(
        _id(fields, "EventKey"), _id(fields, "MenuId")
    ),
    "scancode_push": lambda fields: _code_scanned(fields, waits=False),
    "scancode_waitmsg": lambda fields: _code_scanned(fields, waits=True),
    "pic_sysphoto": _pictures_chosen,
    "pic_photo_or_album": _pictures_chosen,
    "pic_weixin": _pictures_chosen,
    "location_select": _place_chosen,
    "templatesendjobfinish": lambda fields: contents.TemplateFinished(
        _number(fields, "MsgID"), _id(fields, "Status")
    ),
    "masssendjobfinish": _mass_finished,
    "publishjobfinish": _published,
    "subscribe_msg_popup_event": lambda fields: contents.NoticePopup(
        _choices(fields, "SubscribeMsgPopupEvent")
    ),
    "subscribe_msg_change_event": lambda fields: contents.NoticeChanged(
        _choices(fields, "SubscribeMsgChangeEvent")
    ),
    "subscribe_msg_sent_event": _notice_sent,
    "kf_create_session": lambda fields: contents.AgentSessionOpened(_id(fields, "KfAccount")),
    "kf_close_session": lambda fields: contents.AgentSessionClosed(_id(fields, "KfAccount")),
    "kf_switch_session": lambda fields: contents.AgentSessionMoved(
        _id(fields, "FromKfAccount"), _id(fields, "ToKfAccount")
    ),
    "user_info_modified": lambda fields: contents.ProfileChanged(*_person(fields)),
    "user_authorization_revoke": lambda fields: contents.ConsentRevoked(
        *_person(fields), what=_id(fields, "RevokeInfo")
    ),
    "user_authorization_cancellation": lambda fields: contents.PersonCancelled(*_person(fields)),
    "qualification_verify_success": _verified("qualification"),
    "qualification_verify_fail": _refused("qualification"),
    "naming_verify_success": _verified("naming"),
    "naming_verify_fail": _refused("naming"),
    "annual_renew": lambda fields: contents.RenewalDue(seconds(fields, "ExpiredTime")),
    "verify_expired": lambda fields: contents.VerificationExpired(seconds(fields, "ExpiredTime")),
}
