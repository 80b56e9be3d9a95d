"""babble, chatter and echo: what is played, worked out by hand; the odds of what is said."""

import numpy as np
import pytest

from mindsight.envs.conversation import babble, chatter, echo, engine, language
from mindsight.envs.conversation.language import CALM, HAPPY, INDIVIDUAL, MENTION, SAD, SHOW, THING
from mindsight.envs.games import GAMES
from mindsight.envs.simulation import MODES


def single(name, seed=1, **options):
    simulation = GAMES[name].simulation(1, options)
    simulation.reset(seed)
    return simulation


def modes(simulation, mode="scripted"):
    return np.full(simulation.count, MODES.index(mode))


def say(simulation, *slots):
    """Whoever has the turn says something, in slots."""
    w = simulation.worlds[0]
    a = int(w["speaker"])
    act, x, y, z = [*slots, 0, 0, 0, 0][:4]
    u = int(engine.find(w, simulation.menu, a, act, x, y, z))
    assert simulation.menu[u, 0] == act, "it is on the menu"
    actions = np.zeros((1, simulation.count), np.int64)
    actions[0, a] = u
    simulation.step(actions)
    return [tuple(int(part) for part in said) for said in w["said"][: w["length"]]]


def played(name, batch, mode="scripted", seed=7, steps=60, **options):
    """A batch, with what each step was: (simulation before the step, actions)."""
    simulation = GAMES[name].simulation(batch, options)
    simulation.reset(seed)
    actions = np.zeros((batch, simulation.count), np.int64)
    for _ in range(steps):
        alive = ~simulation.ends.any(1)
        if not alive.any():
            return
        simulation.script(modes(simulation, mode), actions)
        yield simulation, actions, alive
        simulation.step(actions)


# --- babble ------------------------------------------------------------------------------------------------
def test_a_sound_pleases_on_its_occasion_and_nothing_else_does():
    simulation = single("babble", occasions=2, sounds=3, rounds=4)
    w, options = simulation.worlds[0], simulation.options
    first, sounds = babble.occasions(options)[0], babble.sounds(options)
    wanted = int(w["memory"][babble.WANTED])
    assert w["speaker"] == 1
    for round_, (sound, face, gain) in enumerate(
        [(wanted, HAPPY, 1.0), ((wanted + 1) % 3, CALM, 0.0), (None, None, 0.0), ("copy", CALM, 0.0)]
    ):
        say(simulation, MENTION, first)
        assert w["speaker"] == 0
        length = int(w["length"])
        if sound is None:
            said = say(simulation, language.NOTHING)
        else:
            said = say(simulation, MENTION, first if sound == "copy" else sounds[sound])
        assert simulation.rewards[0, 0] == gain
        shown = [message for message in said[length:] if message[0] == SHOW]
        assert shown == ([] if face is None else [(SHOW, INDIVIDUAL + 1, face, 0)])
        assert simulation.ends[0, 0] == (round_ == 3)
    assert w["perf"] == pytest.approx(0.25)
    assert w["welfare"][:2].tolist() == [1.0, 1.0]


def test_the_fixed_rule_is_the_pages():
    for simulation in (single("babble", seed, rule="fixed", caretakers=2, sounds=5) for seed in range(3)):
        memory = simulation.worlds[0]["memory"]
        for c in range(2):
            for k in range(simulation.options.occasions):
                assert memory[babble.WANTED + c * babble.OCCASIONS + k] == (k + 2 * c + 1) % 5


def test_a_drawn_rule_differs_between_episodes_and_between_occasions():
    simulation = GAMES["babble"].simulation(400, {"sounds": 2})
    simulation.reset(0)
    wanted = simulation.worlds["memory"][:, babble.WANTED : babble.WANTED + 3]
    assert len(np.unique(wanted, axis=0)) == 2**3 - 2, "never one sound for all occasions"


def test_who_tries_and_remembers_pleases_and_never_makes_one_mistake_twice():
    for simulation, actions, alive in played("babble", 64, occasions=3, sounds=4, rounds=24):
        w = simulation.worlds
        rows = np.flatnonzero(alive & (w["speaker"] == 0))
        for row in rows:
            memory = w["memory"][row]
            cell = int(memory[babble.CARETAKER]) * babble.OCCASIONS + int(memory[babble.OCCASION])
            said = simulation.menu[actions[row, 0], 1] - babble.sounds(simulation.options)[0]
            assert not memory[babble.TRIED + cell] >> int(said) & 1
            if memory[babble.KNOWN + cell] >= 0:
                assert said == memory[babble.WANTED + cell]


# --- chatter -----------------------------------------------------------------------------------------------
def staged(habit, favourite=0, **options):
    """A conversation whose first character has a habit; the second says nothing that counts."""
    simulation = single("chatter", people=2, topics=4, tempers=False, **options)
    memory = simulation.worlds[0]["memory"]
    memory[chatter.HABIT + 1], memory[chatter.LIKED + 1] = habit, favourite
    return simulation


def next_said(simulation):
    """What the one whose turn it is says, as a character."""
    actions = np.zeros((1, simulation.count), np.int64)
    simulation.script(modes(simulation), actions)
    w = simulation.worlds[0]
    a = int(w["speaker"])
    entry = simulation.menu[actions[0, a]]
    return (int(entry[0]), int(engine.absolute(w, a, int(entry[1]))))


@pytest.mark.parametrize(
    ("habit", "told"),
    [
        (chatter.ECHO, ("mention", 2)),
        (chatter.ONWARD, ("mention", 3)),
        (chatter.BACK, ("mention", 1)),
        (chatter.FAVOURITE, ("mention", 0)),
        (chatter.ANSWERER, ("mention", 0)),
        (chatter.GREETER, ("greet", 0)),
        (chatter.ASKER, ("ask_feel", 0)),
    ],
)
def test_every_habit_after_a_topic(habit, told):
    simulation = staged(habit)
    first = chatter.topics(simulation.options)[0]
    say(simulation, MENTION, first + 2)
    act, argument = told
    expected = first + argument if act == "mention" else INDIVIDUAL + argument
    assert next_said(simulation) == (language.ACTS[act], expected)


def test_topics_go_round_and_the_answerer_answers():
    simulation = staged(chatter.ONWARD)
    first = chatter.topics(simulation.options)[0]
    say(simulation, MENTION, first + 3)
    assert next_said(simulation) == (MENTION, first)
    for asked, answered in (("greet", ("greet", 0)), ("ask_feel", ("feel", 1))):
        simulation = staged(chatter.ANSWERER)
        say(simulation, language.ACTS[asked], INDIVIDUAL + 1)
        assert next_said(simulation) == (language.ACTS[answered[0]], INDIVIDUAL + answered[1])


def test_hearing_what_one_wants_is_worth_one_and_words_cost_a_little():
    simulation = staged(chatter.ECHO)
    w = simulation.worlds[0]
    first = chatter.topics(simulation.options)[0]
    goal = int(w["memory"][chatter.GOAL])
    say(simulation, MENTION, first + goal)
    assert simulation.rewards[0].tolist() == pytest.approx([-0.01, 0, 0])
    said = say(simulation, MENTION, first + goal)  # the echo takes it up
    assert simulation.rewards[0].tolist() == [1.0, 0, 0]
    assert w["memory"][chatter.GOAL] != goal
    assert said[-1] == (language.NOISE, first + int(w["memory"][chatter.GOAL]), 0, 0)
    assert simulation.perceivers(0)[-1].tolist() == [True, False, False], "overheard by the learner alone"
    assert w["perf"] == pytest.approx(1 / 3)


def test_populations_differ_in_habits_and_topics():
    habits = {}
    for population in ("train", "held_out"):
        simulation = GAMES["chatter"].simulation(300, {"people": 4, "population": population})
        simulation.reset(0)
        drawn = simulation.worlds["memory"][:, chatter.HABIT + 1 : chatter.HABIT + 5]
        habits[population] = set(np.unique(drawn).tolist())
        by_topic = np.isin(drawn, [chatter.ECHO, chatter.ONWARD, chatter.BACK])
        plain = simulation.worlds["temper"][:, 1:5] == engine.PLAIN
        assert (by_topic & plain).any(1).all() and (~by_topic & plain).any(1).all()
    assert habits["train"] == {
        chatter.ECHO,
        chatter.ONWARD,
        chatter.FAVOURITE,
        chatter.GREETER,
        chatter.ASKER,
    }
    assert habits["held_out"] == {chatter.BACK, chatter.ANSWERER, chatter.ASKER}
    made = [set(chatter.topics(chatter.ChatterOptions(topics=6, population=p))) for p in habits]
    assert not made[0] & made[1]


def test_the_floor_goes_to_anybody_but_the_last_and_to_the_shy_half_as_often():
    turns = np.zeros((4, 4), int)
    for simulation, _, alive in played(
        "chatter", 800, turns="free", steps=40, tempers=False, goals=8, limit=60
    ):
        w = simulation.worlds
        if w["step"][0] == 0:
            w["temper"][:, 1] = engine.SHY
            last = None
        now = w["speaker"].astype(int)
        if last is not None:
            for a, b in zip(last[alive], now[alive], strict=True):
                turns[a, b] += 1
        last = now
    assert (turns.diagonal() == 0).all()
    shares = turns[2] / turns[2].sum()  # after the second character: the learner, the shy one, the third
    assert shares[[0, 1, 3]] == pytest.approx([0.4, 0.2, 0.4], abs=0.03)


def test_who_is_addressed_answers():
    simulation = single("chatter", turns="addressed", people=3, tempers=False)
    say(simulation, language.GREET, INDIVIDUAL + 3)
    assert simulation.worlds["speaker"][0] == 3
    say(simulation, language.NOTHING)
    assert simulation.worlds["speaker"][0] == 1, "then on as it would have gone"


# --- echo --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("way", "demonstrator", "learner"),
    [
        (echo.PASSER, ("offer", 3, 1), ("offer", 2, 1)),
        (echo.RECALLER, ("request", 1, 2), ("request", 1, 2)),
        (echo.PICKY, ("accept", 1, None), ("refuse", 1, None)),
        (echo.CONTRARY, ("refuse", 1, None), ("accept", 1, None)),
        (echo.THANKFUL, ("thank", 1, None), ("thank", 1, None)),
        (echo.GREETER, ("greet", 3, None), ("greet", 2, None)),
        (echo.TELLER, ("like", 2, 1), ("like", 0, 1)),
    ],
)
def test_every_way_goes_by_who_acts(way, demonstrator, learner):
    """Thing 1 is offered, after thing 2; the demonstrator likes it, the learner does not."""
    w = single("echo").worlds[0]
    w["like"][echo.FIRST], w["like"][echo.LEARNER] = 1, 0
    for a, (act, who, thing) in ((echo.FIRST, demonstrator), (echo.LEARNER, learner)):
        packed = int(echo.answers(w, a, way, 1, 2))
        assert packed & 255 == language.ACTS[act]
        assert packed >> 8 & 255 == INDIVIDUAL + who
        assert packed >> 16 & 255 == (0 if thing is None else THING + thing)


def test_the_host_is_glad_of_who_answers_as_the_thanked_one_would():
    simulation = single("echo", demonstrators=1, rounds=3, trials=2)
    w = simulation.worlds[0]
    w["memory"][echo.WAY + 2] = echo.TELLER
    actions = np.zeros((1, 3), np.int64)
    while not (w["speaker"] == 0 and w["memory"][echo.MODEL] == 2):
        simulation.script(modes(simulation), actions)
        simulation.step(actions)
    offered = int(w["memory"][echo.NOW])
    said = say(simulation, language.LIKE, INDIVIDUAL, THING + offered)  # "I", not the demonstrator's name
    assert said[-1] == (SHOW, INDIVIDUAL + 1, HAPPY, 0)
    assert simulation.rewards[0].tolist() == [1.0, 0, 0]
    while w["speaker"] != 0:
        simulation.script(modes(simulation), actions)
        simulation.step(actions)
    said = say(simulation, language.THANK, INDIVIDUAL + 1)
    assert said[-1] == (SHOW, INDIVIDUAL + 1, SAD, 0)
    assert simulation.rewards[0, 0] == 0 and simulation.ends[0, 0] == 1
    assert w["perf"] == pytest.approx(0.5)


def test_populations_have_ways_of_their_own():
    ways = {}
    for population in ("train", "held_out"):
        simulation = GAMES["echo"].simulation(300, {"population": population})
        simulation.reset(0)
        drawn = simulation.worlds["memory"][:, echo.WAY + 2 : echo.WAY + 4]
        assert (drawn[:, 0] != drawn[:, 1]).all()
        ways[population] = set(np.unique(drawn).tolist())
    assert ways["train"] == {echo.PASSER, echo.RECALLER, echo.PICKY, echo.THANKFUL}
    assert ways["held_out"] == {echo.PASSER, echo.PICKY, echo.GREETER, echo.CONTRARY, echo.TELLER}


# --- Odds --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "options", "characters"),
    [
        ("chatter", {"people": 4, "turns": "free", "population": "held_out", "limit": 60}, (1, 2, 3, 4)),
        ("chatter", {}, (1, 2, 3)),
        ("echo", {"slip": 20}, (1, 2, 3)),
    ],
)
def test_the_odds_are_those_of_what_is_said(name, options, characters):
    surprise, floor, tally, expected = [], [], 0.0, 0.0
    for simulation, actions, alive in played(name, 2048, seed=11, steps=30, **options):
        odds = simulation.odds()
        np.testing.assert_allclose(odds.sum(1), 1.0)
        speakers = simulation.worlds["speaker"].astype(int)
        rows = np.flatnonzero(alive & np.isin(speakers, characters))
        legal = simulation.masks[rows, speakers[rows]]
        assert not odds[rows][legal == 0].any(), "nothing that cannot be said"
        chosen = actions[rows, speakers[rows]]
        chances = odds[rows, chosen]
        assert (chances > 0).all(), "nothing impossible is said"
        surprise.append(-np.log(chances))
        floor.append(-(odds[rows] * np.log(np.maximum(odds[rows], 1e-300))).sum(1))
        tally = tally + np.bincount(chosen, minlength=odds.shape[1])
        expected = expected + odds[rows].sum(0)
    gap = np.concatenate(surprise) - np.concatenate(floor)
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(len(gap)) + 1e-9
    assert np.abs(tally - expected).max() < 5 * np.sqrt(expected.max())


def test_the_floors_on_the_page_are_what_is_measured():
    from mindsight.scenarios import load_scenario

    page = GAMES["chatter"].documentation
    for name in ("chatter_train", "chatter_held_out"):
        scenario = load_scenario(name)
        simulation = scenario.simulation(4096)
        simulation.reset(scenario.first_seed)
        actions = np.zeros((4096, simulation.count), np.int64)
        found = []
        while not simulation.ends.any(1).all():
            odds = simulation.odds()
            rows = ~simulation.ends.any(1) & (simulation.worlds["speaker"] > 0)
            found.append(-(odds[rows] * np.log(np.maximum(odds[rows], 1e-300))).sum(1))
            simulation.script(scenario.modes("scripted"), actions)
            simulation.step(actions)
        assert f"{np.concatenate(found).mean():.2f}" in page, name


def test_a_game_that_does_not_tell_its_odds_says_so():
    with pytest.raises(ValueError, match="solace does not tell the odds"):
        single("solace").odds()


# --- Exams -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    ["babble_train", "babble_held_out", "chatter_train", "chatter_held_out", "echo_train", "echo_held_out"],
)
def test_their_exams_are_sound_and_their_shortcuts_fail(name):
    from mindsight.scenarios import audit, evaluate

    cards = {
        agent: evaluate(agent, name, 120, progress=False, recordings=0).card
        for agent in ("random", "last_seen", "egocentric", "scripted", "exact")
    }
    assert cards["exact"].score.right == cards["exact"].score.count > 100
    assert cards["scripted"].sets.share > 0.7
    for agent in ("random", "last_seen", "egocentric"):
        assert cards[agent].sets.share < 0.05, agent
        assert cards[agent].actions[0].perf < cards["scripted"].actions[0].perf - 0.05, agent
    low, high = cards["random"].score.interval
    assert (
        low <= cards["random"].score.chance <= high
        or abs(cards["random"].score.share - cards["random"].score.chance) < 0.04
    )
    assert audit(name, 120).sound
