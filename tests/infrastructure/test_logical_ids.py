"""Logical ids are forever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable
    from tests.infrastructure.synthesis import Template

SNAPSHOT = Path(__file__).with_name("logical_ids.json")
SNAPSHOT_OF_SETTINGS = Path(__file__).with_name("logical_ids_of_settings.json")
SNAPSHOT_OF_FAN_OUT = Path(__file__).with_name("logical_ids_of_fan_out.json")


def test_they_are_those_of_the_stacks_that_are_out_there(template: Template) -> None:
    # To CloudFormation another logical id is another resource: it would create a new queue, API or
    # log group and delete the deployed one, with the messages in it and the URL that sits in
    # people's GTM containers. So a difference here is a bug, unless a resource is new (add it) or
    # is meant to be replaced (say so in CHANGELOG as a breaking change). POST and the model of
    # its JSON bodies were added to the first snapshot; nothing in it changed.
    assert template.logical_ids == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_so_are_those_that_settings_add(
    template: Template, settings: dict[str, Deployable]
) -> None:
    # Another id of the secret would be another secret: every token out there would be refused.
    everything = settings["everything"].template.logical_ids
    added = dict(everything.items() - template.logical_ids.items())
    assert template.logical_ids.items() <= everything.items()
    assert added == json.loads(SNAPSHOT_OF_SETTINGS.read_text(encoding="utf-8"))


def test_so_are_those_of_several_destinations(
    template: Template, settings: dict[str, Deployable]
) -> None:
    # Another id of a queue would be another queue: events would wait in the one before for ever.
    several = settings["fan_out"].template.logical_ids
    added = dict(several.items() - template.logical_ids.items())
    assert added == json.loads(SNAPSHOT_OF_FAN_OUT.read_text(encoding="utf-8"))
