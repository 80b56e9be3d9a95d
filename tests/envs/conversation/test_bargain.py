"""Bargain: values, trades, temperaments, by hand; and what kindness is worth to whom."""

import numpy as np
import pytest

import mindsight
from mindsight.envs.conversation.bargain import CRUMB, JUICE, JUNK, KIND, PARTNER, PEEL, PIE, TRADER
from mindsight.envs.conversation.game import Message
from mindsight.envs.conversation.language import (
    ACCEPT,
    ASK_LIKE,
    CALM,
    GIVE,
    HAPPY,
    INDIVIDUAL,
    LIKE,
    NEED,
    NOTHING,
    OFFER,
    REFUSE,
    SAD,
    SHOW,
    THING,
    TRADE,
)  # fmt: skip
from mindsight.envs.games import GAMES
from mindsight.envs.simulation import MODES

GAME = GAMES["bargain"]


class Table:
    """One conversation, played by hand against the scripted partner."""

    def __init__(self, seed=0, **options):
        self.simulation = GAME.simulation(1, options)
        self.simulation.reset(seed)
        self.w = self.simulation.worlds[0]
        self.kinds = [int(self.w["memory"][KIND + k]) for k in range(5)]

    def say(self, act, *kinds, other=True):
        """The trader says it, the partner answers: what the trader gained, and the answer."""
        said = (act, *([INDIVIDUAL + 1] if other else []), *(THING + self.kinds[k] for k in kinds))
        said = (*said, 0, 0, 0)[:4]
        menu = [tuple(int(s) for s in row) for row in self.simulation.menu]
        actions = np.zeros((1, 2), np.int64)
        actions[0, TRADER] = menu.index(said)
        assert self.simulation.masks[0, TRADER, actions[0, TRADER]]
        self.simulation.step(actions)
        gained = self.simulation.rewards[0].copy()
        if not self.simulation.ends.any():
            self.simulation.script(np.full(2, MODES.index("scripted")), actions)
            self.simulation.step(actions)
            gained += self.simulation.rewards[0]
        answers = [m.said for m in self.simulation.history(0, None).messages if m.sender == PARTNER]
        return gained, answers[-1]

    def face(self):
        shown = [m.said[2] for m in self.simulation.history(0, None).messages if m.said[0] == SHOW]
        return shown[-1]


def test_the_hidden_trade_makes_both_better_off():
    table = Table(partner="plain")
    gained, answer = table.say(TRADE, PEEL, JUICE)
    assert answer[0] == GIVE and table.face() == HAPPY
    assert gained == pytest.approx([1 - 0.5 - 0.01, 1 - 0.1 - 0.01])
    assert table.w["perf"] == pytest.approx(1.4 / 1.8)
    gained, _ = table.say(TRADE, CRUMB, JUNK)
    assert gained == pytest.approx([-0.01, 0.5 - 0.1 - 0.01])
    assert table.w["perf"] == pytest.approx(1)
    table.say(NOTHING, other=False)
    assert table.w["terminated"]


def test_the_fixed_pie_is_not_given_and_two_refusals_end_it():
    table = Table(partner="plain")
    gained, answer = table.say(TRADE, PEEL, PIE)
    assert answer[0] == REFUSE
    assert gained == pytest.approx([-0.01, -0.01])
    assert not table.w["terminated"]
    table.say(TRADE, CRUMB, PIE)
    assert table.w["terminated"] and table.w["perf"] == 0


def test_what_either_loses_by_is_no_success():
    """The pie for junk is good for the partner alone; joint gain 0, and the trader has lost."""
    table = Table(partner="plain")
    gained, _ = table.say(TRADE, PIE, JUICE)
    assert gained == pytest.approx([-0.01, 0.9 - 0.01])
    table.say(TRADE, PEEL, JUNK)
    assert table.w["perf"] == 0


@pytest.mark.parametrize("partner", ["plain", "shy", "deceitful"])
def test_words_and_faces(partner):
    table = Table(seed=3, partner=partner)
    said = [table.say(ASK_LIKE)[1] for _ in range(3)]
    assert [(line[0], line[2]) for line in said] == {
        "plain": [(NEED, THING + table.kinds[PIE]), (LIKE, THING + table.kinds[CRUMB]),
                  (NEED, THING + table.kinds[PEEL])],
        "shy": [(NOTHING, 0)] * 3,
        "deceitful": [(NEED, THING + table.kinds[PIE]), (LIKE, THING + table.kinds[JUNK]),
                      (NEED, THING + table.kinds[JUICE])],
    }[partner]  # fmt: skip
    for kind, face in ((PEEL, HAPPY), (CRUMB, CALM), (PIE, HAPPY)):
        table.say(OFFER, kind)
        assert table.face() == face
        assert table.w["stock"][TRADER, table.kinds[kind]] == 1  # nothing changed hands


def test_the_sixth_kind_is_nothing_to_the_partner():
    table = Table(seed=5, kinds=6)
    table.kinds.append(next(t for t in range(6) if t not in table.kinds))
    table.say(OFFER, 5)
    assert table.face() == SAD


@pytest.mark.parametrize("options", [{}, {"kinds": 6, "population": "held_out", "partner": "deceitful"}])
@pytest.mark.parametrize("mode", ["random", "scripted"])
def test_what_is_paid_is_judged_from_ones_own_history(options, mode):
    """Both sides, own lies included: the partner is not paid for what it said it needs."""
    trades = 0
    for seed in range(12):
        simulation = GAME.simulation(1, options)
        simulation.reset(seed)
        modes, actions = np.full(2, MODES.index(mode)), np.zeros((1, 2), np.int64)
        while not simulation.ends.any():
            before = int(simulation.worlds["length"][0])
            simulation.script(modes, actions)
            simulation.step(actions)
            for who in range(2):
                total = 0.0
                whole = simulation.history(0, None)
                for k in range(before, len(whole.messages)):
                    message = whole.messages[k]
                    if message.said[:2] == (SHOW, INDIVIDUAL + who):
                        continue
                    own = simulation.history(0, who)
                    heard = tuple(
                        m for j, m in enumerate(whole.messages[:k]) if simulation.perceivers(0)[j, who]
                    )
                    total += GAME.reward(type(own)(who, 2, own.words, heard), message, who, options)
                assert total == pytest.approx(float(simulation.rewards[0, who]), abs=1e-6)
        trades += int(simulation.worlds["memory"][0, 43])
    assert trades


def test_the_others_values_are_judged_by_what_they_said():
    table = Table(partner="plain")
    gift = Message(TRADER, (GIVE, INDIVIDUAL + 1, THING + table.kinds[PEEL], 0))
    assert GAME.reward(table.simulation.history(0, TRADER), gift, PARTNER) == 0
    for _ in range(3):
        table.say(ASK_LIKE)
    assert GAME.reward(table.simulation.history(0, TRADER), gift, PARTNER) == 1
    assert GAME.reward(table.simulation.history(0, PARTNER), gift, PARTNER) == 1


def test_selfish_and_kind_differ_as_the_page_says():
    found = {}
    for agent in ("selfish", "scripted"):
        rows = mindsight.evaluate(agent, "bargain_train", 200, progress=False, recordings=0).episodes
        found[agent] = np.mean([row["welfare"] for row in rows], axis=0)
    assert found["selfish"] == pytest.approx([0.82, 0.33], abs=0.03)
    assert found["scripted"] == pytest.approx([0.41, 1.22], abs=0.03)


def test_accept_needs_a_proposal():
    table = Table()
    menu = [tuple(int(s) for s in row) for row in table.simulation.menu]
    assert not table.simulation.masks[0, TRADER, menu.index((ACCEPT, INDIVIDUAL + 1, 0, 0))]
