"""Chinese names in Latin letters, as they are typed on any keyboard: 王小红 is wangxiaohong and wxh."""

from __future__ import annotations

import itertools
import re
from typing import Final

from pypinyin import Style, lazy_pinyin

# Surnames that are read otherwise than the same character in a sentence.
SURNAMES: Final = {
    "单": "shan",
    "單": "shan",
    "曾": "zeng",
    "仇": "qiu",
    "解": "xie",
    "查": "zha",
    "区": "ou",
    "區": "ou",
    "朴": "piao",
    "覃": "qin",
    "盖": "ge",
    "蓋": "ge",
    "乐": "yue",
    "樂": "yue",
    "翟": "zhai",
    "缪": "miao",
    "繆": "miao",
    "秘": "bi",
    "洗": "xian",
    "折": "she",
    "员": "yun",
    "員": "yun",
    "种": "chong",
    "重": "chong",
    "祭": "zhai",
    "繁": "po",
    "黑": "he",
    "召": "shao",
    "么": "yao",
    "能": "nai",
    "郇": "xun",
    "隗": "wei",
    "阚": "kan",
    "卜": "bu",
    "令狐": "ling hu",
    "万俟": "mo qi",
    "尉迟": "yu chi",
    "长孙": "zhang sun",
    "單于": "chan yu",
    "单于": "chan yu",
    "澹台": "tan tai",
    "鲜于": "xian yu",
    "欧阳": "ou yang",
    "歐陽": "ou yang",
    "上官": "shang guan",
    "司马": "si ma",
    "司徒": "si tu",
    "诸葛": "zhu ge",
    "皇甫": "huang fu",
    "慕容": "mu rong",
    "公孙": "gong sun",
    "东方": "dong fang",
    "夏侯": "xia hou",
    "宇文": "yu wen",
    "端木": "duan mu",
}

_WORDS: Final = re.compile(r"[a-z0-9]+|[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def full(name: str) -> str:
    """Give a name in letters without spaces: wangxiaohong; what is neither Chinese nor Latin is left out."""
    return "".join(_syllables(name)[0])


def initials(name: str) -> str:
    """Give the first letter of each character or word: wxh."""
    return _first_letters(_syllables(name)[0])


def terms(name: str) -> frozenset[str]:
    """Give what a name is found by when it is typed in letters.

    First letters from each character on (wxh, xh, h), the whole and the given name (wangxiaohong,
    xiaohong), and the surname with first letters (wangxh); a surname of two readings in both.
    """
    found: set[str] = set()
    for syllables, surname in _readings(name):
        letters = _first_letters(syllables)
        found |= {letters[begin:] for begin in range(len(letters))}
        found |= {"".join(syllables), "".join(syllables[surname:])}
        found.add("".join(syllables[:surname]) + letters[surname:])
    return frozenset(found - {""})


def _readings(name: str) -> list[tuple[list[str], int]]:
    """Give the ways to read a name, each with how many syllables its surname has."""
    syllables, surname = _syllables(name)
    common = _common(_words(name))
    readings = [(syllables, surname)]
    return readings if common == syllables else [*readings, (common, surname)]


def _syllables(name: str) -> tuple[list[str], int]:
    words = _words(name)
    common = _common(words)
    for length in (2, 1):
        read = SURNAMES.get("".join(words[:length])) if len(words) > length else None
        if read:
            return [*read.split(), *common[length:]], length
    return common, 1


def _common(words: list[str]) -> list[str]:
    """Read characters that stand together as one phrase, so that each gets its sound there."""
    read: list[str] = []
    for is_latin, group in itertools.groupby(words, key=str.isascii):
        together = list(group)
        read += together if is_latin else lazy_pinyin("".join(together), style=Style.NORMAL, errors="ignore")
    return read


def _words(name: str) -> list[str]:
    return _WORDS.findall(name.casefold())


def _first_letters(syllables: list[str]) -> str:
    return "".join(syllable[0] for syllable in syllables)
