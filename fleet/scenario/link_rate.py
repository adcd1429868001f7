"""The rate of a link that follows a file: steps of a table, or the packet times of emulators."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, model_validator

from fleet.errors import InputError
from fleet.scenario.quantities import Model, OffsetNs, PeriodNs, given, left_out, says

_TABLE_ONLY, _PACKETS_ONLY = ("time", "column"), ("every",)
_STEPS, _PACKETS = "`packets` is given", "`file` is given"


class RateTrace(Model):
    """A rate that follows a file, which begins with the run.

    `file` is a CSV or Parquet table whose rows say from when a link has which rate; a rate of 0 is
    an outage. `packets` is a text file of emulators of links (Mahimahi): a line for each packet of
    1,500 bytes that can be sent, in ms from the begin; the rate is the mean over each `every`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"allOf": [given("file"), left_out("packets", *_PACKETS_ONLY)]},
                {"allOf": [given("packets"), left_out("file", *_TABLE_ONLY)]},
            ]
        }
    )

    file: Annotated[
        str | None, says("CSV or Parquet file, a row for each step", "rates.csv", _STEPS)
    ] = None
    time: Annotated[
        str | None,
        says("column of times, whose name ends in its unit", "t_ms", "`time_s`"),
    ] = None
    column: Annotated[
        str | None,
        says("column of rates, whose name ends in its unit", "up_kbit_s", "`rate_mbit_s`"),
    ] = None
    packets: Annotated[
        str | None, says("file of packet times, a line each", "driving.up", _PACKETS)
    ] = None
    every: Annotated[
        PeriodNs | None, says("over what packets are counted", "50 ms", "100 ms, of packets")
    ] = None
    skip: Annotated[OffsetNs, says("what is left out at the begin of the file", "1 min")] = 0
    repeat: Annotated[bool, says("whether it begins anew where it ends", example=True)] = False
    begin: Annotated[
        Literal["together", "random"],
        says("where links begin that have one each; `random` needs `repeat`", "random"),
    ] = "together"

    @model_validator(mode="after")
    def _sound(self) -> RateTrace:
        if (self.file is None) == (self.packets is None):
            raise InputError("give either 'file' (a table of steps) or 'packets' (packet times)")
        kind, others = ("packets", _TABLE_ONLY) if self.file is None else ("file", _PACKETS_ONLY)
        for name in others:
            if getattr(self, name) is not None:
                raise InputError(f"'{name}' says nothing of '{kind}'; remove it")
        if self.begin == "random" and not self.repeat:
            raise InputError(
                "'begin: random' needs 'repeat: true': who begins in the midst comes to the end"
            )
        return self

    @property
    def named(self) -> tuple[str, str]:
        """Return (the key that names the file, the file)."""
        return ("file", self.file) if self.file is not None else ("packets", self.packets or "")
