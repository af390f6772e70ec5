"""The paper's model by name, and the recipe that trains it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from segearth.config.load import load_recipe
from segearth.config.presets import mipha_3b, segearth_r1
from segearth.training.check import missing_files

LASERS = Path(__file__).parents[2] / "recipes" / "lasers.yaml"


def test_the_recipe_says_what_table_8_says():
    recipe = load_recipe(LASERS)

    assert recipe.optimizer.learning_rate == 1e-4
    assert recipe.optimizer.weight_decay == 0
    assert recipe.optimizer.warmup_ratio == 0.03
    assert recipe.optimizer.final_ratio == 0  # the cosine ends at zero
    assert (recipe.train.batch_size, recipe.train.steps) == (4, 50_000)
    assert recipe.train.precision == "bf16"
    assert recipe.model.language.lora_rank == 8
    assert recipe.model.pyramid.image_size == 1024
    assert recipe.loss.spatial == 0.01


def test_the_recipe_trains_the_model_that_is_profiled():
    trained, counted = load_recipe(LASERS).model, mipha_3b()

    def sizes(recipe):
        # Where weights come from differs; what they are weights of does not.
        return replace(
            recipe,
            language=replace(recipe.language, name="", config={}, weights=""),
            image_tokens=replace(
                recipe.image_tokens, tower="", config={}, weights="", connector=""
            ),
            pyramid=replace(recipe.pyramid, weights=""),
            mask_head=replace(recipe.mask_head, weights=""),
        )

    assert sizes(trained) == sizes(counted)


def test_only_files_keep_the_recipe_from_running(tmp_path, monkeypatch):
    recipe = load_recipe(LASERS)
    monkeypatch.chdir(tmp_path)

    files = {
        "data.train": recipe.data.train,
        "data.validation": recipe.data.validation,
    }
    assert missing_files(recipe) == [f"{key}: {name}" for key, name in files.items()]
    for name in files.values():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    assert missing_files(recipe) == []


def test_published_sizes_that_nothing_else_would_notice():
    """A rotary share of 0.5 fits the same weights; so does another prompt."""
    r1 = segearth_r1()

    assert mipha_3b().language.config["partial_rotary_factor"] == 0.4
    assert r1.language.config["partial_rotary_factor"] == 0.5
    assert r1.template.before.endswith("<</SYS>>\n\nThis is an image ")
    assert r1.template.question == (
        ", Please doing Referring Segmentation according to the following instruction:\n "
        "{instruction} [/INST]"
    )
    assert (r1.pyramid.pad, r1.pyramid.pad_value) == ("centre", 0)
