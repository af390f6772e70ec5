"""The selected candidate beside the best one, worked out by hand on a few pixels."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch

from segearth.data.letterbox import letterbox
from segearth.data.manifest import Record
from segearth.data.rle import decode_mask, encode_mask
from segearth.errors import UsageError
from segearth.evaluation.candidates import (
    FOLDER,
    LINES,
    CandidateStudy,
    drop_earlier,
    overlap_of,
    staged_sheets,
)
from segearth.evaluation.predictions import PredictedTarget, Prediction
from segearth.evaluation.scoring import score_record
from segearth.evaluation.sheets import BEST, SELECTED, draw_sheet, lay_over
from segearth.model.candidates import Candidates

SIDE = 32  # candidates are 8 x 8 cells, a cell is 4 x 4 pixels
IMAGE = np.full((SIDE, SIDE, 3), 90, np.uint8)


def columns(stop, side=SIDE):
    """A mask of the first columns."""
    mask = np.zeros((side, side), bool)
    mask[:, :stop] = True
    return mask


def decoded(*targets, quality):
    """Candidates that cover whole columns of cells, up to the given cell."""
    cells = torch.full((len(targets), len(targets[0]), 8, 8), -8.0)
    for target, stops in enumerate(targets):
        for candidate, stop in enumerate(stops):
            cells[target, candidate, :, :stop] = 8.0
    box = letterbox(SIDE, SIDE, SIDE)
    return Candidates(logits=cells, quality=torch.tensor(quality), box=box)


def record(*masks, name="a"):
    return Record(
        id=name,
        image="a.png",
        instruction="the ships",
        answer="",
        masks=tuple(encode_mask(mask) for mask in masks),
        facets={},
    )


def predicted(candidates, name="a"):
    logits = candidates.selected().logits
    targets = [PredictedTarget(phrase="ship", mask=encode_mask(mask > 0)) for mask in logits]
    return Prediction(id=name, answer="", targets=tuple(targets))


def studied(tmp_path, metric, truth, candidates):
    study = CandidateStudy(metric=metric, folder=tmp_path)
    reply = predicted(candidates)
    study.watch(0, truth, IMAGE, reply, candidates)
    return study, study.summary([score_record(truth, reply, metric)])


def test_the_best_of_three_is_found_though_another_was_chosen(tmp_path):
    candidates = decoded((2, 4, 8), quality=[[0.1, 0.2, 0.9]])

    study, summary = studied(tmp_path, "lisa", record(columns(16)), candidates)

    (row,) = study.rows
    assert row["iou"] == [0.5, 1.0, 0.5]  # 8, 16 and 32 of 32 columns, the truth has 16
    assert (row["selected"], row["best"], row["truth"]) == (2, 1, 0)
    assert row["score"] == pytest.approx([1 / (1 + np.exp(-q)) for q in (0.1, 0.2, 0.9)], abs=1e-4)
    assert summary["oracle_giou"] == summary["oracle_ciou"] == 1.0
    assert summary["selection"] == {
        "targets": 1,
        "worse": 1.0,
        "mean_loss": 0.5,
        "mean_loss_where_worse": 0.5,
    }


def test_a_choice_as_good_as_the_best_is_not_worse(tmp_path):
    candidates = decoded((2, 8, 2), quality=[[0.0, 0.0, 5.0]])  # 8 of 16 columns; 16 of 32

    study, summary = studied(tmp_path, "lisa", record(columns(16)), candidates)

    assert (study.rows[0]["selected"], study.rows[0]["best"]) == (2, 2)
    assert summary["oracle_giou"] == 0.5
    assert summary["selection"]["worse"] == 0
    assert summary["selection"]["mean_loss_where_worse"] is None


@pytest.mark.parametrize(
    ("metric", "truths", "oracle"), [("lisa", [0, 1], 0), ("strict", [1, 0], 1)]
)
def test_targets_are_paired_as_the_metric_pairs_them(tmp_path, metric, truths, oracle):
    # Two targets, swapped in the answer: the first fits the second truth, and the other way.
    right = ~columns(16)
    candidates = decoded((4, 4), (8, 8), quality=[[1.0, 0.0], [1.0, 0.0]])
    candidates.logits[1, :, :, :4] = -8.0  # the right half

    study, summary = studied(tmp_path, metric, record(right, columns(16)), candidates)

    assert [row["truth"] for row in study.rows] == truths
    assert summary["oracle_giou"] == oracle


def test_a_surplus_target_is_drawn_but_has_no_best(tmp_path):
    candidates = decoded((4, 2), (2, 4), quality=[[1.0, 0.0], [1.0, 0.0]])

    study, summary = studied(tmp_path, "strict", record(columns(16)), candidates)

    first, second = study.rows
    assert (first["best"], second["best"]) == (0, None)
    assert second["iou"] is None
    assert summary["selection"]["targets"] == 1
    assert summary["oracle_giou"] == 0.5  # the surplus one still counts
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000-1.jpg", "00000-2.jpg"]


def test_sheets_can_be_fewer_than_targets_and_the_figures_are_of_all(tmp_path):
    right = ~columns(16)
    candidates = decoded((4, 2), (2, 4), quality=[[1.0, 0.0], [1.0, 0.0]])
    truth, reply = record(columns(16), right), predicted(candidates)
    study = CandidateStudy(metric="lisa", folder=tmp_path, most=1)

    study.watch(0, truth, IMAGE, reply, candidates)

    assert [row["sheet"] for row in study.rows] == [f"{FOLDER}/00000-1.jpg", None]
    assert [path.name for path in tmp_path.iterdir()] == ["00000-1.jpg"]
    assert study.summary([score_record(truth, reply, "lisa")])["selection"]["targets"] == 2


def test_a_record_without_targets_keeps_its_score(tmp_path):
    study = CandidateStudy(metric="lisa", folder=tmp_path)
    missed = score_record(record(columns(16)), Prediction(id="a", answer="no", targets=()), "lisa")

    summary = study.summary([missed])

    assert summary["oracle_giou"] == 0
    assert summary["selection"]["worse"] is None


def test_sheets_arrive_together_and_replace_those_of_an_earlier_run(tmp_path):
    out = tmp_path / "Ergebnis"
    out.mkdir()
    for _ in range(2):
        with staged_sheets(out) as sheets:
            assert not (out / FOLDER).exists() or (out / FOLDER / LINES).exists()
            candidates = decoded((2, 4), quality=[[0.0, 1.0]])
            study, _ = studied(sheets, "lisa", record(columns(16)), candidates)
            study.finish(out)

    assert sorted(path.name for path in out.iterdir()) == [FOLDER]
    (line,) = (out / FOLDER / LINES).read_text(encoding="utf-8").splitlines()
    assert (out / json.loads(line)["sheet"]).exists()
    drop_earlier(out)
    assert list(out.iterdir()) == []


def test_what_fails_leaves_nothing_and_a_folder_of_the_users_stays(tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "mine.txt").write_text("mine")

    with pytest.raises(KeyboardInterrupt), staged_sheets(tmp_path / "out"):
        raise KeyboardInterrupt
    with pytest.raises(UsageError, match="did not write"), staged_sheets(tmp_path):
        pass
    drop_earlier(tmp_path)

    assert [path.name for path in tmp_path.rglob("*")] == [FOLDER, "mine.txt"]


def test_two_empty_masks_agree():
    empty = np.zeros((2, 2), bool)

    assert overlap_of(empty, empty) == 1.0
    assert overlap_of(empty, ~empty) == 0.0


def colours_of(sheet):
    return {tuple(colour) for colour in sheet.reshape(-1, 3).tolist()}


@pytest.mark.parametrize(
    ("selected", "best", "there", "not_there"),
    [
        (0, 1, {SELECTED, BEST}, set()),
        (0, None, {SELECTED}, {BEST}),
        (1, 1, {SELECTED, BEST}, set()),
    ],
)
def test_frames_say_which_one_was_selected_and_which_is_best(selected, best, there, not_there):
    tile = np.full((40, 60, 3), 90, np.uint8)

    sheet = draw_sheet(tile, [tile] * 3, ["1", "2", "3"], selected=selected, best=best)

    assert there <= colours_of(sheet)
    assert not not_there & colours_of(sheet)


def test_a_mask_tints_its_own_part_of_a_tile():
    tile = np.full((8, 8, 3), 100, np.uint8)

    laid = lay_over(tile, columns(16))

    assert (laid[:, 4:] == 100).all()
    assert (laid[:, :4] == (193, 142, 40)).all()  # 0.4 * 100 + 0.6 * (255, 170, 0)


def test_the_sheet_can_be_read_again(tmp_path):
    candidates = decoded((2, 4, 8), quality=[[0.1, 0.2, 0.9]])

    studied(tmp_path, "rmsin", record(columns(16)), candidates)

    assert cv2.imread(str(tmp_path / "00000-1.jpg")).shape[1] == 2 * 150 + 6


def test_a_candidate_comes_to_the_pictures_own_size():
    candidates = decoded((2, 4), quality=[[0.0, 1.0]])

    assert candidates.chosen.tolist() == [1]
    np.testing.assert_array_equal(candidates.mask(0, 1), columns(16))
    np.testing.assert_array_equal(candidates.selected().logits[0] > 0, columns(16))
    assert decode_mask(encode_mask(candidates.mask(0, 0))).sum() == 8 * SIDE
