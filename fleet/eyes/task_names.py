"""What an app may be for, and how it is told how well that is served."""

from __future__ import annotations

from fleet.eyes.boxes import GAP, PERSON, VEHICLE

TASKS = {"visitors": PERSON, "vehicles": VEHICLE, "gaps": GAP, "places": PERSON}
"""What an app may be for, and which kind of objects that is about."""
TIMES = 4
"""A visitor is counted 0, 1, 2 times, or more."""
DELAYS_S = (0.5, 1, 2, 3, 5, 10, 20, 30)
"""A gap is reported within so many seconds or not; a scene must go on for so long after it."""
