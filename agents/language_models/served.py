"""Served language models: any endpoint that speaks OpenAI's chat-completions protocol.

Every question is one request of its own at temperature 0. Answers are kept on disk under a checksum of the
whole request, so that a run that is repeated, or taken up again after it was stopped, costs nothing.

The API key comes from the environment: ``MINDSIGHT_API_KEY``, or, for api.openai.com alone,
``OPENAI_API_KEY``; an endpoint that wants none is asked without. It is sent to the endpoint and is
written nowhere.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import openai

from ..training import write as write_file
from .model import LanguageModel, plain_name
from .prompts import Prompt, labels, read_choice, said

__all__ = ["KEY_VARIABLES", "EndpointError", "Served"]

KEY_VARIABLES = ("MINDSIGHT_API_KEY", "OPENAI_API_KEY")
_OFFICIAL = "api.openai.com"
_LONGEST_WAIT = 60.0  # seconds between two tries, whatever the endpoint asks for
_AGAIN = (408, 409, 429)  # statuses that may pass; so may all from 500 on
_TOP = 20  # alternatives of a token that are asked for: the protocol's most
# What an endpoint may refuse, and what is sent in its place.
_OPTIONAL = {"logprobs": (), "max_tokens": ("max_completion_tokens",), "temperature": ()}


class EndpointError(OSError):
    """An endpoint that does not answer as it should, or a cap that is reached; the message names it."""


class Served(LanguageModel):
    """A language model behind an OpenAI-compatible endpoint.

    Options are put with letters and the letter is asked for. Where the endpoint returns the letters'
    log-probabilities these are the answer's; else the answer is read and gets all the probability.

    Args:
        model: what the endpoint calls it.
        url: the endpoint's base URL, such as ``"http://127.0.0.1:8000/v1"``.
        acting: see :class:`LanguageModel`.
        workers: so many requests are under way at most; results do not depend on it.
        timeout: seconds till an endpoint that is silent counts as failing.
        retries: so many times a request is tried again, where that may help.
        backoff: seconds before the first of them, twice as many before each further one, less up to half
            by a checksum of the request; longer where the endpoint says so (``Retry-After``).
        max_requests: so many requests are sent at most, those tried again included.
        max_tokens: no request is sent after so many tokens of prompts and answers, as the endpoint counts
            them, or a quarter of their characters where it does not.
        answer_tokens, new_tokens: so long an answer may be where options were given, and where not. A model
            that thinks before it answers needs hundreds or thousands: what is cut off while it thinks counts
            as unread, and the card says how often that was.
        cache: the folder of the answers; None keeps none.

    Raises:
        ValueError: one of these cannot be, or the URL has a secret in it.
    """

    def __init__(
        self,
        model: str,
        url: str,
        acting: str = "choice",
        *,
        workers: int = 4,
        timeout: float = 60.0,
        retries: int = 5,
        backoff: float = 1.0,
        max_requests: int = 10_000,
        max_tokens: int = 10_000_000,
        answer_tokens: int = 16,
        new_tokens: int = 64,
        cache: str | os.PathLike[str] | None = "runs/served",
    ) -> None:
        self.url = _checked(url)
        super().__init__(plain_name("served", model), f"served:{model}@{self.url}", acting)
        numbers = {
            "workers": (workers, 1), "retries": (retries, 0), "max_requests": (max_requests, 1),
            "max_tokens": (max_tokens, 1), "answer_tokens": (answer_tokens, 1), "new_tokens": (new_tokens, 1),
        }  # fmt: skip
        for name, (value, least) in numbers.items():
            if type(value) is not int or value < least:
                raise ValueError(f"{name} is {value!r}, expected a whole number of at least {least}")
        for name, seconds in (("timeout", timeout), ("backoff", backoff)):
            if not 0 < seconds < math.inf:
                raise ValueError(f"{name} is {seconds!r}, expected seconds, more than 0")
        self.model, self.workers, self.timeout = model, workers, timeout
        self.retries, self.backoff = retries, backoff
        self.max_requests, self.max_tokens = max_requests, max_tokens
        self.answer_tokens, self.new_tokens = answer_tokens, new_tokens
        self.cache = None if cache is None else Path(cache)
        self.requests = self.tokens = 0
        self._lock = threading.Lock()
        official = urlsplit(self.url).hostname == _OFFICIAL
        names = KEY_VARIABLES if official else KEY_VARIABLES[:1]
        key = next((os.environ[name].strip() for name in names if os.environ.get(name, "").strip()), "")
        # the client insists on a key; an endpoint that wants none does not read it
        self._client = openai.OpenAI(api_key=key or "none", base_url=self.url, timeout=timeout, max_retries=0)
        if not official:  # the client takes these from the environment for whatever endpoint
            self._client.organization = self._client.project = None
        self._refused = self._known_refusals()

    def usage(self) -> str:
        """What has been sent so far, for people."""
        return f"{self.requests:,} requests sent, {self.tokens:,} tokens"

    # --- A language model ---------------------------------------------------------------------------------
    def choose(self, prompts: Sequence[Prompt]) -> Iterator[npt.NDArray[np.float64] | None]:
        """Probabilities of the letters, or all of it on the one that was written."""
        texts = [prompt.text(lettered=True) for prompt in prompts]
        answers = self._complete_all(texts, self.answer_tokens, logprobs=True)
        for prompt, answer in zip(prompts, answers, strict=True):
            found = _probabilities(answer, prompt.options)
            if found is None and _cut(answer):
                self._counts["cut"] += 1
            yield found

    def write(self, prompts: Sequence[Prompt]) -> Iterator[str]:
        """What it writes at temperature 0."""
        texts = [prompt.text() for prompt in prompts]
        for answer in self._complete_all(texts, self.new_tokens, logprobs=False):
            text = _content(answer)
            if _cut(answer) and not said(text):
                self._counts["cut_writing"] += 1
            yield text

    def remarks(self) -> tuple[str, ...]:
        """Those of every language model, and how many answers were cut off before they said anything."""
        cut = {name: self._counts[name] for name in ("cut", "cut_writing")}
        found = super().remarks()
        for name, option in (("cut", "answer_tokens"), ("cut_writing", "new_tokens")):
            if cut[name]:
                found += (
                    f"{cut[name]} answers were cut off before they could be read: a larger {option} than "
                    f"{getattr(self, option)} lets the model finish",
                )
        return found

    # --- Requests -------------------------------------------------------------------------------------------
    def _complete_all(self, texts: Sequence[str], tokens: int, logprobs: bool) -> Iterator[dict[str, Any]]:
        """The endpoint's answers in the order of the texts, some requests side by side, one for all that
        are the same. Where one fails, those before it have been yielded, and those that were under way go
        into the cache."""
        stop = threading.Event()
        pool = ThreadPoolExecutor(self.workers)
        try:
            jobs = {
                text: pool.submit(self._complete, text, tokens, logprobs, stop)
                for text in dict.fromkeys(texts)
            }
            for text in texts:
                yield jobs[text].result()
        except Exception:  # what is under way is paid for: it is waited for, without further tries
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        finally:  # Ctrl-C waits for nothing
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _complete(self, text: str, tokens: int, logprobs: bool, stop: threading.Event) -> dict[str, Any]:
        """One answer, from the cache or the endpoint."""
        while True:
            with self._lock:
                refused = frozenset(self._refused)
            request: dict[str, Any] = {
                "model": self.model,
                "messages": [{"role": "user", "content": text}],
                "temperature": 0.0,
                "max_tokens": tokens,
            }
            if logprobs:
                request |= {"logprobs": True, "top_logprobs": _TOP}
            for name in refused:
                if name in request:
                    value = request.pop(name)
                    request |= dict.fromkeys(_OPTIONAL[name], value)
                if name == "logprobs":
                    request.pop("top_logprobs", None)
            checksum = self._checksum(request)
            answer = self._read(checksum, request)
            if answer is None:
                answer = self._send(request, checksum, stop)
            if answer is not None:
                return answer

    def _send(
        self, request: Mapping[str, Any], checksum: str, stop: threading.Event
    ) -> dict[str, Any] | None:
        """The endpoint's answer; None where it refused a part of the request, which is left out from now
        on."""
        problem = ""
        for attempt in range(self.retries + 1):
            if stop.is_set():
                raise EndpointError(f"{self.url}: stopped")
            self._count(problem)
            asked = 0.0
            try:
                raw = self._client.chat.completions.with_raw_response.create(**request)
                answer = self._conforming(raw.http_response.content)
            except openai.APITimeoutError:
                problem = f"no answer within {self.timeout:g} seconds"
            except openai.APIConnectionError as error:
                cause = error.__cause__ or error
                problem = self._quoted(f"{type(cause).__name__}: {cause}")
            except openai.APIStatusError as error:
                said = self._quoted(error.response.text)
                problem = f"status {error.status_code}: {said}"
                if error.status_code in (400, 422) and self._refuses(said, request):
                    return None
                if error.status_code not in _AGAIN and error.status_code < 500:
                    raise EndpointError(f"{self.url}: {problem}") from None
                asked = _seconds(error.response.headers.get("retry-after"))
            except _NotConformingError as error:
                problem = str(error)
            else:
                self._keep(checksum, request, answer)
                return answer
            if attempt < self.retries:
                stop.wait(self._pause(checksum, attempt, asked))
        raise EndpointError(f"{self.url}: {problem}; given up after {self.retries + 1} tries")

    def _count(self, problem: str) -> None:
        """Count a request that is to be sent; an error where a cap forbids it."""
        with self._lock:
            last = f"; the last one failed: {problem}" if problem else ""
            if self.requests >= self.max_requests:
                raise EndpointError(
                    f"{self.url}: the cap of {self.max_requests} requests (max_requests) is reached{last}"
                )
            if self.tokens >= self.max_tokens:
                raise EndpointError(
                    f"{self.url}: the cap of {self.max_tokens} tokens (max_tokens) is reached, "
                    f"{self.tokens} were used{last}"
                )
            self.requests += 1

    def _pause(self, checksum: str, attempt: int, asked: float) -> float:
        """Seconds till the next try. The jitter goes by the request: requests that failed together do not
        come again together, and yet a run is like the last."""
        share = int(hashlib.sha256(f"{checksum}{attempt}".encode()).hexdigest()[:8], 16) / 2**32
        own: float = self.backoff * 2.0**attempt * (0.5 + share / 2)
        return min(_LONGEST_WAIT, max(asked, own))

    def _conforming(self, content: bytes) -> dict[str, Any]:
        """An answer that has what the protocol promises."""
        text = content.decode("utf-8", "replace")
        try:
            answer = json.loads(text)
        except json.JSONDecodeError:
            raise _NotConformingError(f"the answer is not JSON: {self._quoted(text)}") from None
        choices = answer.get("choices") if isinstance(answer, dict) else None
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict) or not isinstance(first.get("message"), dict):
            raise _NotConformingError(f"the answer has no choices with a message: {self._quoted(text)}")
        usage = answer.get("usage")
        used = usage.get("total_tokens") if isinstance(usage, dict) else None
        with self._lock:
            self.tokens += used if isinstance(used, int) and used > 0 else len(text) // 4 + 1
        found: dict[str, Any] = answer
        return found

    def _quoted(self, text: str) -> str:
        """What an endpoint said, on one short line and without the key, which some repeat."""
        line = " ".join(self._hidden(text).split())
        return line if len(line) <= 200 else f"{line[:200]}..."

    def _hidden(self, text: str) -> str:
        key = self._client.api_key
        return text.replace(key, "***") if key != "none" else text

    # --- What an endpoint refuses ---------------------------------------------------------------------------
    def _refuses(self, said: str, request: Mapping[str, Any]) -> bool:
        """Whether it names a part of the request that can be left out; then it is, from now on."""
        found = [name for name in _OPTIONAL if name in said and name in request]
        if found:
            with self._lock:
                self._refused |= set(found)
                if self.cache is not None:
                    write_file(self._refusals_file(self.cache), json.dumps(sorted(self._refused)))
        return bool(found)

    def _refusals_file(self, cache: Path) -> Path:
        return cache / f"refused-{self._checksum({'model': self.model})[:16]}.json"

    def _known_refusals(self) -> set[str]:
        """What it refused before: so the requests of a repeated run are those of the first."""
        try:
            found = json.loads(self._refusals_file(self.cache).read_text()) if self.cache else []
            return {name for name in found if name in _OPTIONAL}
        except (OSError, ValueError, TypeError):
            return set()

    # --- The cache ------------------------------------------------------------------------------------------
    def _checksum(self, request: Mapping[str, Any]) -> str:
        whole = json.dumps([self.url, request], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(whole.encode()).hexdigest()

    def _file(self, checksum: str, cache: Path) -> Path:
        return cache / checksum[:2] / f"{checksum}.json"

    def _read(self, checksum: str, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """A kept answer; a file that cannot be read is as none."""
        if self.cache is None:
            return None
        try:
            kept = json.loads(self._file(checksum, self.cache).read_text(encoding="utf-8"))
            answer = kept["answer"] if kept["request"] == request and kept["url"] == self.url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return answer if isinstance(answer, dict) else None

    def _keep(self, checksum: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        if self.cache is not None:
            kept = {"url": self.url, "request": request, "answer": answer}
            text = self._hidden(json.dumps(kept, ensure_ascii=False))
            write_file(self._file(checksum, self.cache), text)


class _NotConformingError(Exception):
    """An answer that is not what the protocol promises."""


def _checked(url: str) -> str:
    """A base URL without a slash at its end."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        raise ValueError(
            "the endpoint's URL cannot be read, expected one such as http://127.0.0.1:8000/v1"
        ) from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(  # not shown: it may be a secret
            f"the URL of {parts.hostname} has a user, a password, a query or a fragment, which would be "
            f"written on cards: expected the plain base URL; keys come from {KEY_VARIABLES[0]}"
        )
    if not good:
        raise ValueError(
            f"url is {url!r}, expected the endpoint's base URL, such as http://127.0.0.1:8000/v1"
        )
    return url.rstrip("/")


def _seconds(given: str | None) -> float:
    """``Retry-After`` in seconds; 0 where there is none, or it is a date."""
    try:
        seconds = float(given or 0)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < math.inf else 0.0


def _content(answer: Mapping[str, Any]) -> str:
    """What was written; nothing where it is no text."""
    content = answer["choices"][0]["message"].get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _cut(answer: Mapping[str, Any]) -> bool:
    """Whether an answer was longer than it may be."""
    return bool(answer["choices"][0].get("finish_reason") == "length")


def _probabilities(answer: Mapping[str, Any], options: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """Of the options; None where the answer names none."""
    chosen = read_choice(_content(answer), options, _cut(answer))
    if chosen is None:
        return None
    names = list(labels(len(options)))
    found: npt.NDArray[np.float64] = np.zeros(len(options))
    for token, chance in _alternatives(answer):
        plain = token.strip(" \t\n*_`\"'(")
        if plain in names and len(plain) == 1:
            found[names.index(plain)] += chance
    # where the first token is not the letter ("The answer is B") these are chances of something else
    if found.sum() > 0 and int(found.argmax()) == chosen:
        found /= found.sum()
    else:
        found[:] = 0.0
        found[chosen] = 1.0
    return found


def _alternatives(answer: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The first token's alternatives with their probabilities, where they are told."""
    try:
        first = answer["choices"][0]["logprobs"]["content"][0]
        told = [*first.get("top_logprobs", ()), first]
        return list({str(each["token"]): math.exp(min(0.0, each["logprob"])) for each in told}.items())
    except (KeyError, IndexError, TypeError, AttributeError):
        return []
