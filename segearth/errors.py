"""What can go wrong, in the user's words.

Every mistake that a user can make is a `SegEarthError`. It carries what is wrong,
where, and what would do. The command line prints the three and leaves with the
class's exit code; a caller of the library catches the class. Anything else that
escapes is a bug and keeps its traceback.

    SegEarthError            1
    ├── UsageError           2   options contradict each other or a value is out of range
    ├── RecipeError          2   a recipe does not say something that can be run
    ├── DataError            3   an image, manifest or mask cannot be used
    ├── CheckpointError      4   a model folder is incomplete, unsafe or of another model
    └── GeoreferenceError    5   map coordinates are missing or contradict each other
"""

from __future__ import annotations


class SegEarthError(Exception):
    """Base of every error that a user can act on."""

    exit_code = 1

    def __init__(self, problem: str, *, where: str | None = None, hint: str | None = None) -> None:
        """Keep the three parts of the message.

        Args:
            problem: What is wrong, with the value seen.
            where: File, flag, key or line.
            hint: What would do.
        """
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Return the problem, its place and the next step, one to a line."""
        lines = [self.problem]
        if self.where:
            lines.append(f"  at: {self.where}")
        if self.hint:
            lines.append(f"  try: {self.hint}")
        return "\n".join(lines)


class UsageError(SegEarthError):
    """Options contradict each other or a value is out of range."""

    exit_code = 2


class RecipeError(SegEarthError):
    """A recipe has unknown keys, wrong types or values that contradict."""

    exit_code = 2


class DataError(SegEarthError):
    """An image, a manifest or a mask cannot be used."""

    exit_code = 3


class CheckpointError(SegEarthError):
    """A model folder is incomplete, unsafe or belongs to another model."""

    exit_code = 4


class GeoreferenceError(SegEarthError):
    """Map coordinates are missing or contradict each other."""

    exit_code = 5
