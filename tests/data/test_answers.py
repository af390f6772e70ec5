"""The answer grammar, by examples."""

from __future__ import annotations

import pytest

from segearth.data.answers import (
    count_seg,
    expand_seg,
    find_phrases,
    mark,
    plain,
    seg_tokens,
)

PAPER = "Done. The <p>terminal </p>[SEG] is now segmented."


@pytest.mark.parametrize(
    ("answer", "phrases"),
    [
        pytest.param(PAPER, ["terminal"], id="paper"),
        pytest.param(
            "The <p>cooling tower shell </p>[SEG] and the <p>chimney </p>[SEG].",
            ["cooling tower shell", "chimney"],
            id="two",
        ),
        pytest.param("There is no airport in this image.", [], id="none"),
        pytest.param("Sure, it is [SEG].", ["target"], id="without-tags"),
        pytest.param("Sure, <p>[SEG]</p> it is.", ["target"], id="figure-11"),
        pytest.param("[SEG] and <p>ship </p>[SEG], [SEG]", ["target", "ship", "target"], id="mix"),
        pytest.param("<p>ship</p>[SEG] <p>dock  </p> [SEG]", ["ship", "dock"], id="loose-spaces"),
        pytest.param("<p>ship </p> at the pier.", [], id="phrase-without-target"),
        pytest.param("<p> </p>[SEG]", ["target"], id="empty-phrase"),
        pytest.param("<p>a </p>b[SEG]", ["target"], id="words-between"),
        pytest.param("<P>Ship </P>[SEG]", ["Ship"], id="capital-tags"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_phrases_are_found_in_order(answer, phrases):
    assert find_phrases(answer) == phrases
    assert count_seg(answer) == len(phrases)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("it is [seg]."),
        pytest.param("[Seg] and [SEG]"),
        "[SEG1][SEG2]",
    ],
)
def test_there_are_as_many_phrases_as_targets(answer):
    assert len(find_phrases(answer)) == count_seg(answer)


def test_a_target_is_written_as_in_the_paper():
    assert mark("terminal") == "<p>terminal </p>[SEG]"
    assert find_phrases(mark("  two words ")) == ["two words"]


@pytest.mark.parametrize(
    ("k", "tokens"),
    [(1, ["[SEG]"]), (2, ["[SEG1]", "[SEG2]"]), (3, ["[SEG1]", "[SEG2]", "[SEG3]"])],
)
def test_tokens_of_a_target(k, tokens):
    assert seg_tokens(k) == tokens
    assert expand_seg("a [SEG], b [SEG]", k) == f"a {''.join(tokens)}, b {''.join(tokens)}"


def test_a_hundred_queries_have_a_hundred_names():
    assert len(set(seg_tokens(100))) == 100


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (PAPER, "Done. The terminal is now segmented."),
        ("The <p>ship </p>[SEG], the <p>dock </p>[SEG].", "The ship, the dock."),
        ("Sure, it is [SEG].", "Sure, it is."),
        ("There is none.", "There is none."),
    ],
)
def test_people_read_the_sentence_without_tags(answer, sentence):
    assert plain(answer) == sentence
