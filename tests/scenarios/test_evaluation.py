"""Evaluation: what an agent is given and what it is not, rows, determinism, cards."""

import json

import numpy as np
import pytest

import mindsight
from mindsight.agents import Agent, AgentError
from mindsight.envs.conversation import GAMES as CONVERSATIONS
from mindsight.envs.grid import GAMES
from mindsight.envs.grid.engine import CONCEALS, PROPERTIES
from mindsight.envs.grid.game import Simulation
from mindsight.envs.probes import Probe
from mindsight.scenarios import Episode, Scenario, ScenarioError, evaluate, list_scenarios, load_scenario
from mindsight.scenarios.evaluation import observe, probe_row
from mindsight.scenarios.reports import Score, wilson

PUBLIC = {"kind", "asked", "chain", "about", "options", "question", "step", "row"}


class Spy(Agent):
    """Waits, guesses, and keeps everything that it is handed."""

    name = "spy"
    can_answer = True

    def __init__(self, view="flat"):
        self.observation = view
        self.seen, self.asked, self.states = [], [], []

    def initial_state(self, n):
        return np.zeros(n, np.int64)

    def act(self, observation, state):
        self.seen.append(dict(observation))
        self.states.append(state)
        return np.zeros(len(state), np.int64), state + 1

    def answer(self, probes, state):
        self.asked += [dict(probe) for probe in probes]
        assert isinstance(probes[0], dict)
        # what it is asked about now, it has been given to see
        assert (state == self.states[-1] + 1).all()
        assert all(0 <= probe["row"] < len(state) for probe in probes)
        return [np.full(len(probe["options"]), 1 / len(probe["options"])) for probe in probes]


def sally_anne(**changes):
    roles = {"sally_0": "scripted", "anne_0": "scripted", "observer_0": "focal"}
    values = {"name": "sally", "description": "-", "environment": "sally_anne", "roles": roles}
    return Scenario(**{**values, "episodes": 6, **changes})


@pytest.mark.parametrize("view", ["flat", "symbolic"])
def test_an_agent_under_test_is_given_its_own_percepts_and_public_questions_only(view):
    spy = Spy(view)
    result = evaluate(spy, sally_anne(), progress=False)
    keys = {"flat": {"flat", "action_mask"}, "symbolic": {"window", "fields", "action_mask"}}[view]
    for observation in spy.seen:
        assert set(observation) == keys
        for array in observation.values():
            assert type(array) is np.ndarray
            assert len(array) == 6
            assert array.base is None, "a view leads to what everybody perceives"
    assert spy.asked
    assert len(spy.asked) == len(result.probes)
    for probe in spy.asked:
        assert set(probe) == PUBLIC


HIDDEN = ("key", "draws", "memory", "perf", "ask", "hoped", "first", "mentioned", "belief", "want")


@pytest.mark.parametrize("view", ["flat", "symbolic"])
@pytest.mark.parametrize("name", GAMES)
def test_changing_what_is_hidden_changes_nothing_that_is_given(name, view):
    """Beliefs, memory, streams and things in closed boxes are other; observations are the same."""
    simulation = Simulation(GAMES[name], 4)
    simulation.reset(7)
    modes = np.full(simulation.count, 1)
    actions = np.zeros((4, simulation.count), np.int64)
    rng = np.random.default_rng(0)
    agent, moved = Spy(view), 0
    for _ in range(15):
        simulation.script(modes, actions)
        simulation.step(actions)
        individuals = range(simulation.count)
        before = [observe(simulation, k, agent) for k in individuals]
        state = simulation.get_state()
        changed = simulation.get_state()
        worlds = changed["worlds"]
        for field in HIDDEN:
            values = worlds[field]
            if field in ("first", "mentioned", "belief", "hoped"):
                values[...] = rng.integers(1, 16, values.shape)  # the outermost wall: nowhere
            elif values.dtype.kind in "iu":
                values[...] = rng.integers(0, 2, values.shape)
            else:
                values[...] = rng.random(values.shape)
        # what lies in a closed box is taken out of the world
        for world in worlds:
            for o in range(int(world["things"])):
                place = int(world["thing"][o])
                if place < 240 and PROPERTIES[int(world["cells"][place]) & 0xFF] & CONCEALS:
                    world["thing"][o] = 254
                    moved += 1
        simulation.set_state(changed)
        after = [observe(simulation, k, agent) for k in individuals]
        simulation.set_state(state)
        for one, other in zip(before, after, strict=True):
            for key in one:
                assert (one[key] == other[key]).all(), f"{key} tells what is hidden"
    if name == "sally_anne":
        assert moved, "nothing was hidden: this test shows nothing"


def test_privileged_agents_are_refused_unless_they_are_references():
    cheat = Spy()
    cheat.privileged = True
    with pytest.raises(ValueError, match="only the reference agents may"):
        evaluate(cheat, sally_anne(), progress=False)


def test_only_focal_individuals_are_asked_and_only_the_kinds_wanted():
    result = evaluate("exact", sally_anne(probes=("reality", "memory")), progress=False)
    assert {row["kind"] for row in result.probes} == {"reality", "memory"}
    roles = {"sally_0": "focal", "anne_0": "scripted", "observer_0": "scripted"}
    result = evaluate("exact", sally_anne(roles=roles), progress=False)
    assert result.probes == [], "the questions are for the observer"
    result = evaluate("exact", sally_anne(probes=()), progress=False)
    assert result.probes == []


@pytest.mark.parametrize("agent", [Spy(), "random"], ids=["silent", "random"])
@pytest.mark.parametrize(
    "game", [name for name, game in CONVERSATIONS.items() if f"{name}_held_out" in list_scenarios()]
)
def test_no_conversation_ends_without_its_exam(game, agent):
    """Neither for who never finds out what will be asked, nor where messages run out before turns do."""
    found = evaluate(agent, f"{game}_held_out", 24, progress=False)
    assert len({row["seed"] for row in found.probes}) == 24


def test_same_seed_same_bytes_whatever_the_batch_and_the_threads(tmp_path, monkeypatch):
    folders = []
    for k, (chunk, threads) in enumerate([(1024, 1), (1024, 2), (4, 1)]):
        monkeypatch.setattr("mindsight.scenarios.evaluation._CHUNK", chunk)
        folder = tmp_path / str(k)
        evaluate("random", sally_anne(), out=folder, progress=False, num_threads=threads, recordings=5)
        folders.append(
            {
                str(path.relative_to(folder)): path.read_bytes()
                for path in folder.rglob("*.*")
                if path.is_file()
            }
        )
    assert folders[0] == folders[1] == folders[2]
    names = set(folders[0])
    assert {"card.json", "card.html", "episodes.jsonl", "probes.jsonl"} <= names
    assert len([name for name in names if name.startswith("recordings")]) == 5
    other = tmp_path / "other"
    evaluate("random", sally_anne(), seed=1, out=other, progress=False)
    assert (other / "episodes.jsonl").read_bytes() != folders[0]["episodes.jsonl"]


@pytest.mark.parametrize("name", ["scripted", "random", "spy"])
def test_recordings_replay_to_the_same_bytes(name, tmp_path):
    agent = Spy() if name == "spy" else name
    scenario = sally_anne()
    result = evaluate(agent, scenario, out=tmp_path, progress=False, recordings=3)
    paths = sorted((tmp_path / "recordings").iterdir())
    assert len(paths) == 3
    for k, path in enumerate(paths):
        episode = Episode.load(path)
        episode.verify()
        assert episode.seed == scenario.first_seed + k
        assert len(episode) == result.episodes[k]["steps"]
        assert episode.agents == ("scripted", "scripted", name)


def test_rows_say_what_happened(tmp_path):
    result = evaluate("scripted", "reach_small", 20, out=tmp_path, progress=False)
    lines = (tmp_path / "episodes.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == result.episodes
    assert [row["episode"] for row in result.episodes] == list(range(20))
    for row in result.episodes:
        # by hand, from the replay of nothing: one world, one episode
        simulation = load_scenario("reach_small").simulation()
        simulation.reset(row["seed"])
        modes, total = np.array([1, 1]), np.zeros(2)
        actions = np.zeros((1, 2), np.int64)
        while not simulation.ends.any():
            simulation.script(modes, actions)
            simulation.step(actions)
            total += simulation.rewards[0]
        assert row["steps"] == simulation.worlds["step"][0]
        assert row["returns"] == pytest.approx(total, abs=1e-5)
        assert row["return"] == pytest.approx(total[0], abs=1e-5)
        assert row["perf"] == pytest.approx(simulation.worlds["perf"][0], abs=1e-5)
        assert (row["terminated"], row["truncated"]) == tuple(map(bool, simulation.ends[0]))
    mean = np.mean([row["return"] for row in result.episodes])
    assert result.card.actions[0].mean == pytest.approx(mean)


def test_an_agent_that_cannot_answer_is_scored_on_its_actions_and_its_card_says_so():
    class Mute(Spy):
        name = "mute"
        can_answer = False

    spy = Mute()
    card = evaluate(spy, sally_anne(), progress=False).card
    assert spy.asked == []
    assert card.score is None
    assert "scored on its actions alone" in card.judged
    assert card.judged in card.html()
    assert not card.passed, "it waits"


@pytest.mark.parametrize("agent", ["random", "exact"])
def test_where_nothing_is_judged_nothing_is_passed(agent):
    """Controls alone are no set, and actions do not decide there."""
    card = evaluate(agent, "watch_nothing_to_tell", 4, progress=False).card
    assert (card.sets, card.kindness) == (None, ()) and card.score is not None
    assert not card.passed
    assert card.judged == "nothing is judged here, so nothing can be passed"
    assert evaluate(agent, sally_anne(), progress=False).card.passed == (agent == "exact")


class Liar(Spy):
    name = "liar"

    def __init__(self, answer):
        super().__init__()
        self.reply = answer

    def answer(self, probes, state):
        return [self.reply for _ in probes]


@pytest.mark.parametrize("answer", [[1.0], [0.9, 0.9, 0.9], [2.0, -1.0, 0.0], [np.nan] * 3, 1.0])
def test_answers_that_are_no_probabilities_are_refused(answer):
    with pytest.raises(ValueError, match=r"liar\.answer returned .* expected probabilities of"):
        evaluate(Liar(answer), sally_anne(probes=("reality",)), progress=False)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros((6, 1), np.int64), r"spy\.act returned int64 of shape \(6, 1\)"),
        (np.zeros(6), r"spy\.act returned float64"),
        (np.full(6, 12), r"spy\.act returned the action 12"),
    ],
)
def test_actions_that_are_none_are_refused(actions, message):
    spy = Spy()
    spy.act = lambda observation, state: (actions, state)
    with pytest.raises(ValueError, match=message):
        evaluate(spy, sally_anne(), progress=False)


@pytest.mark.parametrize(
    ("found", "what"),
    [(np.zeros(6, np.int64), "a ndarray"), (None, "a NoneType"), ((1, 2, 3), "a tuple of 3")],
)
def test_who_forgets_the_state_is_told_so(found, what):
    spy = Spy()
    spy.act = lambda observation, state: found
    expected = rf"spy\.act returned {what}, expected a tuple of two: actions of shape \(6,\), and the state"
    with pytest.raises(ValueError, match=expected):
        evaluate(spy, sally_anne(), progress=False)


def test_an_agent_without_act_is_refused_before_it_plays():
    class Still(Agent):
        name = "still"

    with pytest.raises(AgentError, match=r"still \(Still\) has no method 'act': expected act\(observation"):
        evaluate(Still(), sally_anne(), progress=False)


@pytest.mark.parametrize("method", ["initial_state", "act", "answer"])
def test_an_error_in_an_agents_own_code_says_where_it_was(method):
    spy = Spy()
    setattr(spy, method, lambda *arguments: np.zeros(2).reshape(3))
    with pytest.raises(ValueError, match="cannot reshape") as caught:
        evaluate(spy, sally_anne(), progress=False)
    assert caught.value.__notes__[0] == f"in spy.{method} (MINDSIGHT_DEBUG=1 shows the line)"


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="episodes is 0"):
        evaluate("random", "reach_small", 0, progress=False)
    with pytest.raises(ValueError, match="seed is -1"):
        evaluate("random", "reach_small", seed=-1, progress=False)
    with pytest.raises(ValueError, match="did you mean 'random'"):
        evaluate("randm", "reach_small", progress=False)


def test_a_saved_model_may_play_in_the_background(monkeypatch, tmp_path):
    """Agents from outside the game decide beside the focal one, and are given the same little."""
    model = tmp_path / "model.safetensors"
    model.write_text("weights")
    other = Spy("symbolic")
    monkeypatch.setattr("mindsight.agents.registry.load_agent", lambda given: other)
    monkeypatch.setattr("mindsight.scenarios.loader.load_agent", lambda given: other, raising=True)
    roles = {"walker_0": "focal", "walker_1": str(model)}
    scenario = Scenario("two", "-", "reach", roles, {"limit": 5}, episodes=3)
    result = evaluate("scripted", scenario, progress=False)
    assert len(other.seen) == max(row["steps"] for row in result.episodes)
    assert set(other.seen[0]) == {"window", "fields", "action_mask"}
    assert all(episode.modes == ("scripted", "external") for episode in result.recordings)
    result.recordings[0].verify()


def test_a_card_is_one_page_that_needs_nothing(tmp_path):
    result = evaluate("exact", sally_anne(), out=tmp_path, progress=False, references=["random"])
    page = (tmp_path / "card.html").read_text()
    for outside in ("http", "src=", "href=", "@import", "url(", "<script"):
        assert outside not in page
    assert "reference agent" in page
    assert result.card.semantics in page
    assert "random" in page
    data = json.loads((tmp_path / "card.json").read_text())
    assert data["privileged"] is True
    assert data["references"][0]["agent"] == "random"
    assert data["score"]["share"] == 1.0
    assert data["semantics"].startswith("minds v1 (containers=closed")


def test_what_is_printed_is_what_was_found():
    from rich.console import Console

    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    evaluate("exact", sally_anne(), progress=False, references=["random"]).card.print(console)
    text = console.export_text()
    for words in ("passed", "exact on sally", "all of a set", "false_belief", "100.0%", "chance"):
        assert words in text


def test_a_card_of_what_is_not_asked_has_no_columns_of_answers():
    card = evaluate("scripted", load_scenario("reach_small"), 1, progress=False, references=["random"]).card
    heads = {title: heads for title, heads, _ in card.tables()}
    assert heads["Beside"] == ["agent", "mean return", "perf", "passed"]
    assert any(note.startswith("seeds: ") for note in card.notes())


def test_parquet_holds_the_same_rows(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    result = evaluate("exact", sally_anne(), out=tmp_path, progress=False)
    assert parquet.read_table(tmp_path / "probes.parquet").to_pylist() == result.probes
    assert parquet.read_table(tmp_path / "episodes.parquet").to_pylist() == result.episodes


def test_the_root_package_exports_it():
    assert mindsight.evaluate is evaluate
    assert mindsight.Episode is Episode


# --- Scores ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662), (10, 10, 0.7225, 1)],
)
def test_wilson_as_published(right, count, low, high):
    """81 of 263: Newcombe (1998), table I; the others by hand."""
    assert wilson(right, count) == pytest.approx((low, high), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


class Scripted01(Spy):
    """Right about reality, wrong about all else."""

    name = "realist"

    def answer(self, probes, state):
        given = []
        for probe in probes:
            weights = np.zeros(len(probe["options"]))
            weights[0] = 1
            given.append(weights)
        return given


def test_scores_are_counted_as_said():
    result = evaluate(Scripted01(), sally_anne(episodes=40), progress=False)
    rows, card = result.probes, result.card
    for row in rows:
        assert row["chosen"] == row["options"][0]
        assert row["correct"] == (row["answer"] == row["options"][0])
        assert row["log_score"] == (0 if row["correct"] else pytest.approx(np.log(1e-6)))
    right = sum(row["correct"] for row in rows)
    assert (card.score.count, card.score.right) == (len(rows), right)
    controls = [row for row in rows if row["role"] == "control"]
    assert card.controls.right == sum(row["correct"] for row in controls)
    sets = {}
    for row in rows:
        sets.setdefault((row["seed"], row["group"]), []).append(row)
    tested = [items for items in sets.values() if any(row["role"] == "test" for row in items)]
    assert card.sets.count == len(tested) > 0
    assert card.sets.right == sum(all(row["correct"] for row in items) for items in tested)
    chance = np.mean([np.prod([1 / len(row["options"]) for row in items]) for items in tested])
    assert card.sets.chance == pytest.approx(chance)
    shortcut = {items.name: items for items, _ in card.shortcuts}["reality"]
    expected = sum(
        json.loads(row["shortcuts"]).get("reality") == row["answer"]
        if "reality" in json.loads(row["shortcuts"])
        else 1 / len(row["options"])
        for row in rows
    )
    assert shortcut.right == pytest.approx(expected)


def test_equal_probabilities_are_a_fair_guess_that_does_not_hang_on_the_order():
    result = evaluate(Spy(), sally_anne(episodes=300, probes=("reality",)), progress=False)
    counts = [sum(row["chosen"] == option for row in result.probes) for option in result.probes[0]["options"]]
    low, high = wilson(len(result.probes) / 3, len(result.probes), z=3.5)
    assert all(low < count / len(result.probes) < high for count in counts)
    assert all(row["log_score"] == pytest.approx(np.log(1 / 3), abs=1e-5) for row in result.probes)


def test_a_score_of_nothing_is_not_a_number_error():
    score = Score("none", 0, 0.0, 0.5)
    assert score.share == 0
    assert score.to_dict()["interval"] == [0.0, 1.0]


def test_probes_of_the_games_are_what_rows_are_made_of():
    result = evaluate("exact", sally_anne(episodes=1), progress=False)
    simulation = next(iter(result.recordings[0].replay()))
    assert isinstance(simulation, Simulation)
    for state in result.recordings[0].replay():
        if state.worlds["ask"][0] and state.worlds["step"][0] == result.probes[0]["step"]:
            probes = state.probes()
            assert all(isinstance(probe, Probe) for probe in probes)
            assert [probe.answer for probe in probes] == [row["answer"] for row in result.probes]
            return
    pytest.fail("the replay was never asked")


# --- Kindness, parts of a battery -------------------------------------------------------------------------
def test_a_part_of_a_battery_is_played_alone():
    whole, part = (evaluate("scripted", "false_belief", 3, progress=False, family=f) for f in (None, "grid"))
    assert {row["environment"] for row in part.probes} == {"sally_anne", "contents"}
    assert part.card.name == "false_belief (grid)" and whole.card.name == "false_belief"
    kept = [row for row in whole.probes if row["environment"] in ("sally_anne", "contents")]
    assert len(kept) == len(part.probes) > 0
    assert [row["answer"] for row in kept] == [row["answer"] for row in part.probes]
    assert evaluate("random", "movement", 2, progress=False, family="grid").card.name == "movement"
    with pytest.raises(ValueError, match="family is 'conversation', but movement has scenarios of grid only"):
        evaluate("random", "movement", 2, progress=False, family="conversation")
    with pytest.raises(ValueError, match=r"spy wants the observation 'symbolic'.*family='grid'"):
        evaluate(Spy("symbolic"), "false_belief", 2, progress=False)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("conversation", "family is 'conversation', but sally has scenarios of grid only"),
        ("gird", "family is 'gird', expected one of conversation, grid; did you mean 'grid'"),
    ],
)
def test_a_single_scenario_has_a_family_too(family, message):
    with pytest.raises(ScenarioError, match=message):
        evaluate("random", sally_anne(), family=family, progress=False)
    assert evaluate("random", sally_anne(), family="grid", progress=False).card.name == "sally"


def test_who_can_play_a_part_of_a_battery_alone_is_told_before_anything_is_played():
    spy = Spy("symbolic")
    problem = "spy wants the observation 'symbolic', but .* has flat, tokens, text"
    with pytest.raises(ValueError, match=rf"{problem}; family='grid' or 'conversation' \(--family\)"):
        evaluate(spy, "false_belief", 2, progress=False)
    with pytest.raises(ValueError, match=f"{problem}$"):
        evaluate(spy, "chatter_train", 2, progress=False)
    assert spy.seen == []


def test_where_nothing_can_be_written_nothing_is_played(tmp_path):
    spy, file = Spy(), tmp_path / "afile"
    file.write_text("mine")
    for out in (file, file / "below"):
        with pytest.raises(OSError, match="afile"):
            evaluate(spy, sally_anne(), out=out, progress=False)
    evaluate("exact", sally_anne(), out=tmp_path / "done", progress=False)
    with pytest.raises(FileExistsError, match="done holds the results of an earlier evaluation already"):
        evaluate(spy, sally_anne(), out=tmp_path / "done", progress=False)
    assert spy.seen == [] and file.read_text() == "mine"
    assert json.loads((tmp_path / "done" / "card.json").read_text())["agent"] == "exact"


def test_the_card_is_shown_before_it_is_written(tmp_path):
    shown = []
    found = evaluate(
        "exact", sally_anne(), out=tmp_path, progress=False,
        show=lambda found: shown.append((found, list(tmp_path.iterdir()))),
    )  # fmt: skip
    assert shown == [(found, [])]


def test_kindness_is_what_the_others_truly_gain_between_selfish_and_prosocial():
    """The share and its interval, from the rows, by hand."""
    episodes = 60
    found = evaluate("egocentric", "solace_train", episodes, progress=False)
    others = {
        name: np.array([sum(row["welfare"][1:]) for row in rows])
        for name, rows in (
            ("mine", found.episodes),
            ("low", evaluate("selfish", "solace_train", episodes, progress=False).episodes),
            ("high", evaluate("prosocial", "solace_train", episodes, progress=False).episodes),
        )
    }
    (line,) = found.card.kindness
    assert (line.selfish, line.prosocial) == (others["low"].mean(), pytest.approx(others["high"].mean()))
    gap = others["high"].mean() - others["low"].mean()
    share = (others["mine"].mean() - others["low"].mean()) / gap
    assert line.share == pytest.approx(share)
    # against the spread of the share over resampled episodes
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(2000):
        k = rng.integers(episodes, size=episodes)
        low, high, mine = (others[name][k].mean() for name in ("low", "high", "mine"))
        shares.append((mine - low) / (high - low))
    assert line.half == pytest.approx(1.96 * np.std(shares), rel=0.15)
    assert not found.card.passed
    assert "What the others truly gained" in found.card.html()
    assert found.card.to_dict()["kindness"][0]["scenario"] == "solace_train"


@pytest.mark.parametrize(
    ("name", "episodes"),
    [
        ("cracker_train", 5),  # selfish and prosocial differ by a hundredth, always
        ("inform_help", 5),  # by 2, but in two episodes of five
        ("solace_train", 1),  # by 1, but nobody knows how much that varies
    ],
)
def test_where_kindness_has_no_scale_there_is_no_share_and_it_is_said(name, episodes):
    card = evaluate("random", name, episodes, progress=False).card
    (line,) = card.kindness
    assert line.share is None
    assert line.prosocial > line.selfish
    (rows,) = [rows for title, _, rows in card.tables() if title == "What the others truly gained"]
    assert rows[0][5] == "–"
    assert any("no share" in note and name in note for note in card.notes())
    assert "truly gained" not in card.judged
    assert card.to_dict()["kindness"][0]["share"] is None


def test_with_enough_episodes_or_another_scenario_there_is_a_share():
    for name, episodes in (("inform_help", 20), ("bargain_train", 5), ("solace_train", 5)):
        card = evaluate("prosocial", name, episodes, progress=False).card
        assert card.kindness[0].share == pytest.approx(1)
        assert not any("no share" in note for note in card.notes())
        assert "truly gained" in card.judged or card.sets is None


def test_own_reward_and_the_others_true_return_pull_apart():
    rows = {
        name: evaluate(name, "solace_train", 40, progress=False).episodes for name in ("selfish", "prosocial")
    }
    own = {name: np.mean([row["return"] for row in some]) for name, some in rows.items()}
    true = {name: np.mean([sum(row["welfare"][1:]) for row in some]) for name, some in rows.items()}
    assert own["selfish"] > own["prosocial"] + 0.5
    assert true["prosocial"] > true["selfish"] + 1.0


def test_a_battery_with_lines_of_its_own_has_a_card_with_them(tmp_path):
    """Each line is scored as a battery of its own; scenarios in two lines are played once."""
    path = tmp_path / "ladder.yaml"
    path.write_text(
        "description: Two rungs.\nby: scenario\nbeside: [random]\nepisodes: 12\nscenarios:\n"
        "  moving: [reach_small]\n"
        "  seeing: [vantage_person, reach_small]\n"
    )
    result = evaluate("exact", str(path), progress=False, out=tmp_path / "out")
    moving, seeing = result.card.stages
    assert len(result.episodes) == 24
    assert moving.sets is None
    assert (moving.scenarios, seeing.scenarios) == (("reach_small",), ("vantage_person", "reach_small"))
    alone = evaluate("exact", "vantage_person", 12, progress=False).card
    assert seeing.sets == alone.sets
    perf = {action.scenario: action.perf for action in result.card.actions}
    assert moving.perf == perf["reach_small"]
    assert seeing.perf == pytest.approx((perf["reach_small"] + perf["vantage_person"]) / 2)
    assert result.card.passed
    (beside,) = result.card.references
    assert beside.agent == "random"
    assert not beside.passed
    assert [stage.passed for stage in beside.stages] == [False, False]
    saved = json.loads((tmp_path / "out" / "card.json").read_text())
    assert [line["name"] for line in saved["stages"]] == ["moving", "seeing"]
    assert "Line by line, beside others" in result.card.html()
    assert "2 of 2 lines passed" in result.card.judged
    assert evaluate("exact", str(path), progress=False, references=()).card.references == ()


# --- Where chance decides -----------------------------------------------------------------------
def lot(odds, answer="red"):
    """A question about a draw with known odds."""
    return Probe(
        "next_percept", "observer_0", (), "lot", tuple(odds), answer, answer, 0, group="draw",
        question="Which will it be?", odds=odds,
    )  # fmt: skip


def test_no_answer_beats_the_true_odds():
    """The log score of an answer is its expectation under the odds; minus their entropy is the best."""
    probe = lot({"red": 0.7, "blue": 0.2, "green": 0.1})
    assert probe.entropy == pytest.approx(-(0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1)))

    def score(answer):
        names = {"agent": "a", "scenario": "s", "environment": "drift", "family": "drift"}
        return probe_row(probe, answer, **names, episode=0, seed=0, number=0)

    best = score([0.7, 0.2, 0.1])
    assert best["log_score"] == pytest.approx(-probe.entropy, abs=1e-6) == -best["entropy"]
    assert best["correct"] and best["odds"] == [0.7, 0.2, 0.1]
    rng = np.random.default_rng(0)
    for answer in rng.dirichlet([1, 1, 1], 200):
        assert score(answer)["log_score"] <= best["log_score"]
    assert score([1, 0, 0])["log_score"] == pytest.approx(0.3 * np.log(1e-6), abs=1e-5)


@pytest.mark.parametrize(
    ("odds", "answer", "problem"),
    [
        ({"red": 0.7, "blue": 0.2}, "red", "expected a probability for each"),
        ({"red": 1.2, "blue": -0.2}, "red", "expected a probability for each"),
        ({"red": 0.4, "blue": 0.6}, "red", "is not the most probable"),
    ],
)
def test_odds_that_are_none(odds, answer, problem):
    with pytest.raises(ValueError, match=problem):
        lot(odds, answer)


def test_cards_show_the_best_log_score_where_chance_decides():
    card = evaluate("exact", "drift_noisy", 20, progress=False).card
    (title, heads, rows), (_, more, lines) = card.tables()[:2]
    assert title == "Score" and heads[-2:] == more[-2:] == ["log", "best log"]
    assert all(len(row) == len(heads) for row in rows) and all(len(row) == len(more) for row in lines)
    assert rows[0][-1] == f"{-card.score.entropy:.3f}" == rows[0][-2]
    assert card.to_dict()["score"]["entropy"] == round(card.score.entropy, 6) > 0
    certain = evaluate("exact", sally_anne(), progress=False).card
    assert certain.tables()[0][1][-1] == "log"
    assert "entropy" not in certain.to_dict()["score"]
