"""Language models by name, as the command line and ``mindsight.load_agent`` take them."""

from __future__ import annotations

import inspect
from typing import Any

from .model import LanguageModel

__all__ = ["FORMS", "is_name", "load"]

#: What a name may look like.
FORMS = ("hf:PATH_OR_NAME", "served:MODEL@URL")


def is_name(given: str) -> bool:
    """Whether a name is meant to be a language model's."""
    return given.partition(":")[0] in ("hf", "served") and ":" in given


def load(given: str, **settings: Any) -> LanguageModel:
    """A language model by its name.

    Args:
        given: ``"hf:"`` and a folder or a name on the Hugging Face hub, or ``"served:"``, what the
            endpoint calls the model, ``"@"`` and the endpoint's base URL.
        settings: keyword arguments of ``Local`` or ``Served``.

    Raises:
        ValueError: it has another form, there is no such model or setting; it says what was expected.
    """
    kind, _, rest = given.partition(":")
    if kind == "hf" and rest:
        from .local import Local

        return Local(rest, **_known(kind, Local, settings))
    model, at, url = rest.rpartition("@")
    if kind == "served" and model and at and url:
        from .served import Served

        return Served(model, url, **_known(kind, Served, settings))
    form = FORMS[0] if kind == "hf" else FORMS[1]
    raise ValueError(
        f"agent {given!r} is no name of a language model, expected {form}, such as "
        "'hf:models/tiny' or 'served:llama3@http://127.0.0.1:8000/v1'"
    )


def _known(kind: str, made: type[LanguageModel], settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, if there are such."""
    known = [name for name in inspect.signature(made).parameters if name not in ("model", "url")]
    for name in settings:
        if name not in known:
            raise ValueError(f"{kind}: there is no setting {name!r}, expected one of {', '.join(known)}")
    return settings
