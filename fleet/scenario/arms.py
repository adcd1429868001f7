"""What a scenario says of its arms: with what each of them looks and infers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, model_validator

from fleet.errors import InputError
from fleet.scenario.adaptive import Adaptive
from fleet.scenario.asking import Ask
from fleet.scenario.labels import Label
from fleet.scenario.pipeline import Pipeline
from fleet.scenario.publish import Publish
from fleet.scenario.quantities import (
    Camera,
    Codec,
    Device,
    FrameRate,
    Host,
    Layer,
    Mode,
    Model,
    Name,
    Network,
    Protocol,
    RateBps,
    given,
    says,
)
from fleet.scenario.split import Split


class Equipment(Model):
    """What looks and infers for a sensor; a field left out is taken from the arm.

    With `infer` an AI sensor is a camera, with the encoder of the camera that `encoder` names.
    """

    device: Annotated[Device | None, says("AI sensor or camera", "lucid-triton", "the arm's")] = (
        None
    )
    model: Annotated[
        Network | None,
        says("network that infers, on the sensor or on servers", "yolo11m", "the arm's"),
    ] = None
    codec: Annotated[
        Codec | None,
        says("how a camera's pictures are encoded", "h264-crf28", "none: an AI sensor"),
    ] = None
    publish: Annotated[
        Publish | None,
        says("which results an AI sensor sends", "on change or every 60 s", "every inference"),
    ] = None
    protocol: Annotated[
        Protocol | None, says("protocol, with its overhead", "coap-dtls", "mqtt-tls, rtp of video")
    ] = None
    mode: Annotated[
        Mode | None,
        says("how the sensor is read out: full, binned, ...", "binned3", "the device's"),
    ] = None
    output: Annotated[
        Literal["message", "tensor", "roi", "image", "raw", "image + message"] | None,
        says("what an AI sensor puts out", "roi", "message"),
    ] = None
    host: Annotated[
        Host | None, says("computer beside the sensor or camera", "pi-zero", "the device's")
    ] = None
    bitrate: Annotated[
        RateBps | None, says("mean that an encoder is held to", "2 Mbit/s", "the codec's quality")
    ] = None
    infer: Annotated[
        Literal["cloud", "edge"] | None,
        says("where frames of a camera are inferred", "edge", "cloud; an AI sensor does it itself"),
    ] = None
    encoder: Annotated[
        Camera | None,
        says("camera whose encoder an AI sensor with `infer` has", "ip-camera-1080p", "none"),
    ] = None
    eye: Annotated[
        Name | None,
        says("measured network whose sight stands for the model's", "eye-small", "the catalogue's"),
    ] = None
    rate: Annotated[
        FrameRate | None, says("most that is captured", "5 fps", "what groups and events ask for")
    ] = None
    ask: Annotated[
        Ask | None,
        says(
            "which frames of an AI sensor servers look at too, and how",
            {
                "when": "unsure below 60 %",
                "model": "eye-large",
                "codec": "jpeg-q60",
                "encoder": "ip-camera-1080p",
            },
            "none: its own answer stands",
        ),
    ] = None
    battery: Annotated[
        Name | None,
        says("what it lives on, of `batteries`, or `mains`", "small", "the group's"),
    ] = None
    split: Annotated[
        Layer | Split | None,
        says(
            "where the network of an AI sensor is cut, of which servers run the rest",
            {"after": "merge.sum"},
            "none: it runs whole",
        ),
    ] = None
    pipeline: Annotated[
        Pipeline | None,
        says(
            "a second network, which looks at each object that `model` finds",
            {"model": "resnet50", "most": 8},
            "none: what `model` says is the answer",
        ),
    ] = None


class Arm(Equipment):
    """One answer to 'where does inference run?'.

    Either equipment for every sensor, with `per` overriding it for some groups, or `place`: for
    each group the name of another arm (`default` for the rest).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": given("place"),
            "then": {
                "properties": {
                    **{field: {"type": "null"} for field in Equipment.model_fields},
                    "per": {"maxProperties": 0},
                    "adaptive": {"type": "null"},
                }
            },
        }
    )

    label: Annotated[
        Label | None,
        says("what tables, figures and reports call it", "Cloud, two T4", "its name"),
    ] = None
    per: Annotated[
        dict[Name, Equipment],
        says("by group, what differs from the arm's own", {"camera": {"mode": "binned4"}}),
    ] = {}
    place: Annotated[
        dict[Name, Name] | None,
        says("by group, the arm that it is taken from", {"camera": "cloud"}, "the arm's own"),
    ] = None

    adaptive: Annotated[
        Adaptive | None,
        says(
            "a ladder of settings, and the controllers that say which of them holds",
            {"rule": "threshold", "every": "1 s", "high": "300 ms", "ladder": [{"rate": "5 fps"}]},
            "none: the settings stay",
        ),
    ] = None

    @model_validator(mode="after")
    def _one_kind(self) -> Arm:
        own = [f for f in (*Equipment.model_fields, "per", "adaptive") if getattr(self, f)]
        if self.place is not None and own:
            raise InputError(
                f"an arm with 'place' takes its equipment from the arms it names; remove"
                f" {', '.join(own)}"
            )
        return self
