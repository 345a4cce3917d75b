"""Texts of a template's keys: WeChat's limits, placeholders, what is cut (WeChat §4, NT-2)."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.notifications import fields
from engage.notifications.fields import TYPES, Line
from engage.notifications.rules import KINDS
from sandbox import fields as wechat

VISIT = "appointment_created"
VALUES = {
    "store": "徐汇店",
    "doctor": "",
    "time": "2026-01-31 15:00",
    "phone": "",
    "address": "淮海路",
    "account": "康美",
}


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("thing1", ["店", "a" * 20, "到 店 1!"], ["", "a" * 21, "两\n行"]),
        ("character_string2", ["A-1", "x" * 32], ["", "x" * 33, "编号1"]),
        (
            "time3",
            ["15:01", "2019年10月1日 15:01", "2026-01-31 15:00", "9:00~10:00"],
            ["", "25:00", "下午三点"],
        ),
        ("date4", ["2026-01-31", "2026年1月31日", "01-01", "2018/01/01 9:00"], ["", "15:01", "周一"]),
        ("amount5", ["¥128.00", "128元", "123456789012"], ["", "1234567890123", "一百元"]),
        ("phone_number6", ["021-54000101", "+86 138", "1" * 17], ["", "1" * 18, "电话"]),
        ("car_number7", ["粤A8Z888", "A1"], ["", "粤A8Z88888", "车"]),
        ("name8", ["林志远", "一" * 10, "Anna Li"], ["", "一" * 11, "A" * 21, "林1"]),
        ("phrase9", ["已预约", "一二三四五"], ["", "一二三四五六", "13笔", "ok"]),
        ("number10", ["12", "1" * 32], ["", "1" * 33, "一"]),
        ("letter11", ["abc"], ["", "a1", "a" * 33]),
        ("symbol12", ["!!"], ["", "a", "!!!!!!"]),
        ("const13", ["预约成功"], ["", "一" * 21]),
        ("keyword1", ["旧模板"], ["一" * 21]),
    ],
)
def test_a_value_is_held_to_the_type_in_its_key(key, good, bad):
    for value in good:
        assert fields.check(key, value) is None, value
    for value in bad:
        assert fields.check(key, value) is not None, value


@given(st.sampled_from(sorted(TYPES)), st.text("徐店汇a1 -:~¥.年月日A0!", max_size=34))
def test_what_is_let_through_wechat_takes(name: str, value: str):
    if fields.check(f"{name}1", value) is None:
        template = type("Template", (), {"content": f"{{{{{name}1.DATA}}}}"})
        wechat.check(template, {f"{name}1": value})


def test_the_page_reads_the_same_patterns(root):
    """Each pattern says the same in the script, where a person is told while typing."""
    probes = [
        "",
        "徐汇店",
        "a1",
        "15:00",
        "2026-01-31 15:00",
        "021-5400",
        "¥1.5",
        "!!",
        "x" * 40,
        "粤A8Z888",
        "已预约",
    ]
    patterns = {name: one.pattern for name, one in TYPES.items()}
    script = (
        "const [patterns, probes] = JSON.parse(process.argv[1]);"
        "const said = Object.fromEntries(Object.entries(patterns).map(([name, pattern]) =>"
        " [name, probes.map((probe) => new RegExp(`^(?:${pattern})$`, 'u').test(probe))]));"
        "console.log(JSON.stringify(said));"
    )
    node = [root / ".venv/bin/node", "-e", script, json.dumps([patterns, probes])]
    said = json.loads(subprocess.run(node, check=True, capture_output=True, text=True).stdout)
    for name, pattern in patterns.items():
        assert said[name] == [bool(re.fullmatch(pattern, probe)) for probe in probes], name


def test_emoji_and_control_characters_are_refused():
    assert fields.check("thing1", "欢迎😀") is not None
    assert fields.check("thing1", "欢迎\r") is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{store}", "徐汇店"),
        ("{store}（{address}）", "徐汇店（淮海路）"),
        ("{doctor|到店安排}", "到店安排"),
        ("{doctor}", "-"),
        ("{doctor|}医生", "医生"),
        ("请准时", "请准时"),
    ],
)
def test_placeholders_are_filled(text, value):
    assert fields.render([{"key": "thing1", "text": text}], VALUES) == ({"thing1": value}, {})


def test_a_placeholder_that_is_too_long_is_cut():
    data, problems = fields.render([{"key": "thing1", "text": "{store}"}], {"store": "一" * 25})
    assert data == {"thing1": f"{'一' * 19}…"}
    assert problems == {}


@pytest.mark.parametrize(("key", "text"), [("phrase1", "{store}"), ("character_string1", "{store}")])
def test_what_may_not_be_cut_is_a_problem(key, text):
    _data, problems = fields.render([{"key": key, "text": text}], {"store": "康美口腔徐汇店" * 3})
    assert set(problems) == {key}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("thing1", ""),
        ("thing1", "{patient}"),
        ("thing1", "{门店}"),
        ("thing1", "{store"),
        ("thing1", "一" * 21),
        ("thing1", "{store}" + "一" * 21),
        ("thing1", "😀{store}"),
        ("time1", "{store}"),
        ("phone_number1", "{address}"),
        ("character_string1", "{doctor}"),
        ("phrase1", "{doctor}"),
        ("phrase1", "{doctor|请到店后等候安排}"),
        ("thing1", "{doctor|😀}"),
        ("thing1", "{doctor|\0}"),
    ],
)
def test_a_text_that_can_never_fit_is_refused(key, text):
    assert fields.check_text(VISIT, key, text) is not None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("thing1", "{store} {address}"),
        ("thing1", "{address}" + "一" * 20),
        ("time1", "{time}"),
        ("phone_number1", "{phone}"),
        ("name1", "{doctor}"),
        ("phrase1", "{doctor|到店安排}"),
        ("thing1", "{doctor|" + "一" * 30 + "}"),
        ("phrase1", "已预约"),
    ],
)
def test_a_text_that_fits_is_taken(key, text):
    assert fields.check_text(VISIT, key, text) is None


def test_messages_of_bindings_know_no_visit():
    assert fields.check_text("bound", "thing1", "{account}") is None
    assert fields.check_text("bound", "thing1", "{store}") is not None


def test_the_keys_of_a_content_have_labels():
    content = "{{first.DATA}}\n门店：{{thing1.DATA}}\n时间: {{time2.DATA}} 电话：{{phone_number3.DATA}}"
    assert fields.lines(f"{content}\n{{{{thing1.DATA}}}}") == [
        Line("first", "first"),
        Line("thing1", "门店"),
        Line("time2", "时间"),
        Line("phone_number3", "电话"),
    ]


def test_a_message_as_it_is_read():
    content = "门店：{{thing1.DATA}}\n时间：{{time2.DATA}}"
    assert fields.as_read(content, {"thing1": "徐汇店", "time2": "15:00"}) == "门店：徐汇店\n时间：15:00"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_suggested_fits(kind):
    keys = (
        ("门店", "thing1"),
        ("医生", "name2"),
        ("时间", "time3"),
        ("电话", "phone_number4"),
        ("备注", "thing5"),
    )
    content = "\n".join(f"{label}：{{{{{key}.DATA}}}}" for label, key in keys)
    for line in fields.lines(content):
        text = fields.suggested(kind, line)
        assert text == "" or fields.check_text(kind, line.key, text) is None
