"""Which phrases mean the same target, and which mean one thing."""

from __future__ import annotations

import pytest

from segearth.data.answers import count_seg, find_phrases, plain
from segearth.prediction.phrases import bare, compose, compose_more, fold, is_one


@pytest.mark.parametrize(
    "phrase",
    [
        "tennis court",
        "The Tennis Courts",
        "a  tennis court",
        "two tennis courts",
        "3 tennis courts",
    ],
)
def test_case_article_count_and_plural_are_folded(phrase):
    assert fold(phrase) == "tennis court"


@pytest.mark.parametrize(
    ("phrase", "key"),
    [
        ("factories", "factory"),
        ("beaches", "beach"),
        ("boxes", "box"),
        ("buses", "bus"),
        ("grass", "grass"),
        ("tennis", "tennis"),
        ("people", "person"),
        ("houses", "house"),
        ("the", "the"),
        ("all", "all"),
        ("", ""),
    ],
)
def test_words_are_made_singular(phrase, key):
    assert fold(phrase) == key


def test_other_words_stay_apart():
    assert fold("small ships") != fold("large ships")
    assert bare("the two large ships") == "large ships"


@pytest.mark.parametrize(
    ("phrase", "instruction"),
    [
        ("runway", "find the runway"),
        ("rightmost tennis court", "the rightmost tennis court"),
        ("ship", "Which ship is nearest to the pier?"),
        ("bridge over the river", "segment the bridge"),
    ],
)
def test_one_particular_thing(phrase, instruction):
    assert is_one(phrase, instruction)


@pytest.mark.parametrize(
    ("phrase", "instruction"),
    [
        ("ships", "the ships"),
        ("ship", "segment ships"),
        ("ship", "find all the ships"),
        ("ship", "find the ships in the harbour"),
        ("ship", "find the two ships"),
        ("ship", "segment every ship at the pier"),
        ("water", "segment the water"),
        ("aircraft", "the aircraft"),
        ("planes on the apron", "show the planes"),
        ("", "the"),
    ],
)
def test_many_or_any(phrase, instruction):
    assert not is_one(phrase, instruction)


def test_composed_sentences_have_one_seg_a_phrase():
    sentence = compose(["ship", "docks", "crane"])

    assert find_phrases(sentence) == ["ship", "docks", "crane"]
    assert count_seg(sentence) == 3
    assert " ".join(plain(sentence).split()) == "There are ship, docks and crane in this image."
    assert plain(compose(["ships"])).startswith("There are")
    assert plain(compose_more(["ship"])) == "Seen closer, there is ship."
