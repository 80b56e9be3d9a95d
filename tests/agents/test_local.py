"""Local language models: likelihoods by hand, without a network, from safetensors; and one that learned."""

import json
import socket

import numpy as np
import pytest
import torch
from tiny_models import build, overfit
from transformers import AutoModelForCausalLM, AutoTokenizer

import mindsight
from mindsight.agents import AgentError, load_agent
from mindsight.agents.language_models.local import Local
from mindsight.agents.language_models.prompts import Prompt, question, turn
from mindsight.scenarios.export import items
from mindsight.scenarios.stories import evaluate_stories

STORY = "You are Eva.\nNora enters the hall.\nThe apple is in the box.\nNora moves the apple to the bag."
PROMPTS = [
    Prompt(STORY, "Where is the apple?", ("box", "bag", "the big old wardrobe in the garden", "jar")),
    Prompt("You are Tom.\nTom enters the hall.", "Who is in the hall?", ("Tom", "Nora and Tom")),
    Prompt(STORY + "\nNora exits the hall.", "Where does Nora think it is?", ("bag", "box", "unknown")),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: build(tmp_path_factory.mktemp(kind), kind) for kind in ("llama", "gpt2")}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*given, **more):
        raise AssertionError("a local model asks the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def by_hand(folder, begin, options):
    """The softmax of mean log-probabilities, one sequence at a time, without padding or cache."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    means = []
    for option in options:
        first = len(tokenizer.encode(begin))
        ids = torch.tensor([tokenizer.encode(begin + option)])
        with torch.no_grad():
            chances = torch.log_softmax(model(ids).logits[0], -1)
        said = [float(chances[k - 1, ids[0, k]]) for k in range(first, ids.shape[1])]
        means.append(sum(said) / len(said))
    weights = np.exp(means)
    return weights / weights.sum()


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_likelihoods_are_those_computed_by_hand_with_and_without_cache_in_any_batch(folders, kind):
    expected = [
        by_hand(folders[kind], f"{p.text()}\n\nAnswer:", [f" {option}" for option in p.options])
        for p in PROMPTS
    ]
    assert len({len(p.options) for p in PROMPTS}) > 1
    assert max(np.ptp(each) for each in expected) > 1e-3, "all the same: this test shows nothing"
    for settings in ({}, {"prefix_cache": False}, {"batch": 1}, {"batch": 2}):
        agent = Local(str(folders[kind]), **settings)
        for found, right in zip(agent.choose(PROMPTS), expected, strict=True):
            assert np.abs(found - right).max() < 1e-4, settings


def test_the_cache_holds_for_likelihoods_themselves(folders):
    agent = Local(str(folders["llama"]))
    splits = [agent._split(prompt) for prompt in PROMPTS]
    cached = agent.likelihoods(splits)
    agent.prefix_cache = False
    for one, other in zip(cached, agent.likelihoods(splits), strict=True):
        assert np.abs(one - other).max() < 1e-4


def test_a_chat_template_is_used(tmp_path):
    template = "{% for m in messages %}[{{ m.role }}] {{ m.content }} [end] {% endfor %}[assistant]{{ '\n' }}"
    folder = build(tmp_path, chat_template=template)
    (prompt,) = PROMPTS[:1]
    asked = f"{prompt.text()}\n\nAnswer with one of these, word for word."
    expected = by_hand(folder, f"[user] {asked} [end] [assistant]\n", prompt.options)
    plain = by_hand(folder, f"{prompt.text()}\n\nAnswer:", [f" {option}" for option in prompt.options])
    (found,) = Local(str(folder)).choose([prompt])
    assert np.abs(found - expected).max() < 1e-4 < np.abs(found - plain).max()


def test_a_story_that_is_too_long_loses_its_beginning_and_the_card_says_so(tmp_path):
    folder = build(tmp_path, context=160)
    agent = Local(str(folder))
    long = "You are Eva.\n" + "\n".join(f"Nora says nothing {k}." for k in range(60)) + "\nThe end."
    shown = []
    encode = agent._encode
    agent._encode = lambda text: shown.append(text) or encode(text)
    (found,) = agent.choose([Prompt(long, "Where?", ("box", "bag"))])
    assert found.sum() == pytest.approx(1)
    kept = [text for text in shown if len(encode(text)) <= 160]
    longest = max(kept, key=len)
    assert "You are Eva." in longest and "The end." in longest and "nothing 0." not in longest
    assert any("1 stories were too long" in remark for remark in agent.remarks())
    with pytest.raises(ValueError, match="takes 160 tokens"):
        list(agent.choose([Prompt(long, "Where? " * 200, ("box", "bag"))]))


def test_what_cannot_be_loaded_is_named(tmp_path, folders):
    with pytest.raises(AgentError, match="there is no folder /nowhere/model"):
        load_agent("hf:/nowhere/model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AgentError, match="cannot be loaded as a causal language model"):
        load_agent(f"hf:{tmp_path}/empty")
    with pytest.raises(AgentError, match="no setting 'max_requests', expected one of acting, batch"):
        load_agent(f"hf:{folders['llama']}", max_requests=3)
    with pytest.raises(AgentError, match="acting is 'chioce', expected one of choice, free, none"):
        load_agent(f"hf:{folders['llama']}", acting="chioce")


def test_weights_that_are_a_pickle_and_code_that_comes_with_a_model_are_refused(tmp_path):
    pickled = build(tmp_path / "pickled")
    model = AutoModelForCausalLM.from_pretrained(pickled)
    torch.save(model.state_dict(), pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").unlink()
    with pytest.raises(AgentError, match="cannot be loaded"):
        load_agent(f"hf:{pickled}")
    coded = build(tmp_path / "coded")
    config = json.loads((coded / "config.json").read_text())
    config |= {"model_type": "its_own", "auto_map": {
        "AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}}  # fmt: skip
    (coded / "config.json").write_text(json.dumps(config))
    marker = tmp_path / "was run"
    (coded / "code.py").write_text(f"open({str(marker)!r}, 'w')\n")
    with pytest.raises(AgentError, match="cannot be loaded"):
        load_agent(f"hf:{coded}")
    assert not marker.exists()


def test_a_model_that_has_learned_the_answers_gives_them(tmp_path):
    """The likelihood path from end to end: overfit on a few items, it is right on them; untrained, not."""
    folder = build(tmp_path / "model")
    exam = list(items("scale", 8))
    learned = [question(i["story"], i["question"], i["options"]) for i in exam]
    pairs = [(f"{p.text()}\n\nAnswer:", f" {i['answer']}") for p, i in zip(learned, exam, strict=True)]
    talk = turn("You are Eva.\nEva enters the hall.", ["Hello, Nora!", "..."], free=True)
    pairs.append((f"{talk.text()}\n\nYou:", " Hello, Nora!\n"))
    before = mindsight.evaluate(f"hf:{folder}", "scale", 8, progress=False)
    assert before.card.score.share < 0.9
    assert overfit(folder, pairs) < 0.1
    agent = load_agent(f"hf:{folder}")
    result = mindsight.evaluate(agent, "scale", 8, progress=False, references=["random"])
    assert len(result.probes) == len(exam)
    assert result.card.score.share == 1.0 > result.card.score.chance + 0.3
    assert result.card.score.log_score > before.card.score.log_score
    assert result.card.remarks[0].startswith(f"language model: hf:{folder} (transformers")
    assert next(agent.write([talk])).strip() == "Hello, Nora!"
    # the same stories as a file
    rows = [
        {"story": i["story"], "question": i["question"], "answer": i["answer"],
         "wrong answers": [o for o in i["options"] if o != i["answer"]]}
        for i in exam
    ]  # fmt: skip
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert evaluate_stories(agent, path).evaluation.card.score.share == 1.0


@pytest.mark.parametrize("acting", ["choice", "free"])
def test_it_plays_a_conversation_and_a_gridworld(folders, acting):
    for scenario, episodes in (("cracker_train", 2), ("reach_small", 1)):
        settings = {"new_tokens": 4} if acting == "free" else {}
        agent = load_agent(f"hf:{folders['llama']}", acting=acting, **settings)
        one = mindsight.evaluate(agent, scenario, episodes, progress=False)
        again = mindsight.evaluate(agent, scenario, episodes, progress=False)
        assert one.card.json() == again.card.json()
        assert one.episodes == again.episodes and one.probes == again.probes
        if acting == "choice":
            assert "0 of" in one.card.remarks[1] and "turns were lost" in one.card.remarks[1]
