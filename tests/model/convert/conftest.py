"""A recipe that the tests of all released forms start from."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from segearth.config.model import ImageTokensRecipe, LanguageRecipe, PyramidRecipe
from segearth.config.presets import mipha_3b


@pytest.fixture(scope="session")
def folders():
    """`folders.py` beside this file."""
    spec = importlib.util.spec_from_file_location("folders", Path(__file__).with_name("folders.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def base(
    folders,
):
    """The paper's recipe around small parts."""
    paper = mipha_3b()
    template = replace(paper.template, end="[SEP]")
    return replace(
        paper,
        template=template,
        language=LanguageRecipe(name="nano", config={"model_type": "phi", **folders.PHI}),
        image_tokens=ImageTokensRecipe(source="tower", config=folders.TOWER),
        pyramid=PyramidRecipe(
            name="swin_tiny_patch4_window7_224", image_size=256, output_norms=True
        ),
    )
