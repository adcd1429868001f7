"""Rules of controllers as users write them, for tests."""

CALM = 2


def region(seen):
    """Go by all that is seen at a region."""
    before, looks = seen.memory if seen.memory else (0, 0)
    odd = seen.results + seen.expected + seen.waiting + seen.dropped + seen.missing_ppm
    late = seen.latency_ns > before
    if late or odd % 3 == 0:
        return seen.rung + 1, seen.latency_ns, looks + 1
    return seen.rung - (looks % CALM), seen.latency_ns, looks + 1


def site(seen):
    """Go by all that is seen at a site."""
    odd = seen.captured + seen.sent_bits + seen.waiting_bits + seen.waiting + seen.dropped
    odd += seen.clock_s + seen.weekday + seen.grid_mg_per_kwh + seen.price_usd_per_gwh
    fits = [k for k in range(seen.rungs) if seen.rung_bps[k] * seen.period_ns < 1000000000 * odd]
    if seen.backlog_ns > seen.period_ns and fits:
        return min(fits)
    return (seen.rung + odd) % seen.rungs
