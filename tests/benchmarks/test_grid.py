"""The grid experiment: its standard, its exams, its table, and that it goes on where it stopped."""

from collections import deque

import numpy as np
import pytest

from mindsight.agents.tri_module.grid import GridConfig, GridModule
from mindsight.benchmarks.experiments import grid
from mindsight.benchmarks.experiments.settings import settings
from mindsight.envs.grid import engine, reach, vision
from mindsight.scenarios.curricula import load_curriculum
from mindsight.scenarios.loader import load_scenario


def model(seed=0):
    return GridModule(GridConfig(context=64, width=12, layers=1, heads=(1, 1, 1), hidden=12), seed)


def shortest_way(world, individual):
    """Steps on a shortest way to one's beacon, others left out: slow, and on its own."""
    goal = int(world["memory"][reach.GOAL + individual])
    start = int(world["place"][individual]), int(world["heading"][individual])
    reached, queue = {start: 0}, deque([start])
    while queue:
        cell, heading = pose = queue.popleft()
        if cell == goal:
            return reached[pose]
        ahead = (cell + int(vision.FORWARD_Y[heading]) * 16 + int(vision.FORWARD_X[heading])) & 255
        terrain = int(world["cells"][ahead]) & 0xFF
        after = [((cell, (heading + turn) & 3), 1) for turn in (1, 3)]
        if terrain == engine.DOOR_CLOSED:
            after.append(((ahead, heading), 2))
        elif engine.PROPERTIES[terrain] & engine.WALKABLE:
            after.append(((ahead, heading), 1))
        for found, cost in after:
            if reached[pose] + cost < reached.get(found, 1000):
                reached[found] = reached[pose] + cost
                queue.append(found)
                if cost > 1:  # in the order of what they cost
                    queue = deque(sorted(queue, key=lambda each: reached[each]))
    raise ValueError(f"there is no way from {start} to {goal}")


def test_the_shortest_way_is_the_planners_where_doors_are_closed():
    worlds = load_scenario("reach_rooms").simulation(100)
    worlds.reset(3)
    for world in worlds.worlds:
        for individual in range(4):
            assert shortest_way(world, individual) == world["memory"][reach.SHORTEST + individual]


def test_no_way_is_shorter_and_walking_it_takes_that_long():
    """Where doors are open: the planner's, and a way that exists."""
    worlds = load_scenario("reach_small").simulation(60)
    worlds.reset(3)
    planned = worlds.worlds["memory"][:, reach.SHORTEST]
    found = np.array([shortest_way(world, 0) for world in worlds.worlds])
    assert (found == planned).all()
    # each step, some action leaves one step less to go
    world = worlds.worlds[0].copy()
    for left in range(int(found[0]), 0, -1):
        after = []
        for action in (engine.FORWARD, engine.TURN_LEFT, engine.TURN_RIGHT):
            one = worlds.worlds[:1].copy()
            one[0] = world
            one["body"][0, 1] = engine.OUT  # nobody in the way
            actions, todo = np.zeros((1, 2), np.int64), np.zeros(1, np.uint8)
            actions[0, 0] = action
            engine.act_all(one, actions, 0, todo, 0, 1)
            after.append((shortest_way(one[0], 0), one[0].copy()))
        least, world = min(after, key=lambda each: each[0])
        assert least == left - 1
    assert world["place"][0] == world["memory"][reach.GOAL]


def test_an_exam_says_how_an_agent_plays():
    scenario = load_scenario("reach_small")
    from mindsight.agents.registry import load_agent

    good, bad = (grid.exam(load_agent(name), scenario, 60, 5) for name in ("scripted", "random"))
    best = grid.best_return(scenario, 60, 5)
    assert bad["return"] < good["return"] <= best
    assert bad["arrived"] < 0.5 < good["arrived"] <= 1


def test_foresight_is_no_better_than_a_guess_before_anything_was_watched():
    found = grid.foresight(model(), load_scenario("reach_small"), 0, size=8)
    assert found["own action"] == pytest.approx(np.log(12), rel=0.15)
    assert found["others' action"] > found["others, by frequency"]
    one = grid.foresight(model(), load_scenario("reach_small"), 0, "walker_0", size=8)
    assert one["cell"] != found["cell"]


def test_steps_are_those_that_worlds_make():
    watch, practise = load_curriculum("reach_by_watching").phases
    assert grid._steps(watch) == watch.steps // 2 * watch.batch_size * watch.length  # two lives in a world
    assert grid._steps(practise) == practise.steps * practise.batch_size * practise.practice["length"]
    watch, _ = load_curriculum("sally_anne_by_watching").phases
    assert grid._steps(watch) == watch.steps * watch.batch_size * watch.length  # one is watched


def test_it_goes_on_where_it_stopped_and_prints_what_there_is(tmp_path, monkeypatch, capsys):
    made = []
    trained = settings(load_curriculum("reach_by_watching"))

    def run(task, condition, seed, out, episodes):
        made.append((task, condition, seed))
        arrived = 1.0 if condition == "tri_module" else 0.5
        exams = {"reach_small": {"return": 0.9 * arrived, "perf": arrived, "arrived": arrived}}
        marks = ["practised"] if condition == "tri_module" else ["as much processor time"]
        names = marks if condition == "tri_module" else [f"{marks[0]}, drawn"]
        return {
            "task": task, "condition": condition, "seed": seed, "episodes": episodes, "settings": trained,
            "exams": dict.fromkeys(names, exams), "seconds": dict.fromkeys(marks, 60.0),
            "steps": {"watched": 10, "practised": 20} if condition == "tri_module" else {marks[0]: 30},
            "foresight": {"practised": {"own action": 0.5}} if condition == "tri_module" else {},
        }  # fmt: skip

    monkeypatch.setattr(grid, "run", run)
    arguments = ["--tasks", "reach", "--conditions", "tri_module", "maskable_ppo", "--episodes", "20"]
    grid.main([*arguments, "--seeds", "1", "--out", str(tmp_path)])
    grid.main([*arguments, "--seeds", "2", "--out", str(tmp_path)])
    assert made == [("reach", c, s) for s in (0, 1) for c in ("tri_module", "maskable_ppo")]
    table = (tmp_path / "table.md").read_text()
    assert table.strip() in capsys.readouterr().out
    assert "| tri_module, practised | 2 | 10 | 20 | 60 |" in table
    assert "| maskable_ppo, as much processor time, drawn | 2 | 0 | 30 | 60 |" in table
    assert "1.000 (1.000 to 1.000)" in table
    assert len(list(tmp_path.glob("*.json"))) == 4
    first = tmp_path / "reach-tri_module-0.json"
    first.write_text(first.read_text().replace('"warmup": ', '"warmup": 1'))  # trained otherwise
    with pytest.raises(SystemExit):
        grid.main([*arguments, "--seeds", "2", "--out", str(tmp_path)])
    assert "reach-tri_module-0.json: warmup of its phase watch is 1" in capsys.readouterr().err


def test_the_agent_that_measures_has_to_be_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        grid.run("reach", "maskable_ppo", 0, tmp_path, 5)
