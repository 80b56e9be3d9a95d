"""What R^i makes of gifts, by what the giver could know."""

import pytest

from mindsight.agents.tri_module.model import TriConfig, TriModule
from mindsight.agents.tri_module.perspective import VOCABULARY_SIZE
from mindsight.agents.tri_module.rollouts import play
from mindsight.benchmarks.experiments.guesses import Gift, gifts, main, table
from mindsight.envs.conversation.engine import SHY
from mindsight.envs.conversation.language import GIVE, INDIVIDUAL, OFFER, THING
from mindsight.scenarios.loader import load_scenario


def model(seed=0):
    sizes = TriConfig(VOCABULARY_SIZE, context=512, width=12, layers=1, heads=(1, 1, 1), hidden=12)
    return TriModule(sizes, seed)


def test_gifts_are_those_that_the_history_has():
    """Told once more from what the listener perceived, and from what the world knows of needs."""
    scenario = load_scenario("solace_three")
    simulation = scenario.simulation(48)
    play(model(), simulation, 0, scenario.modes(), 7)
    said, senders, _, lengths = simulation.histories(0)
    need, shy = simulation.worlds["need"], simulation.worlds["temper"] == SHY
    expected = []
    for row in range(48):
        offered, met = set(), set()
        for k in range(lengths[row]):
            act, to, thing = (int(word) for word in said[row, k, :3])
            if senders[row, k] != 0 or act not in (OFFER, GIVE):
                continue
            if act == OFFER:
                offered.add((to, thing))
                continue
            others = sum((to, THING + kind) in offered for kind in range(8) if THING + kind != thing)
            wanted = thing - THING == need[row, to - INDIVIDUAL] and to not in met
            met |= {to} if wanted else set()
            if shy[row, to - INDIVIDUAL]:
                expected.append(((to, thing) in offered, others, 1.0 if wanted else -0.2))
    found = gifts(model(), "solace_three", 48, 7)
    assert len(found) > 20
    told = sorted((gift.offered, gift.others, round(gift.true, 6)) for gift in found)
    assert told == sorted(expected)
    assert all(-0.2 - 1e-6 <= gift.judged <= 1 + 1e-6 for gift in found)


def test_the_table_has_means_by_what_could_be_known():
    left = [Gift(False, 5, 0.5, 1.0), Gift(False, 5, 0.3, -0.2)]
    some = [*left, Gift(True, 2, 0.4, -0.2), Gift(True, 0, 0.9, 1.0)]
    assert table(some).splitlines()[2:] == [
        "| not offered, 5 others were | 2 | 50% | 0.40 | 0.40 |",
        "| offered before, refused | 1 | 0% | 0.40 | -0.20 |",
        "| offered before, wanted | 1 | 100% | 0.90 | 1.00 |",
    ]


def test_what_is_not_there_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--runs", str(tmp_path)])
    assert f"there is no {tmp_path / 'listening_on-0'}" in capsys.readouterr().err
    model().save(tmp_path / "listening_on-0" / "checkpoints" / "last")
    with pytest.raises(SystemExit):
        main(["--runs", str(tmp_path), "--scenario", "cracker_train"])
    assert "plays cracker, expected solace" in capsys.readouterr().err
    main(["--runs", str(tmp_path), "--count", "4"])
    assert "| to somebody shy | gifts |" in capsys.readouterr().out
