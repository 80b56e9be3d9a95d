"""The worlds: who is where, who sees what, who believes what. Nothing here knows agents or scenarios."""
