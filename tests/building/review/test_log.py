"""The log keeps what it confirmed, whatever happens to the process."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

import pytest

from segearth.building.review.decisions import Decision, Undo
from segearth.building.review.log import NAME, open_log, read_log
from segearth.errors import DataError, UsageError

RUBRIC = {"object": True, "spatial": True, "mask": True, "grammar": True}


def decision(name="a", **changes):
    values = {"at": "t", "reviewer": "Zoë", "id": name, "record": "0", "rubric": RUBRIC, **changes}
    return Decision(**values)


def test_what_is_written_is_read(tmp_path):
    mask = {"size": [2, 3], "counts": "06"}
    events = [
        decision(note="gut \u2028 ü", masks=(None, mask)),
        Undo(at="t", reviewer="Zoë", id="a"),
    ]

    with open_log(tmp_path / "new") as log:
        log.append(events)

    assert read_log(tmp_path / "new" / NAME) == (events, 0)


@pytest.mark.parametrize("kept", [1, 20, -1], ids=["a byte", "a bit", "all but a byte"])
def test_a_torn_last_line_is_dropped_and_told(tmp_path, kept):
    with open_log(tmp_path) as log:
        log.append([decision("a"), decision("b")])
    path = tmp_path / NAME
    first, second, _ = path.read_bytes().split(b"\n")
    torn = second[:kept]
    path.write_bytes(first + b"\n" + torn)

    assert read_log(path) == ([decision("a")], len(torn))
    with open_log(tmp_path) as log:
        assert log.torn_bytes == len(torn)
        log.append([decision("c")])

    assert read_log(path) == ([decision("a"), decision("c")], 0)


def test_a_whole_last_line_without_newline_is_kept(tmp_path):
    with open_log(tmp_path) as log:
        log.append([decision("a")])
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes().rstrip(b"\n"))

    with open_log(tmp_path) as log:
        log.append([decision("b")])

    assert read_log(path) == ([decision("a"), decision("b")], 0)


@pytest.mark.parametrize("line", [b"{", b"\xff", b"[]", b"", b'{"at": "t"}', b"\x00\x00"], ids=repr)
def test_a_broken_line_in_the_middle_is_told_and_nothing_is_changed(tmp_path, line):
    with open_log(tmp_path) as log:
        log.append([decision("a")])
    path = tmp_path / NAME
    path.write_bytes(line + b"\n" + path.read_bytes())
    before = path.read_bytes()

    with pytest.raises(DataError) as caught, open_log(tmp_path):
        pass

    assert "line 1" in str(caught.value)
    assert path.read_bytes() == before


def test_half_a_character_in_an_older_log_is_read_as_the_sign_for_it(tmp_path):
    with open_log(tmp_path) as log:
        log.append([decision("a", note="x HALF", answer="HALF"), decision("b")])
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes().replace(b"HALF", b"\\ud800"))
    before = path.read_bytes()

    events, torn_bytes = read_log(path)

    assert events == [decision("a", note="x \ufffd", answer="\ufffd"), decision("b")]
    assert (torn_bytes, path.read_bytes()) == (0, before)


def test_a_full_disk_leaves_no_half_line(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_log(tmp_path) as log:
        log.append([decision("a")])
        size = (tmp_path / NAME).stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
        try:
            with pytest.raises(DataError, match="cannot be written"):
                log.append([decision("b")])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        log.append([decision("c")])

    assert read_log(tmp_path / NAME) == ([decision("a"), decision("c")], 0)


def test_two_reviews_in_one_folder_are_refused(tmp_path):
    with open_log(tmp_path), pytest.raises(UsageError, match="another process"), open_log(tmp_path):
        pass


def test_kill_minus_nine_loses_nothing_that_was_confirmed(tmp_path):
    writer = (
        "import sys\n"
        "from pathlib import Path\n"
        "from segearth.building.review.decisions import Decision\n"
        "from segearth.building.review.log import open_log\n"
        f"rubric = {RUBRIC}\n"
        f"with open_log(Path({str(tmp_path)!r})) as log:\n"
        "    for n in range(100_000):\n"
        "        log.append([Decision(at='t', reviewer='r', id=str(n), record='0',\n"
        "            rubric=rubric, note='x' * 3000)])\n"
        "        print(n, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    confirmed = [int(process.stdout.readline()) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    confirmed += [int(line) for line in process.stdout.read().split()]
    process.stdout.close()
    process.wait()

    with open_log(tmp_path) as log:  # the lock went with the process
        kept = [int(event.id) for event in log.events]

    assert kept[: len(confirmed)] == confirmed
    assert len(kept) - len(confirmed) <= 1  # one may be on the disk and not yet confirmed


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(DataError, match="cannot be written to"), open_log(tmp_path / "file"):
        pass
