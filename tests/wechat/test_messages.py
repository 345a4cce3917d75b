"""Each kind of push that WeChat documents (WeChat §1), as it writes it, and as we read it."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.kernel.errors import Malformed
from engage.wechat.messages import (
    AccountRefused,
    AccountVerified,
    AgentSessionClosed,
    AgentSessionMoved,
    AgentSessionOpened,
    Article,
    CodeScanned,
    ConsentRevoked,
    Content,
    Followed,
    Image,
    Left,
    Link,
    Located,
    Location,
    MassFinished,
    MenuClicked,
    MiniProgramOpened,
    NoticeChanged,
    NoticeChoice,
    NoticePopup,
    NoticeResult,
    NoticeSent,
    Originality,
    PageOpened,
    PersonCancelled,
    PicturesChosen,
    PlaceChosen,
    ProfileChanged,
    Published,
    RenewalDue,
    Scanned,
    TemplateFinished,
    Text,
    Unknown,
    VerificationExpired,
    Video,
    Voice,
    parse,
)

AT = dt.datetime(2016, 12, 6, 8, 37, 39, tzinfo=dt.UTC)
FRAME = {
    "ToUserName": "<![CDATA[gh_4d00ed8d6399]]>",
    "FromUserName": "<![CDATA[oV5CrjpxgaGXNHIQigzNlgLTnwic]]>",
    "CreateTime": "1481013459",
    "MsgType": "<![CDATA[text]]>",
}


def push(kind: str, nodes: str = "", **frame: str) -> bytes:
    """Write a push; `kind` as ours, `frame` changes nodes or, where empty, leaves them out."""
    name, _, event = kind.partition(":")
    every = {**FRAME, "MsgType": f"<![CDATA[{name}]]>", "Event": event and f"<![CDATA[{event}]]>", **frame}
    written = "\n".join(f"<{node}>{value}</{node}>" for node, value in every.items() if value)
    return f"<xml>\n{written}\n{nodes}\n</xml>".encode()


MESSAGES: list[tuple[str, str, Content]] = [
    ("text", "<Content><![CDATA[你好 ]]></Content><MsgId>1234567890123456</MsgId>", Text("你好 ", "")),
    (
        "text",
        "<Content><![CDATA[满意]]></Content><MsgId>1</MsgId><bizmsgmenuid>101</bizmsgmenuid>",
        Text("满意", "101"),
    ),
    (
        "text",
        "<Content>a</Content><MsgId>1</MsgId><MsgDataId>2247483</MsgDataId><Idx>1</Idx>",
        Text("a", ""),
    ),
    (
        "image",
        "<PicUrl><![CDATA[http://mmbiz.qpic.cn/a/0]]></PicUrl><MediaId><![CDATA[media-1]]></MediaId>",
        Image("http://mmbiz.qpic.cn/a/0", "media-1"),
    ),
    ("voice", "<MediaId>media-1</MediaId><Format>amr</Format>", Voice("media-1", "amr", "")),
    (
        "voice",
        "<MediaId>media-1</MediaId><Format>speex</Format><Recognition>腾讯微信团队</Recognition>",
        Voice("media-1", "speex", "腾讯微信团队"),
    ),
    (
        "video",
        "<MediaId>film</MediaId><ThumbMediaId>thumb</ThumbMediaId>",
        Video("film", "thumb", short=False),
    ),
    (
        "shortvideo",
        "<MediaId>film</MediaId><ThumbMediaId>thumb</ThumbMediaId>",
        Video("film", "thumb", short=True),
    ),
    (
        "location",
        (
            "<Location_X>23.134521</Location_X><Location_Y>-113.358803</Location_Y><Scale>20</Scale>"
            "<Label><![CDATA[广州市 海珠区]]></Label>"
        ),
        Location(23.134521, -113.358803, 20, "广州市 海珠区"),
    ),
    (
        "link",
        "<Title>公众平台</Title><Description/><Url><![CDATA[http://a/?b=1&c=2]]></Url>",
        Link("公众平台", "", "http://a/?b=1&c=2"),
    ),
]

EVENTS: list[tuple[str, str, Content]] = [
    ("event:subscribe", "", Followed("", "")),
    ("event:subscribe", "<EventKey><![CDATA[]]></EventKey>", Followed("", "")),
    (
        "event:subscribe",
        "<EventKey><![CDATA[qrscene_123123]]></EventKey><Ticket><![CDATA[TICKET]]></Ticket>",
        Followed("123123", "TICKET"),
    ),
    ("event:subscribe", "<EventKey>qrscene_qrscene_a</EventKey>", Followed("qrscene_a", "")),
    ("event:subscribe", "<EventKey>last_trade_no_4001</EventKey>", Followed("", "")),
    ("event:unsubscribe", "<EventKey/>", Left()),
    (
        "event:SCAN",
        "<EventKey><![CDATA[store-3]]></EventKey><Ticket>TICKET</Ticket>",
        Scanned("store-3", "TICKET"),
    ),
    (
        "event:LOCATION",
        "<Latitude>23.137466</Latitude><Longitude>113.352425</Longitude><Precision>119.385040</Precision>",
        Located(23.137466, 113.352425, 119.38504),
    ),
    ("event:CLICK", "<EventKey>booking</EventKey>", MenuClicked("booking")),
    (
        "event:VIEW",
        "<EventKey><![CDATA[http://a.example/?b&c]]></EventKey><MenuId>411</MenuId>",
        PageOpened("http://a.example/?b&c", "411"),
    ),
    (
        "event:view_miniprogram",
        "<EventKey>pages/index</EventKey><MenuId>412</MenuId>",
        MiniProgramOpened("pages/index", "412"),
    ),
    (
        "event:scancode_push",
        (
            "<EventKey>6</EventKey><ScanCodeInfo><ScanType>qrcode</ScanType>"
            "<ScanResult><![CDATA[http://a/?b&c]]></ScanResult></ScanCodeInfo>"
        ),
        CodeScanned("6", "qrcode", "http://a/?b&c", waits=False),
    ),
    (
        "event:scancode_waitmsg",
        (
            "<EventKey>6</EventKey><ScanCodeInfo><ScanType>barcode</ScanType>"
            "<ScanResult>EAN_13,6</ScanResult></ScanCodeInfo>"
        ),
        CodeScanned("6", "barcode", "EAN_13,6", waits=True),
    ),
    *(
        (
            f"event:{name}",
            f"<EventKey>6</EventKey><SendPicsInfo><Count>{len(digests)}</Count>{nodes}</SendPicsInfo>",
            PicturesChosen("6", digests),
        )
        for name in ("pic_sysphoto", "pic_photo_or_album", "pic_weixin")
        for nodes, digests in (
            ("<PicList/>", ()),
            ("<PicList>\n<item><PicMd5Sum>5a75</PicMd5Sum>\n</item></PicList>", ("5a75",)),
            (
                (
                    "<PicList><item><PicMd5Sum>5a75</PicMd5Sum></item>"
                    "<item><PicMd5Sum>1b5f</PicMd5Sum></item></PicList>"
                ),
                ("5a75", "1b5f"),
            ),
        )
    ),
    (
        "event:location_select",
        (
            "<EventKey>6</EventKey><SendLocationInfo><Location_X>23</Location_X><Location_Y>113</Location_Y>"
            "<Scale>15</Scale><Label> 广州市海珠区 </Label><Poiname></Poiname></SendLocationInfo>"
        ),
        PlaceChosen("6", 23.0, 113.0, 15, " 广州市海珠区 ", ""),
    ),
    (
        "event:TEMPLATESENDJOBFINISH",
        "<MsgID>3487542469355618313</MsgID><Status><![CDATA[failed: system failed]]></Status>",
        TemplateFinished(3487542469355618313, "failed: system failed"),
    ),
    (
        "event:MASSSENDJOBFINISH",
        (
            "<MsgID>1000001625</MsgID><Status><![CDATA[err(30003)]]></Status><TotalCount>100</TotalCount>"
            "<FilterCount>80</FilterCount><SentCount>75</SentCount><ErrorCount>5</ErrorCount>"
            "<CopyrightCheckResult><Count>2</Count><ResultList><item><ArticleIdx>1</ArticleIdx>"
            "<UserDeclareState>0</UserDeclareState><AuditState>2</AuditState>"
            "<OriginalArticleUrl><![CDATA[Url_1]]></OriginalArticleUrl><OriginalArticleType>1</OriginalArticleType>"
            "<CanReprint>1</CanReprint><NeedReplaceContent>0</NeedReplaceContent>"
            "<NeedShowReprintSource>1</NeedShowReprintSource></item></ResultList><CheckState>2</CheckState>"
            "</CopyrightCheckResult><ArticleUrlResult><Count>1</Count><ResultList><item><ArticleIdx>1</ArticleIdx>"
            "<ArticleUrl><![CDATA[http://a]]></ArticleUrl></item></ResultList></ArticleUrlResult>"
        ),
        MassFinished(
            msg_id=1000001625,
            status="err(30003)",
            total=100,
            filtered=80,
            sent=75,
            failed=5,
            originality=(
                Originality(
                    article=1,
                    declared="0",
                    audit="2",
                    original_url="Url_1",
                    original_type="1",
                    can_reprint=True,
                    content_replaced=False,
                    source_shown=True,
                ),
            ),
            check_state="2",
            articles=(Article(1, "http://a"),),
        ),
    ),
    (
        "event:MASSSENDJOBFINISH",
        (
            "<MsgID>5</MsgID><Status>send success</Status><TotalCount>1</TotalCount>"
            "<FilterCount>1</FilterCount><SentCount>1</SentCount><ErrorCount>0</ErrorCount><CopyrightCheckResult><Count>0</Count>"
            "<ResultList></ResultList><CheckState>0</CheckState></CopyrightCheckResult>"
        ),
        MassFinished(5, "send success", 1, 1, 1, 0, (), "0", ()),
    ),
    (
        "event:PUBLISHJOBFINISH",
        (
            "<PublishEventInfo><publish_id>2247503051</publish_id><publish_status>0</publish_status>"
            "<article_id><![CDATA[b5O2]]></article_id><article_detail><count>2</count>"
            "<item><idx>1</idx><article_url>A</article_url></item><item><idx>2</idx><article_url>B</article_url></item>"
            "</article_detail></PublishEventInfo>"
        ),
        Published("2247503051", 0, "b5O2", (Article(1, "A"), Article(2, "B")), ()),
    ),
    *(
        (
            "event:PUBLISHJOBFINISH",
            f"<PublishEventInfo><publish_id>7</publish_id><publish_status>2</publish_status>{nodes}</PublishEventInfo>",
            Published("7", 2, "", (), failed),
        )
        for nodes, failed in (
            ("<fail_idx>2</fail_idx>", (2,)),
            ("<fail_idx>1</fail_idx><fail_idx>2</fail_idx>", (1, 2)),
        )
    ),
    (
        "event:subscribe_msg_popup_event",
        (
            "<SubscribeMsgPopupEvent><List><TemplateId>t1</TemplateId><SubscribeStatusString>accept"
            "</SubscribeStatusString><PopupScene>1</PopupScene></List><List><TemplateId>t2</TemplateId>"
            "<SubscribeStatusString>reject</SubscribeStatusString><PopupScene>1</PopupScene></List>"
            "</SubscribeMsgPopupEvent>"
        ),
        NoticePopup(
            (NoticeChoice("t1", accepted=True, scene="1"), NoticeChoice("t2", accepted=False, scene="1"))
        ),
    ),
    (
        "event:subscribe_msg_change_event",
        (
            "<SubscribeMsgChangeEvent><List><TemplateId>t1</TemplateId><SubscribeStatusString>reject"
            "</SubscribeStatusString></List></SubscribeMsgChangeEvent>"
        ),
        NoticeChanged((NoticeChoice("t1", accepted=False, scene=""),)),
    ),
    (
        "event:subscribe_msg_sent_event",
        (
            "<SubscribeMsgSentEvent><List><TemplateId>t1</TemplateId><MsgID>1700827132819554304</MsgID>"
            "<ErrorCode>0</ErrorCode><ErrorStatus>success</ErrorStatus></List></SubscribeMsgSentEvent>"
        ),
        NoticeSent((NoticeResult("t1", 1700827132819554304, 0, "success"),)),
    ),
    ("event:subscribe_msg_sent_event", "<SubscribeMsgSentEvent/>", NoticeSent(())),
    ("event:kf_create_session", "<KfAccount>test1@test</KfAccount>", AgentSessionOpened("test1@test")),
    ("event:kf_close_session", "<KfAccount>test1@test</KfAccount>", AgentSessionClosed("test1@test")),
    (
        "event:kf_switch_session",
        "<FromKfAccount>test1@test</FromKfAccount><ToKfAccount>test2@test</ToKfAccount>",
        AgentSessionMoved("test1@test", "test2@test"),
    ),
    *(
        (f"event:{name}", f"<OpenID>o1</OpenID><UnionID>u1</UnionID><AppID>wx1</AppID>{more}", content)
        for name, more, content in (
            ("user_info_modified", "", ProfileChanged("o1", "u1", "wx1")),
            (
                "user_authorization_revoke",
                "<RevokeInfo>205</RevokeInfo>",
                ConsentRevoked("o1", "u1", "wx1", "205"),
            ),
            ("user_authorization_cancellation", "", PersonCancelled("o1", "u1", "wx1")),
        )
    ),
    *(
        (
            f"event:{what}_verify_success",
            "<ExpiredTime>1481013459</ExpiredTime>",
            AccountVerified(what, AT),
        )
        for what in ("qualification", "naming")
    ),
    *(
        (
            f"event:{what}_verify_fail",
            "<FailTime>1481013459</FailTime><FailReason><![CDATA[by time]]></FailReason>",
            AccountRefused(what, AT, "by time"),
        )
        for what in ("qualification", "naming")
    ),
    ("event:annual_renew", "<ExpiredTime>1481013459</ExpiredTime>", RenewalDue(AT)),
    ("event:verify_expired", "<ExpiredTime>1481013459</ExpiredTime>", VerificationExpired(AT)),
]


@pytest.mark.parametrize(("kind", "nodes", "content"), [*MESSAGES, *EVENTS])
def test_each_kind_is_read(kind: str, nodes: str, content: Content) -> None:
    message = parse(push(kind, nodes))
    assert message.content == content
    assert (message.kind, message.created_at) == (kind, AT)
    assert (message.openid, message.account) == ("oV5CrjpxgaGXNHIQigzNlgLTnwic", "gh_4d00ed8d6399")


@pytest.mark.parametrize("name", ["Subscribe", "SUBSCRIBE", "subscribe"])
def test_the_case_of_an_events_name_is_kept_but_does_not_matter(name: str) -> None:
    message = parse(push(f"event:{name}"))
    assert (message.kind, message.content) == (f"event:{name}", Followed("", ""))


@pytest.mark.parametrize(
    ("kind", "nodes"),
    [
        ("hologram", "<Beam>1</Beam>"),
        ("event:card_pass_check", "<CardId>1</CardId>"),
        # The name of a message is none of an event, nor the other way round.
        ("event:image", "<MediaId>1</MediaId>"),
        ("subscribe", ""),
        # Known, but not of the shape that they have.
        ("text", "<Content><b>1</b></Content>"),
        ("text", "<Content>1</Content><Content>2</Content>"),
        ("location", "<Location_X>nan</Location_X><Location_Y>1</Location_Y><Scale>1</Scale>"),
        ("location", "<Location_X>1e400</Location_X><Location_Y>1</Location_Y><Scale>1</Scale>"),
        ("location", "<Location_X>1</Location_X><Location_Y>1</Location_Y>"),
        ("event:TEMPLATESENDJOBFINISH", "<Status>success</Status>"),
        ("event:TEMPLATESENDJOBFINISH", "<MsgID>9223372036854775808</MsgID><Status>success</Status>"),
        ("event:TEMPLATESENDJOBFINISH", "<MsgID>٣</MsgID><Status>success</Status>"),
        ("event:TEMPLATESENDJOBFINISH", f"<MsgID>{'9' * 9000}</MsgID><Status>success</Status>"),
        ("event:scancode_push", "<ScanCodeInfo>qrcode</ScanCodeInfo>"),
        ("event:pic_weixin", "<SendPicsInfo><PicList><item>1</item></PicList></SendPicsInfo>"),
        ("event:PUBLISHJOBFINISH", "<PublishEventInfo/>"),
        (
            "event:PUBLISHJOBFINISH",
            "<PublishEventInfo><publish_status>2</publish_status><fail_idx><a>1</a></fail_idx></PublishEventInfo>",
        ),
        ("event:annual_renew", "<ExpiredTime>-1</ExpiredTime>"),
        ("event:annual_renew", "<ExpiredTime>999999999999</ExpiredTime>"),
    ],
)
def test_what_is_not_known_or_of_another_shape_is_kept(kind: str, nodes: str) -> None:
    message = parse(push(kind, nodes))
    assert message.content == Unknown(message.fields)
    assert message.key
    assert message.fields["CreateTime"] == "1481013459"


@pytest.mark.parametrize(
    "frame",
    [
        {"MsgType": ""},
        {"FromUserName": ""},
        {"ToUserName": "<![CDATA[ ]]>"},
        {"CreateTime": ""},
        {"CreateTime": "yesterday"},
        {"CreateTime": "-5"},
        {"CreateTime": "1481013459.5"},
        {"CreateTime": "999999999999"},
        {"FromUserName": "<a>1</a>"},
        {"FromUserName": "two words"},
        {"FromUserName": "o" * 65},
        {"MsgType": "event"},
        {"MsgType": "event:subscribe"},
        {"MsgType": "event", "Event": "<a/>"},
        {"MsgType": "event", "Event": "e" * 65},
    ],
)
def test_what_has_no_frame_is_malformed(frame: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        parse(push("text", "<Content>1</Content><MsgId>1</MsgId>", **frame))


def test_a_frame_that_is_there_twice_is_malformed() -> None:
    with pytest.raises(Malformed):
        parse(push("text", "<FromUserName>another</FromUserName>"))


TEXT = "<Content>a</Content><MsgId>1</MsgId>"
NOTICE = (
    "<SubscribeMsgSentEvent><List><TemplateId>t</TemplateId><MsgID>{}</MsgID>"
    "<ErrorCode>0</ErrorCode></List></SubscribeMsgSentEvent>"
)
PUBLISHED = (
    "<PublishEventInfo><publish_id>{}</publish_id><publish_status>0</publish_status></PublishEventInfo>"
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (push("text", TEXT), push("text", TEXT.replace("1", "2"))),
        (push("text", TEXT), push("text", TEXT, FromUserName="another")),
        (push("text", "<Content>a</Content>"), push("text", "<Content>b</Content>")),
        (push("event:CLICK", "<EventKey>a</EventKey>"), push("event:CLICK", "<EventKey>b</EventKey>")),
        (push("event:CLICK", "<EventKey>a</EventKey>"), push("event:VIEW", "<EventKey>a</EventKey>")),
        (push("event:subscribe"), push("event:unsubscribe")),
        (push("event:subscribe"), push("event:subscribe", CreateTime="1481013460")),
        (push("event:subscribe"), push("event:subscribe", FromUserName="another")),
        (
            push("event:TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID>"),
            push("event:TEMPLATESENDJOBFINISH", "<MsgID>2</MsgID>"),
        ),
        (
            push("event:subscribe_msg_sent_event", NOTICE.format(1)),
            push("event:subscribe_msg_sent_event", NOTICE.format(2)),
        ),
        (
            push("event:PUBLISHJOBFINISH", PUBLISHED.format(1)),
            push("event:PUBLISHJOBFINISH", PUBLISHED.format(2)),
        ),
    ],
)
def test_different_pushes_have_different_keys(one: bytes, other: bytes) -> None:
    assert parse(one).key != parse(other).key
    assert parse(one).key == parse(one).key


def test_copies_in_another_mode_have_the_same_key() -> None:
    """The same message may come plain and, after the account was switched, encrypted and spaced otherwise."""
    assert parse(push("text", TEXT)).key == parse(push("text", TEXT).replace(b"\n", b"")).key
    assert parse(push("text", TEXT)).key == parse(push("text", TEXT, CreateTime="1481013460")).key


def test_a_key_is_short_however_long_the_event_is() -> None:
    assert len(parse(push("event:VIEW", f"<EventKey>{'a' * 60_000}</EventKey>")).key) == 64


@pytest.mark.parametrize(
    ("kind", "nodes", "from_a_person", "receipt"),
    [
        ("text", TEXT, True, False),
        ("event:subscribe", "", True, False),
        ("event:card_pass_check", "", False, False),
        ("event:TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID>", False, True),
        ("event:TEMPLATESENDJOBFINISH", "", False, False),
        ("event:MASSSENDJOBFINISH", "<MsgID>1</MsgID>", False, False),
        ("event:PUBLISHJOBFINISH", "", False, False),
        ("event:user_authorization_revoke", "", False, False),
        ("event:naming_verify_success", "", False, False),
        ("annual_renew", "", True, False),
    ],
)
def test_who_a_push_is_from(kind: str, nodes: str, from_a_person: bool, receipt: bool) -> None:
    message = parse(push(kind, nodes))
    assert (message.is_from_a_person, isinstance(message.content, TemplateFinished)) == (
        from_a_person,
        receipt,
    )
