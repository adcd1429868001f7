"""A rule of one's own for scenarios/adaptive.yaml: down at once, and up after a calm while."""


def follow(seen):
    """Go down when a tenth is missing or results are late, up after eight good looks."""
    good = seen.memory[0] if seen.memory else 0
    if seen.missing_ppm > 100_000 or seen.latency_ns > 500_000_000:
        return seen.rung + 1, 0
    return (seen.rung - 1, 0) if good >= 8 else (seen.rung, good + 1)
