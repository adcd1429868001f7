"""What a cut fibre does to the results behind it, second by second; in a script, not a scenario.

python scenarios/cut_fibre.py
"""

from __future__ import annotations

from pathlib import Path

import fleet

SCENARIO = Path(__file__).with_name("smoke.yaml")


def main() -> None:
    """Step through a run, cut a link on the way, and print each second as a window of its own."""
    scenario = fleet.load(SCENARIO, ["events=[]"])
    print(" s  results  lost  p99, ms")
    with fleet.Simulation(scenario, "cloud") as sim:
        for second in range(1, 7):
            if second == 3:
                sim.event(outage="fibre/cell-1", lasts="1500 ms")
            sim.run(until=f"{second} s")
            numbers = sim.summary()
            frames, p99 = numbers["frames"], numbers["latency_ms"]["p99"]
            lost = sum(frames["lost"].values())
            print(f"{second:2}  {frames['results']:7}  {lost:4}  {p99:7.1f}")
            sim.begin_window()


if __name__ == "__main__":
    main()
