"""Two trainings in one folder."""

import subprocess
import sys

import pytest

from segearth.errors import DataError, UsageError
from segearth.files import locked_folder

HOLD = """
import sys, pathlib
from segearth.files import locked_folder
with locked_folder(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline().strip() == "locked"

        with pytest.raises(UsageError, match="another process"), locked_folder(tmp_path):
            pass

        other.kill()  # even so the lock goes with it
        other.wait()
    with locked_folder(tmp_path):
        pass


def test_a_folder_below_a_file_is_the_users_error(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(DataError), locked_folder(tmp_path / "file" / "run"):
        pass
