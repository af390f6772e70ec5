"""What holds for every test: no network but the machine itself, no colours, a fixed width."""

from __future__ import annotations

import os
import socket

import pytest

# Set before anything is imported, because the libraries read these once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["NO_COLOR"] = "1"
os.environ["COLUMNS"] = "100"
os.environ["NO_PROXY"] = "127.0.0.1"
os.environ.pop("FORCE_COLOR", None)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse connections from Python: what works here works offline."""
    connect = socket.socket.connect

    def refuse(self, address):
        # Data loading workers talk to their parent through files of the machine itself.
        # A server that a test starts itself is on the machine, too.
        if self.family == socket.AF_UNIX or address[0] == "127.0.0.1":
            return connect(self, address)
        raise AssertionError(f"a test wants to reach {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
