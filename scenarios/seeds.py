"""Which seeds are for learning and which for exams: ranges that never meet.

World k of a batch seeded s is seeded s + k, so whatever is to be independent takes seeds a block
apart.
"""

from __future__ import annotations

__all__ = ["BLOCK", "EVALUATION", "evaluation_seed", "some_episodes", "training_seed"]

#: Seeds of one experiment: at most so many episodes or worlds.
BLOCK = 2**20
#: Seeds from here on are for evaluation; those below, for training.
EVALUATION = 2**40
_BLOCKS = EVALUATION // BLOCK


def training_seed(block: int) -> int:
    """The first seed of a training; ``block`` from 0 to 2**20 - 1, else ``ValueError``."""
    return _checked(block) * BLOCK


def evaluation_seed(block: int) -> int:
    """The first seed of an evaluation; ``block`` from 0 to 2**20 - 1, else ``ValueError``."""
    return EVALUATION + _checked(block) * BLOCK


def some_episodes(count: int) -> int:
    """How many episodes: as given, from 1 to all of a block's, else ``ValueError``."""
    if type(count) is not int or not 1 <= count <= BLOCK:
        raise ValueError(f"episodes is {count!r}, expected a whole number from 1 to {BLOCK}")
    return count


def _checked(block: int) -> int:
    if type(block) is not int or not 0 <= block < _BLOCKS:
        raise ValueError(f"seed is {block!r}, expected a whole number from 0 to {_BLOCKS - 1}")
    return block
