"""Figures of a model in training, on held-out records with answers that it generates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segearth.config.recipe import Recipe
from segearth.data.manifest import Record, read_manifest
from segearth.data.prompting import Prompter
from segearth.data.scenes import draw_dataset
from segearth.evaluation.evaluate import evaluate
from segearth.evaluation.running import require_images, run_model
from segearth.model.segearth import SegEarth
from segearth.model.segmenter import Segmenter

_SCENE_PX = 256
_QUESTIONS_A_SCENE = 8  # about


class Validation:
    """A fixed part of the validation manifest, scored as `segearth eval --metric strict`."""

    def __init__(self, recipe: Recipe, prompter: Prompter, folder: Path) -> None:
        """Hold what `prepare` needs.

        Args:
            recipe: Names the manifest; without one, scenes are drawn.
            prompter: Of the model.
            folder: The run's; drawn scenes go to `validation/` in it.
        """
        self.recipe, self.prompter, self.folder = recipe, prompter, folder
        self.records: list[Record] = []
        self.latest: dict[str, float] = {}

    def prepare(self) -> None:
        """Choose the records, evenly spread over the manifest; one process of a run does.

        Raises:
            DataError: The manifest or an image cannot be read, or scenes cannot be written.
        """
        wanted = self.recipe.train.validate_records
        if wanted:
            manifest = read_manifest(self._manifest())
            # An instruction beyond the model's limit cannot be asked; `segearth eval` says so.
            every = [item for item in manifest if self.prompter.fits(item.instruction, "")]
            count = min(len(every), wanted)
            chosen = np.linspace(0, len(every), count, endpoint=False).astype(int)
            self.records = [every[index] for index in chosen]
            require_images(self.records)

    def _manifest(self) -> Path:
        if self.recipe.data.validation:
            return Path(self.recipe.data.validation)
        place = self.folder / "validation"
        manifest = place / "manifest.jsonl"
        if not manifest.exists():
            scenes = max(1, self.recipe.train.validate_records // _QUESTIONS_A_SCENE)
            place.mkdir(parents=True, exist_ok=True)
            # A seed of its own: the scenes of training are numbered from the run's seed.
            manifest = draw_dataset(place, scenes, 1_000_000 + self.recipe.seed, _SCENE_PX)
        return manifest

    def measure(self, model: SegEarth) -> dict[str, float]:
        """Answer the records and score the answers.

        Returns:
            `giou`, `ciou`, `absent` (share of absent records answered without a target) and
            `count` (share of records with the right number of targets), 0 to 1; empty
            without validation records.
        """
        if not self.records:
            return {}
        segmenter = Segmenter(
            model, self.prompter, self.recipe.model, name="in training", dtype="fp32"
        )
        result = evaluate(
            self.records,
            run_model(segmenter, self.records, "generate"),
            model="in training",
            protocol="generate",
            metric="strict",
            manifest_sha256="",
        ).result
        names = {
            "giou": "giou",
            "ciou": "ciou",
            "absent": "absent_accuracy",
            "count": "count_accuracy",
        }
        self.latest = {
            short: float(result[name]) for short, name in names.items() if result[name] is not None
        }
        return self.latest
