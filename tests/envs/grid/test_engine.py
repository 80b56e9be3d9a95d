"""What each action does, by example: a small drawn world, one step, the result."""

import numpy as np
import pytest

from mindsight.envs.grid import engine, layout
from mindsight.envs.minds import chain_table

A = {name: k for k, name in enumerate(engine.ACTIONS)}
TABLE = chain_table(4, 2)
CHAINS = np.ascontiguousarray(np.stack([TABLE.member_bits, TABLE.pair_bits], 1))
HEADING = {"n": 0, "e": 1, "s": 2, "w": 3}


class Stage:
    """A drawn map; digits are individuals, in their order."""

    def __init__(self, text, headings, things=()):
        drawn = layout.parse(text, connected=False)
        self.worlds = np.zeros(1, engine.world_dtype(4, 4, 2))
        self.w = w = self.worlds[0]
        engine.clear(w, drawn.width, drawn.height, len(headings), len(things), 100)
        layout.build(w, drawn.terrain, drawn.width, drawn.height, 0)
        for a, heading in enumerate(headings):
            w["place"][a], w["heading"][a] = drawn.places(str(a))[0], HEADING[heading]
        for o, place in enumerate(things):
            w["kind"][o] = o + 1
            engine.put_thing(w, o, place)
        engine.label_rooms(w)
        self.window = np.zeros((1, 4, 49), np.uint32)
        self.fields = np.zeros((1, 4, engine.NUM_FIELDS), np.uint8)
        self.masks = np.zeros((1, 4, engine.NUM_ACTIONS), np.int8)
        self.perceive()

    def perceive(self):
        engine.perceive(self.w, 0, CHAINS, self.window, self.fields, self.masks)

    def step(self, *names):
        actions = np.array([[A[name] for name in names] + [0] * (4 - len(names))])
        todo, ends = np.zeros(1, np.uint8), np.zeros((1, 2), np.uint8)
        engine.act_all(self.worlds, actions, 0, todo, 0, 1)
        rewards = np.zeros((1, 4), np.float32)
        engine.finish_all(self.worlds, rewards, ends, 0, todo, 0, 1)
        self.perceive()

    def heard(self, a):
        return self.fields[0, a, engine.FIELD_HEARD :].tolist()

    def belief(self, thing, *chain):
        return int(self.w["belief"][thing, TABLE.index(chain)])

    def can(self, a):
        return {name for name, k in A.items() if self.masks[0, a, k] and not name.startswith("say")}


def at(x, y):
    return y << 4 | x


def test_pick_up_carry_and_put_down():
    stage = Stage("#####\n#0..#\n#####", "e", [at(2, 1)])
    assert "pick_up" in stage.can(0)
    stage.step("pick_up")
    assert stage.w["thing"][0] == engine.HANDS
    assert stage.w["hand"][0] == 1
    assert "put_down" in stage.can(0)
    stage.step("forward")
    assert stage.w["thing"][0] == engine.HANDS, "a carried thing's place is its carrier"
    stage.step("put_down")
    assert stage.w["thing"][0] == at(3, 1)
    assert stage.w["hand"][0] == 0


def test_two_who_want_one_thing_get_nothing():
    stage = Stage("#####\n#0.1#\n#####", "ew", [at(2, 1)])
    stage.step("pick_up", "pick_up")
    assert stage.w["thing"][0] == at(2, 1)


def test_giving_needs_free_hands_and_two_givers_give_nothing():
    stage = Stage("#####\n#012#\n#####", "eew", [engine.HANDS, engine.HANDS + 2])
    assert "give" in stage.can(0)
    stage.step("give", "wait", "give")
    assert stage.w["hand"].tolist()[:3] == [1, 0, 2], "two gifts into one pair of hands: neither"
    stage.step("give")
    assert stage.w["hand"].tolist()[:3] == [0, 1, 2]
    assert "give" not in stage.can(2), "the other's hands are full"


def test_containers_open_close_fill_and_empty():
    stage = Stage("#####\n#0B.#\n#####", "e", [engine.HANDS])
    assert stage.can(0) == {"wait", "turn_left", "turn_right", "toggle"}
    stage.step("toggle")
    assert engine.terrain_at(stage.w, at(2, 1)) == engine.BOX_OPEN
    stage.step("put_down")
    assert stage.w["thing"][0] == at(2, 1)
    assert stage.window[0, 0, 45 - 7] >> 8 & 0xFF == 1, "in an open box it shows"
    stage.step("toggle")
    assert stage.window[0, 0, 45 - 7] >> 8 & 0xFF == 0, "in a closed one it does not"
    assert "pick_up" not in stage.can(0)
    stage.step("toggle")
    stage.step("pick_up")
    assert stage.w["hand"][0] == 1


def test_a_glass_case_shows_what_it_keeps():
    stage = Stage("#####\n#0G.#\n#####", "e", [at(2, 1)])
    assert stage.window[0, 0, 45 - 7] >> 8 & 0xFF == 1
    assert stage.belief(0, 0) == at(2, 1)
    assert "pick_up" not in stage.can(0), "it is closed"


def test_two_toggles_act_once_and_a_door_with_somebody_in_it_stays_open():
    stage = Stage("#####\n#0+1#\n#####", "ew")
    stage.step("toggle", "toggle")
    assert engine.terrain_at(stage.w, at(2, 1)) == engine.DOOR_OPEN
    stage.step("forward", "wait")
    assert "toggle" not in stage.can(1)
    stage.step("wait", "toggle")
    assert engine.terrain_at(stage.w, at(2, 1)) == engine.DOOR_OPEN


@pytest.mark.parametrize(
    ("sign", "seen"),
    [("#", False), ("=", True), ("+", False), ("/", True), ("B", False), ("k", False), ("g", True)],
)
def test_what_hides_what_lies_behind(sign, seen):
    stage = Stage(f"#####\n#0{sign}.#\n#####", "e", [at(3, 1)])
    assert (stage.belief(0, 0) == at(3, 1)) is seen


def test_a_voice_reaches_a_radius_or_a_room():
    text = "#########\n#0.1..2.#\n###+#####\n#..3....#\n#########"
    stage = Stage(text, "eeee")
    stage.w["hearing"] = 2
    stage.step("say_2")
    assert stage.heard(1) == [3, 0, 0, 0, 0, 0, 0, 0]
    assert stage.heard(2) == [0] * 8
    assert stage.heard(3) == [3, 0, 0, 0, 0, 0, 0, 0], "a radius goes through walls"
    assert stage.heard(0) == [0] * 8, "nobody hears themselves"
    stage.w["hearing"] = 0
    stage.step("say_0")
    assert stage.heard(2) == [1, 0, 0, 0, 0, 0, 0, 0]
    assert stage.heard(3) == [0] * 8, "another room"
    stage.step("wait")
    assert stage.heard(2) == [0] * 8, "a voice lasts a step"


def test_absence_is_perceived_and_shows_in_the_face():
    stage = Stage("#####\n#0b.#\n#...#\n#...#\n#####", "e", [at(2, 1)])
    w = stage.w
    w["want"][0] = 1
    engine.feel(w)
    assert w["face"][0] == engine.NEUTRAL
    stage.step("turn_right")
    assert stage.belief(0, 0) == at(2, 1)
    engine.put_thing(w, 0, at(1, 1) + 16 * 2)  # behind its back? no: before its eyes
    stage.perceive()
    assert stage.belief(0, 0) == at(1, 3)
    # now out of sight, and the place it was believed at is seen empty
    stage.step("turn_left")
    engine.put_thing(w, 0, engine.GONE)
    engine.feel(w)
    stage.step("turn_right")
    assert stage.belief(0, 0) == engine.NOWHERE
    engine.feel(w)
    assert w["face"][0] == engine.SURPRISED
    engine.feel(w)
    assert w["face"][0] == engine.SAD
    engine.put_thing(w, 0, engine.HANDS)
    stage.perceive()
    engine.feel(w)
    assert w["face"][0] == engine.GLAD


def test_beliefs_differ_with_gaze():
    """1 watches 0 from behind: 1 knows that 0 saw the ball move, 0 knows nothing of 1."""
    stage = Stage("#####\n#...#\n#.0.#\n#.1.#\n#####", "nn", [at(2, 1)])
    assert stage.belief(0, 0) == stage.belief(0, 1) == stage.belief(0, 1, 0) == at(2, 1)
    assert stage.belief(0, 0, 1) == engine.NOWHERE


def test_a_line_moves_with_its_head_and_a_ring_turns():
    stage = Stage("######\n#012.#\n######", "eee")
    stage.step("forward", "forward", "forward")
    assert stage.w["place"].tolist()[:3] == [at(2, 1), at(3, 1), at(4, 1)]
    ring = Stage("####\n#01#\n#32#\n####", "eswn")
    ring.step("forward", "forward", "forward", "forward")
    assert ring.w["place"].tolist() == [at(2, 1), at(2, 2), at(1, 2), at(1, 1)]
    pair = Stage("####\n#01#\n####", "ew")
    pair.step("forward", "forward")
    assert pair.w["place"].tolist()[:2] == [at(1, 1), at(2, 1)]
