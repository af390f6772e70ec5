"""Plurals, categories of phrases, and what may be asked for in vain."""

import pytest

from segearth.data.vocabulary import KINDS, WIDER, covers, plural, singular, wider_words
from segearth.data.vocabulary_absent import IMPOSSIBLE, absent_from, impossible_in, may_be_there
from segearth.data.vocabulary_implicit import IMPLICIT, RIVALS


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("airplane", "airplanes"),
        ("service box", "service boxes"),
        ("sandy beach", "sandy beaches"),
        ("canopy", "canopies"),
        ("driveway", "driveways"),
        ("roof half", "roof halves"),
        ("centreline dash", "centreline dashes"),
        ("grass", "grass"),
        ("aircraft", "aircraft"),
        ("trees", "trees"),
    ],
)
def test_plurals(one, many):
    assert plural(one) == many


@pytest.mark.parametrize("category", sorted(KINDS))
def test_a_plural_leads_back_to_its_category(category):
    again = singular(plural(category))

    assert again == category or again in KINDS  # "trees" is a category of its own


def test_an_unknown_phrase_stays_as_it_is():
    assert singular("blue roofs") == "blue roofs"


def test_a_synonym_reaches_as_far_as_its_category():
    assert "truck" in covers("vehicle")
    assert covers("vessel") >= {"ship", "motorboat"}
    assert covers("plane") >= covers("airplane") - {"airplane"}
    assert "vehicle" in wider_words("small car")


def test_everything_named_in_the_tables_is_a_category():
    words = set(IMPLICIT) | set(RIVALS) | {name for names in IMPOSSIBLE.values() for name in names}
    reached = {name for names in WIDER.values() for name in names}

    assert words <= set(KINDS)
    assert reached <= set(KINDS)


def test_all_scene_classes_have_safe_absences():
    assert len(IMPOSSIBLE) == 21
    assert all(len(names) > 15 for names in IMPOSSIBLE.values())
    assert "airplane" in impossible_in("forest")
    assert impossible_in("somewhere") == ()


def test_what_goes_by_another_name_is_not_absent():
    assert may_be_there("building", {"house"})
    assert may_be_there("harbor", {"dock"})
    assert not may_be_there("airplane", {"house"})
    assert "swimming pool" in absent_from({"grass", "house"})
    assert "lake" not in absent_from({"sea"})
