"""The cost of an answer: what is counted is what runs, and the closed forms agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from segearth.config.presets import PHI_2, PHI_2_TOKENS, SIGLIP_SO400M_384, mipha_3b
from segearth.errors import UsageError
from segearth.model.inputs import geometry
from segearth.model.segearth import ImageFeatures
from segearth.profiling import arithmetic
from segearth.profiling.closed_form import closed_form
from segearth.profiling.cost import count, recount, sum_costs, sweep
from segearth.profiling.counting import count_with_fvcore, count_with_torch
from segearth.profiling.stages import (
    PARTS,
    _answer_steps,
    _read,
    _words,
    image_stages,
    language_stages,
    mask_stages,
)
from segearth.profiling.unloaded import build_unloaded
from segearth.profiling.workload import PAPER, Workload

VARIANTS = ["phi", "llama", "bert", "tower"]
SPOKEN = Workload(text_tokens=30, answer_tokens=8, protocol="generate")
GIVEN = replace(SPOKEN, protocol="teacher-forced")


def all_stages(model, recipe, workload, decode):
    shape = geometry(recipe)
    return [
        *image_stages(model, shape),
        *language_stages(model, shape, workload),
        *mask_stages(model, shape, decode),
    ]


def blank_features(recipe):
    side, width = recipe.pyramid.image_size, recipe.mask_head.width
    return ImageFeatures(
        tokens=torch.zeros(1, 36, 64),
        mask_features=torch.zeros(1, width, side // 4, side // 4),
        memory=[torch.zeros(1, width, side // s, side // s) for s in (32, 16, 8)],
        coarsest=torch.zeros(1, 1, side // 32, side // 32),  # not looked at
    )


@pytest.mark.parametrize(
    ("variant", "workload", "decode"),
    [
        ("phi", SPOKEN, "joint"),
        ("llama", GIVEN, "per-query"),
        ("bert", SPOKEN, "per-query"),
        ("tower", GIVEN, "joint"),
    ],
    ids=VARIANTS,
)
def test_two_counters_agree_on_every_part(variants, variant, workload, decode):
    recipe = variants[variant]
    model = build_unloaded(recipe, 3, 903)
    stages = all_stages(model, recipe, workload, decode)

    first, second = count(stages), recount(model, stages)

    assert second.missed == ()
    assert list(first.macs) == list(PARTS)
    for part in PARTS:
        assert second.macs[part] == pytest.approx(first.macs[part], rel=0.01), part


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_image_parts_are_what_encoding_an_image_costs(variants, variant):
    recipe = variants[variant]
    model, shape = build_unloaded(recipe, 1, 900), geometry(recipe)
    image = torch.zeros(1, 3, shape.side, shape.side, dtype=torch.uint8, device="meta")
    tower = torch.zeros(1, 3, shape.tower_side, shape.tower_side, dtype=torch.uint8, device="meta")

    whole = count_with_torch(model.encode_image, (image, tower))

    assert count(image_stages(model, shape)).total == whole.macs


@pytest.mark.parametrize("decode", ["joint", "per-query"])
def test_the_query_decoder_costs_what_drawing_costs(variants, decode):
    recipe, k = variants["phi"], 3
    model = build_unloaded(recipe, k, 903, device="cpu")
    model.decode = decode
    features = blank_features(recipe)

    def draw(states):
        return model.draw_last(features, states)

    drawn = count_with_fvcore(model, draw, (torch.zeros(1, k, 64),))
    stage = mask_stages(model, geometry(recipe), decode)[0]
    counted = count_with_fvcore(model, stage.run, stage.inputs)

    assert counted.macs == drawn.macs


@pytest.mark.parametrize("variant", ["phi", "llama", "bert"])
def test_two_steps_stand_for_all_steps_of_an_answer(variants, variant):
    model, prompt, steps = build_unloaded(variants[variant], 1, 900), 40, 5

    summed = sum(
        count_with_torch(_read(model, prompt + step), (_words(model, 1),)).macs
        for step in range(steps)
    )

    assert count(_answer_steps(model, prompt, steps)).macs["answer_decoding"] == summed


def test_speaking_costs_what_reading_costs_but_for_the_attention_that_is_not_there(variants):
    recipe, k = variants["phi"], 3
    model, shape = build_unloaded(recipe, k, 903), geometry(recipe)

    spoken = count(language_stages(model, shape, SPOKEN)).macs
    given = count(language_stages(model, shape, GIVEN)).macs

    prompt, width = 36 + 22, 64
    # six words one by one, then the three query tokens at once; the end token is not run
    seen = prompt**2 + sum(prompt + word + 1 for word in range(6)) + 3 * (prompt + 6 + 3)
    rows = (prompt + 10) ** 2 - seen
    per_token = arithmetic.language_blocks(1, 0, width, 128, 2)
    rotary = given["language_prefill"] - spoken["language_prefill"] - spoken["answer_decoding"]
    # Angles of rotary positions are a product, too.
    assert rotary == pytest.approx(per_token + 2 * arithmetic.attention(rows, 1, width), rel=1e-3)
    assert given["word_head"] == arithmetic.word_head(68, width, 903)
    assert spoken["word_head"] == arithmetic.word_head(8, width, 903)  # none is chosen after [SEG1]
    assert given["answer_decoding"] == 0


def test_another_question_costs_its_own_tokens_and_what_they_look_at(variants):
    recipe, k, width = variants["phi"], 3, 64
    model, shape = build_unloaded(recipe, k, 903), geometry(recipe)

    first = count(language_stages(model, shape, GIVEN)).macs
    again = count(language_stages(model, shape, GIVEN, again=True)).macs

    own, every = 30 + k - 1, 36 + 30 + k - 1  # text, and with the image's tokens
    blocks = arithmetic.language_blocks(own, 0, width, 128, 2)
    expected = blocks + 2 * arithmetic.attention(own * every, 1, width)
    assert again["language_prefill"] == pytest.approx(expected, rel=1e-3)  # rotary angles, too
    assert again["word_head"] == arithmetic.word_head(own, width, 903)
    assert again["language_prefill"] < 0.5 * first["language_prefill"]
    spoken = count(language_stages(model, shape, SPOKEN)).macs
    more = count(language_stages(model, shape, SPOKEN, again=True)).macs
    assert more["answer_decoding"] == spoken["answer_decoding"]
    assert more["language_prefill"] < spoken["language_prefill"]


@pytest.mark.parametrize("decode", ["joint", "per-query"])
def test_another_mask_is_drawn_from_maps_that_are_projected_already(variants, decode):
    recipe, k = variants["phi"], 3
    model = build_unloaded(recipe, k, 903, device="cpu")
    model.decode = decode
    features = blank_features(recipe)
    seen = model.predictor.see(features.memory, features.mask_features)

    def draw(states):
        return model.draw_last(features, states, seen if decode == "joint" else None)

    drawn = count_with_torch(draw, (torch.zeros(1, k, 64),))
    stage = mask_stages(model, geometry(recipe), decode, again=True)[0]

    assert count_with_torch(stage.run, stage.inputs).macs == drawn.macs


@pytest.fixture(scope="module")
def paper():
    """The paper's model at the two ends of Figure 5, by k and way of decoding."""
    rows = sweep(
        mipha_3b(),
        PAPER,
        [1, 100],
        ["joint", "per-query"],
        vocabulary=lambda k: PHI_2_TOKENS + k,
    )
    return {(row.k, row.decode): row for row in rows}


@pytest.mark.parametrize(
    ("k", "decode", "tflops"),
    [(1, "joint", 6.1), (1, "per-query", 6.1), (100, "per-query", 8.4)],
)
def test_the_papers_cost_comes_out_within_two_percent(paper, k, decode, tflops):
    assert 2e-12 * paper[k, decode].cost.total == pytest.approx(tflops, rel=0.02)


def test_decoding_100_queries_together_would_cost_a_tenth_more_than_one(paper):
    ratio = paper[100, "joint"].cost.total / paper[1, "joint"].cost.total

    assert ratio == pytest.approx(1.10, abs=0.01)


@pytest.mark.parametrize("k", [1, 100])
@pytest.mark.parametrize("decode", ["joint", "per-query"])
def test_every_part_of_the_papers_model_has_its_closed_form(paper, k, decode):
    expected = closed_form(mipha_3b(), PAPER, k, decode)

    row = paper[k, decode]

    assert row.tokens == 789 + k
    assert list(row.cost.macs) == list(expected)
    for part, macs in expected.items():
        assert row.cost.macs[part] == pytest.approx(macs, rel=1e-6), part


def test_the_closed_form_is_of_any_sizes_and_both_protocols():
    phi = {**PHI_2, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    phi |= {"num_attention_heads": 4, "vocab_size": 1000}
    tower = {**SIGLIP_SO400M_384, "hidden_size": 32, "intermediate_size": 48}
    tower |= {"num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 60}
    recipe = mipha_3b()
    recipe = replace(
        recipe,
        language=replace(recipe.language, config=phi, lora_rank=2),
        image_tokens=replace(recipe.image_tokens, config=tower, layer=-3),
        pyramid=replace(recipe.pyramid, name="swin_tiny_patch4_window7_224", image_size=224),
        mask_head=replace(recipe.mask_head, width=64, decoder_layers=3, decoder_ffn=80),
    )
    (row,) = sweep(recipe, SPOKEN, [5], ["joint"], vocabulary=lambda k: 900)

    expected = closed_form(recipe, SPOKEN, 5, "joint")

    for part, macs in expected.items():
        # The rotary angles show in so narrow a model.
        assert row.cost.macs[part] == pytest.approx(macs, rel=2e-3), part


@pytest.mark.parametrize(("variant", "match"), [("llama", "an image tower"), ("tower", "a Swin")])
def test_what_has_no_closed_form_is_refused(variants, variant, match):
    with pytest.raises(UsageError, match=match):
        closed_form(variants[variant], GIVEN, 1, "joint")


def test_costs_add_up_by_part(variants):
    recipe = variants["phi"]
    model, shape = build_unloaded(recipe, 1, 900), geometry(recipe)
    image, masks = count(image_stages(model, shape)), count(mask_stages(model, shape, "joint"))

    joined = sum_costs([image, masks])

    assert joined.total == image.total + masks.total
    assert joined.macs["query_decoder"] == masks.macs["query_decoder"]
    assert set(joined.left_out) == {*image.left_out, *masks.left_out}


def test_a_sweep_gives_each_k_what_it_costs_alone():
    def rows(*queries):
        swept = sweep(
            mipha_3b(),
            PAPER,
            queries,
            ["joint", "per-query"],
            vocabulary=lambda k: PHI_2_TOKENS + k,
        )
        return {(row.k, row.decode): (row.tokens, row.cost.macs, row.again.macs) for row in swept}

    together = rows(100, 1)

    assert together == rows(1) | rows(100)
    assert together[100, "joint"][1]["selection"] > 0 == together[1, "joint"][1]["selection"]
