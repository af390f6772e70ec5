"""Large scenes: overview, windows, gate and the sentence."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from segearth.data.answers import count_seg, mark
from segearth.errors import UsageError
from segearth.geo.raster import open_scene
from segearth.prediction.scene import NO_PIXELS, SceneOptions, ask_scene


@pytest.fixture
def ask(tmp_path):
    """Ask about a file; return the answer and the masks as arrays."""

    def run(segmenter, path, *instructions, **options):
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        with open_scene(path) as scene:
            answer = ask_scene(segmenter, scene, instructions, scratch, SceneOptions(**options))
        return answer, [target.mask.read(0, target.mask.height) for target in answer.targets]

    return run


def test_a_scene_that_fits_is_looked_at_once(finder, picture, save, ask):
    bands = picture(90, 96, ("red", 10, 20, 30, 8), ("green", 50, 50, 9, 9))

    answer, masks = ask(finder, save("a.tif", bands), "red and green things", "blue things")

    assert finder.looked_at == [(90, 96)]
    assert finder.gsd_m == [0.5]
    assert [target.phrase for target in answer.targets] == ["red things", "green things"]
    assert [target.question for target in answer.targets] == [0, 0]
    assert np.array_equal(masks[0], bands[0] == 255)
    assert answer.answers[1] == "There is none in this image."


def test_windows_give_what_one_look_gives(finder, picture, save, ask):
    rng = np.random.default_rng(3)
    spots = [("red", *rng.integers(0, (140, 560)), *rng.integers(3, 60, 2)) for _ in range(40)]
    path = save("a.tif", picture(200, 600, *spots))

    _, [whole] = ask(finder, path, "red things", window=600)
    answer, [windowed] = ask(finder, path, "red things", window=64)

    assert len(finder.looked_at) > 40
    assert np.array_equal(whole, windowed)
    assert count_seg(answer.answers[0]) == 1


def test_each_window_is_encoded_once_for_all_instructions(finder, picture, save, ask):
    path = save("a.tif", picture(100, 128, ("red", 5, 5, 90, 90), ("blue", 3, 99, 80, 20)))

    ask(finder, path, "red things", window=64)
    once = len(finder.looked_at)
    ask(finder, path, "red things", "blue things", "green things", window=64)

    assert len(finder.looked_at) == 2 * once
    # First of all the overview, 128 px seen as 64: a pixel is twice as large on the ground.
    assert finder.looked_at[0] == (50, 64)
    assert finder.gsd_m[0] == 1.0
    assert set(finder.gsd_m[1:once]) == {0.5}


def test_a_small_thing_that_the_overview_misses_is_found_by_windows(finder, picture, save, ask):
    path = save("a.tif", picture(640, 640, ("red", 401, 333, 4, 4), ("blue", 0, 0, 300, 300)))

    answer, masks = ask(finder, path, "red and blue things", window=64)

    assert [target.phrase for target in answer.targets] == ["blue things", "red things"]
    assert [int(mask.sum()) for mask in masks] == [300 * 300, 16]
    assert answer.answers[0].endswith("Seen closer, there are <p>red things </p>[SEG].")


class Rightmost:
    """Wraps the finder: of several columns of red, every look takes the rightmost it sees."""

    def __init__(self, finder):
        self._finder = finder
        self.name, self.window_px = finder.name, finder.window_px

    def __getattr__(self, name):
        return getattr(self._finder, name)

    def masks(self, encoded, reply):
        found = self._finder.masks(encoded, reply)
        for logits in found.logits:
            columns = np.flatnonzero((logits > 0).any(axis=0))
            if len(columns):
                gaps = np.flatnonzero(np.diff(columns) > 1)
                logits[:, : columns[gaps[-1] + 1 if len(gaps) else 0]] = -9
        return found


@pytest.fixture
def courts(picture, save):
    columns = [("red", 20, column, 60, 20) for column in (10, 80, 150, 210)]
    return save("courts.tif", picture(100, 256, *columns))


def test_the_rightmost_one_is_the_scenes_and_not_every_windows(finder, courts, ask):
    answer, [mask] = ask(Rightmost(finder), courts, "the red thing to the right", window=64)

    assert np.flatnonzero(mask.any(axis=0)).tolist() == list(range(210, 230))
    assert mask.sum() == 60 * 20
    assert answer.answers == ("<p>red thing </p>[SEG] in this image.",)


def test_windows_far_from_the_one_are_passed_over(finder, courts, ask):
    ask(Rightmost(finder), courts, "the red thing to the right", window=64)
    gated = len(finder.looked_at)
    ask(Rightmost(finder), courts, "red things", window=64)

    assert gated < (len(finder.looked_at) - gated) / 2


def test_a_coarse_overview_does_not_gate(finder, picture, save, ask):
    path = save("a.tif", picture(64, 64 * 5, ("red", 5, 5, 40, 40), ("red", 5, 250, 40, 40)))

    answer, [mask] = ask(Rightmost(finder), path, "the red thing to the right", window=64)

    assert mask[:, :64].any()
    assert mask[:, 240:].any()
    assert "window by window" in answer.notes[0]


def test_what_only_the_overview_sees_keeps_its_coarse_mask(finder, picture, save, ask):
    class FarSighted(Rightmost):
        """Finds nothing in windows."""

        def masks(self, encoded, reply):
            found = self._finder.masks(encoded, reply)
            close = len(finder.looked_at) > 1
            found.logits = found.logits - 1000 * close
            return found

    path = save("a.tif", picture(128, 128, ("red", 32, 32, 64, 64)))

    answer, [mask] = ask(FarSighted(finder), path, "red things", window=64)

    assert mask.sum() == pytest.approx(64 * 64, rel=0.1)
    assert "in the overview only" in answer.notes[0]


def test_two_targets_of_one_phrase_that_only_the_overview_sees_are_both_kept(
    finder, picture, save, ask
):
    class Twice(type(finder)):
        """Says "red things" twice, once for each half; finds nothing in windows."""

        def teach(self, encoded, instruction, answer):
            words = mark("red things")
            return super().teach(encoded, instruction, f"{words} and {words} in this image.")

        def masks(self, encoded, reply):
            found = super().masks(encoded, reply)
            half = found.logits.shape[2] // 2
            found.logits[0, :, half:] = found.logits[1, :, :half] = -9
            found.logits -= 1000 * (len(self.looked_at) > 1)
            return found

    path = save("a.tif", picture(128, 128, ("red", 32, 8, 32, 32), ("red", 32, 80, 40, 40)))

    _, [mask] = ask(Twice(), path, "red things", window=64)

    assert mask[:, :64].sum() == pytest.approx(32 * 32, rel=0.2)
    assert mask[:, 64:].sum() == pytest.approx(40 * 40, rel=0.2)


def test_nothing_anywhere_keeps_the_overviews_sentence(finder, picture, save, ask):
    answer, masks = ask(finder, save("a.tif", picture(200, 200)), "red things", window=64)

    assert masks == []
    assert answer.answers == ("There is none in this image.",)


def test_a_scene_without_data_is_not_shown_to_the_model(finder, save, ask):
    for size in ((20, 20), (200, 200)):
        path = save("a.tif", np.zeros((3, *size)), nodata=0)

        answer, _ = ask(finder, path, "red things")

        assert answer.answers == (NO_PIXELS,)
        assert not answer.valid.any
    assert finder.looked_at == []


def test_windows_without_data_are_passed_over(finder, picture, save, ask):
    bands = picture(64, 640, ("red", 5, 5, 40, 620))
    bands[:, :, 100:500] = 0

    answer, [mask] = ask(finder, save("a.tif", bands, nodata=0), "red things")

    # 14 windows and the overview; those wholly between columns 100 and 500 are not looked at.
    assert len(finder.looked_at) < 10
    assert not mask[:, 100:500].any()
    assert answer.valid.read(0, 1)[0].sum() == 240


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (33, 65)])
def test_odd_sizes_work(finder, picture, save, ask, size):
    bands = picture(*size, ("red", 0, 0, *size))

    _, [mask] = ask(finder, save("a.tif", bands), "red things")

    assert mask.shape == size
    assert mask.all()


def test_memory_does_not_grow_with_the_scenes_height(finder, picture, save, tmp_path):
    peaks = []
    for height in (600, 2400):
        path = save(f"{height}.tif", picture(height, 200, ("red", 9, 9, height, 150)))
        with open_scene(path) as scene:
            tracemalloc.start()
            ask_scene(finder, scene, ["red things"], tmp_path)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize("options", [{"window": 8}, {"overlap": 0.9}, {"overlap": -0.1}])
def test_windows_that_make_no_sense_are_refused(options):
    with pytest.raises(UsageError):
        SceneOptions(**options)
