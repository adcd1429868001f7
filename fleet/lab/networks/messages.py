"""What a command and its worker say to each other: JSON with blocks of bytes, over a socket.

Neither takes the other at its word: nothing that is said can name a type or a function.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from fleet.interrupt import LOOK_S, check
from fleet.lab.networks.session import DTYPES, Array

MOST_BYTES = 2**30
"""No message is longer."""

_LENGTH_BYTES = 8

Message = tuple[dict[str, Any], list[bytes]]


class Line:
    """One end of a line between two processes.

    Attributes:
        until_s: time of the monotonic clock at which nobody waits any longer.
    """

    def __init__(self, end: socket.socket) -> None:
        """Take an end that is connected to the other."""
        self._end, self.until_s = end, float("inf")
        end.settimeout(LOOK_S)

    def send(self, head: dict[str, Any], blocks: Sequence[bytes] = ()) -> None:
        """Say something.

        Raises:
            EOFError: nobody listens any more.
            TimeoutError: it takes too long.
            Interrupted: the command is to end.
        """
        said = json.dumps(head | {"blocks": [len(block) for block in blocks]}).encode()
        for part in (len(said).to_bytes(_LENGTH_BYTES, "big"), said, *blocks):
            left = memoryview(part)
            while left:
                self._look()
                try:
                    left = left[self._end.send(left) :]
                except TimeoutError:
                    continue
                except OSError as error:
                    raise EOFError from error

    def receive(self) -> Message:
        """Return what the other says next.

        Raises:
            EOFError: it says nothing any more.
            KeyError, TypeError, ValueError: it is no message.
            TimeoutError: it takes too long.
            Interrupted: the command is to end.
        """
        length = int.from_bytes(self._block(_LENGTH_BYTES), "big")
        if length > MOST_BYTES:
            raise ValueError("too long")
        head = json.loads(self._block(length))
        lengths = [int(n) for n in head["blocks"]]
        if min(lengths, default=0) < 0 or sum(lengths) > MOST_BYTES:
            raise ValueError("too long")
        return head, [self._block(n) for n in lengths]

    def _look(self) -> None:
        check()
        if time.monotonic() > self.until_s:
            raise TimeoutError

    def _block(self, length: int) -> bytes:
        block = bytearray(length)
        left = memoryview(block)
        while left:
            self._look()
            try:
                got = self._end.recv_into(left)
            except TimeoutError:
                continue
            except OSError as error:
                raise EOFError from error
            if not got:
                raise EOFError
            left = left[got:]
        return bytes(block)


def described(arrays: Sequence[Array]) -> tuple[list[Any], list[bytes]]:
    """Return arrays as JSON can describe them, and their bytes."""
    return (
        [[array.dtype.name, list(array.shape)] for array in arrays],
        [array.tobytes() for array in arrays],
    )


def arrays_of(descriptions: Sequence[Any], blocks: Sequence[bytes]) -> list[Array]:
    """Return arrays from their description and bytes.

    Raises:
        KeyError, TypeError, ValueError: the bytes are not those of such arrays.
    """
    return [
        np.frombuffer(block, DTYPES[name]).reshape([int(size) for size in shape])
        for (name, shape), block in zip(descriptions, blocks, strict=True)
    ]
