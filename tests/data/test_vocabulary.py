"""Plurals, categories of phrases, and what may be asked for in vain."""

import pytest

from segearth.data.vocabulary import KINDS, WIDER, covers, head_noun, plural, singular, wider_words
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


@pytest.mark.parametrize(
    ("phrase", "noun"),
    [
        ("blue roofs", "blue roof"),
        ("oil tanks", "oil tank"),
        ("churches", "church"),
        ("red markings", "red marking"),
        ("ferries", "ferry"),
        ("new boxes", "new box"),
        ("tall trees", "tall trees"),
        ("dry grass", "dry grass"),
        ("gas", "gas"),
        ("church", "church"),
        ("campus", "campus"),
        ("the ships near the docks", "the ships near the docks"),
        ("edge of docks", "edge of docks"),
    ],
)
def test_an_unknown_plural_loses_its_ending_and_a_description_stays(phrase, noun):
    assert singular(phrase) == noun
    assert singular(noun) == noun


def test_unknown_words_that_look_like_plurals_have_no_other():
    assert [plural(noun) for noun in ("series", "old barracks", "gas")] == [
        "series",
        "old barracks",
        "gas",
    ]


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


@pytest.mark.parametrize(
    ("expression", "noun"),
    [
        ("vehicle on the road", "vehicle"),
        ("the red cars along the street", "car"),
        ("a large storage tank", "storage tank"),
        ("light-duty vehicles in the parking area", "vehicle"),
        ("of no noun", "of no noun"),
        ("blue gadgets near a wall", "blue gadget"),
    ],
)
def test_the_noun_of_an_expression(expression, noun):
    assert head_noun(expression) == noun
