"""The random streams: fixed for ever, evenly spread, and unrelated from seed to seed."""

import numpy as np
import pytest

from mindsight.envs.kernels import njit
from mindsight.envs.random import below, draw

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def scramble(bits):
    bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & MASK
    return bits ^ bits >> 31


@njit
def fill(numbers, first_key, first_counter):
    """numbers (keys, counters) uint64"""
    for k in range(numbers.shape[0]):
        for c in range(numbers.shape[1]):
            numbers[k, c] = draw(first_key + k, first_counter + c)


@njit
def count(choices, key, draws):
    """choices (n,) int64: how often each was drawn"""
    for c in range(draws):
        choices[below(draw(key, c), choices.shape[0])] += 1


def stream(first_key, keys, counters, first_counter=0):
    numbers = np.zeros((keys, counters), np.uint64)
    fill(numbers, first_key, first_counter)
    return numbers


@pytest.mark.parametrize(
    ("key", "counter", "bits"),
    [  # Recorded once. A change here changes every seeded world and every stored episode.
        (0, 0, 0xA706DD2F4D197E6F),
        (1, 0, 0x5E41AB087439611E),
        (2, 0, 0x64684C4F0FD784B4),
        (1, 1, 0xF18D6CE93D6CF1EE),
        (1000003, 12345, 0x96D9ADE7798C7149),
        (-1, 0, 0x5DC20AA7B2A27137),
    ],
)
def test_known_numbers(key, counter, bits):
    assert draw(key, counter) == bits


def test_the_formula_is_splitmix64_from_a_scrambled_key():
    keys, counters = 5, 7
    start = -2
    expected = [
        [scramble(scramble((k + GOLDEN) & MASK) + (c + 1) * GOLDEN & MASK) for c in range(counters)]
        for k in range(start, start + keys)
    ]
    assert stream(start, keys, counters).tolist() == expected


def test_splitmix64_matches_its_published_numbers():
    # The first numbers of the reference implementation seeded 1234567: our oracle is the right one.
    numbers = [scramble((1234567 + n * GOLDEN) & MASK) for n in (1, 2, 3)]
    assert numbers == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_large_keys_and_counters():
    key, counter = 2**63 + 5, 2**64 - 2
    expected = scramble(scramble((key + GOLDEN) & MASK) + (counter + 1) * GOLDEN & MASK)
    assert draw(np.uint64(key), np.uint64(counter)) == expected


def test_every_bit_is_a_fair_coin():
    bits = np.unpackbits(stream(0, 64, 1024).view(np.uint8)).reshape(-1, 64)
    # 65,536 tosses a coin: five standard deviations are 0.0098
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.0098


@pytest.mark.parametrize("apart", [1, 2, 64, 2**20, 2**32])
def test_streams_of_neighbouring_seeds_are_unrelated(apart):
    one = np.unpackbits(stream(1000, 1, 4096).view(np.uint8))
    other = np.unpackbits(stream(1000 + apart, 1, 4096).view(np.uint8))
    # 262,144 pairs of bits, equal in half of the cases: five standard deviations are 0.0049
    assert abs((one == other).mean() - 0.5) < 0.0049
    # nor is one a shifted copy of the other
    assert not np.intersect1d(stream(1000, 1, 4096), stream(1000 + apart, 1, 4096)).size


def test_first_draws_of_neighbouring_worlds_are_spread_evenly():
    # What a batch seeded 0 does in its first moment: as random across worlds as along one stream.
    first = (stream(0, 80_000, 1)[:, 0] >> np.uint64(32)) * np.uint64(8) >> np.uint64(32)
    counts = np.bincount(first.astype(np.int64), minlength=8)
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 32  # chi-squared, 7 degrees: p < 0.0001
    pairs = np.bincount((first[:-1] * np.uint64(8) + first[1:]).astype(np.int64), minlength=64)
    assert ((pairs - 1250) ** 2 / 1250).sum() < 118  # 63 degrees: p < 0.0001


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40, 1000])
def test_below_is_even_and_in_range(n):
    choices = np.zeros(n, np.int64)
    draws = 200 * n if n > 100 else 20_000 * n
    count(choices, 17, draws)
    expected = draws / n
    assert choices.sum() == draws
    # five and a half standard deviations for the worst of up to a thousand
    assert np.abs(choices - expected).max() <= 5.5 * np.sqrt(expected)


@pytest.mark.parametrize("n", [1, 5, 2**31])
def test_below_at_its_ends(n):
    assert below(np.uint64(0), n) == 0
    assert below(np.uint64(MASK), n) == n - 1
