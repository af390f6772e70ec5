"""Language-guided segmentation of remote sensing images, after the SegEarth-R2 paper.

This file imports nothing: `import segearth` and `segearth --help` stay instant, and the
libraries that take seconds to load are paid for by the first call that needs them.
"""

from __future__ import annotations

# The one place of the version: pyproject.toml reads it from here without importing.
__version__ = "0.1.0"
