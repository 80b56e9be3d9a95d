"""What is played by whom and how it is scored: scenarios, batteries, evaluation, reports."""

from .episodes import Episode, EpisodeError, Recorder

__all__ = ["Episode", "EpisodeError", "Recorder"]
