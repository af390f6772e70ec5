"""stdout is the result, stderr is talk."""

from __future__ import annotations

import io
import json
import sys

import pytest

from segearth.cli import output


def test_json_is_one_line_with_the_keys_in_order(capsys):
    output.print_json({"zebra": "crossing", "answer": "Straße\n"})

    assert capsys.readouterr().out == '{"zebra": "crossing", "answer": "Straße\\n"}\n'


def test_json_survives_a_console_that_is_not_utf8(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", console)

    output.print_json({"phrase": "跑道"})

    console.flush()
    assert json.loads(console.buffer.getvalue()) == {"phrase": "跑道"}


def test_json_never_holds_what_json_cannot(capsys):
    with pytest.raises(ValueError, match="JSON"):
        output.print_json({"giou": float("nan")})

    assert capsys.readouterr().out == ""


def test_a_table_in_a_pipe_is_not_folded(capsys):
    name = "quay " * 60

    output.print_table(["phrase", "area, m²"], [[name, 12.5], ["pier", None]], caption="by hand")

    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert any(name.strip() in line and line.endswith("12.5") for line in lines)
    assert any(line.startswith("pier") and line.endswith("-") for line in lines)


def test_progress_gives_the_items_and_is_silent_in_a_pipe(capsys):
    assert list(output.progress(iter("abc"), "reading", total=3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_talk_goes_to_stderr(capsys):
    output.say("loading [mini]")
    output.warn("no CRS: pixel coordinates")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "loading [mini]\nwarning: no CRS: pixel coordinates\n"


def test_a_bar_in_a_pipe_is_silent(capsys):
    with output.bar("steps", total=3, done=1) as advance:
        advance(3, "loss 0.100")

    assert capsys.readouterr() == ("", "")
