"""What is played by whom and how it is scored: scenarios, batteries, evaluation, reports."""

from .episodes import Episode, EpisodeError, Recorder
from .evaluation import Evaluation, evaluate
from .loader import (
    Battery,
    Scenario,
    ScenarioError,
    list_batteries,
    list_scenarios,
    load,
    load_battery,
    load_scenario,
)
from .reports import Card
from .seeds import evaluation_seed, training_seed
from .shortcuts import Audit, audit

__all__ = [
    "Audit",
    "Battery",
    "Card",
    "Episode",
    "EpisodeError",
    "Evaluation",
    "Recorder",
    "Scenario",
    "ScenarioError",
    "audit",
    "evaluate",
    "evaluation_seed",
    "list_batteries",
    "list_scenarios",
    "load",
    "load_battery",
    "load_scenario",
    "training_seed",
]
