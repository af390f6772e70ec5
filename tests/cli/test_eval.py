"""`segearth eval`, seen from the shell."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from segearth.cli.app import app
from segearth.config.load import load_recipe
from segearth.data.rle import encode_mask
from segearth.model.build import build_model
from segearth.model.checkpoint import save_model
from segearth.model.inputs import build_prompter, build_tokenizer

ROOT = Path(__file__).parents[2]
run = CliRunner().invoke

KEYS = [
    *("model", "protocol", "metric", "records", "targets", "giou", "ciou", "by_facet"),
    *("count_accuracy", "absent_accuracy", "seconds_per_record", "manifest_sha256"),
]


def rle(start, stop):
    mask = np.zeros((8, 10), bool)
    mask[:, start:stop] = True
    return encode_mask(mask)


def write_lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def manifest(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 10, 3), np.uint8))
    row = {"image": "a.png", "instruction": "Find it."}
    facets = {"granularity": "instance", "reasoning": "explicit", "length": "short"}
    return write_lines(
        tmp_path / "val.jsonl",
        {
            **row,
            "id": "there",
            "answer": "<p>it </p>[SEG]",
            "masks": [rle(0, 4)],
            "facets": {**facets, "multiplicity": "single"},
            "source": "UC Merced",
        },
        {
            **row,
            "id": "absent",
            "answer": "It is not there.",
            "masks": [],
            "facets": {**facets, "multiplicity": "none"},
        },
    )


@pytest.fixture
def predictions(tmp_path):
    found = {"phrase": "it", "score": 0.9, "mask": rle(0, 2)}
    return write_lines(
        tmp_path / "predictions.jsonl",
        {"id": "absent", "answer": "It is not there.", "targets": []},
        {"id": "there", "answer": "<p>it </p>[SEG]", "targets": [found]},
    )


def test_json_is_the_contract_and_alone_on_stdout(manifest, predictions):
    command = ["eval", "--data", str(manifest), "--predictions", str(predictions), "--json"]

    result = run(app, [*command, "--metric", "strict"])

    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert [key for key in printed if key in KEYS] == KEYS
    assert printed["giou"] == 0.75
    assert printed["model"] == "predictions.jsonl"
    assert printed["by_facet"]["multiplicity"]["single"]["giou"] == 0.5
    assert printed["absent_accuracy"] == printed["count_accuracy"] == 1.0
    assert printed["seconds_per_record"] is None
    assert printed["manifest_sha256"] == hashlib.sha256(manifest.read_bytes()).hexdigest()


def test_a_table_for_people_names_metric_and_protocol(manifest, predictions):
    result = run(
        app, ["eval", "other-model", "--data", str(manifest), "--predictions", str(predictions)]
    )

    assert result.exit_code == 0
    assert "other-model, metric lisa, protocol generate" in result.stdout
    assert "50.0" in result.stdout
    assert "multiplicity: single" in result.stdout


def test_results_are_written_and_kept(manifest, predictions, tmp_path):
    out = tmp_path / "out"
    command = ["eval", "--data", str(manifest), "--predictions", str(predictions), "-o", str(out)]

    first, second = run(app, command), run(app, command)

    assert first.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "predictions.jsonl",
        "report.html",
        "report.json",
        "samples.jsonl",
    ]
    report = json.loads((out / "report.json").read_text())
    assert report["missing"] == []
    assert "segearth" in report["about"]["versions"]
    assert second.exit_code == 2
    assert "--overwrite" in second.stderr
    assert run(app, [*command, "--overwrite"]).exit_code == 0


def test_a_record_without_a_prediction_is_reported_and_scores_0(manifest, predictions):
    write_lines(predictions, json.loads(predictions.read_text().splitlines()[0]))

    result = run(
        app, ["eval", "--data", str(manifest), "--predictions", str(predictions), "--json"]
    )

    assert result.exit_code == 0
    assert json.loads(result.stdout)["giou"] == 0.0
    assert "1 records have no reply and score 0, such as there" in result.stderr


@pytest.mark.parametrize(
    ("options", "records"),
    [
        (["--limit", "1"], 1),
        (["--source", "merced"], 1),
        (["--facet", "multiplicity=none"], 1),
        (["--facet", "granularity=instance"], 2),
    ],
)
def test_a_part_of_the_manifest(manifest, predictions, options, records):
    result = run(
        app,
        ["eval", "--data", str(manifest), "--predictions", str(predictions), "--json", *options],
    )

    assert json.loads(result.stdout)["records"] == records


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "there is nothing to evaluate"),
        (["--predictions", "none.jsonl"], 3, "none.jsonl cannot be read"),
        (["--predictions", "p", "--facet", "size=big"], 2, "'size=big' is no facet"),
        (["--predictions", "p", "--source", "Mars"], 2, "none of 2 records is left"),
    ],
)
def test_mistakes_leave_a_line_and_a_code(manifest, options, code, message):
    result = run(app, ["eval", "--data", str(manifest), *options])

    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_broken_or_empty_manifest_is_told_before_anything_is_loaded(tmp_path):
    for text, message in (("{", "line 1"), ("", "the manifest is empty")):
        path = tmp_path / "m.jsonl"
        path.write_text(text)

        result = run(app, ["eval", "mini", "--data", str(path), "-o", str(tmp_path / "out")])

        assert result.exit_code == 3
        assert message in result.stderr
        assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def of_k(tmp_path_factory):
    """Model folders with random weights, by queries a target."""

    @functools.cache
    def make(k):
        name = f"model.language.name={ROOT / 'segearth' / 'model' / 'nano'}"
        changes = [name, f"model.queries_per_target={k}"]
        recipe = load_recipe(ROOT / "recipes" / "nano.yaml", changes).model
        torch.manual_seed(0)
        prompter = build_prompter(recipe, build_tokenizer(recipe))
        model = build_model(recipe, prompter, pretrained=False)
        folder = tmp_path_factory.mktemp(f"nano-{k}")
        save_model(folder, model, prompter, recipe, card="# nano\n")
        return str(folder)

    return make


def test_candidates_are_drawn_and_the_best_is_scored_beside_the_selected(of_k, manifest, tmp_path):
    out = tmp_path / "out"
    command = ["eval", of_k(3), "--data", str(manifest), "-o", str(out), "--json"]
    command += ["--protocol", "teacher-forced", "--save-candidates"]

    result = run(app, command)

    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    line = json.loads((out / "candidates" / "candidates.jsonl").read_text(encoding="utf-8"))
    assert (line["id"], line["target"], line["truth"]) == ("there", 0, 0)
    assert len(line["iou"]) == len(line["score"]) == 3
    assert line["selected"] == int(np.argmax(line["score"]))
    assert printed["giou"] == pytest.approx(line["iou"][line["selected"]])
    assert printed["oracle_giou"] == pytest.approx(max(line["iou"]))
    assert printed["oracle_giou"] >= printed["giou"]
    assert printed["selection"]["targets"] == 1
    assert cv2.imread(str(out / line["sheet"])) is not None
    assert not list(tmp_path.glob(".segearth-*")), "staging is gone"

    again = run(app, [*command[:6], "--overwrite", "--predictions", str(out / "predictions.jsonl")])

    assert again.exit_code == 0, again.output
    assert not (out / "candidates").exists()  # they would not belong to the new figures


def test_candidates_need_a_choice_a_model_and_a_folder(of_k, manifest, predictions, tmp_path):
    data = ["--data", str(manifest), "--save-candidates"]
    out = ["-o", str(tmp_path / "out")]

    for words, said in (
        ([of_k(1), *data, *out], "one query a target"),
        ([of_k(1), *data], "go into a folder"),
        ([*data, *out, "--predictions", str(predictions)], "leave out --predictions"),
    ):
        result = run(app, ["eval", *words])
        assert result.exit_code == 2
        assert said in result.stderr
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".segearth-*"))
