"""What every test is given: no screen, and the helper modules beside the tests."""

import os
import sys
from pathlib import Path

# Before pygame is imported: tests open no window. (Programs decide for themselves.)
os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["SDL_AUDIODRIVER"] = "dummy"
# Before torch is imported: two spinning thread pools on two cores wait for each other.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Helper modules lie beside the tests that use them and are imported by their bare name
# (`from slow_minds import track`), so their names are unique among the tests. Appended, not put
# first: a helper can hide no installed module.
for path in [Path(__file__).parent, *sorted(Path(__file__).parent.rglob("*"))]:
    if path.is_dir() and path.name != "__pycache__":
        sys.path.append(str(path))
