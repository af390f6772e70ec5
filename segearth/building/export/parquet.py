"""The dataset as Parquet files, the images inside, the way `datasets.load_dataset` reads them.

Needs the extra ``parquet``. A row is a question; an image with several questions is stored
with each of them. Formats that image libraries of the web do not read become PNG.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from segearth.building.questions.prompts_contours import encode_png
from segearth.data.manifest import Record
from segearth.errors import DataError, UsageError
from segearth.files import atomic_path
from segearth.geo.raster import open_scene

_AS_THEY_ARE = {".png", ".jpg", ".jpeg"}
_SHARD_BYTES = 400_000_000  # of images; the hub shows files below 500 MB
_ROWS_AT_A_TIME = 32
_AS_JSON = ("written_by", "review")
"""How a record came about: objects whose keys differ, kept as JSON text."""


def require_parquet() -> None:
    """Complain early if pyarrow is missing.

    Raises:
        UsageError: It is.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "the package pyarrow is not installed",
            where="--parquet",
            hint='pip install "segearth[parquet]"',
        ) from error


def write_parquet(folder: Path, root: Path, split: str, records: Sequence[Record]) -> list[Path]:
    """Write a split as ``SPLIT-00000-of-0000N.parquet``.

    Args:
        folder: Where the files go; it must exist.
        root: The dataset, which the records' images are relative to.
        split: train, val or test.
        records: At least one.

    Returns:
        The files.

    Raises:
        DataError: An image cannot be read, or a file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(pa)
    shards = list(_shards(records, root))
    paths = []
    for index, own in enumerate(shards):
        path = folder / f"{split}-{index:05d}-of-{len(shards):05d}.parquet"
        with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
            rows = iter(own)
            while batch := [_row(record, root) for record in islice(rows, _ROWS_AT_A_TIME)]:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
        paths.append(path)
    return paths


def _shards(records: Sequence[Record], root: Path) -> Iterator[list[Record]]:
    shard: list[Record] = []
    size = 0
    for record in records:
        length = (root / record.image).stat().st_size
        if shard and size + length > _SHARD_BYTES:
            yield shard
            shard, size = [], 0
        shard.append(record)
        size += length
    yield shard


def _row(record: Record, root: Path) -> dict[str, Any]:
    extra = record.extra
    return {
        "id": record.id,
        "image": {"bytes": _web_image(root / record.image), "path": record.image.name},
        "instruction": record.instruction,
        "answer": record.answer,
        "masks": [{"size": mask["size"], "counts": mask["counts"]} for mask in record.masks],
        "boxes_px": extra["boxes_px"],
        **{f"facet_{name}": value for name, value in record.facets.items()},
        "gsd_m": record.gsd_m,
        "source": record.source,
        "licence": record.licence,
        "image_sha256": extra["image_sha256"],
        **{key: _as_text(extra.get(key)) for key in _AS_JSON},
    }


def _as_text(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _web_image(path: Path) -> bytes:
    if path.suffix.lower() in _AS_THEY_ARE:
        try:
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"{path.name} cannot be read", where=str(path)) from error
    with open_scene(str(path)) as scene:
        return encode_png(scene.read(0, 0, scene.height, scene.width).image)


def _schema(pa: Any) -> Any:
    text = pa.string()
    numbers = pa.list_(pa.int64())
    fields: dict[str, Any] = {
        "id": text,
        "image": pa.struct({"bytes": pa.binary(), "path": text}),
        "instruction": text,
        "answer": text,
        "masks": pa.list_(pa.struct({"size": numbers, "counts": text})),
        "boxes_px": pa.list_(numbers),
        **{
            f"facet_{name}": text for name in ("granularity", "multiplicity", "reasoning", "length")
        },
        "gsd_m": pa.float64(),
        "source": text,
        "licence": text,
        "image_sha256": text,
        **dict.fromkeys(_AS_JSON, text),
    }
    # The note that makes the struct an image for `datasets`, in its own words.
    plain = {"dtype": "string", "_type": "Value"}
    whole = {"_type": "List", "feature": {"dtype": "int64", "_type": "Value"}}
    features: dict[str, Any] = dict.fromkeys(fields, plain)
    features |= {
        "image": {"_type": "Image"},
        "masks": {"_type": "List", "feature": {"size": whole, "counts": plain}},
        "boxes_px": {"_type": "List", "feature": whole},
        "gsd_m": {"dtype": "float64", "_type": "Value"},
    }
    note = json.dumps({"info": {"features": features}})
    return pa.schema(fields.items()).with_metadata({"huggingface": note})
