"""Recorded conversations: the unstructured data of listing 1, as files.

conversations.safetensors     the arrays
conversations.json            what they are: format, version, where they come from, a checksum
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...envs.conversation.language import LENGTH, VOCABULARY
from ..training import write
from .perspective import Messages

__all__ = ["DatasetError", "Recorded", "Seen"]

_FORMAT, _VERSION = "mindsight conversations", 1
_ARRAYS, _ABOUT = "conversations.safetensors", "conversations.json"


class DatasetError(ValueError):
    """Recorded conversations that cannot be read; the message names the file."""


@dataclass(frozen=True)
class Seen:
    """N conversations, each as one individual perceived it.

    Attributes:
        messages: what was perceived.
        heard: (N, M) uint8, bits of those who perceived each of these; 0 after the end.
        paid: (N, M) float32, what each message brought its sender: paid from then on until they spoke again;
            0 for the world.
    """

    messages: Messages
    heard: npt.NDArray[np.uint8]
    paid: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recorded:
    """E conversations of at most M messages among A individuals.

    Attributes:
        tokens: (E, M, LENGTH) int16, words; rows of 0 after the end.
        senders: (E, M) int16, name tokens; 0 the world.
        heard: (E, M) uint8, bits of those who perceived each message: for who sees what of it here, and for
            named upper bounds; never for an agent under test.
        names: (E, A) int16, what everybody is called.
        gained: (E, M, A) float32, what everybody was paid in the step in which somebody said or did the
            message; 0 for others.
        about: where they come from: scenario, environment, options, agent, seeds, versions.
    """

    tokens: npt.NDArray[np.int16]
    senders: npt.NDArray[np.int16]
    heard: npt.NDArray[np.uint8]
    names: npt.NDArray[np.int16]
    gained: npt.NDArray[np.float32]
    about: Mapping[str, Any]

    def __post_init__(self) -> None:
        e, m = self.tokens.shape[:2]
        a = self.names.shape[-1]
        for name, shape, dtype in (
            ("tokens", (e, m, LENGTH), np.int16),
            ("senders", (e, m), np.int16),
            ("heard", (e, m), np.uint8),
            ("names", (e, a), np.int16),
            ("gained", (e, m, a), np.float32),
        ):
            found = getattr(self, name)
            if found.shape != shape or found.dtype != dtype:
                raise DatasetError(
                    f"{name} is {found.dtype} of shape {found.shape}, expected {np.dtype(dtype)} of {shape}"
                )

    def __len__(self) -> int:
        return len(self.tokens)

    def perceived_by(
        self, individuals: int | npt.NDArray[Any], rows: npt.NDArray[Any] | slice = slice(None)
    ) -> Messages:
        """The conversations as individuals perceived them.

        Args:
            individuals: the index of one, or (N,) of one for each of the conversations.
            rows: which conversations, N of them; all by default.
        """
        return self.seen_by(individuals, rows).messages

    def seen_by(
        self, individuals: int | npt.NDArray[Any], rows: npt.NDArray[Any] | slice = slice(None)
    ) -> Seen:
        """As :meth:`perceived_by`, with what is known of each message beside it."""
        senders, heard = self.senders[rows], self.heard[rows]
        n = len(senders)
        viewers = np.broadcast_to(np.asarray(individuals, np.int64), n)
        names = self.names[rows]
        there = (heard >> viewers[:, None] & 1).astype(np.bool_) & self.tokens[rows].any(-1)
        whole = Messages(self.tokens[rows], senders, names[np.arange(n), viewers])
        order = np.argsort(~there, axis=1, kind="stable")  # as Messages.only puts them
        paid = _brought(senders, names, self.gained[rows])
        return Seen(
            whole.only(there),
            np.take_along_axis(np.where(there, heard, 0), order, 1),
            np.take_along_axis(np.where(there, paid, 0).astype(np.float32), order, 1),
        )

    def save(self, folder: str | Path) -> Path:
        """Write both files; each appears whole or not at all, the description last."""
        from safetensors.numpy import save

        folder = Path(folder)
        arrays = {
            field.name: np.ascontiguousarray(getattr(self, field.name))
            for field in fields(self)
            if field.name != "about"
        }
        content = save(arrays)
        write(folder / _ARRAYS, content)
        about = {
            "format": _FORMAT,
            "version": _VERSION,
            "vocabulary": len(VOCABULARY),
            "sha256": hashlib.sha256(content).hexdigest(),
            **self.about,
        }
        write(folder / _ABOUT, json.dumps(about, indent=1, ensure_ascii=False) + "\n")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Recorded:
        """What :meth:`save` has written.

        Raises:
            DatasetError: something is missing, damaged, foreign, or of another version.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        path = Path(folder) / _ABOUT
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            content = path.with_name(_ARRAYS).read_bytes()
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path}: not JSON: {error}") from None
        except OSError as error:
            raise DatasetError(f"{error.filename}: {error.strerror}") from None
        if not isinstance(about, dict) or about.pop("format", None) != _FORMAT:
            raise DatasetError(f"{path}: no conversations of ours, expected the format {_FORMAT!r}")
        for key, expected in (("version", _VERSION), ("vocabulary", len(VOCABULARY))):
            found = about.pop(key, None)
            if found != expected:
                raise DatasetError(f"{path}: {key} is {found!r}, expected {expected!r}")
        arrays_path = path.with_name(_ARRAYS)
        if hashlib.sha256(content).hexdigest() != about.pop("sha256", None):
            raise DatasetError(f"{arrays_path}: damaged, or not the one that {path.name} describes")
        try:
            arrays = load(content)
            return cls(**arrays, about=about)
        except (SafetensorError, TypeError, DatasetError) as error:
            raise DatasetError(f"{arrays_path}: {error}") from None


def _brought(
    senders: npt.NDArray[np.int16], names: npt.NDArray[np.int16], gained: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """What each message brought its sender, replies to it included: (N, M)."""
    n, m = senders.shape
    found = np.zeros((n, m), np.float32)
    for k in range(names.shape[1]):
        own = senders == names[:, k, None]  # the world's name is 0, and nobody's
        still = np.zeros((n, m + 1), np.float32)  # to be paid, from each message on
        still[:, :m] = gained[:, ::-1, k].cumsum(1)[:, ::-1]
        places = np.full((n, m + 1), m)
        places[:, :m] = np.where(own, np.arange(m), m)
        later = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]  # the next own one, this included
        found += np.where(own, still[:, :m] - np.take_along_axis(still, later[:, 1:], 1), 0)
    return found
