"""Recognise a source by its tensors' names and sort them by part."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from segearth.model.pretrained import mask2former, mipha, swin
from segearth.model.pretrained.fitting import Rule, Sorted, sort_out

OURS = [
    Rule(r"(encoder|norms)\.", r"pyramid/\1."),
    Rule(r"(pixel_decoder|predictor)\.", r"mask_head/\1."),
]
"""Files of `segearth data convert-weights`."""

TIMM = [
    Rule(r"(head|fc|classifier|conv_head|bn2|norm|pre_logits)\.", None, swin.CLASSIFIER),
    Rule(r"", "pyramid/encoder."),
]
"""Any other timm backbone whose `features_only` keeps the names (EfficientNet does)."""


def recognise(tensors: Mapping[str, Tensor]) -> tuple[str, Sorted]:
    """Tell what a source is, and sort its tensors.

    Args:
        tensors: By the source's names; must not be empty to be recognised.

    Returns:
        The source's kind in words, and its tensors by part. What is no known kind is taken
        for a timm backbone; holding it against the part then names what does not fit.
    """
    for kind, sign, rules in _KINDS:
        if any(name.startswith(sign) for name in tensors):
            return kind, sort_out(tensors, rules)
    if "patch_embed.proj.weight" in tensors:  # a Swin; the place of the downsampling tells whose
        if any(name.startswith("layers.0.downsample.") for name in tensors):
            return "Swin, original names", sort_out(tensors, swin.original(""))
        return "timm Swin", sort_out(tensors, swin.TIMM)
    return "timm", sort_out(tensors, TIMM)


_KINDS = [
    ("Mask2Former of transformers", "model.pixel_level_module.", mask2former.TRANSFORMERS),
    ("Mask2Former of detectron2", "sem_seg_head.", mask2former.DETECTRON2),
    ("SegEarth-R2", "model.vision_tower_mask.", mipha.SEGEARTH_R2),
    ("Mipha", "model.mm_projector.", mipha.MIPHA),
    ("Phi", "model.layers.", mipha.PHI),
    ("SigLIP", "vision_model.", mipha.SIGLIP),
    ("SigLIP", "embeddings.patch_embedding.", mipha.SIGLIP),
    ("segearth", "pixel_decoder.", OURS),
    ("segearth", "encoder.patch_embed.", OURS),
]
