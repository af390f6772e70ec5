"""Running a model over a manifest, with a stand-in that paints what it is told."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from segearth.data.answers import find_phrases
from segearth.data.manifest import Record
from segearth.data.rle import decode_mask, encode_mask
from segearth.errors import DataError, UsageError
from segearth.evaluation.running import run_model

LEFT = np.zeros((4, 6), bool)
LEFT[:, :3] = True


class Painter:
    """Says the instruction back, and paints the left half for every target."""

    name = "painter"

    def __init__(self):
        self.encoded = []

    def encode(self, image, gsd_m=None):
        self.encoded.append((image.shape, gsd_m))
        return image.shape[:2]

    def reply(self, encoded, instruction):
        return SimpleNamespace(answer=instruction, phrases=find_phrases(instruction))

    def teach(self, encoded, instruction, answer):
        return self.reply(encoded, answer)

    def masks(self, encoded, reply):
        logits = np.where(LEFT, 2.0, -2.0)[None].repeat(len(reply.phrases), 0)
        return SimpleNamespace(logits=logits, scores=np.full(len(reply.phrases), 0.75))


def record(folder, name, image="a.png", instruction="<p>it </p>[SEG]", size=(4, 6), **more):
    if not (folder / image).exists():
        cv2.imwrite(str(folder / image), np.zeros((4, 6, 3), np.uint8))
    return Record(
        id=name,
        image=folder / image,
        instruction=instruction,
        answer="<p>truth </p>[SEG]",
        masks=(encode_mask(np.ones(size, bool)),),
        facets={},
        **more,
    )


def test_generated_and_given_answers(tmp_path):
    records = [record(tmp_path, "a")]

    ((_, generated),) = run_model(Painter(), records, "generate")
    ((_, taught),) = run_model(Painter(), records, "teacher-forced")

    assert generated.targets[0].phrase == "it"
    assert taught.targets[0].phrase == "truth"
    assert (generated.id, generated.targets[0].score) == ("a", 0.75)
    np.testing.assert_array_equal(decode_mask(generated.targets[0].mask), LEFT)


def test_records_on_one_image_share_its_encoding(tmp_path):
    names = ["a.png", "b.png", "a.png", "b.png", "a.png"]
    records = [record(tmp_path, str(i), image) for i, image in enumerate(names)]
    painter = Painter()

    replies = list(run_model(painter, records, "generate"))

    assert len(painter.encoded) == 2
    assert [index for index, _ in replies] == [0, 2, 4, 1, 3]
    assert [reply.id for _, reply in replies] == ["0", "2", "4", "1", "3"]
    assert all(reply.seconds > 0 for _, reply in replies)


def test_the_size_of_a_pixel_reaches_the_model(tmp_path):
    records = [record(tmp_path, "a", gsd_m=0.5), record(tmp_path, "b")]
    painter = Painter()

    list(run_model(painter, records, "generate"))

    assert painter.encoded == [((4, 6, 3), 0.5), ((4, 6, 3), None)]


def test_an_answer_without_targets_has_no_masks(tmp_path):
    records = [record(tmp_path, "a", instruction="There is no ship.")]

    ((_, reply),) = run_model(Painter(), records, "generate")

    assert (reply.answer, reply.targets, reply.claimed) == ("There is no ship.", (), 0)


def test_a_mask_of_another_size_names_the_record(tmp_path):
    records = [record(tmp_path, "fine"), record(tmp_path, "P0042", size=(6, 4))]

    with pytest.raises(DataError, match='"P0042" has a mask of 6 x 4 px, its image has 4 x 6'):
        list(run_model(Painter(), records, "generate"))


def test_an_image_that_is_not_there_names_the_record(tmp_path):
    lost = record(tmp_path, "P0042")
    (tmp_path / "a.png").unlink()

    with pytest.raises(DataError, match="does not exist") as caught:
        list(run_model(Painter(), [lost], "generate"))

    assert 'record "P0042"' in caught.value.where


def test_an_instruction_that_the_model_refuses_names_the_record(tmp_path):
    class Refuser(Painter):
        def reply(self, encoded, instruction):
            raise UsageError("the instruction is empty")

    with pytest.raises(DataError, match="instruction is empty") as caught:
        list(run_model(Refuser(), [record(tmp_path, "P0042")], "generate"))

    assert caught.value.where == 'record "P0042"'


def test_tensors_are_taken_too(tmp_path):
    torch = pytest.importorskip("torch")

    class TensorPainter(Painter):
        def masks(self, encoded, reply):
            drawn = super().masks(encoded, reply)
            logits = torch.tensor(drawn.logits, requires_grad=True)
            return SimpleNamespace(logits=logits, scores=torch.tensor(drawn.scores))

    ((_, reply),) = run_model(TensorPainter(), [record(tmp_path, "a")], "generate")

    np.testing.assert_array_equal(decode_mask(reply.targets[0].mask), LEFT)
