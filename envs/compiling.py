"""Compile every environment ahead, so that nobody waits later: what ``mindsight compile`` does.

Machine code is kept on disk (``kernels.py``); the first step of an environment on a new machine takes from
seconds to half a minute. Processes that need the same code at the same moment each compile it: here every
environment is compiled once.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from typing import Any

import numpy as np

from .games import GAMES
from .simulation import MODES

__all__ = ["compile_all"]

#: One of each family, first: they bring the engines with them.
_FIRST = ("reach", "sally_anne_chat")


def compile_all(
    names: Sequence[str] = (), processes: int = 2, orders: Mapping[str, Collection[int]] | None = None
) -> Iterator[str]:
    """Compile environments, a few at a time; yields the name of each that is done.

    Args:
        names: of environments; all where empty.
        processes: how many work side by side.
        orders: of beliefs, by the environment's name, that are compiled as well, each a version of its own;
            the name is yielded when all are done.

    Raises:
        KeyError: there is no such environment.
        ValueError: nobody is to work.
    """
    if type(processes) is not int or processes < 1:
        raise ValueError(f"processes is {processes!r}, expected a whole number of at least 1")
    wanted = [*dict.fromkeys(GAMES[name].name for name in names or GAMES)]
    orders = orders or {}
    versions = {name: [None, *sorted(orders.get(name, ()))] for name in wanted}
    context = multiprocessing.get_context("spawn")
    first = [name for name in wanted if name in _FIRST]
    families = {GAMES[name].family for name in first}
    begun = first + [name for name in wanted if GAMES[name].family not in families]
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        running = {pool.submit(_compile, name, None): name for name in begun}
        left = {name: len(some) for name, some in versions.items()}
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
                found = running.pop(future)
                if left[found] == len(versions[found]):  # what all orders share is there now
                    running |= {pool.submit(_compile, found, order): found for order in versions[found][1:]}
                    if found in _FIRST:  # the others of its family need not wait for the other family's
                        family = GAMES[found].family
                        others = [name for name in wanted if GAMES[name].family == family and name != found]
                        running |= {pool.submit(_compile, name, None): name for name in others}
                left[found] -= 1
                if not left[found]:
                    yield found


def _compile(name: str, order: int | None) -> None:
    """Begin, act, step and perceive once, as environments are made unless something else is said."""
    beliefs: dict[str, Any] = {} if order is None else {"order": order}
    simulation = GAMES[name].simulation(2, autoreset="same_step", **beliefs)
    simulation.reset(0)
    actions = np.zeros((2, simulation.count), np.int64)
    simulation.script(np.full(simulation.count, MODES.index("scripted")), actions)
    simulation.step(actions)
