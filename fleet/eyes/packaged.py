"""The networks that come with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def packaged() -> dict[str, Path]:
    """Return the model files that come with the package, by name."""
    folder = Path(str(resources.files("fleet.eyes").joinpath("models")))
    return {path.stem: path for path in sorted(folder.glob("*.onnx"))}
