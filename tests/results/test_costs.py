"""Costs, carbon and energy against sums made by hand on tiny worlds."""

from __future__ import annotations

from typing import Any

import pytest
import worlds

from fleet.engine.energy import account
from fleet.model.books import BATCHES, COMPUTE_NS, SENSE_NS, SENT_LINK_BITS, SERVED_NS, STARTED
from fleet.results.metrics import summarise
from fleet.running.run import Outcome

END = 2_000_000_000
MONTH_S = 30 * 86_400
MONTHS = 2 / MONTH_S
LIFE_MONTHS = 60  # 1800 days
GB_BITS = 8e9


def priced(**changes: Any) -> dict[str, Any]:
    """Return the small scenario with a price book and a grid."""
    return worlds.scenario(prices="test-book", grid="test-grid", **changes)


def run(data: dict[str, Any], arm: str) -> tuple[Outcome, dict[str, Any], dict[str, float]]:
    outcome = worlds.run(worlds.plan(data, arm))
    numbers = summarise(outcome)
    return outcome, numbers, numbers["cost_usd_per_sensor_month"]


def sent_gb(outcome: Outcome, name: str) -> float:
    links = zip(outcome.plan.links.names, outcome.tally.links[:, SENT_LINK_BITS], strict=True)
    return float(sum(bits for link, bits in links if link.split("/")[0] == name)) / GB_BITS


def kwh(numbers: dict[str, Any], *components: str) -> float:
    """Return the energy of components in a month; kWh."""
    return sum(numbers["power_w"][c] for c in components) * MONTH_S / 3.6e6


def test_cost_of_inference_on_the_sensor() -> None:
    outcome, numbers, cost = run(priced(), "on_sensor")
    assert cost["device"] == pytest.approx((90 + 10) / LIFE_MONTHS)  # camera and host
    mobile, fixed = sent_gb(outcome, "cell"), sent_gb(outcome, "wan")
    assert mobile > 0 < fixed
    assert cost["data"] == pytest.approx((3 * mobile + 0.1 * fixed) / MONTHS / 6)
    assert cost["compute"] == cost["storage"] == 0
    assert cost["energy"] == pytest.approx(0.2 * kwh(numbers, "sensor", "uplink") / 6)
    parts = sum(v for k, v in cost.items() if k != "total")
    assert cost["total"] == pytest.approx(parts)


def test_cost_of_inference_in_the_cloud() -> None:
    outcome, numbers, cost = run(priced(retention="60 d"), "cloud")
    assert cost["device"] == pytest.approx(200 / LIFE_MONTHS)
    assert cost["compute"] == pytest.approx(2 * 0.5 * 720 / 6)  # two servers at 0.5 USD/h
    stored_gb = numbers["bytes"]["image"] / 1e9 / MONTHS
    assert cost["storage"] == pytest.approx(stored_gb * 2 * 0.02 / 6)
    mobile, fixed = sent_gb(outcome, "cell"), sent_gb(outcome, "wan")
    assert cost["data"] == pytest.approx((3 * mobile + 0.1 * fixed) / MONTHS / 6)
    assert cost["energy"] == pytest.approx(0.2 * kwh(numbers, "sensor", "uplink") / 6)
    _, _, unkept = run(priced(), "cloud")
    assert unkept["storage"] == 0


def test_cost_of_inference_at_the_edge() -> None:
    """A box of 700 USD in each of two cells; no picture comes to the cloud."""
    camera = {"device": "test-camera", "codec": "test-codec", "model": "cloudy", "infer": "edge"}
    box = {"after": "cell", "shared_by": "cell", "server": "test-npu", "servers": 3}
    data = priced(edges={"box": box}, arms={"edge": camera}, retention="30 d")
    _, numbers, cost = run(data, "edge")
    assert cost["device"] == pytest.approx(200 / LIFE_MONTHS + 2 * 3 * 700 / LIFE_MONTHS / 6)
    assert cost["compute"] == cost["storage"] == 0
    assert cost["energy"] == pytest.approx(0.2 * kwh(numbers, "sensor", "uplink", "edge") / 6)
    assert numbers["power_w"]["edge"] > 6 * 4  # idle and host power of six servers


def test_no_price_book_no_cost() -> None:
    assert summarise(worlds.run(worlds.plan(worlds.scenario(), "cloud")))[
        "cost_usd_per_sensor_month"
    ] is None  # fmt: skip


@pytest.mark.parametrize("arm", ["on_sensor", "cloud"])
def test_carbon_is_energy_times_the_grid(arm: str) -> None:
    """300 g a kWh, 8766 hours a year, six sensors."""
    _, numbers, _ = run(priced(), arm)
    kilograms = numbers["power_w"]["total"] / 1000 * 8766 * 0.3 / 6
    assert numbers["carbon_kg_per_sensor_year"] == pytest.approx(kilograms)
    other = summarise(worlds.run(worlds.plan(worlds.scenario(grid="fin"), arm)))
    share = other["carbon_kg_per_sensor_year"] / numbers["carbon_kg_per_sensor_year"]
    assert share == pytest.approx(79.158 / 300)


# Energy ---------------------------------------------------------------------------------------


def states(outcome: Outcome) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (time, energy) by component and state, kinds of servers added up."""
    out: dict[tuple[str, str], tuple[int, int]] = {}
    for s in account(outcome.plan, outcome.tally):
        time, energy = out.get((s.component, s.state), (0, 0))
        out[s.component, s.state] = time + s.time_ns, energy + s.energy_fj
    return out


def test_energy_of_a_sensor_is_power_times_time() -> None:
    """Base 600 mW and host 400 mW; the DSP at half of its units draws 100 + 200 / 2 mW."""
    outcome = worlds.run(worlds.plan(worlds.scenario(), "on_sensor"))
    found, counts = states(outcome), outcome.tally.sensors
    sensing, computing = int(counts[:, SENSE_NS].sum()), int(counts[:, COMPUTE_NS].sum())
    expected = {
        "host": (6 * END, 1000),
        "sensing": (sensing, 100),
        "sense_idle": (6 * END - sensing, 10),
        "computing": (computing, 200),
    }
    for state, (time, milliwatts) in expected.items():
        assert found["sensor", state] == (time, time * milliwatts * 1000), state
    assert sensing == pytest.approx(6 * 50 * 1_500_000, rel=0.02)  # readout, not processing
    assert computing == pytest.approx(6 * 50 * 10_000_000, rel=0.02)


def test_a_host_of_ones_own_draws_its_own_power() -> None:
    base = states(worlds.run(worlds.plan(worlds.scenario(), "cloud")))["sensor", "host"]
    assert base == (6 * END, 6 * END * 2000 * 1000)  # 2 W and no host
    data = worlds.scenario()
    data["arms"]["cloud"]["host"] = "test-host"
    hosted = states(worlds.run(worlds.plan(data, "cloud")))["sensor", "host"]
    assert hosted[1] == 6 * END * 2400 * 1000


def test_energy_of_servers_is_power_times_time_and_pue() -> None:
    """Idle 10 + 5 W, busy 70 + 5 W, a tenth more for the building; t(b) = 2 ms + 1 ms · b."""
    outcome = worlds.run(worlds.plan(worlds.scenario(), "cloud"))
    found = states(outcome)
    busy = int(outcome.tally.servers[0, STARTED]) * 1_000_000
    batches_ns = int(outcome.tally.servers[0, BATCHES]) * 2_000_000
    assert busy + batches_ns == pytest.approx(int(outcome.tally.servers[0, SERVED_NS]), rel=0.05)
    assert found["cloud", "busy"] == (busy, busy * 75_000_000 * 11 // 10)
    idle = 2 * END - busy
    assert found["cloud", "idle"] == (idle, idle * 15_000_000 * 11 // 10)
    assert found["cloud", "decoding"] == (0, 0)


def test_energy_of_decoders_is_that_of_those_at_work() -> None:
    """1 W for each decoder while it decodes a frame, 8.333 ms; no building at 1.0."""
    cloud = {"server": "test-npu", "servers": 2}
    data = worlds.pool_of_instant_cameras(2, "5 fps", duration="2 s", cloud=cloud)
    outcome = worlds.run(worlds.plan(data, "cloud"))
    found = states(outcome)
    assert found["cloud", "decoding"] == (20 * 8_333_333, 20 * 8_333_333 * 1_000_000)
    busy, idle = found["cloud", "busy"], found["cloud", "idle"]
    assert busy == (20 * 2_500_000, 20 * 2_500_000 * 16_000_000)  # of t(1) = 5 ms + 2.5 ms
    assert idle == (2 * END - busy[0], (2 * END - busy[0]) * 4_000_000)


def test_states_add_up_to_components() -> None:
    numbers = summarise(worlds.run(worlds.plan(worlds.scenario(), "cloud")))
    for component, watts in numbers["power_w"].items():
        if component != "total":
            by_state = numbers["power_states_w"].get(component, {})
            assert sum(by_state.values()) == pytest.approx(watts)
