"""`segearth predict`, seen from the shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from affine import Affine
from typer.testing import CliRunner

from segearth.cli import predict_runs
from segearth.cli.app import app

KEYS = [
    "image", "instruction", "answer", "found", "targets", "crs", "gsd_m", "model", "outputs",
    "seconds",
]  # fmt: skip


class BrightFinder:
    """Stands in for a model: finds bright pixels, whatever is asked."""

    name = "bright"
    window_px = 64

    def encode(self, image, gsd_m=None):
        return image[..., 0].astype(np.float32) - 128

    def reply(self, encoded, instruction):
        seen = (encoded > 0).any()
        answer = "It is <p>bright thing </p>[SEG]." if seen else "There is none in this image."
        return SimpleNamespace(answer=answer, phrases=["bright thing"] * int(seen))

    def teach(self, encoded, instruction, answer):
        return SimpleNamespace(answer=answer, phrases=["bright thing"])

    def masks(self, encoded, reply):
        return SimpleNamespace(logits=encoded[None], scores=np.array([0.5]))


@pytest.fixture
def loaded(monkeypatch):
    """Put the stand-in where the model is loaded; return which models were asked for."""
    wanted = []

    def load(model, device, dtype):
        wanted.append((model, device, dtype))
        return BrightFinder()

    monkeypatch.setattr(predict_runs, "load_segmenter", load)
    return wanted


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with an image that has something and one that has nothing."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("harbour.tif", 200), ("sea.tif", 0)):
        bands = np.zeros((3, 60, 80), "uint8")
        bands[:, 10:20, 30:50] = value
        with rasterio.open(
            name,
            "w",
            driver="GTiff",
            count=3,
            height=60,
            width=80,
            dtype="uint8",
            crs="EPSG:32633",
            transform=Affine(0.5, 0, 5e5, 0, -0.5, 5e6),
        ) as dataset:
            dataset.write(bands)
    return tmp_path


@pytest.fixture
def predict(loaded, here):
    """Run the command with the stand-in."""

    def run(*words):
        return CliRunner().invoke(app, ["predict", *map(str, words)])

    return run


def test_people_read_sentence_table_and_place(predict, loaded, here):
    result = predict("harbour.tif", "the bright thing")

    assert result.exit_code == 0
    assert "It is bright thing." in result.stdout
    assert "area, m²" in result.stdout
    assert "0.50" in result.stdout
    assert "harbour-segearth: masks.tif" in result.stdout
    assert (here / "harbour-segearth/targets.gpkg").is_file()
    assert loaded == [("mini", "auto", "auto")]


def test_programs_read_one_json_object(predict, here):
    result = predict("harbour.tif", "the thing", "--json", "-o", "out", "-m", "runs/best")

    document = json.loads(result.stdout)
    assert set(KEYS) <= set(document)
    assert document == json.loads((here / "out/prediction.json").read_text())
    assert result.stderr == ""


def test_nothing_found_is_a_normal_end_unless_asked_otherwise(predict):
    assert predict("sea.tif", "ships", "-o", "a").exit_code == 0
    assert predict("sea.tif", "ships", "-o", "b", "--fail-on-empty").exit_code == 6
    assert predict("harbour.tif", "ships", "-o", "c", "--fail-on-empty").exit_code == 0


def test_several_instructions(predict):
    result = predict("harbour.tif", "a ship", "--also", "a crane", "--also", "a pier", "--json")

    assert [entry["band"] for entry in json.loads(result.stdout)["targets"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["harbour.tif"], 2, "the instruction is empty"),
        (["harbour.tif", " "], 2, "the instruction is empty"),
        (["harbour.tif", "word " * 5000], 2, "has 5000 words; 200 are allowed"),
        (["harbour.tif", "x", "--also", ""], 2, "the instruction is empty"),
        (["harbour.tif", "x", "--bands", "r,g"], 2, "names no bands"),
        (["harbour.tif", "x", "--bands", "7"], 2, "there is no band 7"),
        (["harbour.tif", "x", "--stretch", "much"], 2, "no stretch"),
        (["harbour.tif", "x", "--overlap", "1"], 2, "out of range"),
        (["harbour.tif", "x", "--window", "1"], 2, "too small"),
        (["gone.tif", "x"], 3, "gone.tif does not exist"),
        (["gone.jsonl"], 3, "cannot be read"),
        (["empty", "x"], 3, "no image in"),
        (["*.jp2", "x"], 3, "no image in"),
        (["text.tif", "x"], 3, "not an image"),
        (["zero.tif", "x"], 3, "0 bytes"),
        (["harbour.tif", "x", "-o", "text.tif/out"], 3, "cannot be written to"),
        (["harbour.tif", "x", "-o", "/proc/out"], 3, "cannot be written to"),
        (["nowhere.tif", "x"], 5, "outside its coordinate system"),
        (["used.jsonl", "x"], 2, "brings its own instructions"),
    ],
)
def test_mistakes_are_told_in_a_line_with_their_code(predict, here, words, code, says):
    (here / "empty").mkdir()
    (here / "text.tif").write_text("hello")
    (here / "zero.tif").touch()
    (here / "used.jsonl").write_text('{"id": "1", "image": "sea.tif", "instruction": "x"}')
    with rasterio.open("harbour.tif") as source:
        profile = source.profile | {"transform": Affine(1, 0, 1e14, 0, -1, 0)}
        with rasterio.open("nowhere.tif", "w", **profile) as dataset:
            dataset.write(source.read())
    before = {path.name for path in here.iterdir()}

    result = predict(*words)

    assert result.exit_code == code
    assert result.stderr.startswith("error: ")
    assert says in result.stderr.splitlines()[0]
    assert result.stdout == ""
    assert "Traceback" not in result.output
    assert {path.name for path in here.iterdir()} == before


def test_mistakes_in_the_input_show_before_the_model_is_loaded(predict, loaded):
    predict("gone.tif", "x")
    predict("harbour.tif", " ")

    assert loaded == []


def test_earlier_results_are_kept(predict):
    predict("harbour.tif", "x")

    refused = predict("harbour.tif", "x")

    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert predict("harbour.tif", "x", "--overwrite").exit_code == 0


def test_a_folder_gives_a_folder_each_and_lists_failures(predict, here):
    (here / "broken.tif").write_text("hello")

    result = predict(here, "x", "-o", "out", "--json")

    assert result.exit_code == 3
    document = json.loads(result.stdout)
    assert [entry["found"] for entry in document["images"]] == [1, 0]
    assert document["failed"][0]["image"].endswith("broken.tif")
    assert "broken.tif" in result.stderr
    assert sorted(path.name for path in (here / "out").iterdir()) == ["harbour", "sea"]


def test_a_glob_is_shown_as_a_table(predict):
    result = predict("*.tif", "x")

    assert result.exit_code == 0
    assert "harbour.tif" in result.stdout
    assert "bright thing" in result.stdout


def test_requests_are_answered_in_a_file(predict, here):
    rows = [{"id": name, "image": name, "instruction": "x"} for name in ("harbour.tif", "gone.tif")]
    (here / "requests.jsonl").write_text("\n".join(map(json.dumps, rows)))

    result = predict("requests.jsonl", "-o", "out")

    assert result.exit_code == 3
    assert "1 of 2 requests answered" in result.stdout
    assert "gone.tif does not exist" in result.stderr
    lines = (here / "out/predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["harbour.tif", "gone.tif"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "kill"])
def test_an_interrupted_run_leaves_nothing(here, number):
    script = """
import time
from segearth.cli import app, predict_runs
class Slow:
    name, window_px = "slow", 64
    def encode(self, image, gsd_m=None):
        print("working", flush=True)
        time.sleep(60)
predict_runs.load_segmenter = lambda *a: Slow()
app.app(["predict", "harbour.tif", "x"])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        # Whoever runs the tests in the background hands down an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout.readline() == "working\n"
    assert list(here.glob(".segearth-*.part"))
    process.send_signal(number)
    start = time.monotonic()

    _, errors = process.communicate(timeout=30)

    assert time.monotonic() - start < 20
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert sorted(path.name for path in here.iterdir()) == ["harbour.tif", "sea.tif"]
