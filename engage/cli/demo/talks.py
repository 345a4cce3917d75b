"""What fans of 康美口腔 and its staff wrote to each other: some of it days ago, some of it waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

FAN = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One message: when, by whom (a log-in, or `FAN`), and its words or the name of its picture."""

    at: dt.datetime
    by: str
    text: str
    picture: str


# When (days ago and the time, or minutes ago), who, what; what begins with "#" is a picture.
Line = tuple[str, str, str]

TALKS: dict[str, tuple[Line, ...]] = {
    "jianguo": (
        ("3d 09:42", FAN, "你好，我上周种的牙，这两天有点肿，正常吗？"),
        ("3d 09:44", "agent1", "李先生您好，种植后三到五天轻微肿胀是正常的。疼得厉害吗，有没有发热？"),
        ("3d 09:46", FAN, "不怎么疼，没有发热"),
        ("3d 09:48", "agent1", "那不用担心。先吃软的，别用那一侧咀嚼，肿得更厉害就随时告诉我们。"),
        ("3d 09:49", FAN, "好的，谢谢"),
        ("1d 15:20", FAN, "今天已经消了"),
        ("1d 15:26", "agent1", "太好了，复查那天见。"),
        ("26m", FAN, "请问复查要带什么吗？"),
        ("25m", FAN, "还有，能带我爱人一起看看吗，她牙龈出血"),
    ),
    "meiling": (
        ("2d 18:05", FAN, "孩子换牙，新牙长在里面了，要紧吗"),
        ("2d 18:06", FAN, "#child"),
        ("2d 18:11", "agent2", "照片收到了。下前牙这样长很常见，乳牙松动的话可以再等等。"),
        ("2d 18:12", "agent2", "稳妥起见，建议让儿童口腔的苏晴医生看一下，大约十分钟。"),
        ("2d 18:15", FAN, "周日上午有吗"),
        ("2d 18:17", "agent2", "有的，点菜单里的“微信预约”，选浦东店苏晴医生就能看到周日的时间。"),
        ("2d 18:20", FAN, "约好了"),
        ("2d 18:21", "agent2", "收到，周日见。"),
    ),
    "afeng": (
        ("9m", FAN, "智齿这边又疼了，脸都有点肿"),
        ("8m", FAN, "#xray"),
        ("8m", FAN, "这是上个月拍的片子，今天能拔吗？"),
    ),
    "yaya": (
        ("5d 10:30", FAN, "窝沟封闭几岁做合适"),
        ("5d 10:37", "agent1", "一般六到八岁，第一颗恒磨牙长出来就可以做了。雅雅多大了？"),
        ("5d 10:40", FAN, "七岁半"),
        ("5d 10:42", "agent1", "正合适。做的时候不疼，大约二十分钟，两边一起做也可以。"),
        ("5d 10:45", FAN, "多少钱呢"),
        ("5d 10:48", "agent1", "要看做几颗，检查之后医生会告诉您，做之前都会先确认费用。"),
        ("5d 10:50", FAN, "好，我周末带她来"),
        ("5d 10:52", "agent1", "好的，周末见。"),
    ),
    "laochen": (
        ("1d 16:02", FAN, "静安店停车方便吗？"),
        (
            "1d 16:05",
            "agent2",
            "陈先生您好，大楼地下有停车场，看诊免两小时停车费，在前台登记车牌就行。",
        ),
        ("1d 16:06", FAN, "好"),
        ("1d 16:07", "agent2", "路上慢点。"),
        ("47m", FAN, "我把预约改到下午了，前台能看到吗"),
    ),
    "susu": (
        ("6m", FAN, "你们的冷光美白能维持多久呀"),
        ("5m", "agent2", "您好，一般半年到一年，和咖啡、茶喝得多不多有关系。"),
        ("4m", "agent2", "#shades"),
        ("3m", "agent2", "这是色阶对照，做之前医生会先帮您比一下现在的颜色。"),
        ("2m", FAN, "明白了，做完当天可以喝咖啡吗"),
    ),
    "dawei": (
        ("4d 11:15", FAN, "Hi, do you have a doctor who speaks English?"),
        (
            "4d 11:19",
            "agent1",
            "Yes, Dr. Gao at our Jing’an clinic does. You can book him under 微信预约.",
        ),
        ("4d 11:21", FAN, "Great, thank you!"),
        ("4d 11:22", "agent1", "See you soon."),
    ),
    "linlin": (
        ("1h10m", FAN, "想给我爸问问种植，大概要多久"),
        ("1h4m", "agent1", "您好，从种下去到戴牙一般三到六个月，中间来三四次。您父亲有高血压或者糖尿病吗？"),
        ("1h1m", FAN, "有高血压，在吃药"),
        ("58m", "agent1", "可以种，那天把药带上，先不要空腹。先约一次种植咨询，拍片之后医生会给方案。"),
        ("55m", FAN, "好的，我先跟他商量"),
        ("52m", "agent1", "不着急，有问题随时问。"),
    ),
    "haoran": (
        ("6d 20:31", FAN, "晚上有人吗"),
        ("5d 09:05", "agent2", "郑先生早，我们九点上班。昨晚有什么不舒服吗？"),
        ("5d 09:30", FAN, "没事，就想问问洗牙要不要提前约"),
        ("5d 09:33", "agent2", "建议约一下，周末人多。菜单里的“微信预约”选洗牙就好。"),
    ),
    "xiaoyu": (
        ("2d 12:10", FAN, "矫正的钢丝戳到嘴了，好疼"),
        ("2d 12:12", "agent1", "先用正畸蜡把钢丝头包住。离哪家店近，今天都可以过来处理，不用排队。"),
        ("2d 12:14", FAN, "徐汇店，我一点到"),
        ("2d 12:15", "agent1", "已经跟前台说好了，到了直接说名字。"),
        ("2d 19:40", FAN, "弄好了，谢谢你们这么快"),
        ("2d 19:45", "agent1", "应该的，这两天别吃硬的。"),
    ),
    "tongtong": (("18m", FAN, "两个孩子明天一起来可以吗，能安排前后脚吗"),),
    "fan17": (
        ("1d 10:12", FAN, "你们周日开门吗"),
        ("1d 10:20", "agent2", "三家店周日都开，浦东店到晚上六点，另外两家到八点。"),
        ("1d 10:21", FAN, "好的"),
        ("1d 10:22", "agent2", "欢迎您来。"),
    ),
    "fan22": (
        ("1d 19:10", FAN, "洗牙要多久"),
        ("1d 19:18", "agent2", "大约四十五分钟。牙石多的话医生会建议分两次。"),
    ),
    "fan31": (
        ("12d 14:02", FAN, "公众号里怎么看我以前的预约"),
        ("12d 14:06", "agent1", "点菜单“自助绑定”，用来看诊时留的手机号，绑定后“我的”里都能看到。"),
    ),
}


# Who of them has switched the account's messages off.
REFUSING = ("fan22", "fan37", "fan45")


def said(fan: str, now: dt.datetime, zone: str) -> Iterator[Said]:
    """Give what was said in a conversation, in its order."""
    for when, by, words in TALKS[fan]:
        picture = words.removeprefix("#") if words.startswith("#") else ""
        yield Said(_moment(when, now, zone), by, "" if picture else words, picture)


def _moment(when: str, now: dt.datetime, zone: str) -> dt.datetime:
    days, _, clock_time = when.partition("d ")
    if clock_time:
        day = now.astimezone(ZoneInfo(zone)).date() - dt.timedelta(days=int(days))
        at = dt.datetime.combine(day, dt.time.fromisoformat(clock_time), ZoneInfo(zone))
        return at.astimezone(dt.UTC)
    hours, _, minutes = when.removesuffix("m").rpartition("h")
    return now - dt.timedelta(hours=int(hours or 0), minutes=int(minutes))
