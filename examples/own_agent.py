"""An agent of one's own, scored on a scenario and on the false-belief battery.

It watches the ball and answers every question about beliefs with the place where it saw the ball last:
so it passes true belief, and fails false belief. Run it: ``python examples/own_agent.py``.
"""

import numpy as np

import mindsight
from mindsight.envs.grid.engine import TERRAIN, THINGS


class Watcher(mindsight.Agent):
    """Stands still and remembers in which container it last saw the ball."""

    name = "watcher"
    observation = "symbolic"
    can_answer = True

    def initial_state(self, n):
        return np.full(n, "unknown", dtype="<U16")

    def act(self, observation, state):
        terrain, thing = observation["window"][..., 0], observation["window"][..., 1]
        state = state.copy()
        for row, _, cell in np.argwhere(thing.reshape(len(thing), 1, -1) == THINGS.index("ball")):
            name = TERRAIN[terrain.reshape(len(terrain), -1)[row, cell]]
            state[row] = name.removesuffix("_open")
        return np.zeros(len(state), np.int64), state

    def answer(self, probes, state):
        weights = [
            np.array([float(option == state[probe["row"]]) + 1e-3 for option in probe["options"]])
            for probe in probes
        ]
        return [weight / weight.sum() for weight in weights]


if __name__ == "__main__":
    found = mindsight.evaluate(Watcher(), "false_belief", episodes=20, references=["random"], family="grid")
    found.card.print()
