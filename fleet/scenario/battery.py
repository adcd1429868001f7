"""What a scenario says of sensors without mains: batteries, and the panels that charge them."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from fleet.errors import InputError
from fleet.scenario.quantities import (
    EnergyNj,
    Model,
    Part,
    PartOrNone,
    PeriodNs,
    PowerUw,
    left_out,
    says,
)

MAINS = "mains"
"""What equipment names instead of a battery where a group has one and the arm's sensors do not."""
CLEARNESS, W_PER_M2 = "clearness", "w_per_m2"
"""The columns of files of the two kinds."""


class SunFile(Model):
    """A number for each hour from a CSV file, as `grid` has it: by `hour`, `month` too, or `time`.

    Its column is `clearness` or `w_per_m2`.
    """

    file: Annotated[str, says("CSV file with a number for each hour", "sun.csv")]
    attribution: Annotated[
        str,
        StringConstraints(max_length=80),
        says("what the data asks for, told with the results", "PVGIS © European Union"),
    ] = ""

    @property
    def day(self) -> None:
        """Return nothing: a file has the numbers."""


class Solar(Model):
    """A panel that charges a battery.

    What falls on it is a clear sky's light at the place, times `clearness`; or `irradiance` is.
    """

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [left_out("clearness"), left_out("irradiance")]}
    )

    peak: Annotated[PowerUw, says("power at 1000 W/m²", "10 W")]
    tilt: Annotated[float, Field(ge=0, le=90), says("from the horizontal; degrees", 60.0)] = 0.0
    azimuth: Annotated[
        float,
        Field(ge=0, lt=360),
        says("whither it faces, from north by east; degrees", 180.0),
    ] = 180.0
    performance: Annotated[
        Part,
        says("share of that power that it gives: dirt, heat and conversion are off", "75 %"),
    ] = 1
    ground: Annotated[PartOrNone, says("share of the light that the ground reflects", "60 %")] = 0.2
    clearness: Annotated[
        PartOrNone | SunFile | None,
        says("share of a clear sky's light that comes through", "40 %", "all of it"),
    ] = None
    irradiance: Annotated[
        SunFile | None,
        says(
            "what falls on the panel as it stands, from a file; W/m²",
            {"file": "panel.csv"},
            "that of a clear sky",
        ),
    ] = None

    @field_validator("tilt", "azimuth", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one_source(self) -> Solar:
        if self.clearness is not None and self.irradiance is not None:
            raise InputError(
                "'irradiance' says what falls on the panel, clouds and all; leave out 'clearness'"
            )
        return self


class Battery(Model):
    """A battery, looked at every so often: at its cut-off a sensor goes off, at its recovery on."""

    capacity: Annotated[EnergyNj, says("energy that it holds", "50 Wh")]
    charge: Annotated[PartOrNone, says("share of it at the start", "60 %")] = 1
    cut_off: Annotated[PartOrNone, says("share at or below which its sensor goes off", "10 %")]
    recovery: Annotated[Part, says("share at or above which the sensor comes on again", "25 %")]
    efficiency: Annotated[Part, says("share of what charges it that it gives again", "90 %")] = 1
    every: Annotated[PeriodNs, says("from one look at it to the next", "30 s")] = Field(
        default="60 s", validate_default=True
    )
    solar: Annotated[
        Solar | None,
        says("a panel that charges it", {"peak": "10 W"}, "nothing charges it"),
    ] = None

    @model_validator(mode="after")
    def _hysteresis(self) -> Battery:
        if self.recovery <= self.cut_off:
            raise InputError(
                f"'recovery' of {float(self.recovery):.4g} is not above the 'cut_off' of"
                f" {float(self.cut_off):.4g}, so a sensor would go off and on at every look; raise"
                " 'recovery'"
            )
        return self
