"""Who believes what after a story: ``mindsight.track`` needs no world, only a list of events.

Run it: ``python examples/stories.py``.
"""

import mindsight

STORY = [
    ["enter", ["Sally", "Anne", "Ben"], "kitchen"],
    ["place", "ball", "box", "kitchen"],
    ["exit", "Sally", "kitchen"],
    ["move", "Anne", "ball", "basket", {"inattentive": ["Ben"]}],
    ["tell", "Anne", "Ben", "ball", "bag"],  # a lie
]

beliefs = mindsight.track(STORY, order=2)
for k in range(1, len(STORY) + 1):
    then = beliefs.at(k)
    chains = [(), ("Sally",), ("Anne",), ("Ben",), ("Anne", "Ben")]
    print(f"{STORY[k - 1]!s:75}", *(f"{'>'.join(c) or 'really'}: {then[c]['ball']}" for c in chains))
