"""Two small images with masks, and a local server that replies like a model or misbehaves."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from segearth.data.rle import encode_mask


def box(top, left, bottom, right, size=(60, 80)):
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def target(phrase, mask, granularity="instance"):
    return {"phrase": phrase, "granularity": granularity, "mask": encode_mask(mask)}


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def targets(tmp_path):
    """A `targets.jsonl` with a harbour of three ships and a lake with one dam."""
    folder = tmp_path / "in"
    (folder / "häfen").mkdir(parents=True)
    pixels = np.full((60, 80, 3), 90, np.uint8)
    for name in ("häfen/one.png", "two.png"):
        (folder / name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    ships = [box(5, 5, 15, 25), box(5, 50, 15, 70), box(40, 30, 50, 50)]
    rows = [
        {
            "image": "häfen/one.png",
            "scene": "port",
            "gsd_m": 0.5,
            "split": "train",
            "annotated": True,
            "complete": ["ship"],
            "targets": [target("ship", mask) for mask in ships]
            + [target("storage tank", box(50, 5, 58, 13))],
        },
        {
            "image": "two.png",
            "scene": "lake",
            "gsd_m": None,
            "split": "val",
            "annotated": True,
            "targets": [
                target("lake", box(0, 0, 60, 30), "semantic"),
                target("dam", box(0, 30, 60, 36), "semantic"),
            ],
        },
    ]
    return write_lines(folder / "targets.jsonl", rows)


@pytest.fixture
def serving():
    """A function that serves a script on a free port of this machine."""
    return served


class ModelServer:
    """What the server was sent, and what it replies: `script(number, prompt)` decides.

    The script returns a text (a good reply), ("status", code, headers), ("raw", bytes) with
    headers or without,
    ("cut",) for a body that ends too early, ("hang", seconds), or ("drip", seconds) for a body
    of which a byte comes every tenth of a second.
    """

    def __init__(self, script):
        self.script = script
        self.prompts = []
        self.headers = []
        self.bodies = []
        self.lock = threading.Lock()
        self.url = ""

    def note(self, headers, body):
        with self.lock:
            self.headers.append(dict(headers))
            self.bodies.append(body)
            if "messages" in body:
                prompt = body["messages"][0]["content"][0]["text"]
            else:
                prompt = body["contents"][0]["parts"][1]["text"]
            self.prompts.append(prompt)
            return len(self.prompts) - 1, prompt


def openai_body(text):
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }


def gemini_body(text):
    return {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
        ],
        "usageMetadata": {
            "promptTokenCount": 1000,
            "candidatesTokenCount": 60,
            "thoughtsTokenCount": 40,
            "totalTokenCount": 1100,
        },
    }


def handler_of(server):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            number, prompt = server.note(self.headers, body)
            action = server.script(number, prompt)
            wrap = openai_body if "messages" in body else gemini_body
            if isinstance(action, str):
                action = ("raw", json.dumps(wrap(action)).encode())
            # The client may have lost patience, as it should.
            with suppress(BrokenPipeError, ConnectionResetError):
                self.reply(*action)

        def reply(self, kind, *rest):
            if kind == "status":
                code, headers, text = rest
                payload = json.dumps({"error": {"message": text, "code": code}}).encode()
                self.send(code, payload, headers)
            elif kind == "raw":
                self.send(200, rest[0], *(rest[1:] or [{}]))
            elif kind == "cut":
                self.send(200, b'{"id": "x", "choi', {}, missing=500)
            elif kind == "drip":
                self.send(200, b"", {}, missing=100_000)
                for _ in range(round(10 * rest[0])):
                    time.sleep(0.1)
                    self.wfile.write(b" ")
            else:
                time.sleep(rest[0])
                self.send(200, b"{}", {})

        def send(self, code, payload, headers, missing=0):
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload) + missing))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args):
            pass

    return Handler


@contextmanager
def served(script):
    server = ModelServer(script)
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(server))
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
