"""How fast everything is, measured."""
