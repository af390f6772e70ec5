"""Questions that speak of the drawn lines, or give an implied category away."""

from __future__ import annotations

import pytest

from segearth.building.questions.drawing import words_on_drawing
from segearth.building.questions.prompts_categories import LASERS_CATEGORIES
from segearth.building.questions.rules import BrokenRule, Pair, check_pair
from segearth.building.questions.synonyms import ALSO, gives_away
from segearth.building.questions.tasks import Group, Style
from segearth.data.vocabulary import KINDS
from segearth.data.vocabulary_implicit import IMPLICIT, names


def group(category):
    return Group(category=category, masks=(), granularity="instance", several=False)


def check(question, category, reasoning="implicit"):
    length = "long" if len(question.split()) > 12 else "short"
    answer = Pair(question, f"The {category} is there.")
    check_pair(answer, [group(category)], Style(reasoning, length))


@pytest.mark.parametrize(
    "text",
    [
        "the area marked red",
        "the outline in red",
        "the region shown in red",
        "highlighted in bright red",
        "within the red polygon",
        "traced in blue",
        "the red-lined area",
        "inside the orange yellow line",
        "the red-marked region",
        "the red-bordered field",
        "delineated in red colour",
        "enclosed by red",
        "enclosed in light blue?",
        "surrounded by a red line",
        "surrounded by orange-yellow lines",
        "inside the red shape",
        "the thick red loop",
        "the red-encircled zone",
        "the blue ring",
        "the blue curve",
        "circumscribed by the red",
        "everything within the red.",
        "marked red and blue",
        "the yellow rectangle",
        "the coloured outline",
        "the highlighted region",
        "HIGHLIGHTED IN RED",
        "the enclosed area",
        "the marked region",
        "the region in red",
        "the red mask",
        "the vehicle highlighted in the image",
        "the crimson outline",
        "the red outline of the building",
        "the blue zone",
    ],
)
def test_the_drawn_lines_are_found(text):
    assert words_on_drawing(f"Find {text}")
    assert words_on_drawing(f"{text} near the port")
    with pytest.raises(BrokenRule, match="speaks of the lines"):
        check(f"Please show me {text}", "dam")


@pytest.mark.parametrize(
    "text",
    [
        "the red roof",
        "cars parked in red bays",
        "houses surrounded by red roofs",
        "an island enclosed by blue water",
        "a yard bordered by red brick houses",
        "a court painted in blue",
        "a channel marked by red buoys",
        "a farm framed by yellow fields",
        "people dressed in red",
        "the red market hall",
        "inside the red barn",
        "within the blue lagoon",
        "a blue-roofed hall",
        "the lawn surrounded by red and brown roofs",
        "a pool bordered by yellow, dry grass",
        "the path lined with orange and red trees",
        "everything parked inside the blue and green court",
        "the marked red and white runway",
        "the coloured lines on the basketball court",
        "the clearly delineated area where planes are serviced",
        "a line of trees",
        "an outline map",
        "the outline of the harbor",
        "the red oval running track",
        "a clearly marked crossing",
        "the shape of the lake",
        "a ring road",
    ],
)
def test_the_colours_of_the_world_are_not(text):
    assert words_on_drawing(f"Find {text}") is None
    assert words_on_drawing(f"{text} near the port") is None


@pytest.mark.parametrize(
    ("category", "word"),
    [
        *(("small car", word) for word in ("automobile", "Automobiles", "autos", "vehicles")),
        *(("small car", word) for word in ("cars", "small-car", "motor-cars")),
        ("vehicle", "cars"),
        ("harbor", "seaports"),
        ("parking lot", "parking-lots"),
        ("parking lot", "carparks"),
        ("airport", "airfield"),
        ("zebra crossing", "pedestrian-crossing"),
        ("bushes", "shrubs"),
        ("cargo truck", "lorries"),
        ("three-point line", "three point line"),
        ("container crane", "cranes"),
    ],
)
def test_an_implied_category_is_not_given_away(category, word):
    with pytest.raises(BrokenRule, match=f'names "{category}"'):
        check(f"Where would a family look for {word} today?", category)


def test_the_word_is_told_so_that_the_model_can_do_better():
    with pytest.raises(BrokenRule, match='names "small car" by "autos"'):
        check("Where are the autos of the guests?", "small car")


@pytest.mark.parametrize(
    ("category", "question"),
    [
        ("small car", "Where would a family drive automatically after a carpet sale?"),
        ("boeing737", "Which aircraft could bring about 150 people to Spain?"),
        ("lake", "Where could the village take its drinking water from?"),
        ("paved square", "Which few square metres could hold a weekly fair?"),
        ("unheard-of thing", "Where would an automobile go?"),
    ],
)
def test_other_words_give_nothing_away(category, question):
    check(question, category)


def test_an_explicit_question_still_has_to_use_the_name():
    check("Find the small-car by the gate.", "small car", "explicit")
    with pytest.raises(BrokenRule, match='does not name "small car"'):
        check("Find the automobile by the gate.", "small car", "explicit")


@pytest.mark.parametrize("tag", ["[SEG]", "[seg3]", "[SEG 1]", "<p>", "</P>", "< p >"])
def test_no_text_holds_a_tag(tag):
    with pytest.raises(BrokenRule, match="must not hold tags"):
        check(f"Where could they {tag} store all the water?", "dam")


def test_the_table_is_of_known_categories_and_adds_something():
    assert set(ALSO) <= set(KINDS)
    assert len(set(ALSO) & set(LASERS_CATEGORIES)) > 60
    assert not [name for name, words in ALSO.items() if all(names(word, name) for word in words)]


def test_our_own_descriptions_give_nothing_away():
    found = {
        (name, word)
        for name, texts in IMPLICIT.items()
        for text in texts
        if (word := gives_away(text, name))
    }

    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        "yellow lines of the parking lot",
        "a red circle painted on the helipad",
        "yellow markings on the runway",
        "the red boundary wall",
        "the blue line along the pool",
        "yellow markings across the taxiway",
    ],
)
def test_what_is_painted_on_the_ground_is_no_drawn_line(text):
    assert words_on_drawing(f"Find {text} there") is None


@pytest.mark.parametrize(
    ("category", "words"),
    [
        ("boeing737", "Boeing 737"),
        ("boeing787", "Dreamliner"),
        ("storage tank", "storagetank"),
        ("basketball court", "basketball"),
        ("no man's land of tennis court", "no man\N{RIGHT SINGLE QUOTATION MARK}s land"),
    ],
)
def test_other_spellings_give_a_category_away(category, words):
    assert gives_away(f"Where is the {words} that people need today?", category)
