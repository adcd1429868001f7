"""What a trace calls pictures of which only crops were sent: who found them, margin and codec."""

from __future__ import annotations

from typing import NamedTuple

WHOLE_PPM = 1_000_000
"""The share of a picture that is sent if all of it is, in millionths."""
MOST_MARGIN_PPM = 1_000_000
"""The widest margin: a side of the box on each side of it."""
_MARK = "crops"


class Crops(NamedTuple):
    """How crops were cut: the words of a source such as `crops:eye-small:20%:jpeg-q60`.

    Attributes:
        finder: the network whose boxes they are.
        margin_ppm: of a box's side, added on each side of it; millionths.
        codec: the setting that encodes each of them.
    """

    finder: str
    margin_ppm: int
    codec: str

    @property
    def name(self) -> str:
        """Return what the source is called."""
        return f"{_MARK}:{self.finder}:{self.margin}:{self.codec}"

    @property
    def margin(self) -> str:
        """Return the margin as text."""
        whole, rest = divmod(self.margin_ppm, 10_000)
        return f"{whole}" + (f".{rest:04d}".rstrip("0") if rest else "") + "%"


def crops_named(source: str) -> Crops | None:
    """Return how the crops of a source were cut, None if it is of whole pictures."""
    mark, _, rest = source.partition(":")
    parts = rest.rsplit(":", 2)
    if mark != _MARK or len(parts) != 3 or not parts[1].endswith("%"):
        return None
    whole, _, digits = parts[1][:-1].partition(".")
    number = f"{whole}{digits:0<4}"
    if not (number.isascii() and number.isdigit() and len(digits) <= 4):
        return None
    return Crops(parts[0], int(number), parts[2])
