"""Agents by name, what they have to be, and who may read the engine's state."""

import sys

import numpy as np
import pytest

from mindsight.agents import AGENTS, Agent, AgentError, load_agent
from mindsight.agents.base import guess, one_hot
from mindsight.agents.baselines import Exact, Random
from mindsight.agents.registry import upper_bound
from mindsight.envs.grid import GAMES
from mindsight.envs.grid.game import MODES, Simulation
from mindsight.envs.probes import Probe


class Waiter(Agent):
    name = "waiter"

    def act(self, observation, state):
        return np.zeros(len(observation["action_mask"]), np.int64), state


class Cheat(Waiter):
    name = "cheat"
    privileged = True


class Impostor(Exact):
    """Bears the name of a reference agent, without being one."""


class Puppet(Waiter):
    name = "puppet"
    mode = "exact"


def make_nothing():
    return object()


@pytest.mark.parametrize("name", AGENTS)
def test_reference_agents_are_found_by_name(name):
    agent = load_agent(name)
    assert agent.name == name
    assert agent.mode in MODES
    assert agent.can_answer
    # all but the random one read the engine's state, and say so
    assert agent.privileged == (name != "random")
    assert load_agent(agent) is agent


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(AgentError, match=r"'exakt'.*did you mean 'exact'\?"):
        load_agent("exakt")
    with pytest.raises(AgentError, match="expected one of random"):
        load_agent("/nowhere/model")


def test_an_agent_of_ones_own_is_loaded_from_its_module(monkeypatch, tmp_path):
    (tmp_path / "my_agents_h5.py").write_text(
        "from mindsight.agents import Agent\n"
        "class Mine(Agent):\n    name = 'mine'\n"
        "def nothing():\n    return object()\n"
        "notaclass = 3\n"
        "class Broken(Agent):\n    def __init__(self):\n        int('seven')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_agent("my_agents_h5:Mine").name == "mine"
    with pytest.raises(AgentError, match="my_agents_h5:Other"):
        load_agent("my_agents_h5:Other")
    with pytest.raises(AgentError, match="No module named"):
        load_agent("no_such_module_h5:Mine")
    for attribute, problem in {
        "nothing": "object has no method 'initial_state'",
        "notaclass": "is a int, expected a class, or a function that makes an agent",
        "Broken": r"ValueError: invalid literal .* 'seven' \(MINDSIGHT_DEBUG=1 shows the line\)",
    }.items():
        with pytest.raises(AgentError, match=rf"^agent 'my_agents_h5:{attribute}' \(.*\.py\): {problem}"):
            load_agent(f"my_agents_h5:{attribute}")


def _agent_file(folder, module, name):
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(
        f"from mindsight.agents import Agent\nclass Mine(Agent):\n    name = {name!r}\n"
    )
    return folder


def test_an_agent_is_loaded_from_the_current_folder_as_a_console_script_does_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])  # "" would be the current folder
    before = list(sys.path)
    _agent_file(tmp_path / "here", "my_agents_h2", "mine")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AgentError, match="No module named 'my_agents_h2'"):
        load_agent("my_agents_h2:Mine")
    monkeypatch.chdir(tmp_path / "here")
    assert load_agent("my_agents_h2:Mine").name == "mine"
    with pytest.raises(AgentError, match=r"my_agents_h2:Other' \(.*here/my_agents_h2.py\): .*'Other'"):
        load_agent("my_agents_h2:Other")
    assert sys.path == before


def test_the_current_folder_hides_nothing_that_is_installed(monkeypatch, tmp_path):
    installed = _agent_file(tmp_path / "installed", "installed_agents_h2", "installed")
    monkeypatch.setattr(sys, "path", [*(entry for entry in sys.path if entry), str(installed)])
    monkeypatch.chdir(_agent_file(tmp_path / "here", "installed_agents_h2", "mine"))
    assert load_agent("installed_agents_h2:Mine").name == "installed"


@pytest.mark.parametrize("kind", [Cheat, Impostor, Puppet])
def test_only_reference_agents_may_read_the_engine(kind):
    with pytest.raises(AgentError, match="only the reference agents may"):
        load_agent(kind())


def test_an_experiments_upper_bound_may_read_it_and_what_is_derived_from_it_may_not():
    @upper_bound
    class Bound(Cheat):
        pass

    class Derived(Bound):
        pass

    assert load_agent(Bound()).privileged
    with pytest.raises(AgentError, match="only the reference agents may"):
        load_agent(Derived())


def test_what_is_no_agent_is_refused():
    wrong = Waiter()
    wrong.observation = "pixels"
    with pytest.raises(AgentError, match="observation of waiter is 'pixels', expected one of 'flat'"):
        load_agent(wrong)
    for view in ("flat", "symbolic", "tokens", "text"):
        wrong.observation = view
        assert load_agent(wrong) is wrong
    with pytest.raises(AgentError, match="acting: only language models have settings, and 'exact' is none"):
        load_agent("exact", acting="free")
    with pytest.raises(NotImplementedError, match="Agent does not say how it acts"):
        Agent().act({}, None)
    with pytest.raises(NotImplementedError, match="does not answer"):
        Waiter().answer([], None)


def test_the_random_agent_takes_legal_actions_only_and_all_of_them():
    mask = np.zeros((4000, 12), np.int8)
    mask[:, [0, 3, 7]] = 1
    agent = Random(seed=3)
    first, state = agent.act({"action_mask": mask}, agent.initial_state(4000))
    second, _ = agent.act({"action_mask": mask}, state)
    assert set(first) == {0, 3, 7}
    counts = np.bincount(first)[[0, 3, 7]]
    assert (abs(counts - 4000 / 3) < 200).all()
    assert (first != second).any()
    again, _ = agent.act({"action_mask": mask}, agent.initial_state(4000))
    assert (again == first).all()


@pytest.mark.parametrize("name", [name for name in AGENTS if name != "random"])
@pytest.mark.parametrize("game", GAMES)
def test_a_character_acts_as_the_game_has_it_act(game, name):
    simulation = Simulation(GAMES[game], 8)
    simulation.reset(3)
    agent = load_agent(name)
    individual = simulation.count - 1
    actions, _ = agent.act({"oracle": (simulation, individual)}, None)
    modes = np.zeros(simulation.count, np.int64)
    modes[individual] = MODES.index(agent.mode)
    expected = np.zeros((8, simulation.count), np.int64)
    again = Simulation(GAMES[game], 8)
    again.reset(3)
    again.script(modes, expected)
    assert (actions == expected[:, individual]).all()


def probe(**changes):
    values = {
        "kind": "belief",
        "asked": "observer_0",
        "chain": ("sally_0",),
        "about": "ball",
        "options": ("box", "basket", "unknown"),
        "answer": "basket",
        "own": "unknown",
        "required_order": 1,
        "shortcuts": {"reality": "box", "last_mentioned": "basket"},
    }
    return Probe(**{**values, **changes})


@pytest.mark.parametrize(
    ("name", "changes", "answer"),
    [
        ("exact", {}, "basket"),
        ("scripted", {}, "unknown"),
        ("scripted", {"own": ""}, None),
        ("reality_biased", {}, "box"),
        ("reality_biased", {"shortcuts": {}}, "unknown"),
        ("reality_biased", {"chain": ()}, "unknown"),
        (
            "reality_biased",
            {"kind": "knowledge", "options": ("yes", "no"), "answer": "no"},
            "yes",
        ),
        ("last_seen", {}, "basket"),
        ("last_seen", {"shortcuts": {"last_mentioned": "hands"}}, None),
    ],
)
def test_reference_agents_answer_as_documented(name, changes, answer):
    item = probe(**changes)
    (given,) = load_agent(name).answer([item], None)
    expected = guess(item.options) if answer is None else one_hot(item.options, answer)
    assert np.allclose(given, expected)


def test_the_random_agent_is_shown_no_answers():
    (given,) = load_agent("random").answer([probe().public()], 0)
    assert np.allclose(given, 1 / 3)
