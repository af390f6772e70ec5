"""Stop between two steps, so that what is saved is whole."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class StopRequest:
    """Notes Ctrl-C and SIGTERM; a second one stops at once."""

    def __init__(self) -> None:
        """Listen; only the main thread may, elsewhere signals keep their meaning."""
        self.requested = False
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
