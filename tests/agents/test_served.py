"""Served language models, against a real server on this machine that answers well, badly, late or not."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from endpoint import Endpoint, completion

import mindsight
from mindsight import cli
from mindsight.agents import AgentError, load_agent
from mindsight.agents.language_models.prompts import Prompt
from mindsight.agents.language_models.served import EndpointError, Served

SECRET = "sk-very-secret-0123456789"
PROMPT = Prompt("You are Eva.", "Where is the ball?", ("box", "bag", "jar"))


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("OPENAI_", "MINDSIGHT_API")):
            monkeypatch.delenv(name)


def asking(url, **settings):
    return Served("m", url, **{"cache": None, "backoff": 0.01, "timeout": 10, **settings})


def ask(url, prompts=(PROMPT,), **settings):
    return list(asking(url, **settings).choose(prompts))


def always(text, **more):
    return lambda number, body: completion(text, **more)


def failing(*first):
    """What is said to the first requests; B to all others."""
    return lambda number, body: first[number] if number < len(first) else completion("B")


# --- Answers ------------------------------------------------------------------------------------------
def test_the_letters_probabilities_are_the_answers():
    top = {"B": math.log(0.6), " A": math.log(0.2), "b": math.log(0.1), "The": math.log(0.1)}
    with Endpoint(always("B", top=top)) as endpoint:
        (found,) = ask(endpoint.url)
    assert found == pytest.approx([0.25, 0.75, 0.0])
    (request,) = endpoint.requests
    assert request["temperature"] == 0 and request["logprobs"] is True and request["model"] == "m"
    text = request["messages"][0]["content"]
    assert "A. box\nB. bag\nC. jar" in text and "You are Eva." in text and "Where is the ball?" in text


@pytest.mark.parametrize("text", ["B", "b", "(B)", "**B**", "B. bag", "bag", "The answer is B", "In the bag"])
def test_without_them_the_answer_is_read(text):
    with Endpoint(always(text)) as endpoint:
        (found,) = ask(endpoint.url)
    assert found.tolist() == [0, 1, 0]


def test_probabilities_of_another_token_are_not_taken_for_the_letters():
    """ "A bag" begins with an article, not with the letter A."""
    with Endpoint(always("A bag", top={"A": -0.1, "C": -3.0})) as endpoint:
        (found,) = ask(endpoint.url)
    assert found.tolist() == [0, 1, 0]


@pytest.mark.parametrize("text", ["", None, "xyzzy", "box or bag", ["odd"], 7, "D"])
def test_an_answer_that_cannot_be_read_is_a_guess_and_is_counted(text):
    with Endpoint(always(text)) as endpoint:
        agent = asking(endpoint.url)
        probe = {"question": "Where?", "options": ("box", "bag", "jar"), "text": "A story."}
        (found,) = agent.answer([probe], None)
    assert found == pytest.approx([1 / 3] * 3)
    assert "1 of 1 answers could not be read: taken as guesses" in agent.remarks()
    assert not any("1 of 1" in remark for remark in agent.remarks()), "counts begin anew"


@pytest.mark.parametrize("text", ["<think>The bag, but", "", None, "Sally put it into the bag and"])
def test_an_answer_that_is_cut_off_while_it_thinks_is_unread_and_the_card_says_what_helps(text):
    with Endpoint(always(text, finish_reason="length")) as endpoint:
        agent = asking(endpoint.url, answer_tokens=12)
        probe = {"question": "Where?", "options": ("box", "bag", "jar"), "text": "A story."}
        (found,) = agent.answer([probe], None)
    assert found == pytest.approx([1 / 3] * 3)
    remarks = agent.remarks()
    assert "1 of 1 answers could not be read: taken as guesses" in remarks
    (cut,) = (remark for remark in remarks if "cut off" in remark)
    assert "a larger answer_tokens than 12" in cut
    assert not any("cut off" in remark for remark in agent.remarks()), "counts begin anew"


def test_an_answer_that_is_cut_off_after_it_was_given_is_read():
    with Endpoint(always("B. The bag, because Sally", finish_reason="length")) as endpoint:
        agent = asking(endpoint.url)
        (found,) = agent.choose(PROMPTS[:1])
    assert found.tolist() == [0, 1, 0]
    assert not any("cut off" in remark for remark in agent.remarks())


def test_a_sentence_that_is_cut_off_while_it_is_thought_is_told_too():
    with Endpoint(always("<think>They greet me", finish_reason="length")) as endpoint:
        agent = asking(endpoint.url, new_tokens=7)
        assert len(list(agent.write(PROMPTS[:2]))) == 2
    assert any("2 answers were cut off" in r and "new_tokens than 7" in r for r in agent.remarks())


# --- What goes wrong ----------------------------------------------------------------------------------
CUT = (200, {"Content-Type": "application/json", "Content-Length": 5000}, b'{"choices": [')
BAD = {
    "failing": (500, {}, b"oops"),
    "busy": (429, {"Retry-After": "0"}, b"{}"),
    "cut off": CUT,
    "no JSON": (200, {"Content-Type": "text/html"}, b"<html>Welcome</html>"),
    "no JSON, it says": (200, {"Content-Type": "application/json"}, b"{{{"),
    "no choices": {**completion("B"), "choices": []},
    "a list": (200, {"Content-Type": "application/json"}, b"[1, 2]"),
    "no message": {**completion("B"), "choices": [{"text": "B"}]},
}


@pytest.mark.parametrize("kind", BAD)
def test_what_may_pass_is_tried_again(kind):
    with Endpoint(failing(BAD[kind], BAD[kind])) as endpoint:
        (found,) = ask(endpoint.url)
        assert found.tolist() == [0, 1, 0]
        assert len(endpoint.requests) == 3


@pytest.mark.parametrize("kind", BAD)
def test_but_not_for_ever(kind):
    with Endpoint(lambda number, body: BAD[kind]) as endpoint:
        with pytest.raises(EndpointError, match="given up after 3 tries") as caught:
            ask(endpoint.url, retries=2)
        assert endpoint.url in str(caught.value) and len(endpoint.requests) == 3
    says = {"failing": "status 500: oops", "busy": "status 429", "no JSON": "is not JSON: <html>",
            "no choices": "no choices"}  # fmt: skip
    assert says.get(kind, "") in str(caught.value)


def test_a_silent_endpoint_is_timed_out():
    with Endpoint(always("B"), delay=lambda number: 30 if number == 0 else 0) as endpoint:
        began = time.monotonic()
        (found,) = ask(endpoint.url, timeout=0.3)
        assert found.tolist() == [0, 1, 0] and time.monotonic() - began < 10
    with Endpoint(always("B"), delay=lambda number: 30) as endpoint:
        says = "no answer within 0.3 seconds; given up after 2 tries"
        with pytest.raises(EndpointError, match=says):
            ask(endpoint.url, timeout=0.3, retries=1)


def test_an_endpoint_that_is_not_there_is_named():
    with Endpoint(always("B")) as endpoint:
        pass
    with pytest.raises(EndpointError, match=re.escape(endpoint.url)):
        ask(endpoint.url, retries=1)


def test_it_waits_as_long_as_the_endpoint_asks_for():
    with Endpoint(failing((429, {"Retry-After": "0.4"}, b"{}"))) as endpoint:
        ask(endpoint.url)
        assert endpoint.times[1] - endpoint.times[0] >= 0.39


@pytest.mark.parametrize("status", [401, 403, 404, 400])
def test_what_will_not_pass_is_not_tried_again(status):
    with Endpoint(lambda number, body: (status, {}, b'{"error": {"message": "no such thing"}}')) as endpoint:
        with pytest.raises(EndpointError, match=f"{endpoint.url}: status {status}: .*no such thing"):
            ask(endpoint.url)
        assert len(endpoint.requests) == 1


def test_what_an_endpoint_refuses_is_left_out_and_remembered(tmp_path):
    def picky(number, body):
        for name in ("logprobs", "max_tokens", "temperature"):
            if name in body:
                message = f"Unsupported parameter: {name}"
                return 400, {}, json.dumps({"error": {"message": message}}).encode()
        assert body["max_completion_tokens"] == 16
        return completion("B")

    prompts = [Prompt("You are Eva.", f"Where is ball {k}?", ("box", "bag")) for k in range(12)]
    with Endpoint(picky) as endpoint:
        found = ask(endpoint.url, prompts, cache=tmp_path / "cache")
        assert [each.tolist() for each in found] == [[0, 1]] * 12
        sent = len(endpoint.requests)
        assert ask(endpoint.url, prompts, cache=tmp_path / "cache")[0].tolist() == [0, 1]
        assert len(endpoint.requests) == sent, "a repeated run costs nothing"


# --- Cost ---------------------------------------------------------------------------------------------
def by_question(number, body):
    """An answer that goes by the question alone."""
    return completion("ABC"[len(body["messages"][0]["content"]) % 3])


PROMPTS = [Prompt("You are Eva." + " No." * k, "Where is it?", ("box", "bag", "jar")) for k in range(30)]


def test_answers_do_not_depend_on_how_many_are_asked_at_once():
    with Endpoint(by_question, delay=lambda number: 0.02 * (number % 3)) as endpoint:
        one = ask(endpoint.url, PROMPTS, workers=1)
        assert endpoint.most_active == 1
        many = ask(endpoint.url, PROMPTS, workers=4)
        assert 2 <= endpoint.most_active <= 4
    assert np.array_equal(one, many) and len({tuple(each) for each in one}) == 3


def test_a_cache_saves_everything_and_a_damaged_one_costs_a_request(tmp_path):
    folder = tmp_path / "cache"
    with Endpoint(by_question) as endpoint:
        first = ask(endpoint.url, PROMPTS, cache=folder)
        assert len(endpoint.requests) == 30
        agent = asking(endpoint.url, cache=folder, max_requests=1)
        assert np.array_equal(list(agent.choose(PROMPTS)), first)
        assert len(endpoint.requests) == 30 and agent.usage() == "0 requests sent, 0 tokens"
        files = sorted(folder.rglob("*.json"))
        assert len(files) == 30
        files[0].write_text('{"half')
        assert np.array_equal(ask(endpoint.url, PROMPTS, cache=folder), first)
        assert len(endpoint.requests) == 31
        ask(endpoint.url, PROMPTS[:1], cache=folder, answer_tokens=17)
        assert len(endpoint.requests) == 32, "another request has another answer"


def test_caps_are_kept_and_named():
    with Endpoint(by_question) as endpoint:
        with pytest.raises(EndpointError, match=r"the cap of 7 requests \(max_requests\) is reached"):
            ask(endpoint.url, PROMPTS, max_requests=7)
        assert len(endpoint.requests) == 7
        with pytest.raises(EndpointError, match=r"the cap of 950 tokens \(max_tokens\) is reached"):
            ask(endpoint.url, PROMPTS, max_tokens=950, workers=1)
        assert len(endpoint.requests) == 17  # of 100 tokens each
    with Endpoint(lambda number, body: (500, {}, b"oops")) as endpoint:
        says = r"cap of 2 requests.*the last one failed: status 500"
        with pytest.raises(EndpointError, match=says):
            ask(endpoint.url, max_requests=2)


# --- Finished rows ------------------------------------------------------------------------------------
def rows(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_what_is_finished_is_kept_and_taking_it_up_again_costs_the_rest(tmp_path):
    settings = {"cache": tmp_path / "cache", "acting": "none"}
    battery = "wellman_liu"
    with Endpoint(by_question) as endpoint:
        first = asking(endpoint.url, acting="none", cache=tmp_path / "first")
        whole = mindsight.evaluate(first, battery, 3, progress=False)
        total = len(endpoint.requests)  # some questions are the same word for word
        assert 40 < total <= len(whole.probes)
        out = tmp_path / "out"
        with pytest.raises(EndpointError, match="cap of 40 requests") as caught:
            mindsight.evaluate(
                asking(endpoint.url, max_requests=40, **settings), battery, 3, out=out, progress=False
            )
        kept = rows(out, "probes")
        assert 30 < len(kept) < len(whole.probes) and kept == whole.probes[: len(kept)]
        assert rows(out, "episodes") == whole.episodes[: len(rows(out, "episodes"))] != []
        assert not list(out.glob("card.*"))
        assert str(out) in caught.value.__notes__[0] and f"{len(kept)} answers" in caught.value.__notes__[0]
        sent = len(endpoint.requests)
        result = mindsight.evaluate(asking(endpoint.url, **settings), battery, 3, out=out, progress=False)
        assert len(endpoint.requests) == sent + total - 40
        assert result.probes == whole.probes == rows(out, "probes") and (out / "card.json").exists()
        # what is complete is written over by no other run
        sent = len(endpoint.requests)
        again = asking(endpoint.url, acting="none", max_requests=9)
        with pytest.raises(FileExistsError, match="holds the results of an earlier evaluation already"):
            mindsight.evaluate(again, battery, 3, out=out, progress=False)
        assert len(endpoint.requests) == sent and rows(out, "probes") == whole.probes


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    with Endpoint(by_question, delay=lambda number: 30 if number >= 25 else 0) as endpoint:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mindsight", "evaluate", f"served:m@{endpoint.url}", "wellman_liu",
             "--episodes", "3", "--acting", "none", "--out", "out"],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # who runs the tests in the background of a script has it ignored, and so would the child
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        until = time.monotonic() + 300
        while len(endpoint.requests) < 26 and time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        while not (tmp_path / "out" / "probes.jsonl").exists() and time.monotonic() < until:
            time.sleep(0.05)
        endpoint.over.set()  # requests under way are answered
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; finished rows are in out" in said and "Traceback" not in said
    assert 0 < len(rows(tmp_path / "out", "probes")) <= 25
    assert not (tmp_path / "out" / "card.json").exists()


def test_stories_keep_what_is_answered(tmp_path, capsys):
    told = [{"story": f"Mia has {k}.", "question": "How many?", "answer": "2", "wrong answers": ["3"]}
            for k in range(6)]  # fmt: skip
    path = tmp_path / "q.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in told))
    with Endpoint(failing(*[completion("A")] * 4, (401, {}, b"who are you?"))) as endpoint:
        name = f"served:m@{endpoint.url}"
        assert cli.main(["evaluate", name, "--stories", str(path), "--out", "out"]) == 2
        said = capsys.readouterr().err
        assert "status 401: who are you?" in said and "finished rows are in out" in said
        assert len(rows(tmp_path / "out", "probes")) == 4
        assert cli.main(["evaluate", name, "--stories", str(path), "--out", "out"]) == 0
        assert len(rows(tmp_path / "out", "probes")) == 6 and len(endpoint.requests) == 7


# --- The key ------------------------------------------------------------------------------------------
def test_the_key_is_sent_and_written_nowhere(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINDSIGHT_API_KEY", SECRET)

    def parrot(number, body):
        if number >= 5:
            return 401, {}, f'{{"error": {{"message": "bad key {SECRET}"}}}}'.encode()
        return {**completion("A"), "echo": f"Bearer {SECRET}"}

    with Endpoint(parrot) as endpoint:
        name = f"served:m@{endpoint.url}"
        arguments = ["evaluate", name, "scale", "--episodes", "4", "--out", "out"]
        assert cli.main(arguments) in (0, 2)
        said = capsys.readouterr()
        assert "bad key ***" in said.err
        assert endpoint.headers[0]["authorization"] == f"Bearer {SECRET}"
        agent = load_agent(name, cache=tmp_path / "cache", retries=0)
        with pytest.raises(EndpointError) as caught:
            list(agent.choose(PROMPTS))
        assert SECRET not in f"{caught.value!r} {agent!r} {agent.source} {agent.remarks()}"
        assert SECRET not in said.out + said.err
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.parent.parent.name == "served" for path in written), "the cache has its default place"
    for path in written:
        assert SECRET.encode() not in path.read_bytes(), path


def test_the_key_for_another_endpoint_is_not_sent(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    with Endpoint(always("B")) as endpoint:
        ask(endpoint.url)
        assert not any(secret in str(endpoint.headers) for secret in (SECRET, "org-private"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("served:m", "expected served:MODEL@URL"),
        ("served:@http://x/v1", "expected served:MODEL@URL"),
        ("hf:", "expected hf:PATH_OR_NAME"),
        ("served:m@ftp://x/v1", "'ftp://x/v1', expected the endpoint's base URL"),
        ("served:m@nonsense", "expected the endpoint's base URL"),
        ("served:m@http://x:port/v1", "cannot be read"),
    ],
)
def test_names_that_are_none_are_told(name, says):
    with pytest.raises(AgentError, match=re.escape(says)):
        load_agent(name)


@pytest.mark.parametrize("url", [f"http://me:{SECRET}@x/v1", f"http://x/v1?key={SECRET}"])
def test_a_secret_in_the_url_is_refused_and_not_repeated(url):
    with pytest.raises(ValueError, match=r"keys come from MINDSIGHT_API_KEY") as caught:
        Served("m", url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"workers": 0}, {"retries": -1}, {"timeout": 0}, {"backoff": math.inf}, {"max_tokens": 1.5}]
)
def test_settings_that_cannot_be_are_named(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        Served("m", "http://x/v1", **wrong)


# --- Playing ------------------------------------------------------------------------------------------
def test_it_plays_in_free_text_and_what_is_not_understood_costs_the_turn():
    def speaker(number, body):
        text = body["messages"][0]["content"]
        if "It is your turn" not in text:
            return completion("A")
        return completion("I would rather sing!" if "says:" not in text else "hello everyone")

    with Endpoint(speaker) as endpoint:
        agent = asking(endpoint.url, acting="free")
        result = mindsight.evaluate(agent, "cracker_train", 3, progress=False)
    turns = [r for r in endpoint.requests if "It is your turn" in r["messages"][0]["content"]]
    (lost,) = (r for r in result.card.remarks if "turns were lost" in r)
    lost, of = int(lost.split()[0]), int(lost.split()[2])
    assert 0 < lost <= of == len(turns)
