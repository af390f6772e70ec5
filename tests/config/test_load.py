"""Recipes: every file in recipes/ loads, mistakes are told at once, `--set` reaches every key."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from segearth.building.chain.recipe import load_build_recipe
from segearth.config.load import dump_yaml, from_tree, load_recipe, to_tree
from segearth.config.model import ModelRecipe
from segearth.config.recipe import Recipe
from segearth.errors import RecipeError

RECIPES = Path(__file__).parents[2] / "recipes"
ALL = sorted(RECIPES.rglob("*.yaml"))
OF_DATA = [path for path in ALL if path.name.startswith("build_")]
OF_TRAINING = [path for path in ALL if path not in OF_DATA]


def write(folder, text):
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def mistakes(path, overrides=()):
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, overrides)
    assert caught.value.exit_code == 2
    return caught.value.problem


@pytest.mark.parametrize("path", OF_TRAINING, ids=lambda path: path.stem)
def test_every_recipe_of_the_project_loads(path):
    recipe = load_recipe(path)

    assert recipe.train.steps > 0


@pytest.mark.parametrize("path", OF_DATA, ids=lambda path: path.stem)
def test_every_recipe_of_a_dataset_loads(path):
    assert load_build_recipe(path).start


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_recipe_says_what_it_is_and_how_to_run_it(path):
    head = "".join(line for line in path.read_text().splitlines(True) if line.startswith("#"))

    command = "data build" if path in OF_DATA else "train"
    assert f"segearth {command} recipes/{path.relative_to(RECIPES).as_posix()}" in head
    assert all(word in head for word in ("Needs:", "Takes:", "Expect:"))


def test_a_recipe_without_keys_is_the_papers():
    recipe = from_tree(Recipe, {}, where="nowhere")

    assert recipe == Recipe()
    assert (recipe.train.steps, recipe.train.batch_size) == (50_000, 4)  # Table 8
    assert recipe.optimizer.learning_rate == 1e-4
    assert recipe.optimizer.warmup_ratio == 0.03
    assert recipe.optimizer.weight_decay == 0.0
    assert recipe.model.language.lora_rank == 8
    assert recipe.model.pyramid.image_size == 1024
    assert recipe.loss.spatial == 0.01  # Table 5
    assert recipe.model.queries_per_target == 1


def test_writing_and_reading_gives_the_recipe_back(tmp_path):
    recipe = load_recipe(RECIPES / "nano.yaml", ["train.steps=7", "loss.spatial_form=per-layer"])

    again = load_recipe(write(tmp_path, dump_yaml(recipe)))

    assert again == recipe
    assert from_tree(ModelRecipe, to_tree(recipe.model), where="") == recipe.model


def test_a_written_recipe_names_every_key():
    tree = yaml.safe_load(dump_yaml(Recipe()))

    assert list(tree) == [field.name for field in dataclasses.fields(Recipe)]
    assert tree["model"]["language"]["lora_targets"] == ["q_proj", "v_proj"]


def test_all_mistakes_are_told_at_once(tmp_path):
    path = write(
        tmp_path,
        """
seed: 1.5
model:
  pyramid: {image_size: 1000}
  mask_head: {decode: jointly}
optimiser: {learning_rate: 1}
optimizer: {warmup_ratio: 3}
train: {stepss: 3, batch_size: many, gradient_checkpointing: 1}
data: 7
""",
    )

    problem = mistakes(path)

    assert "9 mistakes in the recipe" in problem
    for part in (
        "seed is 1.5; it should be int",
        "image_size is 1000, which 32 does not divide",
        "model.mask_head.decode is 'jointly'; it can be 'joint' or 'per-query'",
        "optimiser is not a key; did you mean optimizer?",
        "warmup_ratio is 3",
        "train.stepss is not a key; did you mean train.steps?",
        "train.batch_size is 'many'; it should be int",
        "train.gradient_checkpointing is 1; it should be bool",
        "data is 7; it should hold keys",
    ):
        assert part in problem


def test_a_wrong_key_does_not_hide_a_wrong_value_beside_it(tmp_path):
    path = write(tmp_path, "model: {pyramid: {image_size: 1000, pading: centre}}")

    problem = mistakes(path)

    assert "pading is not a key" in problem
    assert "1000" in problem


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "a recipe is a mapping"),
        ("- a\n- b", "a recipe is a mapping"),
        ("just words", "a recipe is a mapping"),
        ("a: [", "not valid YAML"),
        ("a: b: c", "not valid YAML"),
        ("3: 4", "3 is not a key"),
        ("train: {steps: true}", "train.steps is True; it should be int"),
        ("train: {ema: true}", "train.ema is True; it should be float"),
        ("train: {steps: '9'}", "train.steps is '9'; it should be int"),
        ("model: {language: {lora_targets: q_proj}}", "lora_targets is 'q_proj'"),
        ("model: {language: {lora_targets: [1]}}", "lora_targets is 1; it should be str"),
        ("model: {language: {config: 3}}", "config is 3"),
        ("model: {template: {question: hello}}", "has no {instruction}"),
        ("model: {queries_per_target: 0}", "queries_per_target is 0"),
        ("model: {mask_head: {width: 48}}", "width is 48"),
        ("model: {mask_head: {width: 64, heads: 5}}", "width is 64"),
        ("model: {pyramid: {pad: left}}", "model.pyramid.pad is 'left'"),
        ("!!python/object/apply:os.system [echo]", "not valid YAML"),
    ],
)
def test_one_mistake(tmp_path, text, part):
    assert part in mistakes(write(tmp_path, text))


@pytest.mark.parametrize(
    "change",
    [
        "model.mask_head.heads=0",
        "model.mask_head.width=0",
        "model.mask_head.decoder_layers=4",
        "model.mask_head.points=0",
        "model.image_tokens.level=-9",
        "model.language.lora_rank=-1",
        "model.max_answer_tokens=0",
        "loss.points=0",
        "loss.important=1.5",
        "loss.spatial=.nan",
        "optimizer.learning_rate=-1",
        "optimizer.learning_rate=.inf",
        "data.drawn=2.0",
        "data.questions=0",
        "train.steps=0",
        "train.batch_size=0",
        "train.accumulate=0",
        "train.log_every=0",
        "train.validate_every=0",
        "train.ema=1.5",
        "train.workers=-1",
    ],
)
def test_a_value_out_of_range_is_refused_before_the_run(change):
    mistakes(RECIPES / "nano.yaml", [change])


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ("train.steps=200", lambda r: r.train.steps == 200),
        ("train.steps=50_000", lambda r: r.train.steps == 50_000),
        ("optimizer.learning_rate=1e-4", lambda r: r.optimizer.learning_rate == 1e-4),
        ("optimizer.learning_rate=1", lambda r: r.optimizer.learning_rate == 1.0),
        (
            "model.language.lora_targets=[a, b]",
            lambda r: r.model.language.lora_targets == ("a", "b"),
        ),
        (
            "model.language.config.hidden_size=32",
            lambda r: r.model.language.config["hidden_size"] == 32,
        ),
        ("model.language.name=a=b", lambda r: r.model.language.name == "a=b"),
        ("train.gradient_checkpointing=true", lambda r: r.train.gradient_checkpointing),
        pytest.param("data.train=", lambda r: r.data.train == ""),
        ("data.train=''", lambda r: r.data.train == ""),
        pytest.param("data.train=2024", lambda r: r.data.train == "2024"),
        (" train.steps =3", lambda r: r.train.steps == 3),
    ],
)
def test_set_reaches_a_key(change, read):
    assert read(load_recipe(RECIPES / "nano.yaml", [change]))


def test_later_changes_win():
    recipe = load_recipe(RECIPES / "nano.yaml", ["seed=1", "seed=2"])

    assert recipe.seed == 2


def test_set_reaches_a_section_that_the_recipe_leaves_out(tmp_path):
    recipe = load_recipe(write(tmp_path, "seed: 3"), ["train.steps=9"])

    assert (recipe.seed, recipe.train.steps) == (3, 9)


def test_set_reaches_a_section_that_stands_there_empty(tmp_path):
    path = write(tmp_path, "train:\nseed: 3")
    assert load_recipe(path).train == Recipe().train

    assert load_recipe(path, ["train.steps=9"]).train.steps == 9


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("train.steps", "is not key=value"),
        ("=3", "is not key=value"),
        ("train.steps=[", "is not a value"),
        ("seed.more=1", "seed holds a value"),
        ("train.stepss=1", "did you mean train.steps?"),
    ],
)
def test_a_wrong_change_is_refused(change, part):
    assert part in mistakes(RECIPES / "nano.yaml", [change])


@pytest.mark.parametrize("kind", ["missing", "folder", "bytes"])
def test_a_file_that_cannot_be_read(tmp_path, kind):
    path = tmp_path / "recipe.yaml"
    if kind == "folder":
        path.mkdir()
    if kind == "bytes":
        path.write_bytes(b"\xff\xfe\x00\x81")

    assert "cannot be read" in mistakes(path)


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path = write(tmp_path, "train: {steps: 3}\nseed: 1\ntrain: {batch_size: 2}")

    assert "train" in mistakes(path)


def test_recipes_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().seed = 3


@pytest.mark.parametrize("seed", [-1, 20250101120000])
def test_a_seed_that_random_generators_refuse(seed):
    with pytest.raises(RecipeError, match=f"seed is {seed}"):
        load_recipe(RECIPES / "nano.yaml", [f"seed={seed}"])
