"""Several images: where each one's results go, and what failed."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from segearth.errors import CheckpointError, SegEarthError
from segearth.geo.gdal import is_local_path
from segearth.prediction.documents import Prediction
from segearth.prediction.files import check_instruction, predict_file
from segearth.prediction.interface import SegmenterLike
from segearth.prediction.scene import SceneOptions, Track, silently
from segearth.prediction.staging import refuse_used


class Failure(NamedTuple):
    """An image, or a request, that gave no result."""

    name: str
    """Of the image or request."""
    error: SegEarthError


@dataclass
class Batch:
    """What became of several images."""

    predictions: list[Prediction] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def default_out(image: str) -> Path:
    """Name the folder of the results, in the working folder: by the image, or its folder."""
    path = Path(image)
    if path.is_dir():
        stem = path.resolve().name or "images"
    elif glob.has_magic(image) and is_local_path(image) and not path.exists():
        stem = path.parent.name if not glob.has_magic(path.parent.name) else ""
    else:
        stem = stem_of(image)
    return Path(f"{stem or 'images'}-segearth")


def stem_of(image: str) -> str:
    """Return an image's name without folder and suffix, fit for a folder's name."""
    if is_local_path(image) and ":" not in image:
        return Path(image).stem
    stem = Path(urlsplit(image).path if "://" in image else image).stem
    return re.sub(r"[^\w.-]+", "_", stem).strip("_") or "image"


def folders_for(images: Sequence[str], out: Path) -> list[Path]:
    """Give each image a folder below `out`: its stem, or its name where stems repeat.

    Names that still repeat (one name in two folders) are numbered.
    """
    stems = Counter(stem_of(image) for image in images)
    taken: Counter[str] = Counter()
    folders = []
    for image in images:
        name = stem_of(image) if stems[stem_of(image)] == 1 else Path(image).name
        taken[name] += 1
        folders.append(out / (name if taken[name] == 1 else f"{name}-{taken[name]}"))
    return folders


def predict_images(
    segmenter: SegmenterLike,
    images: Sequence[str],
    instructions: Sequence[str],
    out: Path,
    *,
    options: SceneOptions | None = None,
    overwrite: bool = False,
    load_s: float = 0.0,
    track: Track = silently,
) -> Batch:
    """Ask the same of several images, each into its own folder below `out`.

    An image that fails is remembered and the rest goes on. Arguments are those of
    `segearth.prediction.files.predict_file`.

    Returns:
        Results and failures.

    Raises:
        UsageError: One of the folders holds earlier results, or an instruction is
            unusable; nothing is done then.
        CheckpointError: The model fails, which no other image would mend.
    """
    for instruction in instructions:
        check_instruction(instruction)
    folders = folders_for(images, out)
    for folder in folders:
        refuse_used(folder, overwrite=overwrite)
    batch = Batch()
    for image, folder in track(list(zip(images, folders, strict=True)), "images"):
        try:
            prediction = predict_file(
                segmenter,
                image,
                instructions,
                folder,
                options=options,
                overwrite=overwrite,
                load_s=0.0 if batch.predictions else load_s,
            )
        except CheckpointError:
            raise
        except SegEarthError as error:
            batch.failures.append(Failure(image, error))
        else:
            batch.predictions.append(prediction)
    return batch
