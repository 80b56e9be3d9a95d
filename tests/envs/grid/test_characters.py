"""How characters find their way, against a slow and obvious second search."""

import heapq

import numpy as np
import pytest

from mindsight.envs.grid import GAMES, characters, engine
from mindsight.envs.grid.characters import BEFORE, ON

AHEAD = {0: -16, 1: 1, 2: 16, 3: -1}


def distances(w, a, goal, manner, obstacles, informed):
    """Dijkstra from every pose to the goal, over one's own actions: {(cell, heading): actions}."""
    costs = {}
    edges = {}
    start = int(w["place"][a])
    names = [engine.TERRAIN[int(code) & 0xFF] for code in w["cells"]]
    free = {
        cell
        for cell in range(256)
        if (names[cell] in ("floor", "beacon", "door_open", "door_closed") and cell not in obstacles)
    }
    for cell in free | {start}:
        for heading in range(4):
            for turned in ((heading + 1) % 4, (heading + 3) % 4):
                edges.setdefault((cell, turned), []).append(((cell, heading), 1))
            ahead = cell + AHEAD[heading]
            if ahead in free:
                door = names[ahead].startswith("door")
                known_open = names[ahead] == "door_open" and (
                    informed or (cell == start and heading == int(w["heading"][a]))
                )
                edges.setdefault((ahead, heading), []).append(
                    ((cell, heading), 2 if door and not known_open else 1)
                )
    goals = [
        (cell, heading)
        for cell in free | {start}
        for heading in range(4)
        if (cell if manner == ON else cell + AHEAD[heading]) == goal
    ]
    queue = [(0, pose) for pose in goals]
    while queue:
        cost, pose = heapq.heappop(queue)
        if pose in costs:
            continue
        costs[pose] = cost
        for before, step in edges.get(pose, []):
            if before not in costs:
                heapq.heappush(queue, (cost + step, before))
    return costs


@pytest.mark.parametrize("informed", [False, True])
@pytest.mark.parametrize("manner", [ON, BEFORE])
def test_a_plan_is_a_shortest_way_and_its_first_action_lies_on_one(manner, informed):
    rng = np.random.default_rng(manner + 2 * informed)
    simulation = GAMES["reach"].simulation(24, {"width": 11, "height": 11, "individuals": 3})
    simulation.reset(11)
    unreachable = through_doors = 0
    for _ in range(6):
        for w in simulation.worlds:
            goal = int(rng.integers(1, 10)) * 16 + int(rng.integers(1, 10))
            for a in range(3):
                around = bool(rng.integers(2)) and not informed
                gaze = int(w["gaze"])
                seen = {int(w["place"][b]) for b in range(3) if b != a and gaze >> (a * 8 + b) & 1}
                obstacles = seen if around else set()
                costs = distances(w, a, goal, manner, obstacles, informed)
                cell, heading = int(w["place"][a]), int(w["heading"][a])
                action, length = characters._search(w, a, goal, manner, around, informed, False)
                expected = costs.get((cell, heading), -1)
                assert length == expected
                unreachable += length < 0
                if length <= 0:
                    continue
                ahead = cell + AHEAD[heading]
                terrain = engine.TERRAIN[int(w["cells"][ahead]) & 0xFF]
                after = {
                    engine.TURN_LEFT: (cell, (heading + 3) % 4),
                    engine.TURN_RIGHT: (cell, (heading + 1) % 4),
                }
                if action in after:
                    assert costs[after[action]] == length - 1
                elif action == engine.TOGGLE:
                    assert terrain == "door_closed"
                    assert costs[ahead, heading] == length - 2
                    through_doors += 1
                else:
                    assert action == engine.FORWARD
                    assert costs[ahead, heading] == length - 1
        actions = rng.integers(0, 7, (24, 3))
        simulation.step(actions)
    assert through_doors
    assert unreachable or manner == BEFORE  # walls cannot be stood on


def test_who_cannot_swim_walks_around_the_water():
    simulation = GAMES["reach"].simulation(1, {"individuals": 1})
    simulation.reset(0)
    w = simulation.worlds[0]
    engine.clear(w, 7, 7, 1, 0, 100)
    for y in range(1, 6):
        for x in range(1, 6):
            engine.set_terrain(w, y * 16 + x, engine.FLOOR)
    for x in range(1, 5):
        engine.set_terrain(w, 3 * 16 + x, engine.WATER)
    w["place"][0], w["heading"][0] = 1 * 16 + 1, 2
    goal = 5 * 16 + 1
    assert characters.route_length(w, 0, goal, ON) == 4
    w["limits"][0] = engine.NO_WATER
    assert characters.route_length(w, 0, goal, ON) == 4 + 8 + 3  # round the end, and three turns
