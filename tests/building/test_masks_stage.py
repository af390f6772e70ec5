"""Regions, duplicates, crops, and runs that are killed."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest

from segearth.building.masks import stage as masks_stage
from segearth.building.masks.boxes import Annotated
from segearth.building.masks.file import read_masks
from segearth.building.masks.grid import View
from segearth.building.masks.journal import PARTIAL, open_journal
from segearth.building.masks.proposals import Proposal, drop_duplicates
from segearth.building.masks.regions import Regions
from segearth.building.masks.stage import Plan, collect_masks, mask_image, name_images
from segearth.building.stamps import stamp_images
from segearth.data.rle import decode_mask, encode_mask
from segearth.errors import DataError, UsageError


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def test_regions_find_what_stands_out(picture):
    proposals = Regions().propose(View(picture()))

    y, x = np.mgrid[:96, :128]
    disc = np.hypot(x - 40, y - 48) <= 16
    box = (x >= 80) & (x < 110) & (y >= 30) & (y < 60)
    for thing in (disc, box):
        best = max(proposals, key=lambda item, thing=thing: iou(item.mask, thing))
        assert iou(best.mask, thing) > 0.95
        assert best.score > 0.8


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 2), (40, 3)])
def test_regions_of_tiny_and_flat_views(size):
    assert Regions().propose(View(np.full((*size, 3), 90, np.uint8))) == []


def row(name, columns, score):
    mask = np.zeros((10, 20), bool)
    mask[:, columns] = True
    return {
        "id": name,
        "mask": encode_mask(mask),
        "proposer": "sam",
        "score": score,
        "category": None,
        "boxes": [],
        "prompt": None,
    }


def test_of_equal_masks_the_better_stays():
    rows = [row("a", slice(0, 10), 0.5), row("b", slice(0, 9), 0.9), row("c", slice(12, 20), 0.1)]

    assert [mask["id"] for mask in drop_duplicates(rows, 0.9)] == ["b", "c"]  # IoU 0.9
    assert [mask["id"] for mask in drop_duplicates(rows, 0.91)] == ["a", "b", "c"]
    assert drop_duplicates([], 0.9) == []


def test_annotation_stays_whatever_a_proposer_thinks_of_itself():
    rows = [
        row("a", slice(0, 10), 0.99),
        row("b", slice(0, 10), None),
        row("c", slice(0, 10), None),
    ]

    assert [mask["id"] for mask in drop_duplicates(rows, 0.5)] == ["b", "c"]


class Corner:
    """Proposes the upper left quarter of every view, and remembers the views."""

    name = "corner"

    def __init__(self):
        self.views = []

    def propose(self, view):
        self.views.append(view)
        mask = np.zeros(view.pixels.shape[:2], bool)
        mask[: mask.shape[0] // 2, : mask.shape[1] // 2] = True
        return [Proposal(mask, 0.5, (1.5, 2.5))]


class Boxes:
    def __init__(self, *items):
        self.items = list(items)

    def find(self, image):
        return self.items


def plan(proposer=None, annotation=None, within=(), iou=0.9):
    return Plan(proposer=proposer, annotation=annotation, within=frozenset(within), iou=iou)


def test_crops_are_looked_into_and_masks_come_back_in_place(pictures):
    corner = Corner()
    boxes = Boxes(Annotated((80, 30, 110, 60), "Ship"), Annotated((0, 0, 20, 20), "car"))

    line = mask_image("a.png", pictures / "a.png", plan(corner, boxes, within={"ship"}))

    assert [view.box for view in corner.views] == [None, (80, 30, 110, 60)]
    whole, part = line["masks"]
    assert whole["prompt"] == {"grid": "global", "points": [[1.5, 2.5]], "box": None}
    assert part["prompt"] == {
        "grid": "local",
        "points": [[81.5, 32.5]],
        "box": [80, 30, 110, 60],
    }
    assert part["boxes"] == []  # a part does not stand for the box
    assert np.argwhere(decode_mask(part["mask"])).min(0).tolist() == [30, 80]
    assert decode_mask(part["mask"]).sum() == 15 * 15
    assert [mask["id"] for mask in line["masks"]] == ["a.png#0", "a.png#1"]


def test_annotated_masks_are_taken_over(pictures):
    mask = np.zeros((96, 128), bool)
    mask[40:50, 30:50] = True
    boxes = Boxes(Annotated((30, 40, 50, 50), "tank", encode_mask(mask)))

    (taken,) = mask_image("a.png", pictures / "a.png", plan(annotation=boxes))["masks"]

    assert (taken["proposer"], taken["score"], taken["category"]) == ("samrs", None, "tank")
    assert taken["boxes"] == [[30, 40, 50, 50]]


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (Annotated((500, 0, 600, 9), None), "outside the image"),
        (Annotated((0, 0, 9, 9), None, encode_mask(np.ones((5, 5), bool))), r"mask is \[5, 5\]"),
    ],
)
def test_annotation_that_does_not_fit(pictures, item, problem):
    with pytest.raises(DataError, match=problem):
        mask_image("a.png", pictures / "a.png", plan(Corner(), Boxes(item)))


def test_a_scene_is_too_large(pictures, monkeypatch):
    monkeypatch.setattr(masks_stage, "MAX_PIXELS", 1000)

    with pytest.raises(DataError, match="96 x 128 pixels, which is too large"):
        mask_image("a.png", pictures / "a.png", plan(Corner()))


def run(pictures, out, proposer, settings=None, overwrite=False):
    names = name_images(sorted(pictures.rglob("*.png")))
    stamps = stamp_images(names)
    with open_journal(out, settings or {}, stamps, overwrite=overwrite) as journal:
        return collect_masks(names, out, plan(proposer), journal)


def test_a_broken_image_is_left_out_and_the_rest_goes_on(pictures, tmp_path):
    (pictures / "b.png").write_bytes(b"no picture")

    collected = run(pictures, tmp_path / "out", Corner())

    assert (collected.images, collected.masks) == (2, 2)
    assert [name for name, _ in collected.failures] == ["b.png"]
    rows = list(read_masks(tmp_path / "out" / "masks.jsonl"))
    assert [line["image"] for line in rows] == ["images/a.png", "images/ä b.png"]
    assert all((tmp_path / "out" / line["image"]).is_file() for line in rows)


def test_only_the_image_that_failed_is_done_again(pictures, tmp_path):
    good = (pictures / "b.png").read_bytes()
    (pictures / "b.png").write_bytes(b"no picture")
    run(pictures, tmp_path / "out", Corner())
    (pictures / "b.png").write_bytes(good)
    again = Corner()

    collected = run(pictures, tmp_path / "out", again)

    assert (collected.images, collected.resumed, len(again.views)) == (3, 2, 1)
    assert not (tmp_path / "out" / PARTIAL).exists()
    with pytest.raises(UsageError, match="already holds results"):
        run(pictures, tmp_path / "out", Corner())


def test_an_interrupted_run_takes_new_images_in_and_changed_ones_again(pictures, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(pictures, tmp_path / "out", Interrupted())
    picture = (pictures / "b.png").read_bytes()
    (pictures / "a.png").write_bytes(picture)  # done, and another picture now
    (pictures / "c.png").write_bytes(picture)
    rest = Corner()

    collected = run(pictures, tmp_path / "out", rest)

    assert (collected.images, collected.resumed, len(rest.views)) == (4, 1, 3)


class Interrupted(Corner):
    """Is stopped while it looks at the last of three images."""

    def propose(self, view):
        if len(self.views) == 2:
            raise KeyboardInterrupt
        return super().propose(view)


@pytest.mark.parametrize("cut", [0, 1, 30], ids=["whole", "newline lost", "half a line lost"])
def test_an_interrupted_run_ends_with_the_same_file(pictures, tmp_path, cut):
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(pictures, whole, Corner())
    with pytest.raises(KeyboardInterrupt):
        run(pictures, out, Interrupted())
    assert not (out / "masks.jsonl").exists()
    partial = out / PARTIAL
    partial.write_bytes(partial.read_bytes()[: -cut or None])
    rest = Corner()

    collected = run(pictures, out, rest)

    assert collected.resumed == (1 if cut else 2)
    assert len(rest.views) == 3 - collected.resumed
    assert (out / "masks.jsonl").read_bytes() == (whole / "masks.jsonl").read_bytes()
    assert not partial.exists()


def test_parts_of_another_run_are_not_mixed_in(pictures, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(pictures, tmp_path, Interrupted(), {"iou": 0.5})

    with pytest.raises(UsageError, match="other settings"):
        run(pictures, tmp_path, Corner(), {"iou": 0.6})

    assert run(pictures, tmp_path, Corner(), {"iou": 0.6}, overwrite=True).resumed == 0
    with pytest.raises(UsageError, match="already holds results"):
        run(pictures, tmp_path, Corner(), {"iou": 0.6})


def test_two_processes_do_not_write_the_same_folder(tmp_path):
    with (
        open_journal(tmp_path, {}, {}, overwrite=False),
        pytest.raises(UsageError, match="another process"),
        open_journal(tmp_path, {}, {}, overwrite=False),
    ):
        pass


def test_a_killed_command_goes_on(pictures, tmp_path):
    """SIGKILL in the middle of the real command, then the command once more."""
    out = tmp_path / "out"
    words = ["data", "masks", str(pictures), "-o", str(out), "--proposer", "regions", "--json"]
    kill = (
        "import os, signal\n"
        "from segearth.building.masks.journal import Journal\n"
        "add = Journal.add\n"
        "def add_and_die(self, *what):\n"
        "    add(self, *what)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Journal.add = add_and_die\n"
        "from segearth.cli.app import app\n"
        f"app({words!r})\n"
    )
    killed = subprocess.run([sys.executable, "-c", kill], capture_output=True, env=os.environ)

    again = subprocess.run(
        [sys.executable, "-m", "segearth", *words], capture_output=True, text=True, check=True
    )

    assert killed.returncode == -signal.SIGKILL
    result = json.loads(again.stdout)
    assert (result["images"], result["resumed"]) == (3, 1)
    assert again.stderr == "went on after 1 finished images\n"


def test_samrs_masks_need_no_proposer(pictures, tmp_path):
    from typer.testing import CliRunner

    from segearth.cli.app import app

    mask = np.zeros((96, 128), bool)
    mask[40:50, 30:50] = True
    item = {"mask": encode_mask(mask), "bbox": np.array([30.0, 40, 50, 50]), "category": "tank"}
    (tmp_path / "ins").mkdir()
    (tmp_path / "ins" / "a.pkl").write_bytes(pickle.dumps([item]))
    words = ["data", "masks", str(pictures), "-o", str(tmp_path / "out"), "--json"]

    result = CliRunner().invoke(app, [*words, "--boxes", str(tmp_path / "ins")])

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["by_proposer"] == {"samrs": 1}
    assert "2 of 3 images have no boxes" in result.stderr
