"""The reward function: what is paid follows from one's own history, and from nothing hidden."""

import numpy as np
import pytest

from mindsight.envs.conversation import GAMES
from mindsight.envs.conversation.engine import WORLD
from mindsight.envs.conversation.game import History, Message
from mindsight.envs.conversation.language import GIVE, INDIVIDUAL, SHOW, THING
from mindsight.envs.simulation import MODES


def variants():
    """Every game with its defaults, and with each other choice, one at a time."""
    found = []
    for name, game in GAMES.items():
        found.append(pytest.param(name, {}, id=name))
        default = game.options()
        for option, choices in game.options.CHOICES.items():
            for choice in choices:
                if choice == getattr(default, option):
                    continue
                options = {option: choice}
                if name == "sally_anne_chat":
                    options["people"] = 4  # some conditions need them
                found.append(pytest.param(name, options, id=f"{name}-{option}-{choice}"))
    return found


def episodes(name, count, options, seed=5):
    """Single conversations, half of them at random, half scripted, a step at a time."""
    game = GAMES[name]
    for k in range(count):
        simulation = game.simulation(1, options)
        simulation.reset(seed + k)
        modes = np.full(simulation.count, MODES.index("random" if k % 2 else "scripted"))
        actions = np.zeros((1, simulation.count), np.int64)
        while not simulation.ends.any():
            before = int(simulation.worlds["length"][0])
            simulation.script(modes, actions)
            simulation.step(actions)
            yield simulation, before


def judged(simulation, who, first, options):
    """What R says that ``who`` gained by the messages from number ``first`` on."""
    game, w = simulation.game, simulation.worlds[0]
    total = 0.0
    whole = simulation.history(0, None)
    for k in range(first, int(w["length"])):
        message = whole.messages[k]
        own_face = message.sender == WORLD and message.said[:2] == (SHOW, INDIVIDUAL + who)
        if not w["heard"][k] >> who & 1 or own_face:
            continue
        heard = tuple(m for j, m in enumerate(whole.messages[:k]) if w["heard"][j] >> who & 1)
        history = History(who, simulation.count, whole.words, heard)
        total += game.reward(history, message, who, options)
    return total


@pytest.mark.parametrize(("name", "options"), variants())
def test_what_is_paid_is_the_reward_function_of_ones_own_history(name, options):
    paid = 0
    for simulation, before in episodes(name, 6 if options else 12, options):
        for who in range(simulation.count):
            reward = float(simulation.rewards[0, who])
            assert judged(simulation, who, before, options) == pytest.approx(reward, abs=1e-6)
            paid += reward != 0
    assert paid or name == "scale" or (name == "sally_anne_chat" and options)


@pytest.mark.parametrize(("name", "options"), variants())
def test_what_is_hidden_from_somebody_changes_no_reward_of_theirs(name, options):
    for simulation, before in episodes(name, 2 if options else 4, options):
        w = simulation.worlds[0]
        seen = [judged(simulation, who, before, options) for who in range(simulation.count)]
        kept = w["said"].copy(), w["sender"].copy(), simulation.worlds.copy()
        for who in range(simulation.count):
            for k in range(int(w["length"])):
                if not w["heard"][k] >> who & 1:
                    w["said"][k], w["sender"][k] = (15, 224, 232, 0), WORLD
            for field in ("need", "like", "stock", "temper", "belief", "wants", "memory"):
                w[field] = 1  # the true state, which R does not read
            assert judged(simulation, who, before, options) == seen[who]
            for field in ("need", "like", "stock", "temper", "belief", "wants", "memory"):
                w[field] = kept[2][field][0]
            w["said"][:], w["sender"][:] = kept[0], kept[1]


@pytest.mark.parametrize("name", GAMES)
def test_many_histories_at_once_are_judged_as_one_at_a_time(name):
    game = GAMES[name]
    simulation = game.simulation(8)
    simulation.reset(2)
    modes = np.full(simulation.count, MODES.index("random"))
    actions = np.zeros((8, simulation.count), np.int64)
    for _ in range(6):
        simulation.script(modes, actions)
        simulation.step(actions)
    for viewer in range(simulation.count):
        said, senders, _, lengths = simulation.histories(viewer)
        for who in range(simulation.count):
            for u in (0, len(simulation.menu) - 1):
                entry = [int(symbol) for symbol in simulation.menu[u]]
                deeds = np.tile(np.array([0, *entry]), (8, 1))
                many = game.rewards(said, senders, lengths, simulation.count, deeds, np.full(8, who))
                one = [
                    game.reward(simulation.history(k, viewer), Message(0, tuple(entry)), who)
                    for k in range(8)
                ]
                np.testing.assert_array_equal(many, one)


def test_the_others_reward_is_judged_by_what_one_knows_of_them():
    """R^i for j: unknown needs are worth nothing, known ones what they are worth to j."""
    game = GAMES["cracker"]
    simulation = game.simulation(1, {"guest": "plain"})
    simulation.reset(3)
    w = simulation.worlds[0]
    likes = int(w["like"][1])
    gift = Message(0, (GIVE, INDIVIDUAL + 1, THING + likes, 0))
    mine, theirs = simulation.history(0, 0), simulation.history(0, 1)
    assert game.reward(mine, gift, 1) == 0.0
    assert game.reward(theirs, gift, 1) == 1.0
    modes = np.full(2, MODES.index("scripted"))
    actions = np.zeros((1, 2), np.int64)
    for _ in range(2):  # the question, and what the guest says to it
        simulation.script(modes, actions)
        simulation.step(actions)
    assert game.reward(simulation.history(0, 0), gift, 1) == 1.0
