"""The review page in a real browser, against the real command.

Needs the `dev` extra and a Chromium on the machine (`chromium` or `google-chrome`); the
browser talks to this machine only.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from segearth.data.rle import decode_mask

playwright = pytest.importorskip("playwright.sync_api", reason="the dev extra is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

PATIENCE_MS = 60_000  # for a busy machine; a quiet one takes a blink


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--force-device-scale-factor=1"]
        started = driver.chromium.launch(
            executable_path=CHROMIUM, args=options, timeout=PATIENCE_MS
        )
        yield started
        started.close()


@pytest.fixture
def serve(manifest, tmp_path):
    """Start `segearth data review`; returns the process and its link."""
    started = []

    def start(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "segearth", "data", "review", str(manifest), "-o",
             str(tmp_path / "out"), "--port", "0", "--json", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
        )  # fmt: skip
        started.append(process)
        return process, json.loads(process.stdout.readline())["url"]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def open_page(browser, url, reviewer):
    """Log in as somebody in a window of one's own."""
    context = browser.new_context(viewport={"width": 1280, "height": 760}, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.fill("#name", reviewer)
    page.press("#name", "Enter")
    shown(page)
    return page


def shown(page, name=None):
    """Wait until a record (of a name) is on the page."""
    wanted = "" if name is None else f"{name} ·"
    page.wait_for_function(
        "name => document.querySelector('#about').textContent.startsWith(name)"
        " && document.querySelector('#about').textContent !== ''",
        arg=wanted,
    )


def seen(page, text):
    page.wait_for_function(
        "text => !document.querySelector('#toast').hidden"
        " && document.querySelector('#toast').textContent.includes(text)",
        arg=text,
    )


def pixels(page):
    """What is on the screen where the picture is, (H, W, 3) RGB."""
    encoded = np.frombuffer(page.locator("#canvas").screenshot(), np.uint8)
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(int)


def reddish(page):
    """How many pixels have the first target's colour over grey."""
    picture = pixels(page)
    return int(np.sum((picture[..., 0] > 130) & (picture[..., 1] < 110)))


def lines(tmp_path):
    text = (tmp_path / "out" / "decisions.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def drag(page, start, end):
    """Paint from one pixel of the 64 x 48 picture to another."""
    places = page.evaluate(
        """places => {
            const box = document.querySelector("#canvas").getBoundingClientRect();
            const free = box.height - 64; // the tools are below
            const scale = Math.min((box.width - 16) / 64, (free - 8) / 48);
            return places.map(([x, y]) => [
                box.left + (box.width - 64 * scale) / 2 + x * scale,
                box.top + (free + 8 - 48 * scale) / 2 + y * scale]);
        }""",
        [start, end],
    )
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=5)
    page.mouse.up()


def test_a_review_from_the_first_record_to_the_second_reviewer(browser, serve, tmp_path):
    process, url = serve("--second-look", "1")
    page = open_page(browser, url, "ana")
    shown(page, "a")

    # Masks are drawn, go and come back.
    with_masks = reddish(page)
    page.keyboard.press("m")
    without = reddish(page)
    page.keyboard.press("m")
    assert with_masks > 10_000
    assert without == 0

    # Accept with a key.
    page.keyboard.press("a")
    shown(page, "b")
    assert lines(tmp_path)[-1]["verdict"] == "accept"

    # Reject with a reason and a note; without a reason it is refused.
    page.keyboard.press("r")
    seen(page, "what is wrong")
    page.keyboard.press("3")
    page.keyboard.press("c")
    page.keyboard.type("too small")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    shown(page, "c")
    rejected = lines(tmp_path)[-1]
    assert (rejected["id"], rejected["verdict"], rejected["note"]) == ("b", "reject", "too small")
    assert [name for name, met in rejected["rubric"].items() if not met] == ["mask"]

    # Undo brings it back, with what was said.
    page.keyboard.press("u")
    shown(page, "b")
    assert lines(tmp_path)[-1]["undo"] is True
    assert page.input_value("#note") == "too small"
    page.keyboard.press("3")
    page.fill("#note", "")
    page.keyboard.press("Escape")

    # Correct the mask with the brush, take a bad stroke back, and accept.
    page.keyboard.press("b")
    drag(page, (40, 16), (56, 16))
    page.keyboard.press("e")
    drag(page, (10, 10), (30, 20))
    page.keyboard.press("z")
    page.wait_for_function(
        "() => document.querySelector('#changes').textContent.includes('1 mask')"
    )
    page.keyboard.press("a")
    shown(page, "c")
    corrected = decode_mask(lines(tmp_path)[-1]["masks"][0])
    assert corrected[16, 40:56].all()
    assert corrected[8:24, 8:32].all()  # the bad stroke left no trace
    assert not corrected[40:].any()

    # kill -9, start again, and find everything as it was.
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, url = serve("--second-look", "1")
    page.goto(url)
    page.fill("#name", "ana")
    page.press("#name", "Enter")
    shown(page, "c")
    assert "2 of 3 decided · 2 by you · 1 left for you" in page.inner_text("#counts")
    page.keyboard.press("p")  # nothing before it in this window
    page.keyboard.press("u")
    shown(page, "b")
    page.keyboard.press("a")
    shown(page, "c")

    # Somebody else sees the share again, without a trace of what the first one said.
    other = open_page(browser, url, "bo")
    shown(other, "a")
    assert "3 left for you" in other.inner_text("#counts")
    assert not other.is_visible("#changes")
    assert other.input_value("#note") == ""
    other.keyboard.press("a")
    shown(other, "b")
    assert lines(tmp_path)[-1]["reviewer"] == "bo"


def test_masks_are_encoded_as_pycocotools_does(browser, serve):
    from segearth.data.rle import encode_mask

    random = np.random.default_rng(0)
    sizes = [(1, 1), (5, 7), (64, 48), (33, 65), (300, 200), (2, 999)]
    shares = [1, 0.5, 0.02, 0.98, 0, 1]
    cases = [random.random(size) < share for size, share in zip(sizes, shares, strict=True)]
    _, url = serve("--reviewer", "ana")
    page = browser.new_page()
    page.goto(url, timeout=PATIENCE_MS)

    for mask in cases:
        rle = encode_mask(mask)
        height, width = mask.shape
        decoded, encoded = page.evaluate(
            """async ([rle, height, width]) => {
                const { decode, encode } = await import("/page/rle.js");
                const mask = decode(rle);
                return [Array.from(mask), encode(mask, height, width)];
            }""",
            [rle, height, width],
        )
        assert np.array_equal(np.array(decoded, bool).reshape(mask.shape), mask)
        assert encoded == rle
