"""The files that belong to an image and lie beside it: world file, statistics, overviews, masks."""

from __future__ import annotations

from pathlib import Path

_BY_NAME = (".aux.xml", ".ovr", ".msk", ".msk.ovr")  # a.tif.ovr of a.tif
_BY_STEM = (".wld", ".aux", ".prj", ".tab", ".rpb", ".imd", "_rpc.txt")  # a.wld of a.tif


def files_beside(image: Path) -> list[Path]:
    """List what GDAL reads beside an image, by the names that it looks for.

    Nothing is opened, so that it is quick for a hundred thousand images; and what a ``.vrt``
    is made of are images of their own, and not listed.

    Returns:
        Those that are there. A world file may belong to several images of one stem.
    """
    letters = image.suffix.lower().lstrip(".")
    worlds = (f".{letters[:1]}{letters[-1:]}w", f".{letters}w") if letters else ()
    names = [image.name + ending for ending in _BY_NAME]
    for ending in dict.fromkeys((*_BY_STEM, *worlds)):
        names += [image.stem + ending, image.stem + ending.upper()]
    return [place for name in names if (place := image.with_name(name)).is_file()]
