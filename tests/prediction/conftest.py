"""A model that finds colours, and files that show some."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from affine import Affine

from segearth.data.answers import find_phrases, mark

UTM = {"crs": "EPSG:32633", "transform": Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000)}
COLOURS = {"red": 0, "green": 1, "blue": 2}


class ColourFinder:
    """Stands in for a model: what is red, green or blue, if the instruction says so."""

    name = "colours"

    def __init__(self, window_px=64):
        self.window_px = window_px
        self.looked_at = []
        self.gsd_m = []

    def encode(self, image, gsd_m=None):
        assert image.dtype == np.uint8
        self.looked_at.append(image.shape[:2])
        self.gsd_m.append(gsd_m)
        return image.astype(np.float32)

    def reply(self, encoded, instruction):
        asked = [colour for colour in COLOURS if colour in instruction]
        seen = [colour for colour in asked if (self._logits(encoded, colour) > 0).any()]
        noun = "thing" if "the " in instruction else "things"
        phrases = [mark(f"{colour} {noun}") for colour in seen]
        sentence = " and ".join(phrases) if phrases else "There is none"
        return self.teach(encoded, instruction, f"{sentence} in this image.")

    def teach(self, encoded, instruction, answer):
        return SimpleNamespace(answer=answer, phrases=find_phrases(answer))

    def masks(self, encoded, reply):
        logits = [self._logits(encoded, phrase.split()[0]) for phrase in reply.phrases]
        return SimpleNamespace(logits=np.stack(logits), scores=np.full(len(logits), 0.75))

    def _logits(self, encoded, colour):
        channel = COLOURS[colour]
        others = encoded[..., [index for index in range(3) if index != channel]].max(axis=-1)
        return (encoded[..., channel] - others - 128) / 8


@pytest.fixture
def finder():
    return ColourFinder()


@pytest.fixture
def picture():
    """Make (3, H, W) grey bands with rectangles: (colour, row, column, height, width)."""

    def make(height, width, *rectangles, dtype="uint8"):
        bands = np.full((3, height, width), 40, dtype)
        for colour, row, column, tall, wide in rectangles:
            bands[:, row : row + tall, column : column + wide] = 0
            bands[COLOURS[colour], row : row + tall, column : column + wide] = 255
        return bands

    return make


@pytest.fixture
def save(tmp_path):
    """Write bands as an image below tmp_path; UTM unless told otherwise."""

    def write(name, bands, **profile):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        bands = np.asarray(bands)
        count, height, width = bands.shape
        with rasterio.open(
            path,
            "w",
            count=count,
            height=height,
            width=width,
            dtype=bands.dtype,
            **{"driver": "GTiff"} | UTM | profile,
        ) as dataset:
            dataset.write(bands)
        return str(path)

    return write
