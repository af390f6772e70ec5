"""The model card that stands beside the weights as README.md."""

from __future__ import annotations

from collections.abc import Mapping

from segearth.config.recipe import Recipe


def write_card(recipe: Recipe, step: int, figures: Mapping[str, float]) -> str:
    """Describe a trained model in Markdown: what it is made of, learnt from, and reached.

    Args:
        recipe: Of the run.
        step: Steps done.
        figures: Latest validation figures, 0 to 1.
    """
    data, model = recipe.data, recipe.model
    encoder = model.pyramid.name
    if model.mask_head.kind != "mask2former":
        encoder = model.mask_head.weights or model.mask_head.kind
    rows = "\n".join(f"| {name} | {value:.3f} |" for name, value in sorted(figures.items()))
    table = (
        f"| figure (strict, generated answers) | value |\n|---|---|\n{rows}" if rows else "none yet"
    )
    sources = [text for text in (data.train, data.targets) if text] or ["drawn scenes only"]
    return f"""# A segearth model

- Language model: `{model.language.name}`
- Mask encoder: `{encoder}`, {model.pyramid.image_size} px
- Queries per target: {model.queries_per_target}
- Mechanism: {model.mechanism}; mask head: {model.mask_head.kind}
- Trained for {step} of {recipe.train.steps} steps of {recipe.train.batch_size} images
- Data: {", ".join(f"`{source}`" for source in sources)}; drawn scenes: {data.drawn:.0%}

Validation during training, on {recipe.train.validate_records} records of
`{data.validation or "nothing"}`:

{table}

`recipe.yaml` beside this folder repeats the run: `segearth train recipe.yaml`.
"""
