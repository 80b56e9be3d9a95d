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

    def submit(self, _, name, order):
        self.given.append((name, order))
        future = Future()
        future.set_result(None)
        return future


@pytest.mark.parametrize(
    "names",
    [(), ("reach",), ("watch", "reach", "echo"), ("reach", "sally_anne_chat", "reach"), ("watch", "echo")],
)
def test_each_is_compiled_once_and_what_brings_the_engine_first(names, monkeypatch):
    monkeypatch.setattr(compiling, "ProcessPoolExecutor", Pool)
    done = list(compiling.compile_all(names))
    given = [name for name, _ in Pool.last.given]
    assert sorted(done) == sorted(given) == sorted(set(names or GAMES))
    assert {order for _, order in Pool.last.given} == {None}
    for first in compiling._FIRST:
        if first in given:
            family = [name for name in given if GAMES[name].family == GAMES[first].family]
            assert family[0] == first


def test_further_orders_come_after_what_they_share(monkeypatch):
    monkeypatch.setattr(compiling, "ProcessPoolExecutor", Pool)
    orders = {"sally_anne": {4, 3}, "contents": {4}, "rumour": {4}}
    done = list(compiling.compile_all(["contents", "watch", "sally_anne"], orders=orders))
    given = Pool.last.given
    expected = [
        ("contents", None),
        ("contents", 4),
        ("sally_anne", None),
        ("sally_anne", 3),
        ("sally_anne", 4),
    ]
    assert sorted(given, key=str) == sorted([*expected, ("watch", None)], key=str)
    assert sorted(done) == ["contents", "sally_anne", "watch"]
    for name in ("contents", "sally_anne"):
        assert next(each for each in given if each[0] == name) == (name, None)


def test_what_is_no_environment_is_an_error():
    with pytest.raises(KeyError):
        list(compiling.compile_all(["reech"]))
    with pytest.raises(ValueError, match="processes is 0, expected a whole number of at least 1"):
        list(compiling.compile_all(["reach"], processes=0))
