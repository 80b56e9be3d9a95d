"""Other people's stories: ToMi's text, Hi-ToM's JSON, and plain question files.

Stories of the first two are read into events, so the tracker answers their questions by the stated
semantics, and published answers that break it are found. What cannot be read is named with its line and
counted. ``docs/stories.md`` is the page.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

import numpy as np

from ..agents.base import Agent, guess, within
from ..agents.registry import load_agent
from ..envs.minds import Beliefs, Semantics, track
from ..envs.probes import Probe
from .evaluation import Evaluation, bar, keeping, new_folder, probe_row
from .files import write_text
from .loader import Battery
from .reports import make_card

__all__ = [
    "FORMATS",
    "Question",
    "Report",
    "Story",
    "StoryError",
    "evaluate_stories",
    "read_stories",
    "summary",
]

FORMATS = ("auto", "tomi", "hitom", "qa")
_SEMANTICS = {
    "tomi": Semantics(containers="open"),
    "hitom": Semantics(trust="later_exit", claims="pairwise", containers="open"),
    "qa": Semantics(),
}
# What a question file may call its fields.
_FIELDS = {
    "story": ("story", "context", "passage", "text"),
    "question": ("question", "query"),
    "right": ("right answer", "right_answer", "answer", "correct_answer", "correct", "label"),
    "wrong": ("wrong answers", "wrong_answers", "wrong_answer", "distractors", "incorrect_answers"),
}


class StoryError(ValueError):
    """A file that is none of these; the message names file and line."""


@dataclass(frozen=True)
class Question:
    """A question of a story.

    Attributes:
        text, options, answer: as published.
        line: where it stands in its file.
        chain: whose belief about whose is asked for; ``()`` is about the world.
        about: the object; empty where it could not be read.
        first: it is about the object's first place.
        kind: what its scores are listed under.
    """

    text: str
    options: tuple[str, ...]
    answer: str
    line: int
    chain: tuple[str, ...] = ()
    about: str = ""
    first: bool = False
    kind: str = "question"


@dataclass(frozen=True)
class Story:
    """A story with its questions.

    Attributes:
        text: as published.
        line: where it begins.
        events: for :func:`mindsight.track`; None where it is not of a kind that can be read.
        sentences: of each event, the sentence.
        unread: sentences that could not be parsed, each with its line.
    """

    text: str
    line: int
    questions: tuple[Question, ...]
    events: tuple[Any, ...] | None = None
    sentences: tuple[str, ...] = ()
    unread: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Report:
    """What an evaluation on stories found.

    Attributes:
        evaluation: card and rows, as of any evaluation.
        disagreements: published answers that break the semantics, each with the reason.
        unread: sentences and questions that could not be parsed: line, text.
    """

    evaluation: Evaluation
    disagreements: list[dict[str, Any]] = field(default_factory=list)
    unread: list[dict[str, Any]] = field(default_factory=list)

    def write(self, out: str | os.PathLike[str]) -> Path:
        """Write everything into a folder: what :meth:`Evaluation.write` does, and
        ``disagreements.jsonl`` and ``unread.jsonl``."""
        folder = self.evaluation.write(out)
        for name, rows in (("disagreements", self.disagreements), ("unread", self.unread)):
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            write_text(folder / f"{name}.jsonl", text)
        return folder


# --- Sentences ------------------------------------------------------------------------------------------
_NAMES = r"(?P<who>[A-Z]\w*(?:(?:, | and |, and )[A-Z]\w*)*)"
_SAID = r"(?:the )?(?P<object>\w+) (?:is|are) in the (?P<place>\w+)"
_PATTERNS = [
    (re.compile(rf"{_NAMES} (?:entered|came into|went into) the (?P<room>\w+)"), "enter"),
    (re.compile(rf"{_NAMES} (?:exited|left) the (?P<room>\w+)"), "exit"),
    (re.compile(rf"{_NAMES} moved the (?P<object>\w+) to the (?P<place>\w+)"), "move"),
    (re.compile(rf"{_NAMES} publicly claimed that {_SAID}"), "claim"),
    (re.compile(rf"{_NAMES} privately told (?P<listener>[A-Z]\w*) that {_SAID}"), "tell"),
    (re.compile(r"The (?P<object>\w+) (?:is|are) in the (?P<place>\w+)"), "is in"),
    (re.compile(r"[A-Z]\w* (?:likes|dislikes|hates|loves|saw|wants|lost) .+"), "noise"),
    (re.compile(r"[A-Z]\w* made no movements and stayed in the \w+ for .+"), "noise"),
    (re.compile(r"(?:Phone rang|The phone rang)|\*+"), "noise"),
]
_REALLY = re.compile(r"Where (?:is|are) the (?P<object>\w+) really")
_BEGINNING = re.compile(r"Where (?:was|were) the (?P<object>\w+) at the beginning")
_LOOK = re.compile(r"Where will (?P<who>[A-Z]\w*) look for the (?P<object>\w+)")
_SEARCHES = re.compile(r"Where does (?P<chain>.+?) (?:searches|search|looks|look) for the (?P<object>\w+)")
_THINKS = re.compile(r"Where does (?P<chain>.+?) thinks? (?:that )?the (?P<object>\w+) (?:is|are)")


def _people(words: str) -> list[str]:
    return re.split(r", and | and |, ", words)


def _asked(text: str) -> tuple[tuple[str, ...], str, bool, str] | None:
    """Chain, object, whether its first place is asked, and kind of a question; None if unreadable."""
    text = text.strip().rstrip("?").strip()
    found = _REALLY.fullmatch(text)
    if found:
        return (), found["object"], False, "reality"
    found = _BEGINNING.fullmatch(text)
    if found:
        return (), found["object"], True, "memory"
    found = _LOOK.fullmatch(text)
    if found:
        return (found["who"],), found["object"], False, "order 1"
    found = _SEARCHES.fullmatch(text) or _THINKS.fullmatch(text)
    if found:
        chain = tuple(re.split(r" (?:really )?thinks? (?:that )?| really", found["chain"].strip()))
        chain = tuple(name for name in chain if name)
        if all(re.fullmatch(r"[A-Z]\w*", name) for name in chain):
            return chain, found["object"], False, f"order {len(chain)}"
    return None


def _events(
    lines: Sequence[tuple[int, str]],
) -> tuple[list[Any], list[str], list[tuple[int, str]]]:
    """Events, their sentences, and what could not be read."""
    matched: list[tuple[int, str, str, re.Match[str]]] = []
    unread: list[tuple[int, str]] = []
    for number, sentence in lines:
        text = sentence.strip().rstrip(".").strip()
        for pattern, kind in _PATTERNS:
            found = pattern.fullmatch(text)
            if found:
                matched.append((number, sentence, kind, found))
                break
        else:
            unread.append((number, sentence))
    rooms = {found["room"] for _, _, kind, found in matched if kind in ("enter", "exit")}
    # "The basket is in the porch" says where a container stands, be it before or after it is used
    homes = {
        found["object"]: found["place"]
        for _, _, kind, found in matched
        if kind == "is in" and found["place"] in rooms
    }
    events: list[Any] = []
    sentences: list[str] = []
    last = ""
    for _, sentence, kind, found in matched:
        event: list[Any]
        if kind in ("enter", "exit"):
            people = _people(found["who"])
            event = [kind, people if len(people) > 1 else people[0], found["room"]]
            last = found["room"] if kind == "enter" else last
        elif kind == "move":
            event = ["move", found["who"], found["object"], found["place"]]
        elif kind == "claim":
            event = ["claim", found["who"], found["object"], found["place"]]
        elif kind == "tell":
            event = ["tell", found["who"], found["listener"], found["object"], found["place"]]
        elif kind == "is in" and found["place"] not in rooms:
            room = homes.get(found["place"], last)
            event = ["place", found["object"], found["place"], *([room] if room else [])]
        else:
            event = ["noise", sentence]
        events.append(event)
        sentences.append(sentence)
    return events, sentences, unread


# --- Files ------------------------------------------------------------------------------------------------
def read_stories(path: str | Path, format: str = "auto") -> tuple[list[Story], str]:
    """The stories of a file, and its format.

    Args:
        path: of the file.
        format: one of ``FORMATS``.

    Raises:
        FileNotFoundError: there is none.
        StoryError: it is not of this format, or of none.
    """
    path = Path(path)
    if format not in FORMATS:
        raise StoryError(f"format is {format!r}, expected one of {', '.join(FORMATS)}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StoryError(f"{path}: not a text file: {error}") from None
    chosen = _guess(path, text) if format == "auto" else format
    stories = {"tomi": _tomi, "hitom": _hitom, "qa": _qa}[chosen](path, text)
    if not stories:
        raise StoryError(f"{path}: there is no story in it, expected the format {chosen}")
    return stories, chosen


def _guess(path: Path, text: str) -> str:
    start = text.lstrip()[:1]
    if start in ("{", "["):
        head = text[:4000]
        return "hitom" if '"choices"' in head and '"question_order"' in head else "qa"
    if re.search(r"^\d+ .+\?\t", text, re.MULTILINE):
        return "tomi"
    first = text.splitlines()[0].lower() if text.strip() else ""
    if "question" in first and ("," in first or "\t" in first):
        return "qa"
    raise StoryError(
        f"{path}:1: neither ToMi's text (numbered sentences, questions with a tab and the answer), nor "
        "JSON, nor a CSV file with a column 'question'; expected one of these, or --format"
    )


def _tomi(path: Path, text: str) -> list[Story]:
    """Numbered sentences; numbers begin anew with each story."""
    trace = path.with_name(path.name + ".trace")
    if not trace.exists():
        trace = path.with_suffix(".trace")
    kinds = trace.read_text(encoding="utf-8").splitlines() if trace.exists() else []
    stories: list[Story] = []
    lines: list[tuple[int, str]] = []
    asked: list[tuple[int, str, str]] = []
    began = 1

    def close() -> None:
        if lines or asked:
            which = len(stories)
            kind = kinds[which].split(",")[-1].strip() if which < len(kinds) else ""
            stories.append(_tomi_story(lines, asked, began, kind))
        lines.clear()
        asked.clear()

    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip():
            continue
        found = re.match(r"(\d+) (.*)", raw.strip("\r\n "))
        if not found:
            raise StoryError(f"{path}:{number}: {raw!r} has no number, expected '1 Mia entered the hall.'")
        if found[1] == "1" and (lines or asked):
            close()
        if not lines and not asked:
            began = number
        if "\t" in found[2]:
            parts = found[2].split("\t")
            asked.append((number, parts[0], parts[1].strip()))
        else:
            lines.append((number, found[2]))
    close()
    return stories


def _tomi_story(
    lines: list[tuple[int, str]], asked: list[tuple[int, str, str]], began: int, kind: str
) -> Story:
    events, sentences, unread = _events(lines)
    spots = {"place": 2, "move": 3}
    places = list(dict.fromkeys(event[spots[event[0]]] for event in events if event[0] in spots))
    questions = []
    for number, text, answer in asked:
        read = _asked(text)
        if read is None:
            unread = [*unread, (number, text)]
            options = tuple(dict.fromkeys([*places, answer]))
            questions.append(Question(text, options, answer, number, kind="unread"))
            continue
        chain, about, first, order = read
        options = tuple(dict.fromkeys([*places, answer]))
        questions.append(
            Question(text, options, answer, number, chain, about, first, f"{kind} {order}".strip())
        )
    text = "\n".join(sentence for _, sentence in lines)
    return Story(text, began, tuple(questions), tuple(events), tuple(sentences), tuple(unread))


def _hitom(path: Path, text: str) -> list[Story]:
    """A list of records, or an object with the list under ``data``."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise StoryError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    records = data.get("data") if isinstance(data, dict) else data
    if not isinstance(records, list):
        raise StoryError(f"{path}: expected a list of records, or an object with one under 'data'")
    stories = []
    for k, record in enumerate(records):
        for key in ("story", "question", "choices", "answer"):
            if not isinstance(record, dict) or not isinstance(record.get(key), str):
                raise StoryError(f"{path}: record {k} has no text {key!r}")
        lines = []
        for number, raw in enumerate(record["story"].splitlines(), 1):
            sentence = re.sub(r"^\d+ ", "", raw.strip())
            if sentence:
                lines.append((number, sentence))
        events, sentences, unread = _events(lines)
        unread = [(k, f"sentence {number}: {sentence}") for number, sentence in unread]
        options = tuple(re.sub(r"^[A-Z]\. ", "", part.strip()) for part in record["choices"].split(","))
        read = _asked(record["question"])
        if read is None:
            unread = [*unread, (k, record["question"])]
        chain, about, first, kind = read or ((), "", False, "unread")
        if record["answer"] not in options:
            options = (*options, record["answer"])
        question = Question(record["question"], options, record["answer"], k, chain, about, first, kind)
        story = "\n".join(sentence for _, sentence in lines)
        stories.append(Story(story, k, (question,), tuple(events), tuple(sentences), tuple(unread)))
    return stories


def _qa(path: Path, text: str) -> list[Story]:
    """CSV with a head, or JSON lines, or a JSON list."""
    rows: list[tuple[int, Any]] = []
    if text.lstrip()[:1] == "[":
        try:
            rows = list(enumerate(json.loads(text), 1))
        except json.JSONDecodeError as error:
            raise StoryError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    elif text.lstrip()[:1] == "{":
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    rows.append((number, json.loads(line)))
                except json.JSONDecodeError as error:
                    raise StoryError(f"{path}:{number}: not JSON: {error.msg}") from None
    else:
        delimiter = "\t" if "\t" in text.splitlines()[0] else ","
        reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
        rows = [(reader.line_num, row) for row in reader]
    stories = []
    for number, row in rows:
        if not isinstance(row, dict):
            raise StoryError(f"{path}:{number}: {row!r} is no object with story, question and answers")
        given = {str(key).strip().lower(): value for key, value in row.items()}
        found: dict[str, Any] = {}
        for name, known in _FIELDS.items():
            key = next((key for key in known if key in given), None)
            if key is None:
                raise StoryError(f"{path}:{number}: no field for the {name}, expected {', '.join(known)}")
            found[name] = given[key]
        wrong = found["wrong"]
        if isinstance(wrong, str):
            wrong = [part.strip() for part in re.split(r"[;|]", wrong)]
        options = [str(found["right"]).strip(), *(str(each).strip() for each in wrong if each)]
        options = list(dict.fromkeys(options))
        # an order of its own, or the first would always be right
        order = np.random.default_rng(zlib.crc32(f"{number} {found['question']}".encode()))
        order.shuffle(options)
        question = Question(str(found["question"]), tuple(options), str(found["right"]).strip(), number)
        stories.append(Story(str(found["story"]), number, (question,)))
    return stories


# --- Answers ------------------------------------------------------------------------------------------------
def _tracked(story: Story, semantics: Semantics) -> Beliefs | None:
    order = max([1, *(len(question.chain) for question in story.questions)])
    return None if story.events is None else track(story.events, min(order, 4), semantics)


def _held(beliefs: Beliefs, chain: Sequence[str], about: str) -> str | None:
    try:
        return beliefs[tuple(chain)][about]
    except KeyError:
        return None


def _exact(question: Question, story: Story, beliefs: Beliefs | None) -> str | None:
    """What the tracker answers; None where it has no belief."""
    if beliefs is None or not question.about:
        return None
    if question.first:
        placed = (e for e in story.events or () if e[0] == "place" and e[1] == question.about)
        return next((event[2] for event in placed), None)
    return _held(beliefs, question.chain, question.about)


def _probe(question: Question, story: Story, answer: str, beliefs: Beliefs | None, number: int) -> Probe:
    shortcuts: dict[str, str] = {}
    required = len(question.chain)
    if beliefs is not None and question.about:
        moves = [e for e in story.events or () if question.about in e[1:-1] and e[0] in ("place", "move")]
        said = [e for e in story.events or () if question.about in e and e[0] != "noise"]
        values = {
            "reality": _held(beliefs, (), question.about),
            "first_place": moves[0][2] if moves and moves[0][0] == "place" else None,
            "last_mentioned": (said[-1][2] if said[-1][0] == "place" else said[-1][-1]) if said else None,
            "dropped_first": _held(beliefs, question.chain[1:], question.about) if question.chain else None,
            "as_set": _held(beliefs, question.chain[::-1], question.about)
            if len(set(question.chain)) > 1
            else None,
        }
        shortcuts = {name: value for name, value in values.items() if value in question.options}
        for length in range(len(question.chain)):
            kept = [tuple(a for a, _ in groupby(c)) for c in combinations(question.chain, length)]
            if any(_held(beliefs, chain, question.about) == answer for chain in kept):
                required = length
                break
    kind = "belief" if question.chain else "memory" if question.first else "reality"
    return Probe(
        kind=kind,
        asked="reader", chain=question.chain, about=question.about, options=question.options,
        answer=answer, own=answer, required_order=required, shortcuts=shortcuts,
        condition=question.kind, group="story", question=question.text, step=number,
    )  # fmt: skip


def _answers(agent: Agent, probes: Sequence[Probe], known: Sequence[bool], text: str) -> Iterator[Any]:
    if agent.privileged:
        # the reference agents: by the tracker's answer, and a guess where it has none
        found = agent.answer(list(probes), None)
        for probe, answer, has in zip(probes, found, known, strict=True):
            yield answer if has else guess(probe.options)
        return
    with within(agent, "answer"):
        yield from agent.answer([{**probe.public(), "text": text} for probe in probes], None)


def _reason(question: Question, story: Story, beliefs: Beliefs, exact: str | None) -> str:
    """Since when the tracker has its answer."""
    who = ", ".join(question.chain) or "reality"
    if question.first:
        return f"the {question.about} was first put into {exact}"
    if exact is None:
        return f"({who}) holds no belief about the {question.about}: nothing shows it to them"
    events = story.events or ()
    since = next(
        k for k in range(len(events), -1, -1)
        if k == 0 or _held(beliefs.at(k - 1), question.chain, question.about) != exact
    )  # fmt: skip
    sentence = story.sentences[since - 1] if since else ""
    return f"({who}) holds {exact} since {sentence!r}, and nothing that all of them perceive changes it"


def evaluate_stories(
    agent: str | Path | Agent,
    path: str | Path,
    format: str = "auto",
    references: Sequence[str | Agent] = (),
    progress: bool = False,
    out: str | os.PathLike[str] | None = None,
    show: Callable[[Report], None] | None = None,
) -> Report:
    """Ask an agent the questions of a file of stories.

    Args:
        agent: an agent that answers, or what :func:`mindsight.load_agent` takes.
        path: of the file.
        format: one of ``FORMATS``.
        references: agents whose scores stand beside.
        progress: show a progress bar.
        out: a folder for everything, see :meth:`Report.write`; it is made before anything is asked, and
            may hold no card yet. The agent's finished answers where it fails or Ctrl-C ends it.
        show: called with what was found before it is written.

    Raises:
        StoryError: the file cannot be read; it says where.
        ValueError: the agent answers no questions.
        FileExistsError, OSError: ``out`` cannot be made, or holds a card.
    """
    path = Path(path)
    players = [*(load_agent(each) for each in references), load_agent(agent)]
    for player in players:
        if not player.can_answer:
            raise ValueError(f"{player.name} answers no questions, expected an agent with can_answer")
    stories, chosen = read_stories(path, format)
    semantics = _SEMANTICS[chosen]
    if out is not None:
        new_folder(out)
    disagreements: list[dict[str, Any]] = []
    unread: list[dict[str, Any]] = []
    rows: dict[int, list[dict[str, Any]]] = {k: [] for k in range(len(players))}
    for player in players:
        player.remarks()  # of what it did before
    with keeping(out, [], rows[len(players) - 1]), bar(progress, len(stories)) as (tell, advance):
        tell(path.name)
        for episode, story in enumerate(stories):
            unread += [{"file": str(path), "line": line, "text": text} for line, text in story.unread]
            try:
                beliefs = _tracked(story, semantics)
            except ValueError as error:
                unread.append({"file": str(path), "line": story.line, "text": f"no possible story: {error}"})
                beliefs = None
            exacts = [_exact(question, story, beliefs) for question in story.questions]
            published = [
                _probe(question, story, question.answer, beliefs, k)
                for k, question in enumerate(story.questions)
            ]
            shown = [
                dataclasses.replace(probe, answer=exact, own=exact)
                if exact is not None and exact in probe.options
                else probe
                for probe, exact in zip(published, exacts, strict=True)
            ]
            known = [exact is not None and exact in probe.options
                     for exact, probe in zip(exacts, published, strict=True)]  # fmt: skip
            for question, exact in zip(story.questions, exacts, strict=True):
                if beliefs is not None and question.about and exact != question.answer:
                    disagreements.append(
                        {
                            "file": str(path), "line": question.line, "question": question.text,
                            "published": question.answer, "tracked": exact,
                            "unread_sentences": len(story.unread),
                            "reason": _reason(question, story, beliefs, exact),
                        }
                    )  # fmt: skip
            for k, player in enumerate(players):
                answers = _answers(player, shown, known, story.text)
                for number, (probe, answer) in enumerate(zip(published, answers, strict=True)):
                    row = probe_row(
                        probe, answer, agent=player.name, scenario=path.stem, environment=chosen,
                        family=chosen, episode=episode, seed=episode, number=number,
                    )  # fmt: skip
                    rows[k].append(row)
            advance(1)
    battery = Battery(path.stem, f"The questions of {path.name}, read as {chosen}.", ())
    cards = [make_card(battery, (), player, [], rows[k]) for k, player in enumerate(players)]
    cards = [dataclasses.replace(card, semantics=str(semantics)) for card in cards]
    card = dataclasses.replace(cards[-1], references=tuple(cards[:-1]))
    report = Report(Evaluation(card, [], rows[len(players) - 1], []), disagreements, unread)
    if show is not None:
        show(report)
    if out is not None:
        report.write(out)
    return report


def summary(report: Report, most: int = 20) -> Iterator[str]:
    """What the terminal says besides the card."""
    if report.unread:
        yield f"{len(report.unread)} sentences or questions could not be read:"
        yield from (f"  {each['file']}:{each['line']}: {each['text']}" for each in report.unread[:most])
    yield f"{len(report.disagreements)} published answers break the semantics"
    for each in report.disagreements[:most]:
        yield (
            f"  {each['file']}:{each['line']}: {each['question']} published {each['published']}, tracked "
            f"{each['tracked']}: {each['reason']}"
        )
