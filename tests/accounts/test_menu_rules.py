"""Menus as pure functions: limits, shapes, differences."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.accounts.menus import differences, rules, shapes
from engage.accounts.menus.rules import AGENTS, KEPT, LINK, LIST, MODULE, REPLY, Entry

PAGES = "https://clinic.example/p/kangmei"
BOOK = Entry("a", "预约", MODULE, "booking")
LINKED = Entry("b", "官网", LINK, url="https://kangmei.example/")
SAID = Entry("c", "地址", REPLY, text="淮海中路 999 号")
TALK = Entry("d", "联系我们", MODULE, AGENTS, text="请说")
MINE = Entry("m", "我的", LIST, children=(SAID, TALK))
MENU = (BOOK, LINKED, MINE)


def changed(entry: Entry, **fields: object) -> Entry:
    return dataclasses.replace(entry, **fields)


@pytest.mark.parametrize(
    ("entries", "field"),
    [
        ((), "menu"),
        ((changed(BOOK, is_on=False),), "menu"),
        ((BOOK, LINKED, MINE, changed(BOOK, id="e")), "menu"),
        ((changed(BOOK, name=""),), "name"),
        ((changed(BOOK, name="预约看牙吧"),), "name"),
        ((changed(BOOK, name="BookAVisit"),), "name"),
        ((changed(MINE, children=(changed(SAID, name="九个汉字的名字太长"),)),), "name"),
        ((changed(BOOK, module=""),), "module"),
        ((changed(BOOK, module="site"),), "module"),
        ((changed(LINKED, url=""),), "url"),
        ((changed(LINKED, url="http://kangmei.example/"),), "url"),
        ((changed(LINKED, url="https://"),), "url"),
        ((changed(LINKED, url="https://kang mei/"),), "url"),
        ((changed(LINKED, url="https://[x"),), "url"),
        ((changed(LINKED, url="https://x.example/" + "医" * 336),), "url"),
        ((SAID, changed(SAID, id="e", text=" ")), "text"),
        ((changed(SAID, text="字" * 601),), "text"),
        ((changed(SAID, text="{booking}" * 20),), "text"),
        ((changed(TALK, text=""),), "text"),
        ((TALK, changed(TALK, id="e")), "module"),
        ((changed(MINE, children=()),), "kind"),
        ((changed(MINE, children=(changed(SAID, is_on=False),)),), "kind"),
        ((changed(MINE, children=(changed(MINE, id="e", name="再"),)),), "kind"),
        ((changed(MINE, children=tuple(changed(SAID, id=f"s{n}") for n in range(6))),), "kind"),
        ((Entry("k", "图", KEPT, made={"type": "img", "value": "m"}),), "kind"),
    ],
)
def test_what_wechat_would_refuse_is_said_before(entries, field):
    assert {problem.field for problem in rules.problems(entries)} == {field}


@pytest.mark.parametrize(
    "entries",
    [
        MENU,
        (BOOK,),
        (changed(BOOK, name="预约看牙"),),
        (changed(BOOK, name="Book now"),),
        (changed(MINE, children=(changed(SAID, name="八个汉字正好够了"),)),),
        (changed(MINE, children=tuple(changed(SAID, id=f"s{n}") for n in range(5))),),
        (BOOK, changed(LINKED, url="", is_on=False)),
        (Entry("k", "扫码", KEPT, made={"type": "scancode_push", "key": "k"}),),
    ],
)
def test_what_wechat_takes_is_let_through(entries):
    assert rules.problems(entries) == []


def test_a_menu_is_written_as_wechat_takes_it():
    assert rules.wire(MENU, PAGES) == [
        {"type": "view", "name": "预约", "url": f"{PAGES}/booking"},
        {"type": "view", "name": "官网", "url": "https://kangmei.example/"},
        {
            "name": "我的",
            "sub_button": [
                {"type": "click", "name": "地址", "key": "r:c"},
                {"type": "click", "name": "联系我们", "key": "agents"},
            ],
        },
    ]
    assert rules.texts(MENU) == {"r:c": "淮海中路 999 号", "agents": "请说"}


def test_both_ways_in_which_wechat_tells_a_menu_are_one():
    sent = rules.wire(MENU, PAGES)
    listed = [
        {**button, "sub_button": {"list": button["sub_button"]}} if "sub_button" in button else button
        for button in sent
    ]
    told = {"is_menu_open": 1, "selfmenu_info": {"button": listed}}
    with_nothing = [{"sub_button": [], **button} for button in sent]
    assert shapes.digest(shapes.shown_by(told)) == shapes.digest(sent) == shapes.digest(with_nothing)
    assert shapes.shown_by({**told, "is_menu_open": 0}) == []
    assert shapes.shown_by({}) == []


def test_a_menu_of_wechats_becomes_entries_that_are_known_again():
    wire = rules.wire(MENU, PAGES)
    assert shapes.entries_of(wire, PAGES, MENU) == MENU
    wire[0], wire[1] = wire[1], {**wire[0], "name": "挂号"}
    wire[2]["sub_button"].append({"type": "text", "name": "电话", "value": "021-54000101"})
    wire[2]["sub_button"].append({"type": "scancode_push", "name": "扫码", "key": "x"})
    link, book, mine = shapes.entries_of(wire, PAGES, MENU)
    assert (link, book, mine.id) == (LINKED, changed(BOOK, name="挂号"), "m")
    assert mine.children[:2] == (SAID, TALK)
    phone, scan = mine.children[2:]
    assert (phone.kind, phone.text, scan.kind) == (REPLY, "021-54000101", KEPT)
    assert rules.wire((scan,), PAGES) == [{"type": "scancode_push", "name": "扫码", "key": "x"}]
    assert len({entry.id for entry in rules.walk((link, book, mine))}) == 7


def kinds(old, new):
    return [(one.kind, (one.becomes or one.was).entry.id) for one in differences.between(old, new)]


def test_differences_are_told_by_what_people_did():
    assert kinds(MENU, MENU) == []
    assert kinds((), MENU) == [("added", key) for key in "abmcd"]
    assert kinds(MENU, (BOOK, LINKED)) == [("removed", key) for key in "mcd"]
    assert kinds(MENU, (changed(BOOK, is_on=False), LINKED, MINE)) == [("removed", "a")]
    assert kinds(MENU, (changed(BOOK, name="挂号"), LINKED, MINE)) == [("renamed", "a")]
    assert kinds(MENU, (BOOK, changed(LINKED, url="https://x.example/"), MINE)) == [("changed", "b")]
    assert kinds(MENU, (BOOK, LINKED, changed(MINE, children=(TALK, SAID)))) == [("moved", "c")]
    assert kinds(MENU, (MINE, BOOK, LINKED)) == [("moved", "m")]
    assert kinds(MENU, (BOOK, LINKED, SAID, changed(MINE, children=(TALK,)))) == [("moved", "c")]
    assert kinds(MENU, (BOOK, LINKED, changed(MINE, children=(changed(SAID, text="二楼"), TALK)))) == [
        ("changed", "c")
    ]


NAMES = st.sampled_from(["预约", "我的", "官网", "A"])
LEAVES = st.one_of(
    st.builds(
        lambda name, module, on: ("", name, MODULE, module, "", "", on),
        NAMES,
        st.sampled_from(["booking", "me"]),
        st.booleans(),
    ),
    st.builds(
        lambda name, url, on: ("", name, LINK, "", url, "", on),
        NAMES,
        st.sampled_from(["https://a.example/", "https://b.example/"]),
        st.booleans(),
    ),
    st.builds(
        lambda name, text, on: ("", name, REPLY, "", "", text, on),
        NAMES,
        st.sampled_from(["一", "二"]),
        st.booleans(),
    ),
)


@st.composite
def menus(draw):
    """Menus over one small set of ids, so that two of them have entries in common."""
    ids = draw(st.permutations([f"e{number}" for number in range(9)]))
    taken = iter(ids)
    columns = []
    for _ in range(draw(st.integers(0, 3))):
        rows = tuple(Entry(next(taken), *draw(LEAVES)[1:]) for _ in range(draw(st.integers(0, 2))))
        top = Entry(next(taken), *draw(LEAVES)[1:])
        columns.append(changed(top, kind=LIST, module="", url="", text="", children=rows) if rows else top)
    return tuple(columns)


@given(menus(), menus())
def test_menus_without_a_difference_are_equal_on_the_phones(old, new):
    same = rules.shown(old) == rules.shown(new)
    assert (differences.between(old, new) == []) is same
    there, back = differences.between(old, new), differences.between(new, old)
    assert {one.becomes.entry.id for one in there if one.kind == "added"} == {
        one.was.entry.id for one in back if one.kind == "removed"
    }


@given(menus())
def test_a_menu_survives_being_kept_and_being_told_by_wechat(menu):
    assert rules.unpacked(rules.packed(menu)) == menu
    on = rules.shown(menu)
    if not any(entry.kind == LIST and not entry.children for entry in on):
        again = shapes.entries_of(rules.wire(menu, PAGES), PAGES, menu)
        assert shapes.digest(rules.wire(again, PAGES)) == shapes.digest(rules.wire(menu, PAGES))
