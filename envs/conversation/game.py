"""The conversations' kind of game, the batch that plays it, and histories as somebody perceived them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..minds import Semantics
from ..simulation import ANEW, CHUNK, GameOptions
from ..simulation import Game as AnyGame
from ..simulation import Simulation as AnySimulation
from . import engine, language, views
from .engine import CAPACITY, WORLD
from .language import INDIVIDUAL, LENGTH, SLOT

__all__ = ["Game", "GameOptions", "History", "Message", "Simulation"]

Menu = Sequence[tuple[int, ...]]


@dataclass(frozen=True)
class Message:
    """Something said, done or shown, in slots (``language.py``).

    Attributes:
        sender: index of an individual, or ``engine.WORLD``.
        said: act and up to three arguments.
    """

    sender: int
    said: tuple[int, ...]


@dataclass(frozen=True)
class History:
    """A conversation as one individual perceived it: a value, with nothing hidden in it.

    Attributes:
        viewer: index of who perceived it.
        individuals: how many take part.
        words: the word token of each slot, (SLOTS,); 0 where there is none.
        messages: what was perceived, the oldest first.
    """

    viewer: int
    individuals: int
    words: tuple[int, ...]
    messages: tuple[Message, ...]

    def tokens(self, message: Message) -> tuple[int, ...]:
        """A message's word tokens, ``LENGTH`` of them."""
        bound = [self.words[symbol - SLOT] if symbol >= SLOT else symbol for symbol in message.said]
        return (*bound, *[0] * (LENGTH - len(bound)))

    def line(self, message: Message) -> str:
        """A message as a line of a story."""
        sender = None if message.sender == WORLD else self.words[message.sender]
        return language.narrate(self.tokens(message), sender)

    def text(self) -> str:
        """The whole of it, a line a message."""
        return "\n".join(self.line(message) for message in self.messages)


@dataclass(frozen=True, kw_only=True)
class Game(AnyGame):
    """The rules of one conversation.

    Attributes, besides those of all games:
        menu: options to the utterances that there are, at most 64, the first of them ``nothing``:
            (act, argument, ...) in slots, where individuals are counted from the speaker on
            (INDIVIDUAL + 1 is the next one).
        deal: kernel ``(worlds, chains, numbers, todo, lo, hi)``: new episodes where ``todo`` is ANEW.
        play: kernel ``(worlds, chains, numbers, todo, lo, hi)``: the rules of a turn, where RUNNING.
        permit: kernel ``(worlds, numbers, menu, masks, lo, hi)``: what the speaker may say.
        script: kernel ``(worlds, chains, numbers, menu, masks, modes, actions, lo, hi)``: what its
            characters say.
        judge: kernel ``(said, senders, lengths, individuals, deeds, who, numbers, out)``: the reward
            function, see :meth:`rewards`.
        odds: kernel ``(worlds, numbers, menu, masks, out, lo, hi)``: what a character says with which
            probability, see :meth:`Simulation.odds`; None where a game does not tell.
    """

    menu: Callable[[Any], Menu]
    permit: Callable[..., None]
    judge: Callable[..., None]
    odds: Callable[..., None] | None = None

    family: ClassVar[str] = "conversation"
    windows: ClassVar[tuple[int, ...]] = views.WINDOWS
    window: ClassVar[int] = 16
    views: ClassVar[tuple[str, ...]] = ("flat", "tokens", "text")

    def actions(self, options: Any) -> tuple[str, ...]:
        """The utterances of the menu, such as ``"tell next_1 thing_0 place_1"``."""
        return tuple(_action_name(entry) for entry in self.menu(options))

    def semantics(self, options: Any) -> Semantics:
        """The switches ``containers``, ``trust`` and ``claims``, where the game has such options."""
        given = {item.name: getattr(options, item.name, None) for item in fields(Semantics)}
        return Semantics(**{name: value for name, value in given.items() if isinstance(value, str)})

    def simulation(
        self, num_envs: int = 1, options: Mapping[str, Any] | None = None, **more: Any
    ) -> Simulation:
        """A batch of conversations of this game; arguments as for :class:`Simulation`."""
        return Simulation(self, num_envs, options, **more)

    def reward(
        self, history: History, action: Message, who: int, options: Mapping[str, Any] | None = None
    ) -> float:
        """R(s, a) of the paper (eq. 1 and 2): what an action gives somebody, judged by a history alone.

        A pure function. It can be called on any history and any action, hypothetical ones of others
        included: the paper's R^i evaluated for j is ``reward(history of i, action, j)``. Where the
        action is what the world shows of ``who``, it is what such a feeling is worth.

        Args:
            history: as somebody perceived it.
            action: what is done or shown next, and by whom.
            who: index of the individual whose reward it is.
            options: of the game; its defaults where None.
        """
        said = np.zeros((1, CAPACITY, 4), np.uint8)
        senders = np.zeros((1, CAPACITY), np.uint8)
        for k, message in enumerate(history.messages):
            said[0, k, : len(message.said)] = message.said
            senders[0, k] = message.sender
        deed = np.array([[action.sender, *action.said, 0, 0, 0][:5]], np.int64)
        lengths = np.array([len(history.messages)], np.int64)
        found = self.rewards(
            said, senders, lengths, history.individuals, deed, np.array([who], np.int64), options
        )
        return float(found[0])

    def rewards(
        self,
        said: npt.NDArray[np.uint8],
        senders: npt.NDArray[np.uint8],
        lengths: npt.NDArray[np.int64],
        individuals: int,
        deeds: npt.NDArray[np.int64],
        who: npt.NDArray[np.int64],
        options: Mapping[str, Any] | None = None,
    ) -> npt.NDArray[np.float64]:
        """:meth:`reward` of N histories at once.

        Args:
            said: (N, T, 4) uint8, senders: (N, T) uint8, lengths: (N,) int64: the histories, as
                :meth:`Simulation.histories` has them.
            individuals: how many take part.
            deeds: (N, 5) int64: who acts (or WORLD), act, arguments.
            who: (N,) int64: whose reward it is.
            options: of the game; its defaults where None.

        Returns:
            (N,) float64.
        """
        numbers = np.zeros(16, np.int64)
        encoded = self.encode(self.options.make(dict(options or {})))
        numbers[: len(encoded)] = encoded
        out = np.zeros(len(lengths))
        self.judge(said, senders, lengths, individuals, deeds, who, numbers, out)
        return out


class Simulation(AnySimulation):
    """A batch of conversations: see :class:`mindsight.envs.simulation.Simulation`.

    At each step one individual of each world has its turn, ``worlds["speaker"]``; the others' actions
    do not count. The window is how many messages the flat view reaches back.

    Attributes, besides those of all simulations:
        menu: (U, 4) uint8, the utterances in slots, individuals counted from the speaker on.
        final_worlds: (B,) the records of episodes that ended in a step that also began a new one
            (``autoreset="same_step"``).
    """

    def _allocate(self) -> None:
        menu = [tuple(entry) for entry in self.game.menu(self.options)]
        self.menu = np.zeros((len(menu), 4), np.uint8)
        for row, entry in zip(self.menu, menu, strict=True):
            row[: len(entry)] = entry
        self._chains = engine.chain_columns(self.chains)
        b, a = self.num_envs, self.count
        self.worlds = np.zeros(b, engine.world_dtype(self.order))
        self.final_worlds = np.zeros(b, self.worlds.dtype)
        self._masks = np.zeros((2, b, a, len(menu)), np.int8)

    def _buffers(self) -> tuple[npt.NDArray[Any], ...]:
        return (self._masks,)

    def _flip(self) -> None:
        self._turn ^= 1
        self.masks = self._masks[self._turn]

    def _begin(self, lo: int, hi: int) -> None:
        self.game.deal(self.worlds, self._chains, self._numbers, self._todo, lo, hi)
        self._look(lo, hi)

    def _look(self, lo: int, hi: int) -> None:
        self.game.permit(self.worlds, self._numbers, self.menu, self.masks, lo, hi)

    def _advance(self, actions: npt.NDArray[np.int64], lo: int, hi: int) -> None:
        """A step of worlds ``lo`` to ``hi``, a chunk at a time."""
        worlds, chains, numbers, todo, game = self.worlds, self._chains, self._numbers, self._todo, self.game
        before = self._masks[self._turn ^ 1]
        for first in range(lo, hi, CHUNK):
            last = min(first + CHUNK, hi)
            anew = engine.act_all(
                worlds, chains, self.menu, before, actions, self._autoreset, todo, first, last
            )
            if anew:
                game.deal(worlds, chains, numbers, todo, first, last)
            game.play(worlds, chains, numbers, todo, first, last)
            ended = engine.finish_all(worlds, self.rewards, self.ends, self._autoreset, todo, first, last)
            if ended:
                done = first + np.flatnonzero(todo[first:last] == ANEW)
                # as bytes: numpy copies records field by field
                size = worlds.dtype.itemsize
                rows = worlds.view(np.uint8).reshape(-1, size)
                self.final_worlds.view(np.uint8).reshape(-1, size)[done] = rows[done]
                game.deal(worlds, chains, numbers, todo, first, last)
            self._look(first, last)

    def _script(self, modes: npt.NDArray[np.int64], actions: npt.NDArray[np.int64]) -> None:
        self._run(
            self.game.script, self.worlds, self._chains, self._numbers, self.menu, self.masks, modes, actions
        )

    def odds(self) -> npt.NDArray[np.float64]:
        """The exact distribution of what whoever has the turn says, if it is a character that acts by its
        own habit (mode ``"scripted"``): (B, utterances) float64. Its entropy is the floor of prediction.

        Where it is the learner's turn, or the conversation is over, all of it is on saying nothing.

        Raises:
            ValueError: the game does not tell.
        """
        if self.game.odds is None:
            raise ValueError(f"{self.game.name} does not tell the odds of what its characters say")
        out = np.zeros((self.num_envs, len(self.menu)))
        self._run(self.game.odds, self.worlds, self._numbers, self.menu, self.masks, out)
        return out

    def play_others(
        self, learner: int, modes: npt.NDArray[np.int64], chosen: npt.NDArray[np.int64] | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Let the learner act, and the game's characters after it, until it is the learner's turn again or
        the episode is over, in every world. Where an episode ends and a new one begins
        (``autoreset="same_step"``), the new one is brought to the learner's first turn, too.

        Args:
            learner: index of the individual that acts.
            modes: (A,) indices into ``MODES``, of the others; the learner's does not count.
            chosen: (B,) int64, what the learner does; None: it is not its turn yet anywhere it matters.

        Returns:
            (B,) what the learner gained on the way, of an episode that ended none of the next one's;
            and (B, 2) terminated and truncated. ``final_worlds`` has the ended ones.

        Raises:
            ValueError: as :meth:`script`, for modes of another shape or dtype.
        """
        self._look_at_modes(modes)
        gained = np.zeros(self.num_envs, np.float32)
        ends = np.zeros((self.num_envs, 2), np.uint8)
        ended = np.zeros(self.num_envs, np.bool_)
        actions = np.zeros((self.num_envs, self.count), np.int64)
        modes = modes.copy()
        modes[learner] = 0
        size = self.worlds.dtype.itemsize
        final = self.final_worlds.view(np.uint8).reshape(-1, size)
        kept = None
        first = chosen is not None
        while True:
            if first and chosen is not None:
                actions[:, learner] = chosen
                resting = np.zeros(self.num_envs, np.bool_)
            else:
                over = (self.worlds["terminated"] | self.worlds["truncated"]) != 0
                resting = over | (self.worlds["speaker"] == learner)
                if resting.all():
                    break
                self.script(modes, actions)
                actions[resting] = -1
            first = False
            self._flip()
            self._run(self._advance, actions)
            gained += np.where(ended, 0, self.rewards[:, learner])
            new = (self.ends != 0).any(1) & ~ended & ~resting
            if new.any():
                ends[new] = self.ends[new]
                if self.autoreset == "same_step":
                    kept = final.copy() if kept is None else kept
                    kept[new] = final[new]  # a world that ends once more is not asked for again
                ended |= new
            actions[...] = 0
        if kept is not None:
            final[ended] = kept[ended]
        return gained, ends

    # --- What is perceived --------------------------------------------------------------------------------
    def flat(self, final: bool = False) -> npt.NDArray[np.uint8]:
        """The observation as one-hot numbers, (B, A, N) uint8 in {0, 1}; a new array."""
        out = np.empty((self.num_envs, self.count, views.flat_size(self.size)), np.uint8)
        self._run(views.flatten, self.final_worlds if final else self.worlds, 0, self.size, out)
        return out

    def view(self, name: str, individual: int, final: bool = False) -> dict[str, Any]:
        """``"flat"`` (B, N) uint8; ``"tokens"``: tokens (B, T, LENGTH) int16, sender (B, T) int16, name
        tokens with 0 for the world, and self (B,) int16, the own name; ``"text"``: the transcripts and
        the utterances as sentences, lists of B."""
        worlds = self.final_worlds if final else self.worlds
        b = self.num_envs
        if name == "flat":
            out = np.empty((b, 1, views.flat_size(self.size)), np.uint8)
            self._run(views.flatten, worlds, individual, self.size, out)
            return {"flat": out[:, 0].copy()}
        if name == "tokens":
            tokens = np.empty((b, CAPACITY, LENGTH), np.int16)
            senders = np.empty((b, CAPACITY), np.int16)
            self._run(views.tokenize, worlds, individual, tokens, senders)
            own = worlds["lexicon"][:, individual].copy()
            return {"tokens": tokens, "sender": senders, "self": own}
        return {
            "text": [self.transcript(k, individual) for k in range(b)],
            "actions": [self.sentences(k, individual) for k in range(b)],
        }

    def menu_tokens(self, individual: int) -> npt.NDArray[np.int16]:
        """The menu as one individual says it: (B, U, LENGTH) word tokens, 0 where an episode has no such
        word."""
        found = np.empty((self.num_envs, len(self.menu), LENGTH), np.int16)
        self._run(views.spell_menu, self.worlds, individual, self.menu, found)
        return found

    def histories(
        self, individual: int
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.int16], npt.NDArray[np.int64]]:
        """What one individual perceived in each world, in slots.

        Returns:
            said (B, T, 4) uint8; senders (B, T) uint8; numbers (B, T) int16, of each message in its
            conversation; lengths (B,) int64.
        """
        b = self.num_envs
        said, senders = np.empty((b, CAPACITY, 4), np.uint8), np.empty((b, CAPACITY), np.uint8)
        numbers, lengths = np.empty((b, CAPACITY), np.int16), np.empty(b, np.int64)
        self._run(views.transcribe, self.worlds, individual, said, senders, numbers, lengths)
        return said, senders, numbers, lengths

    def history(self, world: int, individual: int | None) -> History:
        """A conversation as one individual perceived it; all of it for None."""
        w = self.worlds[world]
        heard = range(int(w["length"]))
        messages = tuple(
            Message(int(w["sender"][k]), tuple(int(symbol) for symbol in w["said"][k]))
            for k in heard
            if individual is None or w["heard"][k] >> individual & 1
        )
        words = tuple(int(word) for word in w["lexicon"])
        return History(-1 if individual is None else individual, self.count, words, messages)

    def perceivers(self, world: int) -> npt.NDArray[np.bool_]:
        """Who perceived each message, (messages, A) bool: for evaluation and named upper bounds, never
        for an agent under test."""
        w = self.worlds[world]
        heard = w["heard"][: w["length"], None] >> np.arange(self.count, dtype=np.uint8)
        found: npt.NDArray[np.bool_] = (heard & 1).astype(np.bool_)
        return found

    def name(self, world: int, individual: int) -> str:
        """What somebody is called in this episode."""
        return language.VOCABULARY[int(self.worlds["lexicon"][world, individual])]

    def word(self, world: int, slot: int) -> str:
        """The word of a slot in this episode."""
        return language.VOCABULARY[int(self.worlds["lexicon"][world, slot - SLOT])]

    def transcript(self, world: int, individual: int) -> str:
        """What somebody has perceived so far, as a story of which they know who they are."""
        story = self.history(world, individual).text()
        return f"You are {self.name(world, individual)}.\n{story}".rstrip()

    def utterances(self, world: int, individual: int) -> list[tuple[int, ...]]:
        """The menu as an individual would say it, in word tokens; ``()`` where this episode has no such
        word."""
        w = self.worlds[world]
        found = []
        for entry in self.menu:
            bound = [self._bind(w, individual, int(symbol)) for symbol in entry]
            whole = all(word or not symbol for word, symbol in zip(bound, entry, strict=True))
            found.append((*bound, *[0] * (LENGTH - len(bound))) if whole else ())
        return found

    def sentences(self, world: int, individual: int) -> list[str]:
        """The menu as an individual would say it, in English; ``""`` where this episode has no such
        word."""
        own = int(self.worlds[world]["lexicon"][individual])
        said = self.utterances(world, individual)
        return [language.sentence(tokens, own) if tokens else "" for tokens in said]

    def read(self, world: int, individual: int, text: str) -> int:
        """The number in the menu of what somebody says in words; where it is for ``everyone`` and there
        is one listener, it is for them.

        Raises:
            NotUnderstood: it is no utterance, or none that this conversation has or allows now.
        """
        own = int(self.worlds[world]["lexicon"][individual])
        return self.choose(world, individual, language.understand(text, own))

    def choose(self, world: int, individual: int, tokens: tuple[int, ...]) -> int:
        """The same for word tokens, ``LENGTH`` of them."""
        w = self.worlds[world]
        menu = self.utterances(world, individual)
        legal = self.masks[world, individual]
        others = [b for b in range(self.count) if engine.together(w, individual, b)]
        meant = [tokens]
        if language.EVERYONE in tokens and len(others) == 1:
            name = int(w["lexicon"][others[0]])
            meant.append(tuple(name if token == language.EVERYONE else token for token in tokens))
        for said in meant:
            for u in np.flatnonzero(legal).tolist():
                if menu[u] == said:
                    return int(u)
        words = " ".join(language.VOCABULARY[token] for token in tokens if token)
        raise language.NotUnderstood(f"not understood: {words!r} cannot be said here and now")

    def _bind(self, w: Any, speaker: int, symbol: int) -> int:
        if INDIVIDUAL <= symbol < language.THING:
            symbol = INDIVIDUAL + (speaker + symbol - INDIVIDUAL) % self.count
        return int(w["lexicon"][symbol - SLOT]) if symbol >= SLOT else symbol


def _action_name(entry: Sequence[int]) -> str:
    """A menu's entry in words, such as ``"tell next_1 thing_0 place_1"``."""
    words = []
    for symbol in entry:
        if symbol == 0:
            continue
        if symbol < SLOT:
            words.append(language.VOCABULARY[symbol])
        elif symbol < language.THING:
            words.append("self" if symbol == INDIVIDUAL else f"next_{symbol - INDIVIDUAL}")
        elif symbol < language.PLACE:
            words.append(f"thing_{symbol - language.THING}")
        elif symbol < language.ROOM:
            words.append(f"place_{symbol - language.PLACE}")
        else:
            words.append(f"room_{symbol - language.ROOM}")
    return " ".join(words)
