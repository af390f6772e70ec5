"""YAML and ``--set`` in, a typed recipe or all its mistakes out."""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from segearth.config.recipe import Recipe
from segearth.errors import RecipeError

T = TypeVar("T")


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key that stands twice; plain YAML lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a dict; raises yaml.YAMLError for a repeated key."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for index, key in enumerate(keys) if key in keys[:index]), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {twice!r} stands twice", node.start_mark
            )
        return dict(super().construct_mapping(node, deep))


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply ``key.path=value`` overrides.

    Raises:
        RecipeError: The file cannot be read, or it has mistakes; all are listed at once.
    """
    return from_tree(Recipe, read_tree(path, overrides), where=str(path))


def read_tree(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a YAML mapping and apply ``key.path=value`` overrides.

    Raises:
        RecipeError: The file cannot be read, is no mapping, or an override is none.
    """
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise RecipeError(f"the recipe cannot be read: {reason}", where=str(path)) from error
    except yaml.YAMLError as error:
        raise RecipeError(f"not valid YAML: {error}", where=str(path)) from error
    if not isinstance(tree, dict):
        raise RecipeError("a recipe is a mapping of keys to values", where=str(path))
    for override in overrides:
        _apply(tree, override)
    return tree


def from_tree(kind: type[T], tree: Mapping[str, Any], *, where: str) -> T:
    """Build a dataclass tree from plain values.

    Raises:
        RecipeError: Names every unknown key, wrong type and refused value at once.
    """
    mistakes: list[str] = []
    made = _build(kind, tree, "", mistakes)
    if mistakes:
        count = len(mistakes)
        head = "1 mistake" if count == 1 else f"{count} mistakes"
        raise RecipeError(
            "\n".join([f"{head} in the recipe", *(f"  - {text}" for text in mistakes)]),
            where=where,
            hint="--check lists what is still wrong without starting the run",
        )
    return typing.cast(T, made)


def to_tree(recipe: Any) -> dict[str, Any]:
    """Turn a recipe back into plain values that YAML and JSON can hold."""
    tree: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(recipe)))
    return tree


def dump_yaml(recipe: Any) -> str:
    """Write a recipe as YAML, keys in the order of the schema."""
    return yaml.safe_dump(to_tree(recipe), sort_keys=False, allow_unicode=True)


def _apply(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(
            f"{override!r} is not key=value", where="--set", hint="--set train.steps=200"
        )
    *parents, last = key.strip().split(".")
    node = tree
    for parent in parents:
        child = node[parent] if node.get(parent) is not None else {}
        node[parent] = child
        if not isinstance(child, dict):
            raise RecipeError(f"{parent} holds a value, not keys", where=f"--set {key}")
        node = child
    try:
        node[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{text!r} is not a value", where=f"--set {key}") from error


def _build(kind: Any, tree: Any, prefix: str, mistakes: list[str]) -> Any:
    if not isinstance(tree, Mapping):
        name = prefix.rstrip(".") or "the whole"
        mistakes.append(f"{name} is {tree!r}; it should hold keys")
        return None
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    wrong = 0
    for key, value in tree.items():
        if key not in hints:
            close = difflib.get_close_matches(str(key), hints, n=1)
            advice = f"; did you mean {prefix}{close[0]}?" if close else ""
            mistakes.append(f"{prefix}{key} is not a key{advice}")
        else:
            before = len(mistakes)
            values[key] = _convert(hints[key], value, f"{prefix}{key}", mistakes)
            wrong += len(mistakes) - before
    if wrong:  # an unknown key does not hide what is wrong with the known ones
        return None
    try:
        return kind(**values)
    except RecipeError as error:
        mistakes.append(f"{error.where}: {error.problem}; {error.hint}")
        return None


def _convert(hint: Any, value: Any, key: str, mistakes: list[str]) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return _build(hint, {} if value is None else value, key + ".", mistakes)
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            allowed = " or ".join(repr(choice) for choice in choices)
            mistakes.append(f"{key} is {value!r}; it can be {allowed}")
        return value
    if origin is tuple and isinstance(value, list | tuple):
        kind = typing.get_args(hint)[0]
        odd = [item for item in value if not isinstance(item, kind)]
        mistakes.extend(f"{key} is {item!r}; it should be {kind.__name__}" for item in odd)
        return tuple(value)
    if origin is dict and isinstance(value, dict):
        return dict(value)
    if hint is float and isinstance(value, int | str) and not isinstance(value, bool):
        try:  # PyYAML reads 1e-4 as text; people write it all the same
            return float(value)
        except ValueError:
            pass
    if hint is str and (value is None or type(value) in (int, float)):
        return "" if value is None else str(value)  # --set data.train= and a folder called 2024
    mistaken_flag = hint is int and isinstance(value, bool)
    if isinstance(hint, type) and isinstance(value, hint) and not mistaken_flag:
        return value
    expected = getattr(hint, "__name__", str(hint))
    if isinstance(hint, types.GenericAlias):
        expected = str(hint)
    mistakes.append(f"{key} is {value!r}; it should be {expected}")
    return value
