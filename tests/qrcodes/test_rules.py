"""When scenes are used again, tickets renewed, and what a person cost."""

from __future__ import annotations

import datetime as dt

import pytest

from engage.qrcodes import rules
from tests.qrcodes.scenes import DAY, NOW


@pytest.mark.parametrize(
    ("retired", "scanned", "reusable"),
    [
        (None, None, False),
        (None, 400, False),
        (89, None, False),
        (90, None, True),
        (200, None, True),
        (200, 89, False),
        (200, 90, True),
        (90, 300, True),
    ],
)
def test_a_scene_rests_for_ninety_days(retired: int | None, scanned: int | None, reusable: bool) -> None:
    def ago(days: int | None) -> dt.datetime | None:
        return None if days is None else NOW - days * DAY

    assert rules.is_reusable(ago(retired), ago(scanned), NOW) is reusable


@pytest.mark.parametrize(
    ("days", "standing"),
    [(None, "lasting"), (10, "fine"), (3, "ending"), (1, "ending"), (0, "over"), (-5, "over")],
)
def test_how_a_picture_stands(days: int | None, standing: str) -> None:
    assert rules.life_left(None if days is None else NOW + days * DAY, NOW) == standing


def test_renewal_comes_before_the_end() -> None:
    assert NOW < rules.renewed_at(NOW + rules.LONGEST_LIFE) < NOW + rules.LONGEST_LIFE


def test_scenes_are_wechats_and_never_the_same() -> None:
    scenes = {rules.new_scene() for _ in range(1000)}
    assert len(scenes) == 1000
    assert all(1 <= len(scene) <= 64 and scene.isascii() and scene.isalnum() for scene in scenes)


@pytest.mark.parametrize(
    ("cost", "people", "each"),
    [(None, 3, None), (100, 0, None), (0, 4, 0), (100, 3, 33), (200, 3, 67), (1, 2, 1)],
)
def test_what_a_person_cost(cost: int | None, people: int, each: int | None) -> None:
    assert rules.per_person(cost, people) == each
