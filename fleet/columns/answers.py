"""The way of results from servers to their consumers: back to the site, or on upwards."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fleet.arrays import Ints
from fleet.kernel import kernel
from fleet.model.frames import BITS, CLOCK, DONE, FATE, INFER, PAYLOAD, RESULT, SENSOR, Columns


class Answers(NamedTuple):
    """The way of results, by sensor.

    Attributes:
        to_site: 1 if the consumer is at the site.
        return_ns: way back.
        result_bytes, result_bits: payload of a result, and the same on the wire.
    """

    to_site: Ints
    return_ns: Ints
    result_bytes: Ints
    result_bits: Ints


def send_back(
    columns: Columns, ended: Ints, answers: Answers, last: bool, until_ns: int
) -> tuple[Ints, Ints]:
    """Send the results of batches to their consumers; return (those under way, those that go on).

    A result whose consumer is at its site, and every one behind the `last` level, is done after the
    way back; it is a result at once if that is before `until_ns`, else it is under way. The others
    go on upwards, as large as a result is.

    Args:
        columns: the store's columns; DONE and FATE of the first, CLOCK, PAYLOAD and BITS of the
            others are set in place.
        ended: frames whose results are there.
        answers: the way of results.
        last: whether these servers are at the region.
        until_ns: how far the process has come.
    """
    out = np.empty((2, len(ended)), dtype=np.int64)
    u, n = _send_back(columns, ended, answers, last, until_ns, out)
    return out[0, :u], out[1, :n]


@kernel
def _send_back(
    columns: Columns, ended: Ints, answers: Answers, last: bool, until_ns: int, out: Ints
) -> tuple[int, int]:
    u, n = 0, 0
    for i in ended:
        s = columns[SENSOR, i]
        if last or answers.to_site[s] == 1:
            done = columns[INFER, i] + answers.return_ns[s]
            columns[DONE, i] = done
            if done < until_ns:
                columns[FATE, i] = RESULT
            else:
                out[0, u] = i
                u += 1
        else:
            columns[CLOCK, i] = columns[INFER, i]
            columns[PAYLOAD, i] = answers.result_bytes[s]
            columns[BITS, i] = answers.result_bits[s]
            out[1, n] = i
            n += 1
    return u, n
