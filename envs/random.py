"""The random stream of a world, for kernels: a key, a counter, and nothing to keep in step.

The n-th number of a stream is a function of the stream's key (the world's seed) and n alone. So a
world's state holds two integers instead of a generator, worlds need no common order in which they
draw, and world k of a batch seeded s is the same world as one seeded s + k.

The generator is SplitMix64 (Steele, Lea and Flood 2014): a Weyl sequence, `start + n * GOLDEN`,
each element scrambled. Its start is the scrambled key, so streams of neighbouring seeds start at
unrelated places of the one cycle of length 2^64. That two of `w` worlds, drawing `n` numbers each,
share a stretch of it has the probability `w² n / 2^64`: below one in ten thousand for 10,000 worlds
and ten million numbers each.

    bits = draw(world.key, world.draws)
    world.draws += 1
    heading = below(bits, 4)
"""

import numpy as np

from .kernels import njit

__all__ = ["below", "draw"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, made odd
_FACTOR_1 = np.uint64(0xBF58476D1CE4E5B9)
_FACTOR_2 = np.uint64(0x94D049BB133111EB)
_27, _30, _31, _32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


@njit(inline="always")
def _scramble(bits: np.uint64) -> np.uint64:
    """SplitMix64's finaliser: a bijection in which every input bit touches every output bit."""
    bits = (bits ^ (bits >> _30)) * _FACTOR_1
    bits = (bits ^ (bits >> _27)) * _FACTOR_2
    return bits ^ (bits >> _31)


@njit(inline="always")
def draw(key: int | np.uint64, counter: int | np.uint64) -> np.uint64:
    """64 random bits: number `counter` of the stream `key`; both any integer of 64 bits.

    (Called from Python, one of 2^63 or more has to be given as np.uint64.)
    """
    # The casts are needed: to numba, unsigned plus signed is a float.
    start = _scramble(np.uint64(key) + _GOLDEN)
    return _scramble(start + (np.uint64(counter) + np.uint64(1)) * _GOLDEN)


@njit(inline="always")
def below(bits: int | np.uint64, n: int | np.uint64) -> np.int64:
    """A number from 0 to n-1, from the upper 32 of 64 random bits; n from 1 to 2^31.

    By multiplication, not by remainder: faster, and it uses the better bits. No number is likelier
    than another by more than n in 2^32: one in a hundred million for forty choices.
    """
    return np.int64(((np.uint64(bits) >> _32) * np.uint64(n)) >> _32)
