"""Prompts: answers survive a word-piece and a byte-level tokenizer; lengths and widths."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from segearth.config.model import TemplateRecipe
from segearth.data.answers import seg_tokens
from segearth.data.prompting import Prompter, tidy_answer, width_words
from segearth.errors import UsageError

NANO = Path(__file__).parents[2] / "segearth" / "model" / "nano"
ANSWERS = [
    "The <p>storage tank </p>[SEG] is near the road.",
    "The two <p>small cars </p>[SEG] are on the left; the <p>truck </p>[SEG] is at the top.",
    "There is no runway in this image.",
    "Yes, the <p>tree </p>[SEG].",
    "It is the <p>left-most building </p>[SEG].",
    "<p>Ship </p>[SEG]",
]


def words():
    """Word pieces, lower case: what small encoders have."""
    return AutoTokenizer.from_pretrained(NANO)


def letters():
    """Byte-level pairs, as GPT-2, Phi and Llama have them, with bytes and a few merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = {letter: index for index, letter in enumerate(alphabet)}
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("s", "h"), ("[", "S"), ("Ġ", "[S")]
    for left, right in merges:
        pieces[left + right] = len(pieces)
    tokenizer = Tokenizer(models.BPE(pieces, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )


TOKENIZERS = {"word-pieces": (words, "[SEP]"), "byte-pairs": (letters, "<|endoftext|>")}


@pytest.fixture(params=TOKENIZERS)
def prompter(request):
    return make(request.param)


def make(kind="word-pieces", k=1, *, tags=False, **limits):
    build, end = TOKENIZERS[kind]
    tokenizer = build()
    special = seg_tokens(k) + (["<p>", "</p>"] if tags else [])
    tokenizer.add_tokens(special, special_tokens=True)
    return Prompter(
        tokenizer=tokenizer,
        template=TemplateRecipe(
            before="Picture: ", question=" {width_m} m: {instruction}\n", end=end
        ),
        image_tokens=9,
        queries_per_target=k,
        max_instruction_tokens=limits.get("instruction", 100),
        max_answer_tokens=limits.get("answer", 200),
    )


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("tags", [False, True], ids=["plain-tags", "tag-tokens"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_an_answer_survives_encoding_and_decoding(kind, k, tags, answer):
    prompter = make(kind, k, tags=tags)

    said = prompter.answer_text(prompter.answer_ids(answer))

    if kind == "word-pieces":  # the vocabulary knows no capitals, only that sentences begin so
        assert said.lower() == answer.lower()
    else:
        assert said == answer
    assert said[0] == answer[0]


@pytest.mark.parametrize(
    ("k", "answer"),
    [
        (1, "[SEG][SEG]"),
        (1, "[SEG] [SEG] and [SEG]"),
        (3, "<p>ship </p>[SEG]<p>dock </p>[SEG]"),
        pytest.param(3, "[SEG][SEG]"),
        pytest.param(3, "[SEG] [SEG] and [SEG]"),
    ],
)
def test_neighbouring_targets_stay_apart(k, answer):
    prompter = make("word-pieces", k)

    said = prompter.answer_text(prompter.answer_ids(answer))

    assert said.count("[SEG]") == answer.count("[SEG]")


@pytest.mark.parametrize("text", ["The ships - all of them - are here.", "An a - b - c line."])
def test_a_dash_between_words_stays_one(text):
    prompter = make("byte-pairs")

    assert prompter.answer_text(prompter.answer_ids(text)) == text


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_target_is_k_tokens_in_a_row(prompter, k):
    prompter = make("word-pieces", k)

    ids = prompter.answer_ids("The <p>ship </p>[SEG].")

    start = ids.index(prompter.seg_ids[0])
    assert ids[start : start + k] == prompter.seg_ids
    assert len(prompter.seg_ids) == k


def test_an_answer_is_closed_by_the_end_token(prompter):
    ids = prompter.answer_ids("The ship.")

    assert ids[-1] == prompter.end_id
    assert prompter.end_id not in ids[:-1]
    assert prompter.end_id not in prompter.seg_ids


def test_what_is_too_long_does_not_fit():
    prompter = make(answer=6)

    assert prompter.fits("the ships", "one two")
    assert not prompter.fits("the ships", "one two three four five six seven eight")
    assert not prompter.fits("ship " * 1000, "one two")
    assert not prompter.fits(" ", "one two")


def test_the_image_stands_between_the_words(prompter):
    start, stop = prompter.image_span

    assert start == len(prompter.before_ids) > 0
    assert stop - start == 9
    assert prompter.prefix_length == stop


def test_a_question_holds_the_words_and_the_width():
    prompter = make("byte-pairs")

    assert prompter.tokenizer.decode(prompter.question_ids("the  ships\n", 76.8)) == (
        " 77 m: the ships\n"
    )
    assert prompter.tokenizer.decode(prompter.question_ids("the ships", None)) == (
        " unknown m: the ships\n"
    )


def test_braces_in_an_instruction_are_words():
    prompter = make("byte-pairs")

    said = prompter.tokenizer.decode(prompter.question_ids("{width_m} {instruction} {x}", 5.0))

    assert said == " 5 m: {width_m} {instruction} {x}\n"


@pytest.mark.parametrize("instruction", ["", " ", "\n\t "])
def test_an_empty_instruction_is_refused(prompter, instruction):
    with pytest.raises(UsageError, match="empty"):
        prompter.question_ids(instruction, None)


def test_an_instruction_that_is_no_unicode_is_refused(prompter):
    with pytest.raises(UsageError, match="no Unicode text"):
        prompter.question_ids("find \udcff the runway", None)


def test_a_long_instruction_is_refused_with_both_numbers(prompter):
    with pytest.raises(UsageError, match=r"has \d{4,} tokens; this model reads 100"):
        prompter.question_ids("word " * 5000, None)


def test_an_instruction_of_exactly_the_limit_is_read():
    prompter = make(instruction=4)

    prompter.question_ids("the large round tank", None)
    with pytest.raises(UsageError):
        prompter.question_ids("the large round storage tank", None)


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (76.8, "77"),
        (614.4, "610"),
        (1234.0, "1200"),
        (99.6, "100"),
        (2.56, "2.6"),
        (0.123, "0.12"),
        (450_000.0, "450000"),
        pytest.param(4_500_000.0, "4500000"),
        (None, "unknown"),
        (0.0, "unknown"),
        (-3.0, "unknown"),
        (float("nan"), "unknown"),
        (float("inf"), "unknown"),
    ],
)
def test_a_width_has_two_digits(width, words):
    assert width_words(width) == words


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("the < p > ship < / p > [SEG] .", "The <p>ship </p>[SEG]."),
        ("yes , it ' s there", "Yes, it's there"),
        ("left - most", "Left-most"),
        ("", ""),
    ],
)
def test_tidying_by_hand(text, tidy):
    assert tidy_answer(text) == tidy
