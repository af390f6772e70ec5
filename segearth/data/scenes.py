"""Aerial scenes drawn from a seed, with the exact mask of everything in them.

They give anybody an image to try, a data set for the tests, and a lesson in language: where
things are, how large, of what colour, and how they lie to each other. They look like aerial
imagery from afar and are no substitute for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segearth.data.claim import claim_folder
from segearth.data.manifest import Record, encode_mask, write_manifest
from segearth.data.objects import SceneObject
from segearth.data.questions import Question, ask
from segearth.data.scenes_canvas import Canvas
from segearth.data.scenes_layouts_air import airfield, apron
from segearth.data.scenes_layouts_open import countryside, golf, mixture
from segearth.data.scenes_layouts_town import depot, parking, residential, sports
from segearth.data.scenes_layouts_water import coast, marina, open_water, river
from segearth.data.scenes_layouts_ways import crossroads, mobile_homes, motorway
from segearth.data.textures import Image
from segearth.data.vocabulary_absent import absent_from
from segearth.errors import DataError, UsageError
from segearth.files import atomic_path

# Layouts and how often each is drawn.
LAYOUTS: dict[str, tuple[Callable[[Canvas], None], float]] = {
    "airfield": (airfield, 1.0),
    "apron": (apron, 1.6),
    "coast": (coast, 0.9),
    "countryside": (countryside, 0.8),
    "crossroads": (crossroads, 1.0),
    "depot": (depot, 1.2),
    "golf": (golf, 0.7),
    "marina": (marina, 0.8),
    "mixture": (mixture, 3.0),
    "mobile homes": (mobile_homes, 0.6),
    "motorway": (motorway, 0.8),
    "open water": (open_water, 0.6),
    "parking": (parking, 0.9),
    "residential": (residential, 1.2),
    "river": (river, 0.7),
    "sports": (sports, 1.1),
}
_GSD_M = (0.22, 0.45)  # aerial surveys; UC Merced's tiles have 0.3
_FULL_PX = 256  # smaller pictures show as much ground, with coarser pixels
_WIDE_PX = 512  # larger pictures show no more ground, with finer pixels
SMALLEST_PX, LARGEST_PX = 32, 2048  # every object's mask is as large as the picture
_QUESTIONS = 8  # asked of each scene of a data set
_MANIFEST = "manifest.jsonl"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A drawn picture and everything in it.

    Attributes:
        image: (S, S, 3) uint8, RGB.
        objects: Every object worth asking for; the list is complete.
        gsd_m: Metres on the ground for a pixel.
        layout: A key of `LAYOUTS`.
    """

    image: Image
    objects: list[SceneObject]
    gsd_m: float
    layout: str

    @property
    def absent(self) -> tuple[str, ...]:
        """What is worth asking for and surely not in the picture."""
        return absent_from({item.category for item in self.objects})


def draw_scene(rng: np.random.Generator, size: int = 256, *, layout: str | None = None) -> Scene:
    """Draw one scene.

    Args:
        rng: Decides everything; the same state draws the same scene.
        size: Side in pixels, from `SMALLEST_PX` to `LARGEST_PX`.
        layout: A key of `LAYOUTS`; by default one by weight.

    Raises:
        UsageError: The size is out of range.
    """
    _check_size(size)
    names = list(LAYOUTS)
    if layout is None:
        weights = np.cumsum([LAYOUTS[name][1] for name in names])
        layout = names[int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))]
    coarser = max(1.0, _FULL_PX / size) / max(1.0, size / _WIDE_PX)
    gsd_m = round(float(rng.uniform(*_GSD_M)) * coarser, 3)
    canvas = Canvas(rng, size, gsd_m)
    LAYOUTS[layout][0](canvas)
    return Scene(image=canvas.develop(), objects=canvas.objects(), gsd_m=gsd_m, layout=layout)


def draw_dataset(out: Path, count: int, seed: int, size: int) -> Path:
    """Write drawn scenes as GeoTIFFs, and a manifest of questions about them.

    The first scene of every seed is an airfield with exactly one runway.

    Args:
        out: Folder to make; ``images/scene-0000.tif`` … and ``manifest.jsonl`` go there.
        count: Number of scenes.
        seed: The same seed gives the same bytes.
        size: Side of a scene in pixels.

    Returns:
        The manifest.

    Raises:
        UsageError: The folder holds a manifest already, or the size is out of range.
        DataError: The folder or a file in it cannot be written.
    """
    _check_size(size)
    claim_folder(out, _MANIFEST, overwrite=False)
    claim_folder(out / "images", _MANIFEST, overwrite=False)
    records: list[Record] = []
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        scene = draw_scene(rng, size, layout="airfield" if index == 0 else None)
        image = out / "images" / f"scene-{index:04d}.tif"
        _write_geotiff(image, scene, index)
        questions = ask(scene.objects, rng, _QUESTIONS, absent=scene.absent, closed=True)
        records += [
            _record(image, scene, question, number) for number, question in enumerate(questions)
        ]
    manifest = out / _MANIFEST
    # Written last: a folder with a manifest is complete.
    write_manifest(manifest, records)
    return manifest


def _record(image: Path, scene: Scene, question: Question, number: int) -> Record:
    return Record(
        id=f"{image.stem}-{number}",
        image=image.resolve(),
        instruction=question.instruction,
        answer=question.answer,
        masks=tuple(encode_mask(mask) for mask in question.masks),
        facets=question.facets,
        gsd_m=scene.gsd_m,
        source="drawn by segearth data draw",
        licence="CC0-1.0",
        extra={"scene": scene.layout},
    )


def _write_geotiff(path: Path, scene: Scene, index: int) -> None:
    """Write a scene as RGB, north up, at an invented place in UTM zone 32 north."""
    import rasterio  # only here: drawing for training needs no GDAL
    from rasterio.errors import RasterioError
    from rasterio.transform import Affine

    size, gsd = scene.image.shape[0], scene.gsd_m
    profile = {
        **{"driver": "GTiff", "width": size, "height": size, "count": 3, "dtype": "uint8"},
        **{"crs": "EPSG:32632", "photometric": "RGB", "compress": "deflate", "predictor": 2},
        **{"tiled": True, "blockxsize": 256, "blockysize": 256},
        "transform": Affine(gsd, 0, 500_000 + 1_000 * index, 0, -gsd, 5_300_000),
    }
    with atomic_path(path) as temporary:
        try:
            with rasterio.open(temporary, "w", **profile) as raster:
                raster.write(np.moveaxis(scene.image, -1, 0))
        except RasterioError as error:
            raise DataError(f"{path.name} cannot be written: {error}", where=str(path)) from error


def _check_size(size: int) -> None:
    if not SMALLEST_PX <= size <= LARGEST_PX:
        raise UsageError(
            f"a scene of {size} px cannot be drawn",
            hint=f"choose a side from {SMALLEST_PX} to {LARGEST_PX} px",
        )
