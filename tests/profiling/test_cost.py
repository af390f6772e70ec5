"""The cost of an answer: what is counted is what runs, and the closed forms agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from segearth.config.presets import PHI_2_TOKENS, mipha_3b
from segearth.model.build import geometry
from segearth.model.segearth import ImageFeatures
from segearth.profiling import arithmetic
from segearth.profiling.cost import count, recount, sum_costs, sweep
from segearth.profiling.counting import count_with_fvcore, count_with_torch
from segearth.profiling.stages import (
    PARTS,
    _answer_steps,
    _read,
    _words,
    build_unloaded,
    image_stages,
    language_stages,
    mask_stages,
)
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
    side, width = recipe.pyramid.image_size, recipe.mask_head.width
    features = ImageFeatures(
        tokens=torch.zeros(1, 36, 64),
        mask_features=torch.zeros(1, width, side // 4, side // 4),
        memory=[torch.zeros(1, width, side // s, side // s) for s in (32, 16, 8)],
    )
    only = torch.zeros(1, dtype=torch.int64)

    def draw(states):
        logits, refined = model.draw(features, states, only, only)
        return (*logits, refined)

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

    prompt, answer, width = 36 + 22, 8 + 2, 64
    seen = prompt**2 + sum(prompt + step + 1 for step in range(answer - 1))
    rows = (prompt + answer) ** 2 - seen
    per_token = arithmetic.language_blocks(1, 0, width, 128, 2)
    rotary = given["language_prefill"] - spoken["language_prefill"] - spoken["answer_decoding"]
    # The end token is chosen but not run; angles of rotary positions are a product, too.
    assert rotary == pytest.approx(per_token + 2 * arithmetic.attention(rows, 1, width), rel=1e-3)
    assert given["word_head"] == arithmetic.word_head(68, width, 903)
    assert spoken["word_head"] == arithmetic.word_head(answer, width, 903)
    assert given["answer_decoding"] == 0


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
    tokens, candidates = 789 + k, 1 if k == 1 else 1 + k
    decoder = {"width": 256, "layers": 9, "ffn": 2048, "language_width": 2560}
    expected = {
        "image_tower": arithmetic.vision_transformer(384, 14, 1152, 4304, 27),
        "connector": arithmetic.connector(729, 1152, 2560),
        "language_prefill": arithmetic.language_blocks(
            tokens, tokens, 2560, 10_240, 32, lora_rank=8
        ),
        "answer_decoding": 0,
        "word_head": arithmetic.word_head(tokens, 2560, 51_200),
        "mask_encoder": arithmetic.swin(1024, 4, 128, (2, 2, 18, 2), 12),
        "pixel_decoder": arithmetic.pixel_decoder(
            1024, (128, 256, 512, 1024), 256, layers=6, ffn=1024, heads=8, points=4
        ),
        "query_decoder": arithmetic.query_decoder(k, 1024, joint=decode == "joint", **decoder),
        "selection": 0 if k == 1 else 256 * k,
        "upsampling": arithmetic.upsampling(candidates, 1024),
    }

    row = paper[k, decode]

    assert row.tokens == tokens
    assert list(row.cost.macs) == list(expected)
    for part, macs in expected.items():
        assert row.cost.macs[part] == pytest.approx(macs, rel=1e-6), part


def test_costs_add_up_by_part(variants):
    recipe = variants["phi"]
    model, shape = build_unloaded(recipe, 1, 900), geometry(recipe)
    image, masks = count(image_stages(model, shape)), count(mask_stages(model, shape, "joint"))

    joined = sum_costs([image, masks])

    assert joined.total == image.total + masks.total
    assert joined.macs["query_decoder"] == masks.macs["query_decoder"]
    assert set(joined.left_out) == {*image.left_out, *masks.left_out}
