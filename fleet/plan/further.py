"""What frames become that a sensor does not answer alone: setups beside its own."""

from __future__ import annotations

from dataclasses import replace

from fleet.catalog import Reader
from fleet.eyes.eye import RAW_NAME
from fleet.plan import asking, crops, equipment, pipelines
from fleet.plan.cutting import Cut
from fleet.plan.equipment import Setup
from fleet.plan.limits import check_times
from fleet.plan.pipelines import Second
from fleet.plan.protocol import protocol_row
from fleet.scenario.load import Scenario


def second(scenario: Scenario, reader: Reader, of: Setup) -> Setup | None:
    """Return what the DSP of a setup runs on each object, None if there is no such network.

    Raises:
        InputError: a frame with as many objects as may be would take too long.
    """
    if of.then is None or not of.on_sensor or of.then.infer:
        return None
    row, name = (
        of.row | pipelines.dsp_row(reader, of.device, of.then),
        f"{of.name} → {of.then.model}",
    )
    longest = int(of.row["compute_ns"]) + of.then.most * int(row["compute_ns"])
    check_times(scenario, (*of.keys, "pipeline"), name, {"compute_ns": longest})
    return replace(of, name=name, row=row)


def asked(scenario: Scenario, reader: Reader, of: Setup) -> Setup | None:
    """Return what frames become that a setup passes on to servers, None if it passes on none.

    That is a camera's picture, out of the same body, and always an I frame, or crops of it; or the
    tensor at which its network is cut, which nobody encodes.

    Raises:
        InputError: something is not in the catalogue or does not go together.
    """
    if of.cut is not None:
        return _rest(scenario, reader, of, of.cut)
    if of.then is not None and of.then.infer:
        return _crops(scenario, reader, of, of.then)
    if of.equipment.ask is None:
        return None
    chosen = asking.camera(of.equipment)
    mode = equipment.mode_of(scenario, reader, chosen, of.keys)
    setup = equipment.camera(scenario, reader, chosen, (*of.keys, "ask"), "sensors", mode, of.duty)
    check_times(scenario, setup.keys, setup.name, setup.row)
    what = chosen.codec
    if crops.are_sent(of.equipment):
        crops.check(scenario, reader, of.model, of.equipment, of.keys)
        what = f"crops, {what}"
    return replace(setup, name=f"{of.name} → {what}", row=setup.row | {"gop": 1})


def _rest(scenario: Scenario, reader: Reader, of: Setup, cut: Cut) -> Setup:
    """Return what a frame becomes whose network servers finish: the tensor at the cut."""
    mode = equipment.mode_of(scenario, reader, of.equipment, of.keys)
    row = equipment.row_of(scenario, reader, "sensors", of.equipment, of.keys, mode)
    row |= protocol_row(scenario, reader, of.equipment, of.keys, "mqtt-tls")
    row |= {"compute_ns": 0, "compute_uw": 0, "pixels_base": cut.sent_bytes}
    row["metadata_most"] = of.row["metadata_most"]
    return replace(
        of, name=f"{of.name} → {cut.after}", row=row, shown=(RAW_NAME,),
        equipment=of.equipment.model_copy(update={"infer": cut.infer}),
    )  # fmt: skip


def _crops(scenario: Scenario, reader: Reader, of: Setup, then: Second) -> Setup:
    """Return what a frame becomes whose objects servers look at: a crop of each, not encoded."""
    mode = equipment.mode_of(scenario, reader, of.equipment, of.keys)
    row = equipment.row_of(scenario, reader, "sensors", of.equipment, of.keys, mode)
    row |= protocol_row(scenario, reader, of.equipment, of.keys, "mqtt-tls")
    row |= {"compute_ns": 0, "compute_uw": 0, "pixels_per_object": then.crop_bytes}
    row |= {"metadata_most": then.most, "then_most": then.most}
    return replace(
        of, name=f"{of.name} → {then.model}", row=row, shown=(RAW_NAME,),
        equipment=of.equipment.model_copy(update={"infer": then.infer}),
    )  # fmt: skip
