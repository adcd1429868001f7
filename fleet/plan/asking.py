"""What passes frames on that it has inferred: the rule, and the camera that they come out of."""

from __future__ import annotations

from fleet.model.asking import EVERY, FOUND, ON_CHANGE
from fleet.scenario.arms import Equipment
from fleet.scenario.asking import Rule, parse_rule
from fleet.scenario.load import Scenario
from fleet.scenario.publish import parse_publish
from fleet.scenario.strict_yaml import Keys

_SILENCE_TELLS = (FOUND, ON_CHANGE)
"""Rules of which a frame that is not passed on says something: nothing there, or as before."""


def rule(scenario: Scenario, equipment: Equipment, keys: Keys) -> Rule:
    """Return by which rule some equipment passes frames on.

    Raises:
        InputError: it sends nothing at all, or nothing from which its other answers follow; or it
            passes on what is no answer to be replaced.
    """
    never = parse_publish(equipment.publish or "every inference")[0] < 0
    if equipment.pipeline is not None and equipment.pipeline.infer is not None:
        return Rule(FOUND, 1, 0)  # who finds something sends crops of it
    if equipment.ask is None:
        if never:
            raise scenario.error(
                (*keys, "publish"),
                "'never': nobody would hear of anything; remove it, or say with 'ask' which frames"
                " servers are to look at",
            )
        return Rule(EVERY, int(equipment.split is not None), 0)  # what is cut is all passed on
    if equipment.output not in (None, "message", "tensor"):
        raise scenario.error(
            (*keys, "output"),
            f"'{equipment.output}' sends pixels of every frame, and 'ask' those of some; leave one"
            " of them out",
        )
    said = parse_rule(equipment.ask.when)
    if never and said.rule not in _SILENCE_TELLS:
        raise scenario.error(
            (*keys, "publish"),
            f"'never' with ask.when '{equipment.ask.when}': what is not passed on would say nothing"
            " of what is in view; let the sensor send its own answers, or ask when something is"
            " 'found' or 'on change'",
        )
    if never and equipment.ask.crop_margin is not None and said.rule != FOUND:
        raise scenario.error(
            (*keys, "publish"),
            f"'never' with ask.when '{equipment.ask.when}' and crops: a frame in which nothing is"
            " found has none and would say nothing; let the sensor send its own answers, or ask"
            " when something is 'found'",
        )
    return said


def camera(equipment: Equipment) -> Equipment:
    """Return what passes frames on as a camera: the same body, with an encoder."""
    ask = equipment.ask
    assert ask is not None
    return Equipment.model_construct(
        device=equipment.device, mode=equipment.mode, host=equipment.host, model=ask.model,
        codec=ask.codec, encoder=ask.encoder, infer=ask.infer, eye=ask.eye,
        protocol=ask.protocol or "mqtt-tls", publish=None, output=None, bitrate=None, rate=None,
        ask=None, split=None, pipeline=ask.pipeline,
    )  # fmt: skip
