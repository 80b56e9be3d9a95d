"""Compiling ahead: every environment once, and of each family one before the others."""

from concurrent.futures import Future

import pytest

from mindsight.envs import compiling
from mindsight.envs.games import GAMES


class Pool:
    """Stands where the processes are: notes what it is given, and has done it at once."""

    def __init__(self, *_, **__):
        self.given = []
        type(self).last = self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, _, name):
        self.given.append(name)
        future = Future()
        future.set_result(name)
        return future


@pytest.mark.parametrize(
    "names",
    [(), ("reach",), ("watch", "reach", "echo"), ("reach", "sally_anne_chat", "reach"), ("watch", "echo")],
)
def test_each_is_compiled_once_and_what_brings_the_engine_first(names, monkeypatch):
    monkeypatch.setattr(compiling, "ProcessPoolExecutor", Pool)
    done = list(compiling.compile_all(names))
    given = Pool.last.given
    assert sorted(done) == sorted(given) == sorted(set(names or GAMES))
    for first in compiling._FIRST:
        if first in given:
            family = [name for name in given if GAMES[name].family == GAMES[first].family]
            assert family[0] == first


def test_what_is_no_environment_is_an_error():
    with pytest.raises(KeyError):
        list(compiling.compile_all(["reech"]))
