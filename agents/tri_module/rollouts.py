"""Playing conversations with a model's behaviour output, in batches, as reward training needs it.

One individual of a scenario is played by the model, the others by the game's characters. At its turn the
model says, token by token, one of the utterances that the menu allows: what cannot be said has no
probability. Histories grow and are read once: keys and values of what has been read are kept.

Beside what is really said, each message of one's own is followed in imagination (listing 4, lines 2 to 6):
for every other individual j, s^j = S(a^i + s^i) is read, and what follows until one speaks again, what the
world shows of j and j's reply, is sampled from the prediction output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ...envs.conversation import engine
from ...envs.conversation.language import (
    FEELINGS,
    FIRST_FEELING,
    INDIVIDUAL,
    POOLS,
    SHOW,
    SLOT,
    THING,
    VOCABULARY,
)
from .algorithms import Batch
from .judgement import perceived
from .model import Output, TriModule
from .perspective import END, ME, MODES, SLOTS, VOCABULARY_SIZE, WORLD, Messages, perceived_by_both, responses

__all__ = ["Binding", "Episodes", "Reader", "Response", "Said", "Simulator", "imagined", "play", "say"]

_SYMBOLS = 256  # of the engine: words that are the same everywhere, and slots
_WORDS = 4  # of an utterance at most
_FELT = 3  # where the feeling stands in what the world shows: WORLD, SHOW, whose, which
_AT_ONCE = 4096  # tokens that are read in one go
_REPLY = 3  # messages that may follow one of one's own, in imagination, until one speaks again


def imagined(horizon: int) -> int:
    """How many tokens may follow a history in imagination, ``horizon`` as for :class:`Simulator`."""
    return _REPLY * horizon * (_WORDS + 2)


class Binding:
    """Which slot of the model each word of an episode has, for B episodes: drawn at their beginning, so that
    what is yet unsaid can be said.

    Args:
        lexicon: (B, S) the episodes' words.
        own: whose histories these are: always ``ME``.
        rng: draws the slots.

    Attributes:
        words: (B, words of the language) int64, model tokens.
        symbols: (B, 256) int64, model tokens of the engine's symbols.
        back: (B, model tokens) int64, symbols of model tokens; 0 where there is none.
    """

    def __init__(self, lexicon: npt.NDArray[Any], own: int, rng: np.random.Generator) -> None:
        b = len(lexicon)
        rows = np.arange(b)[:, None]
        self.words = np.tile(np.arange(len(VOCABULARY)), (b, 1))
        self.words[:, ME:] = 0
        self.symbols = np.tile(np.arange(_SYMBOLS), (b, 1))
        self.symbols[:, SLOT:] = 0
        self.back = np.tile(np.arange(VOCABULARY_SIZE), (b, 1))
        self.back[:, ME:] = 0
        first = SLOT
        for sort in POOLS:
            slot, count = SLOTS[sort]
            keys = rng.random((b, count))
            if sort == "I":
                keys[:, own] = -1.0  # comes first
            order = np.argsort(np.argsort(keys, 1), 1)  # (B, count), the rank of each
            tokens = slot + order
            numbers = first + np.arange(count)
            self.symbols[:, numbers] = tokens
            self.back[rows, tokens] = numbers
            said = lexicon[:, numbers - SLOT].astype(np.int64)
            self.words[rows, said] = np.where(said > 0, tokens, 0)
            first += 4 if sort == "R" else 8
        self.words[:, 0] = 0

    def pack(
        self, messages: Messages, acting: npt.NDArray[np.bool_] | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Tokens, senders, the message each belongs to, -1 after the end: (B, T) int64; lengths (B,).
        ``acting`` as for :meth:`Messages.pack`."""
        packed = messages.pack(acting=acting)
        rows = np.arange(len(self.words))[:, None]

        def read(slots: Tensor) -> Tensor:
            words = self.words[rows, packed.spell(slots)]
            return torch.from_numpy(np.where(slots.numpy() == WORLD, WORLD, words))

        return read(packed.tokens), read(packed.senders), packed.message, packed.lengths


class Reader:
    """Histories that grow, and what a model has made of them so far: no token is read twice. One that is
    another than before, as at a new episode, is read anew from where they differ.

    Args:
        model: reads.
        rows: how many histories.
    """

    def __init__(self, model: TriModule, rows: int) -> None:
        self.model, self.cache = model, model.new_cache(rows)
        self._seen = torch.zeros((2, rows, model.config.context), dtype=torch.int64)  # tokens and senders

    @property
    def lengths(self) -> Tensor:
        """(B,) int64, how many tokens have been read."""
        return self.cache.lengths

    def fits(self, model: TriModule, rows: int) -> bool:
        """Whether so many histories can be read on by a model, as it is now."""
        return self.model is model and len(self.lengths) == rows and model.is_current(self.cache)

    def read(self, tokens: Tensor, senders: Tensor, lengths: Tensor) -> None:
        """Read on, up to ``lengths``, in histories (B, T).

        Raises:
            ValueError: for more tokens than the model has positions.
        """
        longest, context = int(lengths.max()), self._seen.shape[2]
        if longest > context:
            raise ValueError(f"a history has {longest} tokens, expected at most {context} (context)")
        given = torch.stack([tokens, senders])[:, :, :longest]
        t = given.shape[2]
        common = (given == self._seen[:, :, :t]).all(0).cumprod(1).sum(1)
        kept = torch.minimum(torch.minimum(common, lengths), self.cache.lengths)
        if bool((kept < self.cache.lengths).any()):
            self.model.rewind(self.cache, self._seen[0], self._seen[1], kept)
        self._seen[:, :, :t] = torch.where(torch.arange(t) < lengths[:, None], given, self._seen[:, :, :t])
        step = max(1, _AT_ONCE // len(lengths))
        while int((new := lengths - self.cache.lengths).max()) > 0:
            # who has read all waits, and must not run out of positions while others catch up
            room = max(1, context - int(self.cache.lengths.max()))
            at = self.cache.lengths[:, None] + torch.arange(min(step, room, int(new.max())))
            at = at.clamp(max=t - 1)
            self.model(given[0].gather(1, at), given[1].gather(1, at), cache=self.cache)
            self.model.advance(self.cache, new.clamp(0, at.shape[1]))

    def fork(self, rows: Tensor, positions: int) -> Reader:
        """One that goes on from here with some of the histories, (N,) int64, up to so many ``positions``,
        while this one stays where it is."""
        found = copy(self)
        found.cache, found._seen = self.model.fork(self.cache, rows, positions), self._seen[:, rows]
        return found

    def one(self, token: Tensor, sender: Tensor, counts: Tensor) -> Output:
        """Read one token (B,) each, which is kept where ``counts`` (B,) bool."""
        out: Output = self.model(token[:, None], sender[:, None], cache=self.cache)
        rows = torch.nonzero(counts)[:, 0]
        self._seen[:, rows, self.cache.lengths[rows]] = torch.stack([token, sender])[:, rows]
        self.model.advance(self.cache, counts.long())
        return out


@dataclass
class Said:
    """What was said at one turn, in all rows."""

    utterance: Tensor  # (B,)
    tokens: Tensor  # (B, 5)
    before: Tensor  # (B, 5) log-probabilities
    legal: Tensor  # (B, 5, V) bool
    value: Tensor  # (B,)


def say(
    reader: Reader,
    menu: Tensor,
    legal: Tensor,
    active: Tensor,
    draw: Callable[[Tensor], Tensor] | None = None,
) -> Said:
    """Choose among the utterances of a menu, token by token, by the behaviour output: each token among those
    with which some utterance goes on that can be said.

    Args:
        reader: has read all up to one's turn.
        menu: (B, U, 5) int64, utterances and END.
        legal: (B, U) bool, active: (B,) bool, whose turn it is.
        draw: of probabilities (B, V) the tokens (B,); the likeliest where None.
    """
    b, _, steps = menu.shape
    me = torch.full((b,), ME)
    out = reader.one(me, me, active)
    value = out.value[:, 0].clone()
    alive, open_ = legal.clone(), active.clone()
    said = torch.zeros((b, steps), dtype=torch.int64)
    before = torch.zeros((b, steps))
    allowed = torch.zeros((b, steps, VOCABULARY_SIZE), dtype=torch.bool)
    for k in range(steps):
        mask = torch.zeros((b, VOCABULARY_SIZE), dtype=torch.int64)
        mask.scatter_add_(1, menu[:, :, k], alive.long())
        allowed[:, k] = mask > 0
        logits = out.behaviour[:, 0].masked_fill(mask == 0, -1e9)
        logs = logits.log_softmax(-1)
        token = logs.argmax(-1) if draw is None else draw(logs.exp())
        said[:, k] = token
        before[:, k] = logs.gather(1, token[:, None])[:, 0]
        alive &= menu[:, :, k] == token[:, None]
        out = reader.one(token, me, open_)
        open_ &= token != END
        if not open_.any():
            break
    return Said(alive.long().argmax(1), said, before, allowed, value)


@dataclass(frozen=True)
class Response:
    """What follows messages in imagination, in the engine's symbols.

    Attributes:
        messages: (N, M, 5) int64: sender (an individual or WORLD), act, arguments; act 0: no more.
        turn: (N, M) int64, after how many more messages of the one who imagines it.
        tokens, senders: (N, T) int16, s^j and what was drawn after it, as the model read them; None where
            nothing was drawn by a model.
        drawn: (N, T) bool, which of them are a^j^: what others and the world were imagined to do.
        faces: (N, M, 6), where a message is the world's that somebody feels something, how probable each of
            ``FEELINGS`` was there; 0 elsewhere.
    """

    messages: npt.NDArray[np.int64]
    turn: npt.NDArray[np.int64]
    tokens: Tensor | None = None
    senders: Tensor | None = None
    drawn: Tensor | None = None
    faces: npt.NDArray[np.float64] | None = None


class Simulator:
    """s^j for every other individual j, and what the prediction output says will follow.

    Args:
        model: simulates.
        simulation: the conversations; only ``"given"`` asks it who perceived what.
        individual: i, whose histories are switched.
        binding: of i's histories.
        mode: ``"labels"``, ``"inferred"`` or ``"given"``, see ``perspective.py``. What has once been judged
            stays so: what was read of a history is not read again.
        horizon: h of eq. 1, after how many responses it ends.
    """

    def __init__(
        self, model: TriModule, simulation: Any, individual: int, binding: Binding, mode: str, horizon: int
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}, expected one of {', '.join(MODES)}")
        self.simulation, self.individual, self.mode, self.horizon = simulation, individual, mode, horizon
        self.others = [k for k in range(simulation.count) if k != individual]
        self.binding = binding
        # of each other: what they perceived, and how many messages were judged so far
        self._judged: dict[int, tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]] = {}
        self.reader = Reader(model, simulation.num_envs * len(self.others))
        # who I am in s^j: I bear j's name there, and j is ME
        self.mine = torch.from_numpy(
            np.concatenate([binding.symbols[:, INDIVIDUAL + j] for j in self.others])
        ).long()

    def switched(self, messages: Messages, j: int) -> Messages:
        """S: i's histories as j would hold them."""
        names = self.simulation.worlds["lexicon"][:, j]
        if self.mode == "labels":
            return messages.switch(names)
        if self.mode == "inferred":
            return messages.switch(names, self._inferred(messages, j, names))
        both = perceived_by_both(self.simulation, self.individual, j)
        m = messages.tokens.shape[1]
        perceived = np.ones((len(both), m), np.bool_)  # what is yet being said, j is taken to hear
        numbers = np.arange(min(m, both.shape[1]))
        lengths = self.simulation.histories(self.individual)[3]
        known = numbers < lengths[:, None]
        perceived[:, numbers] = np.where(known, both[:, numbers], True)
        return messages.switch(names, perceived)

    def _inferred(self, messages: Messages, j: int, names: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
        """What the model judges that j perceived; what one is saying oneself, j is taken to hear."""
        kept = perceived(self.reader.model, messages, names)
        there = messages.tokens.any(-1)
        rows, last = np.arange(len(kept)), np.maximum(there.sum(1) - 1, 0)
        kept[rows, last] |= messages.senders[rows, last] == messages.own
        before, known = self._judged.get(j, (kept[:, :0], np.zeros(len(kept), np.int64)))
        m = min(before.shape[1], kept.shape[1])
        old = np.arange(m) < known[:, None]
        kept[:, :m] = np.where(old, before[:, :m], kept[:, :m])
        self._judged[j] = (kept.copy(), there.sum(1))
        return kept

    def follow(self, messages: Messages, active: Tensor, generator: torch.Generator) -> Response:
        """Sample what follows histories that end with a message of one's own.

        Args:
            messages: a^i + s^i, B of them.
            active: (B,) bool, after which something is to be imagined.
            generator: draws.

        Returns:
            For each other individual after the other, B responses: N = B x others.
        """
        packs = [self.binding.pack(self.switched(messages, j)) for j in self.others]
        lengths = torch.cat([pack[3] for pack in packs])
        tokens, senders = (_joined([pack[k] for pack in packs]) for k in range(2))
        longest, count = tokens.shape[1], _REPLY * self.horizon
        steps = imagined(self.horizon)
        # the last END is read below, with its output: it says who speaks next
        self.reader.read(tokens, senders, lengths - 1)
        chosen = torch.nonzero(active.repeat(len(self.others)))[:, 0]  # of B x others
        reader = self.reader.fork(chosen, longest + steps)
        last = (chosen, lengths[chosen] - 1)
        n, mine = len(chosen), self.mine[chosen]
        running = torch.ones(n, dtype=torch.bool)
        out = reader.one(tokens[last], senders[last], running)
        found = torch.zeros((n, count, 1 + _WORDS), dtype=torch.int64)
        turn = torch.zeros((n, count), dtype=torch.int64)
        faces = torch.zeros((n, count, len(FEELINGS)))
        rows = torch.arange(n)
        message, word = torch.zeros(n, dtype=torch.int64), torch.zeros(n, dtype=torch.int64)
        turns, sender = torch.zeros(n, dtype=torch.int64), torch.zeros(n, dtype=torch.int64)
        first, names = SLOTS["I"]
        senders_only = torch.zeros(VOCABULARY_SIZE, dtype=torch.bool)
        senders_only[first : first + names] = True
        senders_only[WORLD] = True
        free = int(reader.model.config.context)
        whole = torch.zeros((2, n, longest + steps), dtype=torch.int16)
        whole[:, :, :longest] = torch.stack([tokens, senders])[:, chosen]
        drawn = torch.zeros((n, longest + steps), dtype=torch.bool)
        for _ in range(steps):
            if not running.any() or int(reader.lengths.max()) >= free:
                break
            begins = word == 0
            logits = out.prediction[:, 0].clone()
            logits[begins] = logits[begins].masked_fill(~senders_only, -1e9)
            inside = ~begins
            logits[inside, WORLD] = -1e9
            logits[(word > _WORDS)[:, None] & (torch.arange(VOCABULARY_SIZE) != END)] = -1e9
            probable = logits.softmax(-1)
            token = torch.multinomial(probable, 1, generator=generator)[:, 0]
            sender = torch.where(begins, token, sender)
            at, ours = reader.lengths[running], running & (sender != mine)
            whole[:, running, at] = torch.stack([token, sender])[:, running].short()
            drawn[running, at] = ours[running]
            turns = turns + (running & begins & (token == mine)).long()
            running &= turns < self.horizon
            put = running & (message < count)
            column = torch.where(begins, 0, word)
            writes = put & (column <= _WORDS)
            found[rows[writes], message[writes], column[writes]] = token[writes]
            turn[rows[put], message[put]] = turns[put]
            shows = put & (sender == WORLD) & (column == _FELT)
            shows[put] &= found[rows[put], message[put], 1] == SHOW
            each = probable[shows][:, FIRST_FEELING : FIRST_FEELING + len(FEELINGS)]
            faces[rows[shows], message[shows]] = each / each.sum(1, keepdim=True)
            ended = inside & (token == END)
            message = message + (running & ended).long()
            word = torch.where(ended, 0, word + 1)
            running &= message < count
            out = reader.one(token, sender, running)

        def of_all(some: Tensor) -> Tensor:
            return some.new_zeros((len(lengths), *some.shape[1:])).index_copy_(0, chosen, some)

        return Response(
            self._symbols(of_all(found).numpy()), of_all(turn).numpy(), of_all(whole[0]), of_all(whole[1]),
            of_all(drawn), of_all(faces).numpy().astype(np.float64),
        )  # fmt: skip

    def _symbols(self, found: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Messages in model tokens as the engine's, i and j in their own places again."""
        b = self.simulation.num_envs
        parts = []
        for k, j in enumerate(self.others):
            rows = found[k * b : (k + 1) * b]
            world = rows[..., 0] == WORLD
            symbols = self.binding.back[np.arange(b)[:, None, None], rows]
            mine, theirs = INDIVIDUAL + self.individual, INDIVIDUAL + j
            symbols = np.where(symbols == mine, theirs, np.where(symbols == theirs, mine, symbols))
            symbols[..., 0] = np.where(world, engine.WORLD, symbols[..., 0] - INDIVIDUAL)
            nobody = (rows[..., 0] == 0) | (~world & (symbols[..., 0] >= self.simulation.count))
            symbols[nobody] = 0
            parts.append(symbols)
        return np.concatenate(parts)


@dataclass
class Turn:
    """One turn of the model's, in all rows; what is not ``active`` has no meaning.

    Attributes:
        active: (B,) bool.
        position: (B,) int64, where in the history the message's first word stands.
        utterance: (B,) int64, its number in the menu.
        tokens, before: (B, 5), its tokens and their log-probabilities.
        legal: (B, 5, V) bool, which tokens could have been said.
        value: (B,) of the state.
        deed: (B, 5) int64, the message in symbols, its sender first.
        said, senders, lengths: the history a^i + s^i in symbols, as ``Simulation.histories`` has it.
        response: in imagination; None where nobody asked for it.
        gained: (B, A) float64, what everybody truly gained until one's next turn.
    """

    active: Tensor
    position: Tensor
    utterance: Tensor
    tokens: Tensor
    before: Tensor
    legal: Tensor
    value: Tensor
    deed: npt.NDArray[np.int64]
    said: npt.NDArray[np.uint8]
    senders: npt.NDArray[np.uint8]
    lengths: npt.NDArray[np.int64]
    response: Response | None
    gained: npt.NDArray[np.float64]


@dataclass
class Episodes:
    """B conversations that a model has taken part in.

    Attributes:
        individual: whom it played.
        turns: its turns, in order.
        tokens, senders, message: (B, T) int64, its whole histories; see ``perspective.Packed``.
        lengths: (B,) int64.
        switched: for each other individual, the whole history as S gives it: tokens, senders, message.
        others: their indices.
        returns: (B, A) float64, what everybody truly gained.
        paid: (B, CAPACITY, A) float64, the same by the message for which it was.
    """

    individual: int
    turns: list[Turn]
    tokens: Tensor
    senders: Tensor
    message: Tensor
    lengths: Tensor
    others: Sequence[int]
    returns: npt.NDArray[np.float64]
    paid: npt.NDArray[np.float64]
    switched: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    @property
    def active(self) -> Tensor:
        """(K, B) bool, whose turn it was at each turn."""
        return torch.stack([turn.active for turn in self.turns])

    def batch(
        self, of_turns: Tensor, rows: Tensor | None = None
    ) -> tuple[Batch, Tensor, Tensor, dict[str, Tensor]]:
        """The histories with one's own tokens as actions, for the listings.

        Args:
            of_turns: (K, B, N) float, numbers of each turn that its tokens share.
            rows: which conversations; all where None.

        Returns:
            The batch; log-probabilities before (N,); legal tokens (N, V); and ``of_turns`` at the tokens (N,
            numbers) under ``"turns"``, and as (B, T, numbers) under ``"grid"``.
        """
        b, t = self.tokens.shape
        actions = torch.zeros((b, t), dtype=torch.bool)
        before = torch.zeros((b, t))
        legal = torch.zeros((b, t, VOCABULARY_SIZE), dtype=torch.bool)
        numbers = torch.zeros((b, t, of_turns.shape[-1]))
        for turn, given in zip(self.turns, of_turns, strict=True):
            open_ = turn.active.clone()
            for k in range(turn.tokens.shape[1]):
                r = torch.nonzero(open_)[:, 0]
                at = turn.position[r] + k
                actions[r, at] = True
                before[r, at] = turn.before[r, k]
                legal[r, at] = turn.legal[r, k]
                numbers[r, at] = given[r].float()
                open_ &= turn.tokens[:, k] != END
        some = torch.arange(b) if rows is None else rows
        longest = int(self.lengths[some].max())
        cut = (some, slice(0, longest))
        made = Batch(self.tokens[cut], self.senders[cut], actions[cut])
        return (
            made,
            made.of_actions(before[cut]),
            made.of_actions(legal[cut]),
            {"turns": made.of_actions(numbers[cut]), "grid": numbers[cut]},
        )

    def imagined(self, of_turns: Tensor, some: Tensor) -> Batch:
        """Predicted responses a^j^ as actions, each after the s^j that it was drawn at, for the listing's
        control ``unrouted_credit``.

        Args:
            of_turns: (K, B) float, a number of each turn, which is the reward at its responses' tokens.
            some: (N, 2) int64, turns and rows: messages of one's own whose responses these are.

        Returns:
            N histories for each other individual.

        Raises:
            ValueError: nothing was imagined after these messages.
        """
        b, parts = len(self.tokens), []
        for k in sorted(set(some[:, 0].tolist())):
            found, rows = self.turns[k].response, some[some[:, 0] == k, 1]
            if found is None or found.tokens is None or found.senders is None or found.drawn is None:
                raise ValueError(f"turn {k} has no response, expected conversations with imagination")
            of = torch.cat([rows + b * j for j in range(len(self.others))])
            given = of_turns[k, of % b, None].float() * found.drawn[of]
            parts.append((found.tokens[of].long(), found.senders[of].long(), found.drawn[of], given))
        ends = [int(part[2].any(0).nonzero().max()) for part in parts if part[2].any()]
        if not ends:
            raise ValueError(f"nothing was drawn after {len(some)} messages, expected some response")
        return Batch(*(_joined(list(each))[:, : max(ends) + 1] for each in zip(*parts, strict=True)))

    def heard(self) -> Batch:
        """s^j of every other individual; what they said, what the world showed, and who spoke as actions."""
        parts = [
            (tokens, by, responses(tokens, by, message, who=True)) for tokens, by, message in self.switched
        ]
        return Batch(*(_joined(list(each)) for each in zip(*parts, strict=True)))


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Histories (B, T) of several lengths, one below the other: the shorter ones end with zeros."""
    longest = max(part.shape[1] for part in parts)
    return torch.cat([F.pad(part, (0, longest - part.shape[1])) for part in parts])


@torch.no_grad()
def play(
    model: TriModule,
    simulation: Any,
    individual: int,
    modes: npt.NDArray[np.int64],
    seed: int,
    *,
    mode: str = "given",
    horizon: int = 1,
    imagine: bool = True,
    greedy: bool = False,
) -> Episodes:
    """Play conversations to their ends.

    Args:
        model: acts, by its behaviour output.
        simulation: B conversations, ``autoreset="disabled"``.
        individual: whom it plays.
        modes: (A,) of the others, see ``Simulation.script``.
        seed: of the conversations (row k: seed + k), and of all draws.
        mode, horizon: see :class:`Simulator`.
        imagine: whether responses are sampled.
        greedy: say what is most probable.
    """
    if simulation.autoreset != "disabled":
        raise ValueError(f"autoreset is {simulation.autoreset!r}, expected 'disabled'")
    b, a = simulation.num_envs, simulation.count
    modes = modes.copy()
    modes[individual] = 0
    generator = torch.Generator().manual_seed(seed)
    simulation.reset(seed)
    binding = Binding(simulation.worlds["lexicon"], individual, np.random.default_rng(seed))
    reader = Reader(model, b)
    simulator = Simulator(model, simulation, individual, binding, mode, horizon)
    symbols = _spoken(simulation.menu, individual, a)  # (U, 4)
    menu = torch.from_numpy(np.pad(binding.symbols[:, symbols], ((0, 0), (0, 0), (0, 1)))).long()
    turns: list[Turn] = []
    rows = np.arange(b)
    paid = np.zeros((b, engine.CAPACITY, a))
    current: Turn | None = None
    actions = np.zeros((b, a), np.int64)
    over = np.zeros(b, np.bool_)
    while not over.all():
        active = ~over & (simulation.worlds["speaker"] == individual)
        simulation.script(modes, actions)
        if active.any():
            current = _turn(
                reader, simulator, simulation, binding, menu, symbols, active, generator, imagine, greedy
            )
            actions[:, individual] = np.where(active, current.utterance.numpy(), 0)
            turns.append(current)
        at = simulation.worlds["length"].astype(np.int64)
        simulation.step(actions)
        paid[rows[~over], at[~over]] = simulation.rewards[~over]
        if current is not None:
            for turn in _latest(turns, ~over):
                turn[0].gained[turn[1]] += simulation.rewards[turn[1]]
        over |= simulation.ends.any(1)
    messages = Messages.of(simulation.view("tokens", individual))
    tokens, senders, message, lengths = binding.pack(messages)
    episodes = Episodes(
        individual, turns, tokens, senders, message, lengths, simulator.others, paid.sum(1), paid
    )
    for j in simulator.others:
        words, by, message, _ = binding.pack(simulator.switched(messages, j))
        episodes.switched.append((words, by, message))
    return episodes


def _latest(turns: list[Turn], running: npt.NDArray[np.bool_]) -> list[tuple[Turn, npt.NDArray[np.bool_]]]:
    """Which rows have each turn as their last one so far."""
    found = []
    left = running.copy()
    for turn in reversed(turns):
        mine = left & turn.active.numpy()
        if mine.any():
            found.append((turn, mine))
        left &= ~mine
        if not left.any():
            break
    return found


def _spoken(menu: npt.NDArray[np.uint8], speaker: int, count: int) -> npt.NDArray[np.int64]:
    """A menu as one individual speaks it: its individuals are counted from the speaker on."""
    found = menu.astype(np.int64)
    individuals = (found >= INDIVIDUAL) & (found < THING)
    turned = INDIVIDUAL + (speaker + found - INDIVIDUAL) % count
    return np.where(individuals, turned, found)


def _turn(
    reader: Reader,
    simulator: Simulator,
    simulation: Any,
    binding: Binding,
    menu: Tensor,
    symbols: npt.NDArray[np.int64],
    active: npt.NDArray[np.bool_],
    generator: torch.Generator,
    imagine: bool,
    greedy: bool,
) -> Turn:
    """Read what has been said, say something, imagine what follows."""

    def draw(probabilities: Tensor) -> Tensor:
        return torch.multinomial(probabilities, 1, generator=generator)[:, 0]

    i, b = simulator.individual, simulation.num_envs
    messages = Messages.of(simulation.view("tokens", i))
    tokens, senders, _, lengths = binding.pack(messages, active)
    reader.read(tokens, senders, lengths)
    legal = torch.from_numpy(simulation.masks[:, i] != 0)
    on = torch.from_numpy(active)
    legal[~on] = False
    legal[~on, 0] = True
    position = reader.lengths + 1
    said = say(reader, menu, legal, on, None if greedy else draw)
    chosen = symbols[said.utterance.numpy()]  # (B, 4)
    history, by, _, counts = simulation.histories(i)
    at = np.minimum(counts, history.shape[1] - 1)
    history[np.arange(b), at], by[np.arange(b), at] = chosen, i
    response = None
    if imagine:
        lexicon = simulation.worlds["lexicon"].astype(np.int64)
        bound = np.take_along_axis(lexicon, np.maximum(chosen - SLOT, 0), 1)
        words = np.where(chosen >= SLOT, bound, chosen) * active[:, None]  # nobody else says anything
        response = simulator.follow(messages.extended(words, messages.own), on, generator)
    deed = np.concatenate([np.full((b, 1), i), chosen], 1)
    return Turn(
        on, position, said.utterance, said.tokens, said.before, said.legal, said.value, deed,
        history, by, at + 1, response, np.zeros((b, simulation.count)),
    )  # fmt: skip
