"""Chance as a function of identity: SplitMix64 read at any index.

A draw is `bits64(key, index)`: the output number `index` of the SplitMix64 sequence that starts at
`key` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). The
key belongs to (seed, replication, stream, name), so a draw needs no history: arms share common
random numbers, adding a sensor changes no other draw, and shards carry no generator state.

The logarithm and the exponential are written out in +, -, ×, / because the ones of the C library
differ in the last bit between machines, and a bit here is a different arrival time.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from fleet.kernel import inlined, kernel

GOLDEN = 0x9E3779B97F4A7C15
_LN2 = 0.6931471805599453
_LN2_HIGH = 0.6931471803691238  # its low 32 bits are zero, so k·_LN2_HIGH is exact
_LN2_LOW = 1.9082149292705877e-10


class Stream(Enum):
    """What a draw is for; each purpose has its own sequence for each name."""

    PHASE = "phase"
    CAPTURE = "capture"
    SCENE = "scene"
    SIZE = "size"
    FAILURE = "failure"
    RADIO = "radio"
    LOSS = "loss"
    SERVICE = "service"
    SIGHT = "sight"
    RATE = "rate"
    BURST = "burst"


def name_hash(name: str) -> int:
    """Return the 64-bit BLAKE2b hash of a name, the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def name_hashes(names: Iterable[str]) -> NDArray[np.uint64]:
    """Return `name_hash` of every name; shape (names,), uint64."""
    return np.array([name_hash(name) for name in names], dtype=np.uint64)


def stream_keys(
    hashes: NDArray[np.uint64], seed: int, replication: int, stream: Stream
) -> NDArray[np.uint64]:
    """Return one key per name for a stream; shape (names,), uint64."""
    return mixed(hashes ^ np.uint64(stream_salt(seed, replication, stream)))


def stream_salt(seed: int, replication: int, stream: Stream) -> int:
    """Return what tells the keys of a stream from those of others."""
    return name_hash(f"{seed}/{replication}/{stream.value}")


def mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return `mix64` of every word, without compiling anything; shape (words,), uint64."""
    z = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def mix64(word: int | np.uint64) -> np.uint64:
    """Return the SplitMix64 finaliser of a 64-bit number."""
    z = np.uint64(word)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def bits64(key: int | np.uint64, index: int) -> np.uint64:
    """Return output number `index` (from 0) of SplitMix64 seeded with `key`; uint64."""
    return mix64(np.uint64(key) + np.uint64(index + 1) * np.uint64(GOLDEN))


@inlined
def uniform(key: int | np.uint64, index: int) -> float:
    """Return a uniform draw in [0, 1) with 53 bits; float64."""
    return float(bits64(key, index) >> np.uint64(11)) * 1.1102230246251565e-16


def uniforms(keys: NDArray[np.uint64], index: int) -> NDArray[np.float64]:
    """Return `uniform` of many keys at one index; float64, same shape."""
    words = mixed(keys + np.uint64((index + 1) * GOLDEN % 2**64))
    draws: NDArray[np.float64] = (words >> np.uint64(11)).astype(np.float64)
    draws *= 1.1102230246251565e-16
    return draws


@kernel
def ln(x: float) -> float:
    """Return the natural logarithm of x > 0, equal to the bit on every IEEE machine.

    x = m·2^e with m in [√½, √2); ln m = 2 artanh((m - 1)/(m + 1)) as a series in which the first
    dropped term is below 1e-17.
    """
    m, e = math.frexp(x)
    if m < 0.7071067811865476:
        m *= 2.0
        e -= 1
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    series = 0.0
    for odd in range(21, 0, -2):
        series = series * q + 1.0 / odd
    return e * _LN2_LOW + (2.0 * s * series) + e * _LN2_HIGH


@kernel
def exp_minus(x: float) -> float:
    """Return e^(-x) for 0 <= x <= 700, equal to the bit on every IEEE machine."""
    k = math.floor(x / _LN2 + 0.5)
    r = -((x - k * _LN2_HIGH) - k * _LN2_LOW)
    series = 1.0
    for n in range(14, 0, -1):
        series = 1.0 + series * r / n
    return math.ldexp(series, -int(k))


@kernel
def power(x: float, exponent: float) -> float:
    """Return x^exponent, for |exponent · ln x| <= 700, equal to the bit on every IEEE machine."""
    y = exponent * ln(x)
    return 1.0 / exp_minus(y) if y > 0.0 else exp_minus(-y)


@kernel
def exponential(key: int | np.uint64, index: int) -> float:
    """Return an exponential draw with mean 1; float64."""
    return -ln(1.0 - uniform(key, index))


@inlined
def spread(key: int | np.uint64, index: int) -> float:
    """Return a draw with mean 0 and variance 1 from one 64-bit word; float64 in (-3.47, 3.47).

    The sum of the word's four 16-bit lanes: close to a normal, and a quarter of its cost.
    """
    word = bits64(key, index)
    lanes = (
        (word & np.uint64(0xFFFF))
        + ((word >> np.uint64(16)) & np.uint64(0xFFFF))
        + ((word >> np.uint64(32)) & np.uint64(0xFFFF))
        + (word >> np.uint64(48))
    )
    return (float(lanes) - 131070.0) / 37837.22736067741
