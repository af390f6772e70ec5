"""`segearth data review` without its page, seen from the shell."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from segearth.building.review.decisions import CRITERIA, Decision, fingerprint
from segearth.building.review.log import NAME, open_log
from segearth.cli.app import app
from segearth.data.manifest import read_manifest
from segearth.data.rle import decode_mask, encode_mask

FACETS = {"granularity": "instance", "multiplicity": "single", "reasoning": "explicit"}


def run(*words):
    return CliRunner().invoke(app, ["data", "review", *map(str, words)])


@pytest.fixture
def manifest(tmp_path):
    folder = tmp_path / "däta" / "images"
    folder.mkdir(parents=True)
    mask = np.zeros((8, 10), bool)
    mask[2:5, 3:6] = True
    rows = []
    for name in "abcd":
        cv2.imwrite(str(folder / f"{name}.png"), np.full((8, 10, 3), 9, np.uint8))
        rows.append(
            {
                "id": name,
                "image": f"images/{name}.png",
                "instruction": f"Find {name}.",
                "answer": "<p>it </p>[SEG]",
                "masks": [encode_mask(mask)],
                "facets": FACETS | {"length": "short"},
            }
        )
    path = tmp_path / "däta" / "m.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def out(manifest, tmp_path):
    """A log: a accepted by two and corrected, b disputed, c rejected, d open."""
    records = {record.id: record for record in read_manifest(manifest)}

    def said(name, reviewer, *wrong, **changes):
        rubric = {point: point not in wrong for point in CRITERIA}
        state = fingerprint(records[name])
        return Decision(
            at="2026-01-01", reviewer=reviewer, id=name, record=state, rubric=rubric, **changes
        )

    whole = encode_mask(np.ones((8, 10), bool))
    long = "Find the one thing that somebody has put into the middle of this picture."
    with open_log(tmp_path / "out") as log:
        log.append(
            [
                said("a", "ana", masks=(whole,), instruction=long, seconds=4.0),
                said("a", "bo"),
                said("b", "ana"),
                said("b", "bo", "mask"),
                said("c", "ana", "object", "grammar", seconds=8.0),
            ]
        )
    return tmp_path / "out"


def test_the_summary_counts(manifest, out):
    result = run(manifest, "-o", out, "--summary", "--second-look", "1", "--json")

    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    states = ("records", "accepted", "rejected", "disputed", "open", "corrected")
    assert [figures[name] for name in states] == [4, 1, 1, 1, 1, 1]
    assert figures["second_look"] == {"share": 1.0, "records": 4, "done": 2}
    ana = figures["reviewers"]["ana"]
    assert (ana["decisions"], ana["accepted"], ana["rejected"]) == (3, 2, 1)
    assert ana["wrong"] == {"object": 1, "spatial": 0, "mask": 0, "grammar": 1}
    assert ana["median_seconds"] == 6
    # On a and b, ana accepts both and bo one: P = 1/2; Cohen's P_e = 1/2, kappa 0. Fleiss:
    # three of four judgements accept, P_e = 9/16 + 1/16 = 5/8, kappa = (1/2 - 5/8) / (3/8) = -1/3.
    assert figures["agreement"]["pairs"] == [
        {"reviewers": ["ana", "bo"], "records": 2, "observed": 0.5, "kappa": 0.0}
    ]
    assert figures["agreement"]["verdict"] == {"records": 2, "observed": 0.5, "kappa": -0.3333}
    assert figures["agreement"]["grammar"]["kappa"] is None


def test_the_summary_is_readable_too(manifest, out):
    result = run(manifest, "-o", out, "--summary")

    assert result.exit_code == 0
    assert "ana and bo (Cohen)" in result.stdout


def test_applying_again_drops_a_world_file_that_is_gone_and_keeps_what_is_the_users(manifest, out):
    world, images = manifest.parent / "images" / "a.wld", out / "images"
    world.write_text("1\n0\n0\n-1\n0\n0\n")
    assert run(manifest, "-o", out, "--apply").exit_code == 0
    assert (images / "a.wld").is_file()
    world.unlink()
    (images / "notes.txt").write_text("mine")

    assert run(manifest, "-o", out, "--apply", "--overwrite").exit_code == 0

    assert sorted(path.name for path in images.iterdir()) == ["a.png", "notes.txt"]


def test_the_summary_of_nothing(manifest, tmp_path):
    result = run(manifest, "-o", tmp_path / "none", "--summary", "--json")

    assert json.loads(result.stdout)["open"] == 4
    assert not (tmp_path / "none").exists()


def test_accepted_records_become_a_manifest_that_passes_the_check(manifest, out):
    result = run(manifest, "-o", out, "--apply", "--json")

    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert (printed["records"], printed["undecided"]) == (1, 2)
    checked = CliRunner().invoke(app, ["data", "check", printed["manifest"]])
    assert checked.exit_code == 0, checked.output
    (record,) = read_manifest(out / "manifest.jsonl")
    assert record.image == (out / "images" / "a.png").resolve()
    assert decode_mask(record.masks[0]).all()
    assert record.facets["length"] == "long"
    assert record.extra["review"] == {
        "accepted_by": ["ana", "bo"],
        "changed": ["instruction", "masks"],
    }
    assert run(manifest, "-o", out, "--apply").exit_code == 2
    assert run(manifest, "-o", out, "--apply", "--overwrite").exit_code == 0


def test_a_faulty_record_is_not_written(manifest, out):
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"reasoning": "explicit", ', "", 1), encoding="utf-8")

    result = run(manifest, "-o", out, "--apply")

    assert result.exit_code == 3
    assert 'facet "reasoning" is missing' in result.stderr
    assert not (out / "manifest.jsonl").exists()


def test_nothing_accepted_and_the_wrong_folder_are_told(manifest, tmp_path):
    assert run(manifest, "-o", tmp_path / "none", "--apply").exit_code == 3
    assert run(manifest, "-o", manifest.parent, "--apply").exit_code == 2


def test_label_studio_and_back_twice(manifest, out, tmp_path):
    tasks = tmp_path / "tasks.json"
    lines = len((out / NAME).read_bytes().splitlines())

    assert run(manifest, "-o", out, "--export", "label-studio", tasks).exit_code == 0
    again = run(manifest, "-o", out, "--import", "label-studio", tasks, "--json")
    fresh = run(manifest, "-o", tmp_path / "new", "--import", "label-studio", tasks, "--json")

    assert json.loads(again.stdout) == {"decisions": str(out / NAME), "read": 5, "new": 0}
    assert json.loads(fresh.stdout)["new"] == 5
    assert len((out / NAME).read_bytes().splitlines()) == lines
    assert run(manifest, "-o", out, "--export", "label-studio", tasks).exit_code == 2


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["--summary", "--apply"], 2, "exclude each other"),
        (["--export", "yolo", "x.json"], 2, "'yolo' is no format"),
        (["--import", "yolo", "x.json"], 2, "'yolo' is no format"),
        (["--import", "label-studio", "x.json"], 3, "cannot be read"),
        (["--reviewer", "\n"], 3, "no name"),
        (["--host", "192.0.2.1"], 2, "cannot be listened on"),
    ],
    ids=str,
)
def test_mistakes_are_one_line(manifest, tmp_path, monkeypatch, words, code, problem):
    monkeypatch.chdir(tmp_path)

    result = run(manifest, "-o", tmp_path / "new", *words)

    assert result.exit_code == code, result.output
    assert problem in result.stderr
    assert "Traceback" not in result.output


def test_a_torn_line_is_told(manifest, out):
    with (out / NAME).open("ab") as log:
        log.write(b'{"at": "2026')

    result = run(manifest, "-o", out, "--summary", "--json")

    assert "torn (12 bytes)" in result.stderr
    assert json.loads(result.stdout)["accepted"] == 1
