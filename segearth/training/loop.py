"""The training loop: steps, log lines, validation, checkpoints, exact resumption."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor

from segearth.config.load import dump_yaml
from segearth.config.recipe import Recipe
from segearth.data.samples import Batch
from segearth.data.stream import Stream
from segearth.errors import UsageError
from segearth.files import locked_folder, write_text
from segearth.losses.objective import Losses, objective
from segearth.model.build import build_model
from segearth.model.checkpoint import model_folder, save_model
from segearth.model.inputs import build_prompter, build_tokenizer, geometry
from segearth.model.new_queries import load_start
from segearth.model.pretrained.fitting import Coverage
from segearth.training.batches import Samples, passes_by_step
from segearth.training.card import write_card
from segearth.training.folder import LOG, RECIPE, cut_log, started
from segearth.training.optimizer import (
    MovingAverage,
    build_optimizer,
    clip_parts,
    rate_at,
    set_rate,
)
from segearth.training.state import NUMBERS, load_state, save_state
from segearth.training.stop import StopRequest
from segearth.training.validate import Validation


class Run:
    """One training run in its folder."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        *,
        resume: bool,
        tell: Callable[[Coverage], None] | None = None,
    ) -> None:
        """Build model, data and optimizer.

        Args:
            recipe: What to do.
            folder: Where `recipe.yaml`, `log.jsonl`, `last/` and `best/` go.
            resume: Go on from `last/`.
            tell: Called with what each part took from its starting weights.

        Raises:
            UsageError: The folder holds a run already and `resume` is false.
            CheckpointError: Starting weights or the state cannot be loaded.
            RecipeError: The recipe cannot be run.
        """
        if (folder / "last" / NUMBERS).exists() and not resume:
            raise UsageError(
                f"{folder} holds a run already",
                where="--out",
                hint="--resume goes on with it; another --out starts afresh",
            )
        self.recipe, self.folder = recipe, folder
        half = "bf16" if recipe.train.precision == "bf16" else "no"
        self.accelerator = Accelerator(mixed_precision=half, cpu=not torch.cuda.is_available())
        # Gradients of indexing are summed in the order in which threads arrive unless told
        # otherwise; a resumed run would drift from one that was never stopped.
        torch.use_deterministic_algorithms(True, warn_only=True)
        deterministic: Any = torch.utils.deterministic
        deterministic.fill_uninitialized_memory = False  # costs time, helps debugging only
        torch.manual_seed(recipe.seed)
        self.prompter = build_prompter(recipe.model, build_tokenizer(recipe.model))
        self.stream = Stream(recipe.data, recipe.seed)
        self.model = build_model(
            recipe.model,
            self.prompter,
            pretrained=not (recipe.train.init_from or resume),
            tell=tell,
        )
        if resume or recipe.train.init_from:
            # On resuming, what does not learn (a frozen encoder) comes from `last/` too.
            load_start(
                self.model,
                self.prompter,
                started(folder) if resume else model_folder(recipe.train.init_from),
                seg_tokens="kept" if resume else recipe.train.seg_tokens,
                seed=recipe.seed,
            )
        self.model.to(self.accelerator.device)  # before the optimizer and the average take it
        if recipe.train.gradient_checkpointing:
            self.model.language.lm.activation_checkpointing_enable()
        self.optimizer = build_optimizer(self.model, recipe.optimizer)
        self.average = MovingAverage(self.model, recipe.train.ema)
        self.step, self.best = 0, -1.0
        if resume:
            self.step, self.best = load_state(
                folder / "last", self.model, self.optimizer, self.average
            )
        self.validation = Validation(recipe, self.prompter, folder)
        self.parallel, self.optimizer = self.accelerator.prepare(self.model, self.optimizer)

    def train(self, on_step: Callable[[int, dict[str, Any]], None]) -> None:
        """Run all steps that are left.

        Args:
            on_step: Called with the step and the latest figures, for progress bars.

        Raises:
            UsageError: Another process trains in this folder.
            DataError: A picture or a validation record cannot be used, or writing fails.
        """
        from torch.utils.tensorboard import SummaryWriter

        main = self.accelerator.is_main_process
        with locked_folder(self.folder) if main else nullcontext(), StopRequest() as stop:
            self.folder.mkdir(parents=True, exist_ok=True)  # any process may come first
            if main:
                self._begin()
            self.board = SummaryWriter(str(self.folder / "tensorboard"))
            self.model.train()
            try:
                self._run(on_step, stop)
            finally:
                self.board.close()

    def _begin(self) -> None:
        """Make the folder ready; only once nobody else works in it."""
        self.validation.prepare()
        # Of a run that was killed before its first checkpoint, all lines go.
        cut_log(self.folder / LOG, self.step)
        kept, recipe = self.folder / RECIPE, dump_yaml(self.recipe)
        if self.step and kept.exists() and kept.read_text(encoding="utf-8") != recipe:
            kept.replace(self.folder / f"recipe-until-step-{self.step}.yaml")
        write_text(kept, recipe)

    def _run(self, on_step: Callable[[int, dict[str, Any]], None], stop: StopRequest) -> None:
        train, saved, began = self.recipe.train, time.monotonic(), time.monotonic()
        since: list[dict[str, float]] = []  # figures of the steps since the last line
        for batches in self._until(stop):
            figures = self._take(batches)
            since.append(figures)
            self.step += 1
            last = self.step == train.steps
            if self.step % train.log_every == 0 or last or self.step == 1:
                now = time.monotonic()
                means = self._means(since)
                self._log({**means, "lr": figures["lr"], "seconds": (now - began) / len(since)})
                began, since = now, []
            paused = time.monotonic()
            if self.step % train.validate_every == 0 or last:
                self._validate()
            if time.monotonic() - saved > train.save_minutes * 60 or last:
                self.save("last")
                saved = time.monotonic()
            began += time.monotonic() - paused  # `seconds` are those of steps alone
            on_step(self.step, figures)
            if stop.requested:
                break
        if self.step < train.steps:  # asked to stop; perhaps since, while waiting for pictures
            self.save("last")
            raise KeyboardInterrupt

    def _until(self, stop: StopRequest) -> Iterator[list[Batch]]:
        """Yield the batches; a stop may also take away the processes that prepare them."""
        try:
            yield from self.batches()
        except RuntimeError:
            if not stop.requested:
                raise

    def _means(self, since: list[dict[str, float]]) -> dict[str, float]:
        """Average figures over steps and processes; every process has to call this."""
        means = [sum(figures[name] for figures in since) / len(since) for name in since[0]]
        whole = torch.tensor(means, device=self.accelerator.device)
        whole = cast(Tensor, self.accelerator.reduce(whole, reduction="mean"))
        return dict(zip(since[0], whole.tolist(), strict=True))

    def save(self, name: str) -> None:
        """Write `last/` or `best/`; `last/` also gets the training state, and is not rounded."""
        if not self.accelerator.is_main_process:
            return
        folder = self.folder / name
        self.average.swap(self.model)
        try:
            save_model(
                folder,
                self.model,
                self.prompter,
                self.recipe.model,
                card=write_card(self.recipe, self.step, self.validation.latest),
                # What is frozen comes back from `last/` on resuming, bit by bit.
                dtype=None if name == "last" else getattr(torch, self.recipe.train.save_dtype),
            )
        finally:
            self.average.swap(self.model)
        if name == "last":
            save_state(
                folder,
                self.model,
                self.optimizer,
                self.average,
                step=self.step,
                best=self.best,
            )

    def batches(self) -> Iterator[list[Batch]]:
        """One list of passes a step, from the present step on."""
        return passes_by_step(
            self.recipe.train,
            Samples(self.stream, self.prompter, geometry(self.recipe.model)),
            first=self.step,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
        )

    def _take(self, batches: list[Batch]) -> dict[str, float]:
        """Make one optimizer step; returns this process's figures."""
        recipe = self.recipe
        torch.manual_seed(recipe.seed * 1_000_003 + self.step)  # points and dropout by step
        rate = rate_at(self.step, recipe.train.steps, recipe.optimizer)
        set_rate(self.optimizer, rate)
        sums: dict[str, float] = {}
        for batch in batches:
            losses = self._losses(batch.to(self.accelerator.device))
            self.accelerator.backward(losses.total / len(batches))
            for part in fields(losses):
                value = float(getattr(losses, part.name).detach()) / len(batches)
                sums[part.name] = sums.get(part.name, 0.0) + value
        norms = clip_parts(self.model, recipe.optimizer.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update(self.model, self.step)
        figures = {"loss": sums.pop("total"), **sums}
        figures |= {f"gradient_{name}": norm for name, norm in norms.items()}
        return {**figures, "lr": rate}

    def _losses(self, batch: Batch) -> Losses:
        loss = self.recipe.loss
        with self.accelerator.autocast():
            output = self.parallel(batch, keep_attention=loss.spatial > 0)
        drawn = batch.drawn
        attention, pool = output.seg_attention, output.pool
        mask_logits = output.mask_logits
        if pool is None:
            mask_logits = [logits[drawn] for logits in mask_logits]
        return objective(
            loss,
            word_logits=output.word_logits,
            next_ids=batch.next_ids[batch.next_ids >= 0],
            mask_logits=mask_logits,
            target_masks=batch.target_masks[drawn],
            pool=None if pool is None else pool[drawn],
            scores=None if output.scores is None else output.scores[drawn],
            seg_attention=None if attention is None else attention[drawn],
            target_tokens=batch.target_grid.flatten(1)[drawn],
            valid_tokens=batch.cell_valid.flatten(1)[batch.target_image][drawn],
        )

    def _log(self, figures: dict[str, Any]) -> None:
        if not self.accelerator.is_main_process:
            return
        line = {"step": self.step, **{k: _rounded(v) for k, v in figures.items()}}
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        for name, value in figures.items():
            self.board.add_scalar(name, value, self.step)

    def _validate(self) -> None:
        """Validate the moving average; keep it as `best/` if it is."""
        if not self.accelerator.is_main_process:
            return
        self.average.swap(self.model)
        self.model.eval()
        try:
            figures = self.validation.measure(self.model)
        finally:
            self.model.train()
            self.average.swap(self.model)
        if not figures:
            return
        self._log({f"validation_{name}": value for name, value in figures.items()})
        if figures["giou"] > self.best:
            self.best = figures["giou"]
            self.save("best")


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
