"""What stage 1 can be told, from the command line or from a recipe alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segearth.errors import RecipeError

SAM_SCORE = 0.88
"""SAM's own estimate of its IoU from which it keeps a mask when it segments everything
(`pred_iou_thresh` of its automatic mask generator)."""


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """Settings of stage 1; see `segearth data masks --help`."""

    proposer: Literal["", "sam", "regions"] = ""
    """Empty for SAM if its folder is given, else nobody: masks are only taken over."""
    sam: str = ""
    """Local Hugging Face folder of a SAM or SAM 2 model."""
    boxes: str = ""
    """Annotated boxes: a JSON file, or a folder of SAMRS."""
    within: tuple[str, ...] = ()
    """Categories whose boxes are looked into; empty for all."""
    exhaustive: bool = False
    """The boxes are of every object of their categories."""
    min_score: float = SAM_SCORE
    """Masks that SAM rates lower are left out."""
    iou: float = 0.85
    """Intersection over union from which masks are the same."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            RecipeError: Names the option.
        """
        if self.sam and self.proposer == "regions":
            raise RecipeError(
                "SAM's folder and the proposer regions exclude each other",
                where="proposer",
                hint="leave one of them out",
            )
        if self.proposer == "sam" and not self.sam:
            raise RecipeError(
                "the proposer sam needs the model's folder", where="sam", hint="name it"
            )
        for name in ("within", "exhaustive"):
            if getattr(self, name) and not self.boxes:
                raise RecipeError(f"{name} needs boxes", where=name, hint="name their file")
        if not 0 < self.iou <= 1:
            raise RecipeError(f"iou is {self.iou}", where="iou", hint="give a share above 0")

    @property
    def proposed_by(self) -> Literal["", "sam", "regions"]:
        """Who proposes; empty if masks are only taken over."""
        return "sam" if self.sam else self.proposer
