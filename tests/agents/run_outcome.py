"""What a run of a curriculum has come to."""

import json


def outcome(path):
    """Everything that has to come out the same: metrics apart from times, and the models' bytes."""
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    plain = [{k: v for k, v in line.items() if not k.startswith("time/")} for line in lines]
    models = {
        str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("model.safetensors"))
    }
    return plain, models
