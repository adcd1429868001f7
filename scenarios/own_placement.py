"""A placement of one's own, and a run that is stepped: what the Python API is for.

Run it from the root of the project: python scenarios/own_placement.py
"""

from __future__ import annotations

from pathlib import Path

import fleet

SMOKE = Path(__file__).with_name("smoke.yaml")


def busy_doors_to_the_cloud(sensor: fleet.Placed) -> str:
    """Send the first cell's doors to the cloud and infer everywhere else on the sensor."""
    return "cloud" if sensor.group == "door" and sensor.site.cell == "cell-0" else "on_sensor"


def main() -> None:
    """Compare the placement with both arms, then watch one sensor through a model rewrite."""
    scenario = fleet.load(SMOKE)
    record = fleet.run(scenario, placements={"own": busy_doors_to_the_cloud}, executor="local")
    for arm, numbers in record.arms.items():
        print(
            f"{arm:10} p99 {numbers['latency_ms']['p99']:7.2f} ms"
            f"   {numbers['power_w']['total']:7.2f} W"
            f"   {numbers['bandwidth_mbit_s']['wan']['mean']:8.4f} Mbit/s"
        )
    difference = fleet.compare(record)["arms"]["own"]["power_w.total"]["difference"]
    print(f"own − cloud: {difference:+.2f} W")

    with fleet.Simulation(scenario, "on_sensor") as sim:
        door = sim.sensor("door-1")
        sim.run(until="1 s")
        door.deploy("efficientdet-lite0")
        for moment in ("2 s", "6 s", "10 s"):
            sim.run(until=moment)
            print(moment, door.state.setup, "blind" if door.state.blind else "sees")
        print("skipped while blind:", door.counters["frames_model_write"])


if __name__ == "__main__":
    main()
