"""Accepted shapes: learnt, written, read, and refused when they are no profile."""

from __future__ import annotations

import pytest

from segearth.building.shapes.measures import FIGURES
from segearth.building.shapes.profile import (
    MIN_HALF_WIDTH,
    category_name,
    learn_profile,
    read_profile,
    write_profile,
)
from segearth.errors import DataError


def references(values, category="airplane"):
    return [(category, dict.fromkeys(FIGURES, value)) for value in values]


TEN = [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9]  # mean 0.5


def test_mean_and_deviation():
    profile = learn_profile(references(TEN), deviations=1)

    spread = (2 * (0.16 + 0.09 + 0.04 + 0.01) / 9) ** 0.5
    low, high = profile.categories["airplane"].ranges["solidity"]
    assert (low, high) == pytest.approx((0.5 - spread, 0.5 + spread), abs=1e-6)
    assert profile.categories["airplane"].references == 10
    assert profile.categories["airplane"].accepted == 6


def test_quantiles():
    assert learn_profile(references(TEN), quantile=0).any.ranges["extent"] == (0.1, 0.9)
    low, high = learn_profile(references(TEN), quantile=0.1).any.ranges["extent"]
    assert (low, high) == pytest.approx((0.19, 0.81))


def test_equal_references_leave_room_for_the_pixel_grid():
    profile = learn_profile(references([0.5] * 10), deviations=3)

    assert profile.any.ranges["extent"] == (0.5 - MIN_HALF_WIDTH, 0.5 + MIN_HALF_WIDTH)


def test_a_category_with_few_references_has_no_ranges_of_its_own():
    profile = learn_profile(references(TEN) + references([0.1] * 9, "ship"), deviations=1)

    assert set(profile.categories) == {"airplane"}
    assert profile.any.references == 19
    assert profile.ranges_for("ship") is None
    assert profile.ranges_for("Airplane")[0] == "airplane"
    assert profile.ranges_for(None)[0] == "any"


def test_too_few_in_all_is_an_error():
    with pytest.raises(DataError, match="9 reference masks are too few"):
        learn_profile(references(TEN[:9]), deviations=1)


def test_spellings_of_a_category():
    assert category_name(" Small-Vehicle ") == category_name("small_vehicle") == "small vehicle"


def test_what_is_written_is_read(tmp_path):
    profile = learn_profile(references(TEN, "Flugzeug ä"), deviations=1.5)

    write_profile(tmp_path / "p.yaml", profile)

    assert read_profile(tmp_path / "p.yaml") == profile


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file should be keys and values"),
        ("a: [", "no YAML text"),
        ("!!python/object/apply:os.system [exit]", "no YAML text"),
        ("any: {}", '"categories" should be'),
        ("any: {solidity: [0.9, 0.1]}\ncategories: {}", "'solidity' of \"any\" should be"),
        ("any: {solidity: [.nan, 1]}\ncategories: {}", "'solidity' of \"any\" should be"),
        ("any: {sodility: [0, 1]}\ncategories: {}", "unknown key 'sodility'"),
        ("any: {references: many}\ncategories: {}", "whole numbers"),
    ],
)
def test_what_is_no_profile(tmp_path, text, problem):
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match=problem):
        read_profile(tmp_path / "p.yaml")


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_profile(tmp_path / "none.yaml")
