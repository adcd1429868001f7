"""What can happen to a fleet: outages, crashes, model rewrites, changes of rate and demand."""

from __future__ import annotations

from pydantic import model_validator

from fleet.errors import InputError
from fleet.scenario.quantities import (
    Count,
    FrameRate,
    Model,
    Moment,
    Name,
    Share,
    SpanNs,
    Target,
    TimeNs,
)


class Event(Model):
    """Something that happens to the fleet at a stated time or again and again.

    Exactly one of `outage` (a link), `crash`, `rewrite` and `profile` (a sensor or a group) says
    what; `at`, or `mtbf` and `mttr` (mean times to failure and to repair, both exponential),
    says when. `at` is a time from the start or a time of day; `every` repeats it. A rewrite can be
    rolled out in `waves`, one `wave_every` after the other. `cell` narrows a group to one cell.
    """

    at: Moment | None = None
    every: SpanNs | None = None
    waves: Count = 1
    wave_every: TimeNs | None = None
    cell: Name | None = None
    lasts: TimeNs | None = None
    mtbf: SpanNs | None = None
    mttr: TimeNs | None = None
    outage: Target | None = None
    crash: Target | None = None
    rewrite: Target | None = None
    model: Name | None = None
    profile: Target | None = None
    rate: FrameRate | None = None
    demand: Share | None = None

    @property
    def kind(self) -> str:
        """Return which of outage, crash, rewrite and profile this event is."""
        return next(k for k in _EVENT_FIELDS if getattr(self, k) is not None)

    @property
    def target(self) -> str:
        """Return the name that the event is about."""
        return str(getattr(self, self.kind))

    @model_validator(mode="after")
    def _complete(self) -> Event:
        kinds = [k for k in _EVENT_FIELDS if getattr(self, k) is not None]
        if len(kinds) != 1:
            raise InputError(
                f"give exactly one of {', '.join(_EVENT_FIELDS)}; got {kinds or 'none'}"
            )
        _check_fields(self, kinds[0])
        return self


_EVENT_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    # kind: (fields needed with 'at', fields allowed with 'at')
    "outage": ({"lasts"}, {"lasts", "every"}),
    "crash": (set(), {"lasts", "every", "cell"}),
    "rewrite": ({"model"}, {"model", "every", "cell", "wave_every"}),
    "profile": (set(), {"rate", "demand", "every", "cell"}),
}
_DETAILS = {"lasts", "mtbf", "mttr", "model", "rate", "demand", "wave_every", "cell", "every"}


def _check_fields(event: Event, kind: str) -> None:
    given = {name for name in _DETAILS if getattr(event, name) is not None}
    if event.at is None:
        if kind not in ("outage", "crash") or given != {"mtbf", "mttr"}:
            raise InputError(f"{kind} needs 'at'" + _OR_MTBF.get(kind, ""))
        return
    needed, allowed = _EVENT_FIELDS[kind]
    if needed - given:
        raise InputError(f"{kind} needs {', '.join(sorted(needed - given))}")
    if given - allowed:
        raise InputError(f"{kind} at a stated time takes no {', '.join(sorted(given - allowed))}")
    if kind == "profile" and not given & {"rate", "demand"}:
        raise InputError("profile needs rate, demand or both")
    if (event.waves > 1) != (event.wave_every is not None):
        raise InputError("'waves' of a rewrite and 'wave_every' go together; give both or none")


_OR_MTBF = {"outage": ", or 'mtbf' and 'mttr' alone", "crash": ", or 'mtbf' and 'mttr' alone"}
