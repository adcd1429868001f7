"""What a sensor reports now and then, by a rule: to its consumer, or to servers that it asks."""

from __future__ import annotations


class Reports:
    """What was last reported by a rule, and when the next is due.

    Attributes:
        next_ns: when a rule of time has it.
        last: objects in the last one; None before the first.
    """

    def __init__(self, turn: float, tick_ns: int) -> None:
        """Begin with no report.

        Args:
            turn: where in a rule's time, or number, the sensor begins; in [0, 1).
            tick_ns: by how much a frame may seem early.
        """
        self.turn, self.tick_ns = turn, tick_ns
        self.next_ns = 0
        self.last: int | None = None

    def begin(self, now_ns: int, interval_ns: int) -> None:
        """Have the next be due in its turn from now on, of one in each such time."""
        self.next_ns = now_ns + int(self.turn * interval_ns)

    def is_one_of(self, many: int, inferences: int) -> bool:
        """Return whether the last of some inferences is the one of so many that is reported."""
        return (inferences - 1 + int(self.turn * many)) % many == 0

    def is_due(self, now_ns: int, objects: int, interval_ns: int, *, on_change: bool) -> bool:
        """Return whether an inference is reported by a rule of time or change; note it if it is."""
        early_ns = max(0, self.next_ns - now_ns)
        due = on_time = early_ns <= self.tick_ns
        if on_change:
            due = objects != self.last or (interval_ns > 0 and on_time)
        if due:
            since_ns = now_ns + early_ns if on_time else now_ns
            if on_time or self.last is not None or not on_change:
                self.next_ns = since_ns + interval_ns
            self.last = objects
        return due
