"""Agents to compare with: simple, scripted, exact and learned."""
