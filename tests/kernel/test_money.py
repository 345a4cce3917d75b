"""Money: whole minor units with a currency."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engage.kernel.money import Money


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("128", "CNY", 12800),
        ("0.01", "CNY", 1),
        ("0.005", "CNY", 1),
        ("0.0049", "CNY", 0),
        ("1.115", "CNY", 112),
        (Decimal("2.675"), "CNY", 268),
        (50000, "KRW", 50000),
        ("49999.5", "KRW", 50000),
        ("1.2345", "KWD", 1235),
        ("-1.005", "CNY", -101),
    ],
)
def test_major_units_are_rounded_half_up(amount: Decimal | str | int, currency: str, minor: int) -> None:
    assert Money.of(amount, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("minor", "percent", "share"),
    [(10000, "12.5", 1250), (101, "50", 51), (99, "50", 50), (1, "49", 0), (0, "100", 0), (333, "100", 333)],
)
def test_a_share_is_rounded_half_up(minor: int, percent: str, share: int) -> None:
    assert Money(minor, "CNY").share(Decimal(percent)) == Money(share, "CNY")


def test_amounts_add_up() -> None:
    assert Money(150, "CNY") + Money(50, "CNY") == Money(200, "CNY")
    assert Money(150, "CNY") - Money(200, "CNY") == Money(-50, "CNY")


def test_currencies_do_not_mix() -> None:
    for mix in (Money.__add__, Money.__sub__):
        with pytest.raises(ValueError, match="do not add up"):
            mix(Money(1, "CNY"), Money(1, "KRW"))


@pytest.mark.parametrize(
    ("money", "locale", "written"),
    [
        (Money(12800, "CNY"), "zh_Hans", "¥128.00"),
        (Money(12800, "CNY"), "en", "CN¥128.00"),
        (Money(1234567, "CNY"), "zh_Hans", "¥12,345.67"),
        (Money(50000, "KRW"), "en", "₩50,000"),
    ],
)
def test_amounts_are_written_as_people_do(money: Money, locale: str, written: str) -> None:
    assert money.format(locale) == written
