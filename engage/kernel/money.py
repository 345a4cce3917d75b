"""Money: whole minor units with a currency."""

from __future__ import annotations

import decimal
from dataclasses import dataclass

from babel.numbers import format_currency, get_currency_precision


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (fen for CNY, won for KRW)."""

    amount_minor: int
    currency: str

    @classmethod
    def of(cls, amount: decimal.Decimal | str | int, currency: str) -> Money:
        """Make money from major units, rounded half up to the currency's smallest unit."""
        scale = decimal.Decimal(10) ** get_currency_precision(currency)
        minor = (decimal.Decimal(amount) * scale).quantize(decimal.Decimal(1), decimal.ROUND_HALF_UP)
        return cls(int(minor), currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.amount_minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount_minor - self._same(other), self.currency)

    def share(self, percent: decimal.Decimal) -> Money:
        """Give a percentage of the amount, rounded half up."""
        part = (self.amount_minor * percent / 100).quantize(decimal.Decimal(1), decimal.ROUND_HALF_UP)
        return Money(int(part), self.currency)

    def format(self, locale: str) -> str:
        """Write the amount as people of `locale` do, e.g. ¥128.00."""
        scale = decimal.Decimal(10) ** get_currency_precision(self.currency)
        return format_currency(self.amount_minor / scale, self.currency, locale=locale)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
        return other.amount_minor
