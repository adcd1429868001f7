"""Networks that look at rendered frames while a simulation runs.

Each second of a sensor is a scene of its own: the number of objects that the simulation has drawn,
at one of a few sites of the view, in the light of that second. Before a server the second's frames
go through the codec first, the first as an I frame. What is seen of a frame is a function of the
sensor's key, the second, the light, the objects and the frame's number in the second: it does not
depend on which frames are looked at together.
"""

from __future__ import annotations

from collections.abc import Sequence

from fleet.eyes.clip import Frame, Pixels
from fleet.eyes.eye import FIRST_SITE, RAW_NAME, SITES, Eye, Moment, live_scene
from fleet.lab.measures.accuracy import matters
from fleet.lab.measures.codec import encode, setting
from fleet.lab.measures.trace import judge
from fleet.lab.networks import detector
from fleet.lab.networks.detector import Detector
from fleet.lab.scenes import render
from fleet.lab.scenes.canvas import Canvas
from fleet.model.sight import LIGHTS, packed, unseen

_AT_ONCE = 32
_WIDTH, _HEIGHT = 640, 480


class Eyes:
    """The networks of a process, one session each."""

    def __init__(self, eyes: Sequence[Eye]) -> None:
        """Open the networks.

        Raises:
            InputError: a network cannot be opened.
        """
        self._eyes = eyes
        self._detectors = {name: detector.load(name) for name in {eye.name for eye in eyes}}
        self._canvases: dict[tuple[str, str, int], Canvas] = {}

    def look(self, moments: Sequence[Moment]) -> list[int]:
        """Return what is seen at each moment (`sight.packed`), `unseen` without an eye."""
        seen = [unseen(moment.light) for moment in moments]
        waiting: dict[str, list[tuple[int, Frame, Pixels]]] = {eye.name: [] for eye in self._eyes}
        for second in _by_second(moments):
            eye = self._eyes[moments[second[0]].eye]
            queue = waiting[eye.name]
            queue += self._shown(eye, moments, second)
            if len(queue) >= _AT_ONCE:
                self._find(self._detectors[eye.name], queue, moments, seen)
        for name, queue in waiting.items():
            self._find(self._detectors[name], queue, moments, seen)
        return seen

    def _shown(
        self, eye: Eye, moments: Sequence[Moment], second: list[int]
    ) -> list[tuple[int, Frame, Pixels]]:
        """Return (moment, frame as it is, what the network is shown) of one second of a sensor."""
        first = moments[second[0]]
        light = LIGHTS[self._light(first)]
        last, site = max(moments[k].frame for k in second), _site(first)
        clip = render.scene(
            eye.view, light, seed=site, passers=(first.key ^ first.second) % 2**53,
            objects=min(first.objects, render.MOST_OBJECTS), frames=last + 1,
            rate_fps=first.rate_fps, width=_WIDTH, height=_HEIGHT,
            canvas=self._canvas(eye.view, light, site),
        )  # fmt: skip
        if eye.source == RAW_NAME:
            frames = [(k, clip.frame(moments[k].frame)) for k in second]
            return [(k, frame, frame.pixels) for k, frame in frames]
        frames_of = list(clip.frames())
        pixels = (frame.pixels for frame in frames_of)
        coded = list(encode(pixels, setting(eye.source), first.rate_fps))
        return [(k, frames_of[moments[k].frame], coded[moments[k].frame].pixels) for k in second]

    def _canvas(self, view: str, light: str, site: int) -> Canvas:
        key = view, light, site
        if key not in self._canvases:
            self._canvases[key] = render.canvas(view, light, site, _WIDTH, _HEIGHT)
        return self._canvases[key]

    def _light(self, moment: Moment) -> int:
        """Return the light before an eye: indoors it is always day."""
        return 0 if self._eyes[moment.eye].indoors else moment.light

    def _find(
        self, network: Detector, queue: list[tuple[int, Frame, Pixels]],
        moments: Sequence[Moment], seen: list[int],
    ) -> None:  # fmt: skip
        """Let a network look at what waits, and write down what it sees; empties the queue."""
        answers = network.find([pixels for _, _, pixels in queue])
        for (k, frame, _), detections in zip(queue, answers, strict=True):
            assert frame.truth is not None  # it is rendered
            wanted = int(matters(frame.truth, _HEIGHT).sum())
            right, wrong = judge(detections, frame.truth, _HEIGHT)
            scene = live_scene(self._eyes[moments[k].eye].view, _site(moments[k]))
            seen[k] = packed(self._light(moments[k]), wanted, right, wrong, scene)
        queue.clear()


def _site(moment: Moment) -> int:
    """Return the seed of the site at which a sensor stands."""
    return FIRST_SITE + moment.key % SITES


def _by_second(moments: Sequence[Moment]) -> list[list[int]]:
    """Return the places of moments that an eye has, those of one sensor and second together."""
    together: dict[tuple[int, int, int], list[int]] = {}
    for k, moment in enumerate(moments):
        if moment.eye >= 0:
            together.setdefault((moment.eye, moment.key, moment.second), []).append(k)
    return list(together.values())
