"""The seven tasks: each story by hand, and what passes and fails them."""

import pytest

import mindsight
from mindsight.envs.conversation.questions import program_of
from mindsight.envs.conversation.scale import TASKS
from mindsight.envs.games import GAMES


def stories(task, story, n=60):
    simulation = GAMES["scale"].simulation(n, {"task": task, "story": story})
    simulation.reset(4)
    for world in range(n):
        yield simulation, world, simulation.probes(world)


def by_kind(probes, kind, chain=True):
    return [probe for probe in probes if probe.kind == kind and bool(probe.chain) == chain]


@pytest.mark.parametrize("task", TASKS)
def test_controls_are_right_by_the_easy_answer_and_tests_are_not(task):
    for story in ("test", "control"):
        for _, _, probes in stories(task, story):
            minds = [probe for probe in probes if probe.chain and probe.role == "test"]
            assert bool(minds) == (story == "test")
            if task in ("diverse_desires", "contents", "explicit_false_belief", "belief_emotion"):
                easy = [
                    probe.shortcuts.get("reality", probe.shortcuts.get("dropped_first")) for probe in probes
                ]
                wrong = [p for p, e in zip(probes, easy, strict=True) if e is not None and e != p.answer]
                # among those who looked and those who did not, exactly one is wrong
                assert len(wrong) == (story == "test")


@pytest.mark.parametrize("task", TASKS)
def test_beliefs_are_the_trackers(task):
    for simulation, world, _ in stories(task, "both", 20):
        beliefs = mindsight.track(program_of(simulation, world), order=2)
        w, names = simulation.worlds[world], [simulation.name(world, a) for a in range(simulation.count)]
        for t in range(int(w["things"])):
            thing = simulation.word(world, 232 + t)
            if thing not in beliefs.objects:
                continue
            for chain in [(), (1,), (2,), (3,), (2, 1), (1, 2), (3, 1)]:
                known = [names[a] for a in chain]
                if not set(known) <= set(beliefs.individuals):
                    continue
                place = int(w["belief"][t, simulation.chains.index(chain)])
                from_engine = None if place < 0 else place
                expected = beliefs[known][thing]
                if expected is None:
                    assert from_engine is None
                elif place < 8:
                    assert simulation.word(world, 240 + place) == expected
                else:
                    assert names[place - 8] == expected


def test_real_and_apparent_emotion_differ_in_the_test_and_agree_in_the_twin():
    for story in ("test", "control"):
        for _, _, probes in stories("real_apparent", story):
            (felt,), (shown,) = by_kind(probes, "feeling"), by_kind(probes, "percept", False)
            assert (felt.answer == shown.answer) == (story == "control")


def test_the_audience_is_told_the_whole_story_and_the_looker_alone_sees_inside():
    for simulation, world, _ in stories("knowledge_access", "test", 10):
        heard = simulation.perceivers(world)
        assert heard[:, 0].all()
        told = [
            k for k, message in enumerate(simulation.history(world, None).messages) if message.sender == 8
        ]
        looker = int(simulation.worlds[world]["memory"][2])
        assert heard[told[-1]].nonzero()[0].tolist() == [0, looker]


def test_the_battery_is_sound():
    card = mindsight.evaluate(
        "exact", "wellman_liu", episodes=40, progress=False, references=("random", "reality_biased")
    ).card
    assert card.passed
    assert not any(reference.passed for reference in card.references)
