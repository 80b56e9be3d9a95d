"""Batches: every world of one is a single world, whatever stands beside it; nothing is copied."""

import copy
import pickle
import tracemalloc
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import mindsight
from mindsight.envs.grid import GAMES, engine, faces, percepts, spaces
from mindsight.envs.grid.game import AUTORESET, Simulation

NAMES = list(GAMES)
VIEWS = [view for view in percepts.OBSERVATIONS if view != "text"]


@pytest.fixture(autouse=True)
def no_warnings():
    """Whatever is warned of here is an error, whoever warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def actions_of(seed, worlds, individuals, steps):
    """(steps, B, A): what world k does hangs on seed + k alone."""
    columns = [
        np.random.default_rng(seed + k).integers(0, engine.NUM_ACTIONS, (steps, individuals))
        for k in range(worlds)
    ]
    return np.stack(columns, 1)


def bytes_of(simulation, k):
    """All that is known of one world of a batch."""
    return (
        simulation.worlds[k].tobytes(),
        simulation.window[k].tobytes(),
        simulation.fields[k].tobytes(),
        simulation.masks[k].tobytes(),
        simulation.rewards[k].tobytes(),
        simulation.ends[k].tobytes(),
    )


@pytest.mark.parametrize("autoreset", ["same_step", "next_step"])
@pytest.mark.parametrize("name", NAMES)
def test_each_world_is_a_single_world(name, autoreset):
    """Batches of 1, 3 and 64, with one and two threads, over several episodes."""
    seed, steps, limit = 11, 75, 24
    make = {"options": {"limit": limit}, "autoreset": autoreset}
    everybody = actions_of(seed, 64, GAMES[name].count(GAMES[name].options()), steps)
    single = {}
    for k in (0, 1, 2, 31, 32, 63):
        simulation = Simulation(GAMES[name], 1, **make)
        simulation.reset(seed + k)
        single[k] = [bytes_of(simulation, 0)]
        for t in range(steps):
            simulation.step(everybody[t, k : k + 1])
            single[k].append(bytes_of(simulation, 0))
        assert sum(record[-1] != bytes(2) for record in single[k]) >= 2  # episodes ended
    for worlds, threads in ((3, 1), (3, 2), (64, 1), (64, 2)):
        batch = Simulation(GAMES[name], worlds, num_threads=threads, **make)
        batch.reset(seed)
        for t in range(steps + 1):
            if t:
                batch.step(everybody[t - 1, :worlds])
            for k in single:
                if k < worlds:
                    assert bytes_of(batch, k) == single[k][t], (worlds, threads, t, k)
        batch.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_face_is_the_single_face(name):
    """Observations, rewards, ends and last observations: as the parallel face has them."""
    worlds, seed, steps = 3, 5, 90
    env = mindsight.vector_env(name, worlds, observation="flat", limit=40)
    observations, infos = env.reset(seed=seed)
    singles = [mindsight.parallel_env(name, limit=40) for _ in range(worlds)]
    given = [single.reset(seed=seed + k) for k, single in enumerate(singles)]
    names = env.individuals
    actions = actions_of(seed, worlds, len(names), steps)
    ended = 0
    for t in range(steps):
        for k in range(worlds):
            for a, agent in enumerate(names):
                np.testing.assert_array_equal(observations[k, a], given[k][0][agent])
                np.testing.assert_array_equal(infos["action_mask"][k, a], given[k][-1][agent]["action_mask"])
        observations, rewards, terminations, truncations, infos = env.step(actions[t])
        for k, single in enumerate(singles):
            given[k] = single.step(dict(zip(names, actions[t, k].tolist(), strict=True)))
            perf = single.simulation.worlds["perf"][0]
            assert rewards[k].tolist() == list(given[k][1].values())
            assert terminations[k].tolist() == list(given[k][2].values())
            assert truncations[k].tolist() == list(given[k][3].values())
            if not single.agents:
                ended += 1
                assert infos["_final_obs"][k]
                assert infos["perf"][k] == perf
                for a, agent in enumerate(names):
                    np.testing.assert_array_equal(infos["final_obs"][k, a], given[k][0][agent])
                    np.testing.assert_array_equal(
                        infos["final_mask"][k, a], given[k][-1][agent]["action_mask"]
                    )
                given[k] = single.reset()
            elif "_final_obs" in infos:
                assert not infos["_final_obs"][k]
    assert ended >= 6


# --- Shapes, spaces, buffers ----------------------------------------------------------------------
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_spaces(name, view):
    env = mindsight.vector_env(name, 4, observation=view, window=5)
    count = len(env.individuals)
    assert env.action_space.shape == (4, count)
    assert env.single_action_space == gymnasium.spaces.Discrete(12)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observations, infos = env.reset()
    env.action_space.seed(0)
    for _ in range(30):
        assert env.observation_space.contains(observations)
        arrays = observations.values() if view == "symbolic" else [observations]
        for array in arrays:
            assert array.shape[:2] == (4, count)
            assert array.flags.c_contiguous
        assert infos["action_mask"].shape == (4, count, 12)
        assert infos["action_mask"].dtype == np.int8
        observations, rewards, terminations, truncations, infos = env.step(env.action_space.sample())
        assert rewards.shape == terminations.shape == truncations.shape == (4, count)
        assert rewards.dtype == np.float32
        assert terminations.dtype == truncations.dtype == np.bool_
    if view == "symbolic":
        single = env.single_observation_space
        window = observations["window"][3, count - 1].copy()
        assert single.contains({"window": window, "fields": observations["fields"][3, count - 1]})


@pytest.mark.parametrize("view", VIEWS)
def test_two_alternating_buffers(view):
    """The last observation stays as it is over one step; its memory is used again after that."""

    def parts(observations, infos):
        arrays = list(observations.values()) if view == "symbolic" else [observations]
        return [*arrays, infos["action_mask"]]

    env = mindsight.vector_env("reach", 8, observation=view, limit=7)
    rng = np.random.default_rng(0)
    before = parts(*env.reset())
    kept = [array.copy() for array in before]
    addresses = []
    for _ in range(20):
        observations, _, _, _, infos = env.step(rng.integers(0, 12, (8, 2)))
        now = parts(observations, infos)
        for a, b, c in zip(before, kept, now, strict=True):
            np.testing.assert_array_equal(a, b)
            assert not np.shares_memory(a, c)
        before, kept = now, [array.copy() for array in now]
        addresses.append(tuple(array.__array_interface__["data"][0] for array in now))
    assert len(set(addresses)) == 2
    assert addresses[0::2] == [addresses[0]] * 10


@pytest.mark.parametrize("view", ["symbolic", "flat"])
def test_no_observation_is_allocated_in_a_step(view):
    env = mindsight.vector_env("reach", 512, observation=view)
    env.reset()
    actions = np.zeros((512, 2), np.int64)
    for _ in range(3):
        observations, *_ = env.step(actions)
    arrays = observations.values() if view == "symbolic" else [observations]
    size = sum(array.nbytes for array in arrays)
    tracemalloc.start()
    try:
        for _ in range(5):
            env.step(actions)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size / 4, (peak, size)


def test_large_batches_make_their_space_late():
    env = mindsight.vector_env("reach", 20_000)
    assert "_batched_space" not in env.__dict__
    assert env.action_space.shape == (20_000, 2)


# --- Resets ---------------------------------------------------------------------------------------
def test_disabled_resets_what_the_mask_names():
    env = mindsight.vector_env("reach", 4, autoreset="disabled", limit=5)
    env.reset()
    wait = np.zeros((4, 2), np.int64)
    for _ in range(5):
        _, _, _, truncations, infos = env.step(wait)
        assert "final_obs" not in infos
    assert truncations.all()
    before = env.simulation.worlds.copy()
    observations, rewards, _, truncations, _ = env.step(wait)  # nothing moves after the end
    assert truncations.all()
    assert not rewards.any()
    old = {key: value.copy() for key, value in observations.items()}
    mask = np.array([True, False, False, True])
    observations, _ = env.reset(options={"reset_mask": mask})
    for k in range(4):
        fresh = bool(env.simulation.worlds["step"][k] == 0)
        assert fresh == mask[k]
        if not mask[k]:
            assert env.simulation.worlds["place"][k].tobytes() == before["place"][k].tobytes()
            for key in old:
                np.testing.assert_array_equal(observations[key][k], old[key][k])
    assert env.simulation.ends.any(axis=1).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("mask", "given"),
    [
        (np.ones(3, bool), "shape \\(3,\\)"),
        (np.ones(4, int), "dtype int64"),
        ([True] * 4, "list"),
        (np.zeros(4, bool), "no True"),
    ],
)
def test_a_wrong_reset_mask_is_refused(mask, given):
    for env in (
        mindsight.vector_env("reach", 4, autoreset="disabled"),
        gymnasium.make_vec("mindsight/reach-v0", num_envs=4, autoreset="disabled"),
    ):
        with pytest.raises(ValueError, match=given):
            env.reset(options={"reset_mask": mask})


def test_seeds():
    a, b = (mindsight.vector_env("reach", 3, seed=seed) for seed in (0, 2))
    a.reset()
    b.reset()
    assert a.simulation.worlds[2].tobytes() == b.simulation.worlds[0].tobytes()
    for env in (a, b):  # worlds that have been played in are as good as new
        for _ in range(250):
            actions = np.full((3, 2), 1)
            env.simulation.script(np.full(2, 1), actions)
            env.step(actions)
        env.reset(seed=2)
    fresh = mindsight.vector_env("reach", 3, seed=7)
    fresh.reset(seed=2)
    for env in (a, b):
        assert env.simulation.worlds.tobytes() == fresh.simulation.worlds.tobytes()
    anywhere = [mindsight.vector_env("reach", 1, seed=None) for _ in range(2)]
    for env in anywhere:
        env.reset()
    assert anywhere[0].simulation.worlds["key"] != anywhere[1].simulation.worlds["key"]


# --- Errors ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros((4,), int), "shape \\(4,\\), expected \\(4, 2\\)"),
        (np.zeros((2, 4), int), "shape \\(2, 4\\), expected \\(4, 2\\)"),
        (np.zeros((4, 2)), "dtype float64, expected whole numbers"),
        (np.full((4, 2), 12), "walker_0 in world 0 is 12, expected 0 to 11"),
        (np.full((4, 2), -1), "walker_0 in world 0 is -1, expected 0 to 11"),
    ],
)
def test_wrong_actions_are_refused_and_move_nothing(actions, message):
    env = mindsight.vector_env("reach", 4)
    with pytest.raises(RuntimeError, match="before reset"):
        env.step(np.zeros((4, 2), int))
    env.reset()
    before = env.simulation.worlds.tobytes()
    with pytest.raises(ValueError, match=message):
        env.step(actions)
    assert env.simulation.worlds.tobytes() == before
    for dtype in (np.int8, np.uint8, np.int32, np.int64):
        env.step(np.zeros((4, 2), dtype))


def test_wrong_arguments_are_refused():
    for arguments, message in (
        ({"observation": "text"}, "no array; expected 'tokens'"),
        ({"observation": "flatt"}, "did you mean 'flat'"),
        ({"autoreset": "same"}, "did you mean 'same_step'"),
        ({"num_envs": 0}, "expected a whole number of at least 1"),
        ({"num_threads": 0}, "expected a whole number of at least 1"),
        ({"order": 5}, "expected one of 0, 1"),
    ):
        with pytest.raises(ValueError, match=message):
            mindsight.vector_env("reach", **{"num_envs": 2, **arguments})
    with pytest.raises(ValueError, match="two names of one option"):
        faces.LearnerVectorEnvironment("reach", 2, autoreset="same_step", autoreset_mode="disabled")


# --- Gymnasium's vector face ----------------------------------------------------------------------
def infos_agree(ours, theirs, count):
    """The infos that Gymnasium's own vector environment gives are among ours."""
    for key in ("action_mask", "_action_mask", "_final_obs", "_final_info"):
        assert (key in ours) == (key in theirs), key
        if key in ours:
            np.testing.assert_array_equal(ours[key], theirs[key])
    if "final_obs" in theirs:
        for k in range(count):
            if theirs["_final_obs"][k]:
                np.testing.assert_array_equal(ours["final_obs"][k], theirs["final_obs"][k])
                np.testing.assert_array_equal(
                    ours["final_info"]["action_mask"][k], theirs["final_info"]["action_mask"][k]
                )
            else:
                assert ours["final_obs"][k] is None


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("name", NAMES)
def test_make_vec_is_gymnasiums_own_vector_of_single_environments(name, mode):
    """All three autoreset modes, step for step, against gymnasium's SyncVectorEnv."""
    count, steps = 3, 100
    ours = gymnasium.make_vec(
        f"mindsight/{name}-v0", num_envs=count, autoreset_mode=mode, limit=30, others="random"
    )
    assert isinstance(ours, faces.LearnerVectorEnvironment)
    assert ours.metadata["autoreset_mode"] is mode
    theirs = SyncVectorEnv(
        [lambda: gymnasium.make(f"mindsight/{name}-v0", limit=30, others="random")] * count,
        autoreset_mode=mode,
    )
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    a, b = ours.reset(seed=3), theirs.reset(seed=3)
    np.testing.assert_array_equal(a[0], b[0])
    infos_agree(a[1], b[1], count)
    rng = np.random.default_rng(0)
    ended = 0
    for _ in range(steps):
        actions = rng.integers(0, 12, count)
        a, b = ours.step(actions), theirs.step(actions)
        for x, y in zip(a[:4], b[:4], strict=True):
            np.testing.assert_array_equal(x, y)
        infos_agree(a[4], b[4], count)
        over = a[2] | a[3]
        ended += over.sum()
        if mode is AutoresetMode.DISABLED and over.any():
            a = ours.reset(options={"reset_mask": over.copy()})
            b = theirs.reset(options={"reset_mask": over.copy()})
            np.testing.assert_array_equal(a[0], b[0])
        if mode is AutoresetMode.NEXT_STEP and over.any():
            # a single environment's characters do not act in the step that only begins anew
            break
    assert ended


def test_wrappers_take_it():
    env = gymnasium.make_vec("mindsight/reach-v0", num_envs=3, autoreset="same_step", limit=9)
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(env)
    env.reset(seed=0)
    lengths = []
    for _ in range(40):
        *_, infos = env.step(np.zeros(3, int))
        if "episode" in infos:
            lengths += infos["episode"]["l"][infos["_episode"]].tolist()
    assert lengths
    assert set(lengths) <= {9, 10}


@pytest.mark.parametrize("view", VIEWS)
def test_the_learners_rows(view):
    """With everybody's actions set by hand, the learner's face shows the learner's rows."""
    full = mindsight.vector_env("reach", 4, observation=view, individuals=3, limit=6)
    one = faces.LearnerVectorEnvironment(
        "reach", 4, observation=view, individuals=3, limit=6, learner="walker_1",
        others="reality_biased", autoreset="same_step", seed=0,
    )  # fmt: skip
    a, b = full.reset(), one.reset()
    for t in range(20):
        rows, row = (a[0], b[0]) if view != "symbolic" else (a[0]["window"], b[0]["window"])
        np.testing.assert_array_equal(rows[:, 1], row)
        np.testing.assert_array_equal(a[-1]["action_mask"][:, 1], b[-1]["action_mask"])
        assert one.observation_space.contains(b[0])
        actions = np.full((4, 3), t % 12)
        full.simulation.script(one._modes, actions)
        a, b = full.step(actions), one.step(actions[:, 1])
        np.testing.assert_array_equal(a[1][:, 1], b[1])
        np.testing.assert_array_equal(a[3][:, 1], b[3])


# --- State is a value -----------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "state"])
@pytest.mark.parametrize("kind", ["everybody", "learner"])
@pytest.mark.parametrize("name", NAMES)
def test_copies_of_a_running_batch_go_on_alike(name, kind, how):
    def fresh():
        if kind == "everybody":
            return mindsight.vector_env(name, 5, observation="flat", limit=20, num_threads=2)
        return gymnasium.make_vec(
            f"mindsight/{name}-v0", num_envs=5, limit=20, others="random", autoreset="same_step"
        )

    env = fresh()
    rng = np.random.default_rng(0)

    def actions():
        return rng.integers(0, 12, env.action_space.shape)

    env.reset(seed=1)
    for _ in range(13):
        env.step(actions())
    if how == "state":
        twin = fresh()
        state = env.get_state()
        frozen = pickle.dumps(state)
        twin.set_state(state)
    else:
        twin = copy.deepcopy(env) if how == "deepcopy" else pickle.loads(pickle.dumps(env))
        assert (twin.spec is None) == (env.spec is None)
    before = env.simulation.worlds.tobytes()
    todo = [actions() for _ in range(50)]

    def go_on(env):
        given = []
        for a in todo:
            observations, *numbers, infos = env.step(a)
            given.append((observations.copy(), *numbers, pickle.dumps(infos)))
        return given

    first = go_on(twin)
    assert env.simulation.worlds.tobytes() == before
    if how == "state":
        assert pickle.dumps(state) == frozen
    for x, y in zip(first, go_on(env), strict=True):
        for p, q in zip(x[:4], y[:4], strict=True):
            np.testing.assert_array_equal(p, q)
    assert env.simulation.worlds.tobytes() == twin.simulation.worlds.tobytes()
    for e in (env, twin):
        e.close()
        e.close()


def test_masks_of_last_percepts_are_the_rules():
    """What is worked out from the last percept is what the engine said of that world."""
    for name in NAMES:
        env = mindsight.vector_env(name, 32, limit=15, autoreset="disabled")
        rng = np.random.default_rng(3)
        env.reset()
        for _ in range(15):
            *_, infos = env.step(rng.integers(0, 12, env.action_space.shape))
        simulation = env.simulation
        np.testing.assert_array_equal(
            infos["action_mask"], spaces.mask_of(simulation.window, simulation.fields)
        )


def test_every_game_has_every_autoreset_mode():
    for name in NAMES:
        for mode in AUTORESET:
            env = mindsight.vector_env(name, 2, autoreset=mode, limit=4)
            env.reset()
            for _ in range(7):
                _, _, terminations, truncations, _ = env.step(np.zeros(env.action_space.shape, int))
            over = terminations | truncations
            assert over.all() if mode == "disabled" else not over.any()
