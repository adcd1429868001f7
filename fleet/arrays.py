"""Names for arrays of one kind of number, of any shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]
"""Random words, or where they begin."""
Bools = NDArray[np.bool_]
