"""Mindsight: exact, fast worlds in which minds matter.

Multi-agent environments for Theory of Mind: every world keeps, beside its state, exactly who
believes what (and who believes that who believes what), and asks questions about it.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
