"""The paper's agent: a transformer whose attention heads belong to three modules, and how they are trained.

``model.py`` is the network, ``routing.py`` says which loss may move which parameters, ``perspective.py``
switches names, ``algorithms.py`` has the listings' updates.
"""

from .model import MODULES, Output, TriConfig, TriModule
from .routing import Learner, Term

__all__ = ["MODULES", "Learner", "Output", "Term", "TriConfig", "TriModule"]
