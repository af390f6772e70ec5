"""What annotations are taken to say: complete or not, pieces, parts and their things."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segearth.data.known import know
from segearth.data.rle import encode_mask
from segearth.data.targets import AnnotatedImage, Target

IMAGE = np.full((100, 100, 3), 90, np.uint8)


def box(top, left, bottom, right):
    mask = np.zeros((100, 100), bool)
    mask[top:bottom, left:right] = True
    return mask


def target(phrase, granularity, mask):
    return Target(phrase=phrase, granularity=granularity, mask=encode_mask(mask))


def annotated(*targets, **more):
    return AnnotatedImage(
        image=Path("tile.png"),
        scene=more.pop("scene", "airplane"),
        split="train",
        annotated=True,
        targets=targets,
        **more,
    )


def counted(picture):
    return sorted((item.category, int(item.mask.sum()), item.complete) for item in picture.objects)


ONE, TWO = box(0, 0, 10, 10), box(50, 50, 70, 70)


def test_the_pieces_of_everything_of_a_kind_are_its_instances():
    picture = know(annotated(target("airplanes", "semantic", ONE | TWO)), IMAGE)

    assert counted(picture) == [("airplane", 100, True), ("airplane", 400, True)]


def test_drawn_instances_that_make_up_the_whole_are_preferred_to_pieces():
    left, right = box(50, 50, 70, 60), box(50, 60, 70, 70)  # they touch: one piece, two things

    picture = know(
        annotated(
            target("airplanes", "semantic", TWO),
            target("airplane", "instance", left),
            target("airplane", "instance", right),
        ),
        IMAGE,
    )

    assert counted(picture) == [("airplane", 200, True), ("airplane", 200, True)]


def test_a_kind_of_which_only_some_were_drawn_is_incomplete():
    picture = know(annotated(target("airplane", "instance", ONE)), IMAGE)

    assert counted(picture) == [("airplane", 100, False)]


def test_a_kind_that_is_said_to_be_listed_whole_is_complete():
    picture = know(annotated(target("airplane", "instance", ONE), complete=("airplane",)), IMAGE)

    assert counted(picture) == [("airplane", 100, True)]


def test_stuff_stays_in_one_piece():
    picture = know(annotated(target("grass", "semantic", ONE | TWO)), IMAGE)

    assert [item.kind for item in picture.objects] == ["stuff"]
    assert counted(picture) == [("grass", 500, True)]


def test_crumbs_are_no_instances():
    crumb = box(90, 90, 92, 92)

    picture = know(annotated(target("airplanes", "semantic", ONE | crumb)), IMAGE)

    assert counted(picture) == [("airplane", 100, True)]


def test_a_part_belongs_to_the_smallest_thing_around_it():
    picture = know(
        annotated(
            target("airplanes", "semantic", ONE | TWO),
            target("wing", "part", box(55, 55, 60, 65)),
        ),
        IMAGE,
    )

    (wing,) = [item for item in picture.objects if item.category == "wing"]
    assert wing.kind == "part"
    assert picture.objects[wing.parent].mask[60, 60]


def test_what_cannot_be_there_is_absent_unless_it_is():
    picture = know(annotated(target("airplane", "instance", ONE), absent=("ship",)), IMAGE)
    drawn = know(annotated(target("ship", "instance", ONE), absent=("ship",)), IMAGE)

    assert "ship" in picture.absent
    assert "airplane" not in picture.absent
    assert "ship" not in drawn.absent
    assert list(picture.absent) == sorted(picture.absent)


def test_the_order_of_objects_does_not_depend_on_the_process():
    """Python gives sets of words another order in every process; resuming must not see it."""
    script = (
        "import numpy as np\n"
        "from pathlib import Path\n"
        "from segearth.data.known import know\n"
        "from segearth.data.rle import encode_mask\n"
        "from segearth.data.targets import AnnotatedImage, Target\n"
        "mask = encode_mask(np.ones((9, 9), bool))\n"
        "names = ['truck', 'airplane', 'jet bridge', 'trailer', 'ship', 'house', 'dock', 'tree']\n"
        "targets = tuple(Target(phrase=n, granularity='instance', mask=mask) for n in names)\n"
        "tile = AnnotatedImage(image=Path('a'), scene='airplane', split='train', annotated=True,"
        " targets=targets)\n"
        "print([o.category for o in know(tile, np.zeros((9, 9, 3), np.uint8)).objects])\n"
    )
    root = str(Path(__file__).parents[2])

    orders = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(orders) == 1


@pytest.mark.parametrize("phrase", ["airplanes", "airplane"])
def test_several_masks_of_everything_are_joined(phrase):
    picture = know(
        annotated(target(phrase, "semantic", ONE), target(phrase, "semantic", TWO)), IMAGE
    )

    assert counted(picture) == [("airplane", 100, True), ("airplane", 400, True)]
