"""A tenant's accent colour, moved until text on it and in it can be read (WCAG contrast)."""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[float, float, float]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
NEAR_BLACK: Colour = (17, 17, 17)
NIGHT: Colour = (28, 28, 28)

READABLE = 4.5
STEPS = 20


@dataclass(frozen=True, slots=True)
class Shades:
    """`ink` is readable on `fill`, `text` on the page."""

    fill: str
    ink: str
    text: str


@dataclass(frozen=True, slots=True)
class Accent:
    """The colour by day, and by night in `dark`."""

    fill: str
    ink: str
    text: str
    dark: Shades


def accent(colour: str) -> Accent:
    """Give the shades of an accent colour `#rrggbb` for light and dark pages."""
    base = _rgb(colour)
    night = _towards(base, WHITE, on=NIGHT, wanted=2)
    return Accent(
        fill=_hex(base),
        ink=_hex(_ink(base)),
        text=_hex(_towards(base, BLACK, on=WHITE, wanted=6)),
        dark=Shades(_hex(night), _hex(_ink(night)), _hex(_towards(base, WHITE, on=NIGHT, wanted=7.5))),
    )


def contrast(one: Colour, other: Colour) -> float:
    """Give the contrast of two colours, from 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _towards(colour: Colour, goal: Colour, *, on: Colour, wanted: float) -> Colour:
    """Mix a colour with `goal`, as little as makes it stand out from `on`."""
    for step in range(STEPS + 1):
        mixed = tuple(part + (end - part) * step / STEPS for part, end in zip(colour, goal, strict=True))
        if contrast(mixed, on) >= wanted:  # type: ignore[arg-type]
            return mixed  # type: ignore[return-value]
    return goal


def _ink(fill: Colour) -> Colour:
    return next((ink for ink in (WHITE, NEAR_BLACK) if contrast(fill, ink) >= READABLE), BLACK)


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _hex(colour: Colour) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in colour)
