"""What holds for every question, tried on drawn scenes."""

import re

import numpy as np
import pytest

from segearth.data.answers import count_seg, find_phrases
from segearth.data.questions import ask
from segearth.data.scenes import draw_scene
from segearth.data.vocabulary import CROWDS, SYNONYMS, covers, plural, singular
from segearth.data.vocabulary_implicit import IMPLICIT


@pytest.fixture(scope="module")
def about_scenes():
    """(question, objects) of 200 small drawn scenes."""
    pairs = []
    for seed in range(200):
        rng = np.random.default_rng((11, seed))
        scene = draw_scene(rng, 128)
        asked = ask(scene.objects, rng, 6, absent=scene.absent, closed=True)
        pairs += [(question, scene.objects) for question in asked]
    return pairs


def test_every_scene_yields_questions_with_a_mask_for_each_mark(about_scenes):
    assert len(about_scenes) > 1000
    for question, _ in about_scenes:
        assert len(question.masks) == count_seg(question.answer)
        assert all(mask.any() for mask in question.masks)


def test_facets_follow_from_the_text(about_scenes):
    for question, _ in about_scenes:
        count = len(question.masks)
        assert question.facets["multiplicity"] == (
            "none" if count == 0 else "single" if count == 1 else "multiple"
        )
        words = len(question.instruction.split())
        assert question.facets["length"] == ("long" if words > 12 else "short")
        assert set(question.facets) == {"granularity", "multiplicity", "reasoning", "length"}


def test_every_facet_is_covered(about_scenes):
    for facet, values in {
        "granularity": {"semantic", "instance", "part"},
        "multiplicity": {"single", "multiple", "none"},
        "reasoning": {"explicit", "implicit"},
        "length": {"short", "long"},
    }.items():
        shares = {
            value: np.mean([question.facets[facet] == value for question, _ in about_scenes])
            for value in values
        }
        assert min(shares.values()) > 0.03, (facet, shares)


def test_a_phrase_is_plural_exactly_for_a_group(about_scenes):
    for question, objects in about_scenes:
        for phrase, mask in zip(find_phrases(question.answer), question.masks, strict=True):
            noun = singular(phrase)
            if noun in CROWDS or plural(noun) == noun:
                continue
            alone = any(
                item.category == phrase and np.array_equal(item.mask, mask) for item in objects
            )
            assert alone == (phrase == noun), (question.instruction, question.answer)


def test_targets_are_unions_of_objects_that_the_phrase_names(about_scenes):
    for question, objects in about_scenes:
        for phrase, mask in zip(find_phrases(question.answer), question.masks, strict=True):
            nouns = covers(singular(phrase))
            named = [
                item
                for item in objects
                if item.category in nouns or plural(item.category) == phrase
            ]
            inside = [item.mask for item in named if not (item.mask & ~mask).any()]
            assert np.array_equal(np.any(inside, axis=0), mask), question.instruction


def names_of(category):
    nouns = {category, *SYNONYMS.get(category, ())}
    return {form for noun in nouns for form in (noun, plural(noun))}


def test_implicit_requests_never_name_their_target(about_scenes):
    implicit = [q for q, _ in about_scenes if q.facets["reasoning"] == "implicit" and q.masks]

    assert len(implicit) > 100
    for question in implicit:
        for phrase in find_phrases(question.answer):
            for name in names_of(singular(phrase)):
                assert not re.search(rf"\b{re.escape(name)}\b", question.instruction.lower()), (
                    question.instruction,
                    name,
                )


@pytest.mark.parametrize("category", sorted(IMPLICIT))
def test_the_bank_has_six_descriptions_that_do_not_name_the_category(category):
    assert len(IMPLICIT[category]) >= 6
    for text in IMPLICIT[category]:
        for name in names_of(category):
            assert not re.search(rf"\b{re.escape(name)}\b", text.lower())
