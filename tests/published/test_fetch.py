"""Downloads from a real server on this machine: whole, broken off, damaged, gated."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import subprocess
import threading

import pytest
from makers import SHIP, make_phrases, make_rrsis_d, make_samrs
from typer.testing import CliRunner

from segearth.cli.app import app
from segearth.errors import DataError
from segearth.published.catalogue import BENCHMARKS, REFSEGRS
from segearth.published.download import Remote, fetch_file
from segearth.published.fetch import by_hand, fetch, look_up, next_steps
from segearth.published.readers import Choices, find_splits

run = CliRunner().invoke
CONTENT = bytes(range(256)) * 40
README = b"# RefSegRS\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GIT_SHA1 = hashlib.sha1(b"blob %d\0" % len(README) + README).hexdigest()


class Hub(http.server.BaseHTTPRequestHandler):
    """The part of the hub's interface that is used, with what a test wants to go wrong."""

    def __init__(self, state, *args):
        self.state = state
        super().__init__(*args)

    def do_GET(self):
        self.state["asked"].append((self.path, self.headers.get("Range")))
        name = "/api/datasets/JessicaYuan/RefSegRS"
        if self.path == name:
            self.send(json.dumps(self.state["card"]).encode())
        elif self.path.startswith(f"{name}/tree/abc?recursive=true"):
            page = int(self.path.partition("&page=")[2] or 0)
            pages = self.state.get("pages") or [self.state["tree"]]
            last = page == len(pages) - 1
            following = None if last else self.state.get("next", self.path) + f"&page={page + 1}"
            self.send(json.dumps(pages[page]).encode(), following=following)
        elif self.path.endswith("README.md"):
            self.send(README)
        elif self.path.endswith("RefSegRS%201.zip"):
            self.send(self.state["content"], self.state["cut"])
        else:
            self.send_error(404)

    def send(self, data, cut=None, following=None):
        start = 0
        if (wanted := self.headers.get("Range")) and self.state["ranges"]:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
        else:
            self.send_response(200)
        if following:
            self.send_header("Link", f'<{following}>; rel="next"')
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def hub():
    """A server's address and what it answers."""
    state = {
        "asked": [],
        "card": {"sha": "abc", "gated": False, "tags": ["license:cc-by-4.0"]},
        "tree": [
            {"type": "directory", "path": "x", "size": 0},
            {"type": "file", "path": "README.md", "size": len(README), "oid": GIT_SHA1},
            {
                "type": "file",
                "path": "data/RefSegRS 1.zip",
                "size": len(CONTENT),
                "oid": "0",
                "lfs": {"oid": SHA256, "size": len(CONTENT)},
            },
        ],
        "content": CONTENT,
        "cut": None,
        "ranges": True,
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Hub, state))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", state
    server.shutdown()
    server.server_close()
    thread.join()


def test_all_files_come_and_are_not_fetched_twice(hub, tmp_path):
    address, state = hub
    offer = look_up(REFSEGRS, address)
    seen = []

    first = fetch(offer, tmp_path, advance=lambda done, name: seen.append((done, name)))
    state["asked"].clear()
    second = fetch(offer, tmp_path)

    assert (offer.licence, offer.revision) == ("cc-by-4.0", "abc")
    assert (tmp_path / "data" / "RefSegRS 1.zip").read_bytes() == CONTENT
    assert first == {"downloaded": 2, "present": 0}
    assert second == {"downloaded": 0, "present": 2}
    assert state["asked"] == []
    assert seen[-1] == (len(README) + len(CONTENT), "data/RefSegRS 1.zip")


@pytest.mark.parametrize("ranges", [True, False], ids=["rest-only", "server-sends-all-again"])
def test_a_broken_off_download_goes_on(hub, tmp_path, ranges):
    address, state = hub
    state["cut"], state["ranges"] = 4000, ranges
    offer = look_up(REFSEGRS, address)
    with pytest.raises(DataError, match=r"broke off|cannot be fetched"):
        fetch(offer, tmp_path)
    part = tmp_path / "data" / "RefSegRS 1.zip.part"
    assert 0 < part.stat().st_size <= 4000
    done = part.stat().st_size

    state["cut"] = None
    fetch(offer, tmp_path)

    assert (tmp_path / "data" / "RefSegRS 1.zip").read_bytes() == CONTENT
    assert not part.exists()
    assert state["asked"][-1][1] == f"bytes={done}-"


def test_a_wrong_checksum_leaves_nothing_behind(hub, tmp_path):
    address, state = hub
    state["content"] = CONTENT[:-1] + b"?"

    with pytest.raises(DataError, match="not what the server says"):
        fetch(look_up(REFSEGRS, address), tmp_path)

    assert [path.name for path in (tmp_path / "data").iterdir()] == []


def test_a_changed_file_of_the_user_is_kept_and_told(hub, tmp_path):
    address, _ = hub
    (tmp_path / "README.md").write_bytes(b"mine")

    with pytest.raises(DataError, match="remove the file"):
        fetch(look_up(REFSEGRS, address), tmp_path)

    assert (tmp_path / "README.md").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "card", [{"gated": "auto"}, {"tags": []}, {"tags": ["license:other"]}, {"private": True}]
)
def test_nothing_is_offered_without_a_licence_or_behind_a_form(hub, card):
    address, state = hub
    state["card"] |= card

    assert look_up(REFSEGRS, address) is None


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", 3])
def test_a_list_cannot_name_files_outside_of_the_folder(hub, path):
    address, state = hub
    state["tree"] = [{"type": "file", "path": path, "size": 1, "oid": "0"}]

    with pytest.raises(DataError, match="a file that cannot be"):
        look_up(REFSEGRS, address)


def test_a_server_that_refuses_is_one_line(hub, tmp_path):
    address, _ = hub

    with pytest.raises(DataError, match="the server answers 404"):
        fetch_file(Remote(f"{address}/none", "none", 1), tmp_path)
    with pytest.raises(DataError, match="no web address"):
        fetch_file(Remote("file:///etc/passwd", "x", 1), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be fetched"):
        look_up(REFSEGRS, "http://127.0.0.1:9")


def test_steps_by_hand_name_the_folder_and_the_commands_that_follow(tmp_path):
    for benchmark in BENCHMARKS.values():
        steps = by_hand(benchmark, tmp_path / "d")
        assert steps[0] == f"make a folder for it: mkdir -p '{tmp_path}/d'"
        assert steps[-2] == (
            f"then run: segearth data convert {benchmark.name} '{tmp_path}/d' "
            f"-o '{tmp_path}/d-manifests'"
        )
        assert "no checksums and no sizes of the files are known here" in steps[-1]
        assert f"'{tmp_path}/d-manifests/left_out.jsonl'" in steps[-1]
        assert "SRC" not in " ".join(steps)
    assert next_steps(REFSEGRS, tmp_path / "d", [Remote("", "RefSegRS.zip", 1)])[0] == (
        f"unzip -n '{tmp_path}/d/RefSegRS.zip' -d '{tmp_path}/d'"
    )


def test_what_the_steps_look_for_is_what_the_conversion_reads(tmp_path):
    """The `ls` of the steps finds everything in a folder that can be converted, and only there."""
    layouts = {
        "rrsis-d": lambda root: make_rrsis_d(root, [("test", "1.jpg", SHIP, ["A tank"])]),
        "risbench": lambda root: make_phrases(
            root,
            {split: ["1.png a ship"] for split in ("train", "val", "test")},
            {"1": SHIP},
            folders=("img_rgb", "mask"),
            suffix=".png",
        ),
        "refsegrs": lambda root: make_phrases(
            root, {split: ["1 a ship"] for split in ("train", "val", "test")}, {"1": SHIP}
        ),
        "samrs": lambda root: make_samrs(root, {"P1": [("ship", SHIP, [1, 1, 4, 3])]}),
    }
    for name, make in layouts.items():
        root = tmp_path / "it's here" / name
        (look,) = [step for step in by_hand(BENCHMARKS[name], root) if step.startswith("see that")]
        command = look.partition(": ")[2]
        assert subprocess.run(command, shell=True, capture_output=True).returncode != 0
        make(root)
        if name == "samrs":
            (root / "valid.txt").write_text("")

        assert subprocess.run(command, shell=True, capture_output=True).returncode == 0, command
        assert find_splits(name, root, Choices())


def test_a_folder_without_a_name_gets_one(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    result = run(app, ["data", "fetch", "samrs", "-o", "."])

    assert result.exit_code == 0
    assert f"samrs '{tmp_path}/here' -o '{tmp_path}/here-manifests'" in result.stdout


def test_the_command_downloads_and_prints_what_follows(hub, tmp_path):
    address, _ = hub
    out = tmp_path / "got"

    result = run(app, ["data", "fetch", "refsegrs", "-o", str(out), "--hub", address, "--json"])

    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert printed["fetched"] is True
    assert (printed["downloaded"], printed["bytes"]) == (2, len(README) + len(CONTENT))
    assert printed["steps"][-1].startswith("segearth data convert refsegrs")
    assert "licence cc-by-4.0" in result.stderr


def test_the_command_tells_steps_where_it_may_not_download(tmp_path):
    result = run(app, ["data", "fetch", "risbench", "-o", str(tmp_path / "r")])

    assert result.exit_code == 0
    assert "2. open https://github.com/HIT-SIRS/CroBIM" in result.stdout
    assert "train 26,300, val 10,013, test 16,159" in result.stdout
    assert f"segearth data convert risbench '{tmp_path}/r'" in result.stdout
    assert "Licence: none stated" in result.stderr
    assert not (tmp_path / "r").exists()


def test_a_list_in_pages_is_read_to_its_end(hub):
    address, state = hub
    tree = state["tree"]
    base = "/api/datasets/JessicaYuan/RefSegRS/tree/abc?recursive=true"
    state |= {"pages": [tree[:2], [], tree[2:]], "next": f"{address}{base}"}

    offer = look_up(REFSEGRS, address)

    assert [file.path for file in offer.files] == ["README.md", "data/RefSegRS 1.zip"]


def test_a_list_whose_next_page_is_elsewhere_is_refused(hub):
    address, state = hub
    state |= {"pages": [state["tree"], []], "next": "http://elsewhere.invalid/x?y"}

    with pytest.raises(DataError, match="leads elsewhere"):
        look_up(REFSEGRS, address)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "a\0b"}, "cannot be"),
        ({"path": "\ud800x"}, "cannot be"),
        ({"path": "..\\..\\x"}, "cannot be"),
        ({"path": "x/../../y"}, "cannot be"),
        ({"size": -1}, "cannot be"),
        ({"size": True}, "cannot be"),
        ({"lfs": "text"}, "cannot be"),
        ({"oid": None}, "no checksum of README.md"),
        ({"type": "directory"}, "lists no files"),
    ],
)
def test_a_list_of_files_that_cannot_be_trusted_is_refused(hub, change, message):
    address, state = hub
    state["tree"] = [{**state["tree"][1], **change}]

    with pytest.raises(DataError, match=message):
        look_up(REFSEGRS, address)
