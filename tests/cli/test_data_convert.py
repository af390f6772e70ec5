"""`segearth data convert` and `data stats`, seen from the shell."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from segearth.cli.app import app

run = CliRunner().invoke


@pytest.fixture
def refsegrs(tmp_path):
    root = tmp_path / "RefSegRS"
    mask = np.zeros((8, 10), np.uint8)
    mask[2:5, 3:7] = 255
    for folder, pixels in (("images", np.zeros((8, 10, 3), np.uint8)), ("masks", mask)):
        (root / folder).mkdir(parents=True)
        cv2.imwrite(str(root / folder / "1.tif"), pixels)
    (root / "output_phrase_test.txt").write_text("1 a wide building\n2 a lost one\n")
    return root


def convert(root, out, *more):
    return run(app, ["data", "convert", "refsegrs", str(root), "-o", str(out), *more])


def test_what_is_written_and_what_is_left_out(refsegrs, tmp_path):
    result = convert(refsegrs, tmp_path / "out")

    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if "test.jsonl" in line)
    assert row.split() == ["test.jsonl", "2", "1817", "1", "1", "1", "0", "1"]
    assert "images: 1 linked, 0 copied" in result.stdout
    assert "mask missing or unreadable" in result.stderr
    assert "2.tif does not exist" in result.stderr
    assert "2 expressions found, 1,817 published" in result.stderr
    assert "left_out.jsonl" in result.stdout
    lines = (tmp_path / "out" / "left_out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [
        "output_phrase_test.txt, line 2",
        *("train", "val", "test"),  # whose counts are not the published ones
    ]
    assert run(app, ["data", "check", str(tmp_path / "out" / "test.jsonl")]).exit_code == 0


def test_json_is_the_report(refsegrs, tmp_path):
    result = convert(refsegrs, tmp_path / "out", "--json")

    printed = json.loads(result.stdout)
    written = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert printed == {"folder": str(tmp_path / "out"), **written}
    assert printed["splits"]["test"]["published"] == 1817
    assert printed["left_out"]["mask missing or unreadable"]["count"] == 1
    assert "granularity" in printed["assumed"]
    assert result.stderr == ""


def test_duplicates_are_kept_if_wanted(refsegrs, tmp_path):
    (refsegrs / "output_phrase_test.txt").write_text("1 a wide building\n" * 3)

    without = convert(refsegrs, tmp_path / "a")
    kept = convert(refsegrs, tmp_path / "b", "--keep-duplicates")

    assert "duplicates kept" not in without.stdout
    assert "duplicates kept: 2" in " ".join(kept.stdout.split())
    assert [
        len((tmp_path / name / "test.jsonl").read_text().splitlines()) for name in ("a", "b")
    ] == [1, 3]


def test_mistakes_are_a_line_and_an_exit_code(refsegrs, tmp_path):
    assert convert(tmp_path / "none", tmp_path / "out").exit_code == 3
    assert convert(refsegrs, tmp_path / "out", "--text", "x").exit_code == 2
    assert not (tmp_path / "out").exists()
    assert convert(refsegrs, tmp_path / "out").exit_code == 0
    again = convert(refsegrs, tmp_path / "out")
    assert again.exit_code == 2
    assert "pass --overwrite" in again.stderr
    assert "Traceback" not in again.output


def test_a_folder_that_cannot_be_written_is_told(refsegrs, tmp_path):
    (tmp_path / "file").write_text("")

    result = convert(refsegrs, tmp_path / "file" / "out")

    assert result.exit_code == 3
    assert "is a file, not a folder" in result.stderr


def test_statistics_as_tables_json_and_pictures(refsegrs, tmp_path):
    convert(refsegrs, tmp_path / "out")
    manifest = str(tmp_path / "out" / "test.jsonl")

    shown = run(app, ["data", "stats", manifest])
    result = run(app, ["data", "stats", manifest, "-o", str(tmp_path / "s"), "--json"])

    assert shown.exit_code == result.exit_code == 0
    assert "annotation type" in shown.stdout
    printed = json.loads(result.stdout)
    assert printed["table_1"]["masks"] == 1
    assert printed["table_1"]["annotation_type"] == ["TI", "Seg"]
    assert printed["mask_share"]["median"] == 12 / 80
    assert json.loads((tmp_path / "s" / "stats.json").read_text(encoding="utf-8")) == printed
    for name in ("categories", "instruction_lengths", "mask_sizes", "words"):
        picture = cv2.imread(printed["outputs"][name])
        assert picture.shape[1] == 1200
        assert (picture < 128).any()
    assert run(app, ["data", "stats", manifest, "-o", str(tmp_path / "s")]).exit_code == 2


def test_statistics_of_an_empty_manifest(tmp_path):
    (tmp_path / "m.jsonl").write_text("")

    result = run(app, ["data", "stats", str(tmp_path / "m.jsonl"), "-o", str(tmp_path / "s")])

    assert result.exit_code == 0
    assert "0 records" in result.stdout
