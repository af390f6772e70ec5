"""The words that the code family puts around an image and an instruction, by name.

SegEarth-R2's authors changed theirs twice, and wrapped them in one conversation for training and
in another for evaluation; which of them a checkpoint was trained with only its makers know. Each
is here as `GENERATION-CONVERSATION`. The template that recipes start from is generation a
without a conversation.
"""

from __future__ import annotations

from segearth.config.model import TemplateRecipe

_BEFORE = "This is an image\n"
_REASONING = ", please doing Reasoning Segmentation according to the following instruction:"
# The description is followed by a [SEG], which is read and never asked for a mask.
_DESCRIBED = "\n {instruction}[SEG] <|assistant|>"

_GENERATIONS = {
    "a": (_BEFORE, "\n" + _REASONING + _DESCRIBED),
    "b": (
        "This is an image <|vision_bos|> ",
        " <|vision_eos|> <|sep|> <|user|>" + _REASONING + _DESCRIBED,
    ),
    "c": (
        _BEFORE,
        "\n. If the instruction is a question, provide segmentation result + explanation; if it's "
        "a declarative phrase, provide only the segmentation result\n. Please doing Referring or "
        "Reasoning Segmentation according to the following instruction:\n{instruction}",
    ),
}

_CONVERSATIONS = {
    "v0": (  # Mipha's, in training
        "A chat between a curious user and an artificial intelligence assistant. The assistant "
        "gives helpful, detailed, and polite answers to the user's questions. USER: ",
        " ASSISTANT:",
    ),
    "inst": (  # LLaMA-2's, in evaluation; SegEarth-R1 has no other
        "[INST] <<SYS>>\nYou are a helpful language and vision assistant. You are able to "
        "understand the visual content that the user provides, and assist the user with a variety "
        "of tasks using natural language.\n<</SYS>>\n\n",
        " [/INST]",
    ),
}


def converse(conversation: str, before: str, question: str, reply: str = "") -> TemplateRecipe:
    """Put a user's message into a conversation.

    Args:
        conversation: ``v0`` (Mipha's) or ``inst`` (LLaMA-2's).
        before: The message up to the image.
        question: The rest of it, with `{instruction}`.
        reply: What every answer begins with.
    """
    head, tail = _CONVERSATIONS[conversation]
    return TemplateRecipe(before=head + before, question=question + tail + reply)


_REPLIES = {"a": " \n", "b": " \n", "c": ""}  # answers of a and b begin on a line of their own

R2_TEMPLATES = {
    f"{generation}-{conversation}": converse(conversation, *message, _REPLIES[generation])
    for generation, message in _GENERATIONS.items()
    for conversation in _CONVERSATIONS
}
"""SegEarth-R2's: generation a, b or c, in a conversation as in training or in evaluation."""

R2_EVALUATED = "c-inst"
"""What the authors' latest evaluation code feeds."""
