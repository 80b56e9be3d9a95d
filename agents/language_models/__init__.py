"""Language models as agents: local ones through transformers, served ones over the network.

The parts that need transformers or openai are imported where they are used.
"""

from .model import ACTING, LanguageModel
from .names import is_name, load
from .prompts import Prompt

__all__ = ["ACTING", "LanguageModel", "Prompt", "is_name", "load"]
