"""Scenario files: what is right is read, what is wrong is one line that says where and what."""

from dataclasses import replace

import numpy as np
import pytest

from mindsight.envs.grid.game import MODES
from mindsight.envs.probes import KINDS
from mindsight.scenarios import (
    Battery,
    Scenario,
    ScenarioError,
    evaluation_seed,
    list_batteries,
    list_scenarios,
    load,
    load_battery,
    load_scenario,
    training_seed,
)
from mindsight.scenarios.seeds import BLOCK, EVALUATION

GOOD = """\
description: Two walkers.
tags: [one, two]
environment: reach
options:
  individuals: 2
  width: 7
window: 5
order: 1
roles:
  walker_0: focal
  walker: scripted
probes: [belief, reality]
episodes: 12
seed: 3
threshold: 0.5
perf_threshold: 1
"""


def write(folder, text, name="mine.yaml"):
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_is_read(tmp_path):
    path = write(tmp_path, GOOD)
    scenario = load_scenario(path)
    assert scenario == load_scenario(str(path)) == load(path)
    assert scenario.name == "mine"
    assert scenario.tags == ("one", "two")
    assert scenario.options == {"individuals": 2, "width": 7}
    assert scenario.roles == {"walker_0": "focal", "walker_1": "scripted"}
    assert scenario.focal == (0,)
    assert scenario.probes == ("belief", "reality")
    assert (scenario.window, scenario.order, scenario.episodes) == (5, 1, 12)
    assert scenario.first_seed == EVALUATION + 3 * BLOCK
    assert (scenario.threshold, scenario.perf_threshold) == (0.5, 1.0)
    assert list(scenario.modes()) == [0, MODES.index("scripted")]
    assert list(scenario.modes("exact")) == [MODES.index("exact"), MODES.index("scripted")]
    assert {k: agent.name for k, agent in scenario.background().items()} == {1: "scripted"}
    simulation = scenario.simulation(3)
    assert (simulation.num_envs, simulation.size, simulation.order) == (3, 5, 1)


def test_probes_are_all_none_or_some(tmp_path):
    for text, kinds in (("all", KINDS), ("none", ()), ("belief", ("belief",))):
        path = write(tmp_path, GOOD.replace("[belief, reality]", text))
        assert load_scenario(path).probes == kinds
    assert load_scenario(write(tmp_path, GOOD.replace("probes: [belief, reality]\n", ""))).probes == KINDS


@pytest.mark.parametrize("name", list_scenarios())
def test_every_built_in_scenario_plays(name):
    scenario = load_scenario(name)
    assert scenario.name == name
    assert len(scenario.description) > 20
    simulation = scenario.simulation(2)
    simulation.reset(scenario.first_seed)
    actions = np.zeros((2, simulation.count), np.int64)
    simulation.script(scenario.modes("scripted"), actions)
    simulation.step(actions)
    assert (simulation.worlds["step"] == 1).all()


@pytest.mark.parametrize("name", list_batteries())
def test_every_built_in_battery_loads(name):
    battery = load(name)
    assert isinstance(battery, Battery)
    assert battery == load_battery(name)
    assert battery.scenarios


def wrong(old, new, message):
    return pytest.param(GOOD.replace(old, new, 1), message, id=new.strip()[:30] or old)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        wrong("tags:", "tag:", r":2: unknown key 'tag'.*did you mean 'tags'"),
        wrong("description: Two walkers.\n", "", r":1: key 'description' is missing"),
        wrong("description: Two walkers.", "description: 3", r":1: key 'description': is a int \(3\)"),
        wrong("[one, two]", "one", r":2: key 'tags': is text \('one'\), expected a list"),
        wrong("[one, two]", "[one, 2]", r":2: key 'tags': holds a int \(2\)"),
        wrong(": reach", ": reech", r":3: key 'environment': is 'reech'.*did you mean 'reach'"),
        wrong(": reach", ": [reach]", r":3: key 'environment': is \['reach'\]"),
        wrong("width: 7", "widht: 7", r":6: key 'options.widht': unknown option.*mean 'width'"),
        wrong("width: 7", "width: wide", r":6: key 'options.width': option 'width' is 'wide'"),
        wrong("width: 7", "width: 99", r":6: key 'options.width'.* is 99, expected 5 to 11"),
        wrong("window: 5", "window: 6", r":7: key 'window': is 6, expected one of 5, 7, 9"),
        wrong("window: 5", "window: [5]", r":7: key 'window': is \[5\]"),
        wrong("order: 1", "order: yes", r":8: key 'order': is 'yes'"),
        wrong("order: 1", "order: true", r":8: key 'order': is True"),
        wrong("walker_0: focal", "walkr_0: focal", r":10: key 'roles.walkr_0'.*mean 'walker_0'"),
        wrong("walker_0:", "walker_3:", r":10: key 'roles.walker_3': takes no part"),
        wrong("walker: scripted", "walker: skripted", r":11: .*'skripted'.*mean 'scripted'"),
        wrong("walker: scripted", "walker: 3", r":11: key 'roles.walker': is 3"),
        wrong("  walker: scripted\n", "", r":9: key 'roles': nobody plays 'walker_1'"),
        wrong("walker_0: focal", "walker_0: exact", r":9: key 'roles': nobody is 'focal'"),
        wrong("belief,", "beleif,", r":12: key 'probes': is 'beleif'.*did you mean 'belief'"),
        wrong("[belief, reality]", "non", r":12: key 'probes': is 'non'.*did you mean 'none'"),
        wrong("episodes: 12", "episodes: 0", r":13: key 'episodes': is 0"),
        wrong("episodes: 12", "episodes: 1.5", r":13: key 'episodes': is 1.5"),
        wrong("seed: 3", "seed: -1", r":14: key 'seed': is -1"),
        wrong("threshold: 0.5", "threshold: 85", r":15: key 'threshold': is 85"),
        wrong("perf_threshold: 1", "perf_threshold: x", r":16: key 'perf_threshold': is 'x'"),
        wrong("tags: [one, two]", "tags: [one, two", r":\d+: not valid YAML"),
        wrong("order: 1", "window: 7", r":8: not valid YAML: found duplicate key"),
        pytest.param("- a\n- b\n", r":1: the file holds a list, expected keys", id="list"),
        pytest.param("", r":1: the file holds nothing", id="empty"),
    ],
)
def test_one_line_names_file_line_key_and_the_nearest_name(text, message, tmp_path):
    path = write(tmp_path, text)
    with pytest.raises(ScenarioError, match=message) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_unknown_names_and_files():
    with pytest.raises(ScenarioError, match=r"did you mean 'reach_small'"):
        load_scenario("reach_smal")
    with pytest.raises(ScenarioError, match=r"battery is 'movment'.*did you mean 'movement'"):
        load_battery("movment")
    with pytest.raises(ScenarioError, match=r"scenario or battery.*did you mean 'movement'"):
        load("movment")
    with pytest.raises(ScenarioError, match=r"there is no file 'nowhere.yaml'"):
        load("nowhere.yaml")


BATTERY = """\
description: Some.
scenarios:
  - reach_small
  - mine.yaml
  - reach_rooms: [{doors: open}, {doors: closed, width: 7}]
  - watch_person: [{social: true}, {social: false}]
by: scenario
sets: seed
threshold: 0.7
"""


def test_a_battery_finds_files_beside_it_and_plays_scenarios_in_several_ways(tmp_path):
    write(tmp_path, GOOD)
    battery = load(write(tmp_path, BATTERY, "some.yml"))
    assert [scenario.name for scenario in battery.scenarios] == [
        "reach_small",
        "mine",
        "reach_rooms-open",
        "reach_rooms-closed-7",
        "watch_person-social",
        "watch_person-no_social",
    ]
    assert battery.scenarios[3].options["width"] == 7
    families = [scenario.family for scenario in battery.scenarios]
    assert families[0] == families[1] == ""
    assert families[2] == families[3] != ""
    assert (battery.by, battery.sets, battery.threshold) == ("scenario", "seed", 0.7)


def test_variants_of_a_battery_may_change_how_many_take_part(tmp_path):
    write(tmp_path, GOOD)
    few = load(write(tmp_path, BATTERY.replace("doors: open", "individuals: 2", 1), "some.yml")).scenarios[2]
    usual = load_scenario("reach_rooms")
    assert few.name == "reach_rooms-2"
    assert few.simulation().count == len(few.roles) == 2 < len(usual.roles)
    assert list(few.roles.values()) == list(usual.roles.values())[:2]
    last = usual.individuals[-1]
    roles = {name: "focal" if name == last else "scripted" for name in usual.roles}
    with pytest.raises(ValueError, match="nobody that is focal in 'reach_rooms' takes part"):
        replace(usual, roles=roles).with_options(individuals=2)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("by: scenario", "by: scenarios", r":7: key 'by'.*did you mean 'scenario'"),
        ("by: scenario", "beside: [exact, randm]", r":7: key 'beside': holds 'randm'.*mean 'random'"),
        ("sets: seed", "sets: sed", r":8: key 'sets': is 'sed'.*did you mean 'seed'"),
        ("threshold:", "treshold:", r":9: unknown key 'treshold'.*did you mean 'threshold'"),
        ("reach_small", "reach_smal", r":3: key 'scenarios': .*did you mean 'reach_small'"),
        ("mine.yaml", "other.yaml", r":4: key 'scenarios': there is no file 'other.yaml'"),
        ("mine.yaml", "reach_small", r":4: key 'scenarios': names 'reach_small' twice"),
        ("mine.yaml", "7", r":4: key 'scenarios': holds a int \(7\)"),
        ("doors: open", "doors: opne", r":5: .*did you mean 'open'"),
        ("doors: open", "individuals: 9", r":5: .*individuals"),
        ("{doors: open}", "{doors: open}, 7", r":5: .*expected 'name: \[options"),
        ("doors: open", "7: 8", r":5: .*expected 'name: \[options"),
        ("[{doors: open}, {doors: closed, width: 7}]", "open", r":5: .*expected 'name: \[options"),
    ],
)
def test_a_wrong_battery_is_one_line(old, new, message, tmp_path):
    write(tmp_path, GOOD)
    path = write(tmp_path, BATTERY.replace(old, new, 1), "some.yaml")
    with pytest.raises(ScenarioError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("nothing", ["[]", "{}"])
def test_a_battery_has_at_least_one_scenario(nothing, tmp_path):
    path = write(tmp_path, f"description: Some.\nscenarios: {nothing}\n")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:2: key 'scenarios': is {nothing}, expected at least one scenario"


def test_seeds_of_training_and_evaluation_never_meet():
    last = training_seed(2**20 - 1) + BLOCK - 1
    assert last < evaluation_seed(0)
    assert evaluation_seed(2**20 - 1) + BLOCK <= 2**63
    assert training_seed(1) - training_seed(0) == BLOCK == evaluation_seed(1) - evaluation_seed(0)
    for bad in (-1, 2**20, 1.0, True):
        with pytest.raises(ValueError, match="seed is"):
            training_seed(bad)
        with pytest.raises(ValueError, match="seed is"):
            evaluation_seed(bad)


def test_a_scenario_can_be_made_without_a_file():
    scenario = Scenario("mine", "One walker.", "reach", {"walker_0": "focal"}, {"individuals": 1})
    assert load_scenario(scenario) is scenario
    assert scenario.simulation().count == 1


def test_kindness_is_measured_only_where_there_are_characters_to_measure_it_by(tmp_path):
    path = tmp_path / "kind.yaml"
    path.write_text(
        "description: x\nenvironment: reach\nroles: {walker: focal}\nprobes: none\nkindness_threshold: 0.9\n"
    )
    with pytest.raises(ScenarioError, match=r"kind\.yaml:5: key 'kindness_threshold': is 0\.9, but reach"):
        load_scenario(path)


LINES = """\
description: Lines of its own.
by: scenario
beside: [random]
episodes: 5
scenarios:
  first rung: [reach_small, sally_anne_true_belief]
  "second":
    - reach_small
    - forage_boxes: [{state: knows_false}, {state: false_knows}]
"""


def test_a_battery_may_have_lines_of_its_own(tmp_path):
    battery = load(write(tmp_path, LINES, "lines.yaml"))
    assert [scenario.name for scenario in battery.scenarios] == [
        "reach_small",  # played once, though it stands in two lines
        "sally_anne_true_belief",
        "forage_boxes-knows_false",
        "forage_boxes-false_knows",
    ]
    assert dict(battery.stages) == {
        "first rung": ("reach_small", "sally_anne_true_belief"),
        "second": ("reach_small", "forage_boxes-knows_false", "forage_boxes-false_knows"),
    }
    assert (battery.beside, battery.episodes) == (("random",), 5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[reach_small, sally", "[reach_small, reach_small, sally", r":6: .*names 'reach_small' twice"),
        (
            "[reach_small, sally_anne_true_belief]",
            "reach_small",
            r":6: .*is text \('reach_small'\), expected a list",
        ),
        (
            "    - reach_small",
            "    - reach_smal",
            r":7: key 'scenarios.second': .*'reach_small'",
        ),
        ("episodes: 5", "episodes: -1", r":4: key 'episodes': is -1, expected a whole number from 0"),
    ],
)
def test_wrong_lines_are_one_line(old, new, message, tmp_path):
    path = write(tmp_path, LINES.replace(old, new, 1), "lines.yaml")
    with pytest.raises(ScenarioError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)
