"""Experiments: what the paper claims, measured. Each is a module with a command of its own."""
