"""From images and sentences to masks that lie on the map.

This is the only package that knows both a model and files. The paper segments single
tiles; what is added here for scenes of any size (an overview first, then windows, and a
gate for "the one" thing) is described in `segearth.prediction.scene`.
"""

from __future__ import annotations

from segearth.prediction.files import predict_file
from segearth.prediction.interface import SegmenterLike
from segearth.prediction.jobs import Batch, predict_images
from segearth.prediction.requests import RequestsSummary, predict_requests
from segearth.prediction.scene import SceneOptions

__all__ = [
    "Batch",
    "RequestsSummary",
    "SceneOptions",
    "SegmenterLike",
    "predict_file",
    "predict_images",
    "predict_requests",
]
