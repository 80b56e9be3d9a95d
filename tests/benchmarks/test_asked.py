"""Who is asked and answers is counted, and who says something else, too."""

import math

import numpy as np

from mindsight.agents.tri_module import TriConfig, TriModule
from mindsight.agents.tri_module.agent import TriModuleAgent
from mindsight.agents.tri_module.perspective import VOCABULARY_SIZE
from mindsight.benchmarks.experiments.asked import asked, unheard
from mindsight.envs.conversation.language import CLAIM, UNSURE


class Answerer(TriModuleAgent):
    """Says of what it was asked about last whatever it can say (``acts``), and else nothing."""

    acts = (CLAIM, UNSURE)

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        menu, mask = observation["menu"], observation["action_mask"] != 0
        senders, tokens = observation["sender"], observation["tokens"]
        chosen = np.zeros(len(menu), np.int64)
        for row in range(len(menu)):
            thing = tokens[row][senders[row] != 0][-1, 2] if (senders[row] != 0).any() else -1
            for u in np.flatnonzero(mask[row]):
                if menu[row, u, 0] in self.acts and menu[row, u, 1] == thing:
                    chosen[row] = u
        return chosen, state


class Silent(Answerer):
    acts = ()


MODEL = TriModule(TriConfig(VOCABULARY_SIZE, width=12, layers=1, heads=(1, 1, 1), hidden=12))


def test_who_says_what_is_so_is_right_and_who_does_not_is_not():
    for held_out in (False, True):
        found = asked(Answerer(MODEL), 24, held_out)
        assert found["asked"] > 5
        assert found["answered"] == found["right"] == 1
    found = asked(Silent(MODEL), 24, False)
    assert found["asked"] > 5
    assert found["answered"] == found["right"] == 0


def test_an_untrained_agent_finds_waiting_about_as_likely_as_nothing():
    nats = unheard(TriModuleAgent(MODEL), 8)
    assert math.isfinite(nats) and abs(nats) < 10
