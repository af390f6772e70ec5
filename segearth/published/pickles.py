"""Read pickles of plain data without running what a stranger put into them.

A pickle is a program: it may name any function and have it called. RRSIS-D's
``refs(unc).p`` and SAMRS's ``ins/*.pkl`` are lists of dictionaries of text and numbers, and
need none of that. So no name is looked up in any module. The few that NumPy writes for
arrays and numbers lead to stand-ins of our own, which turn the bytes into lists of numbers;
every other name ends the reading.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from segearth.errors import DataError

_NUMBERS = frozenset("biuf")
"""Kinds of NumPy numbers that are read: truth values, integers and decimals."""

_DEEPEST = 100
"""Annotations are four or five containers deep."""


def read_pickle(path: Path) -> object:
    """Read a pickle that holds containers, text, bytes, numbers and arrays of numbers only.

    Args:
        path: The file, of any pickle protocol; text of Python 2 is read as Latin-1, which
            loses no byte.

    Returns:
        The value. Arrays are nested lists of numbers, NumPy's numbers are Python's.

    Raises:
        DataError: The file cannot be read, is no pickle, is cut short, or names anything
            that is not plain data (it says what). Nothing of it has been run then.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror or error}", where=str(path)
        ) from error
    try:
        value = _PlainUnpickler(io.BytesIO(data), encoding="latin-1").load()
        return _Cleaner().clean(value)
    except _NotPlainError as error:
        raise DataError(
            f"{path.name} is refused: it names {error}, which is no plain data",
            where=str(path),
            hint="a pickle of annotations needs no such thing; fetch it anew from its authors",
        ) from error
    except Exception as error:  # a damaged pickle can end in nearly any error of Python
        raise DataError(
            f"{path.name} is no pickle that can be read: {type(error).__name__}",
            where=str(path),
            hint="it is damaged or cut short; fetch it again",
        ) from error


class _NotPlainError(Exception):
    """The pickle names something that is not plain data."""


class _PlainUnpickler(pickle.Unpickler):
    """An unpickler that knows no module."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in for a harmless name, and refuse all others."""
        try:
            return _STAND_INS[module.replace("numpy._core", "numpy.core"), name]
        except KeyError:
            raise _NotPlainError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to what lies outside of the file."""
        raise _NotPlainError("something outside of the file")


class _Dtype:
    """Stands for `numpy.dtype`: the code of a number, such as ``f8``, and its byte order."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = str(code)

    def __setstate__(self, state: Any) -> None:
        if state[1] in ("<", ">"):
            self.code = state[1] + self.code

    def numbers(self, data: Any) -> np.ndarray[Any, Any]:
        """Turn bytes, or Python 2's text of them, into numbers, (n,)."""
        kind = np.dtype(self.code)
        if kind.kind not in _NUMBERS:
            raise _NotPlainError(f"an array of {kind}")
        return np.frombuffer(data.encode("latin-1") if isinstance(data, str) else data, kind)


class _Array:
    """Stands for `numpy.ndarray`; holds nothing until its state is known."""

    values: Any = None

    def __init__(self, *_: Any) -> None:
        """Ignore type and shape: an array of the announced size is never made."""

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, by_column, data = state
        numbers = dtype.numbers(data)
        self.values = numbers.reshape(shape, order="F" if by_column else "C").tolist()


class _StandIn:
    """What a harmless name leads to: a function that a pickle can call but not change."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *values: Any) -> Any:
        """Make the value."""
        return self._make(*values)

    def __setstate__(self, state: Any) -> None:
        raise _NotPlainError("a changed function")


def _frombuffer(data: Any, dtype: Any, shape: Any, order: str) -> Any:
    """Stand for ``numpy.core.numeric._frombuffer``, by which protocol 5 writes arrays."""
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", bytes(data)))
    return array


def _scalar(dtype: Any, data: Any) -> Any:
    """Stand for ``numpy.core.multiarray.scalar``."""
    return dtype.numbers(data)[0].item()


def _encode(text: str, encoding: str) -> bytes:
    """Stand for ``_codecs.encode``, by which Python 3 writes bytes in old protocols."""
    return text.encode("latin-1" if encoding == "latin1" else "ascii")


_STAND_INS = {
    ("collections", "OrderedDict"): _StandIn(dict),
    ("builtins", "set"): _StandIn(set),
    ("__builtin__", "set"): _StandIn(set),
    ("builtins", "frozenset"): _StandIn(frozenset),
    ("_codecs", "encode"): _StandIn(_encode),
    ("numpy", "dtype"): _StandIn(_Dtype),
    ("numpy", "ndarray"): _StandIn(_Array),
    ("numpy.core.multiarray", "_reconstruct"): _StandIn(_Array),
    ("numpy.core.numeric", "_frombuffer"): _StandIn(_frombuffer),
    ("numpy.core.multiarray", "scalar"): _StandIn(_scalar),
}


class _Cleaner:
    """Replaces the stand-ins inside of a value.

    What occurs twice stays one object: a few bytes that refer to each other a hundred times
    over would fill the memory otherwise.
    """

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, Any]] = {}

    def clean(self, value: Any, depth: int = 0) -> Any:
        """Return the value as plain data; `depth` is how many containers it lies in."""
        if depth > _DEEPEST:
            raise _NotPlainError(f"containers nested more than {_DEEPEST} deep")
        if isinstance(value, _Array):
            return value.values
        if isinstance(value, _Dtype | _StandIn):
            raise _NotPlainError("a type or function")
        if not isinstance(value, list | tuple | set | frozenset | dict):
            return value
        if id(value) not in self._done:
            if isinstance(value, dict):
                plain: Any = {key: self.clean(item, depth + 1) for key, item in value.items()}
            else:
                plain = type(value)(self.clean(item, depth + 1) for item in value)
            self._done[id(value)] = (value, plain)  # the first keeps the id from being reused
        return self._done[id(value)][1]
