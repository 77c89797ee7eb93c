"""The example of a destination of one's own, with the library from the wheel."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.request import urlopen

from examples.webhook.stand_in import WebhookServer
from local.pipeline.running import running
from tests.packaging.conftest import CHECKOUT
from tests.pipeline.conftest import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packaging.conftest import Synthesizer


def test_it_synthesizes_and_delivers(with_wheel: Synthesizer, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(
        CHECKOUT / "examples", project, ignore=shutil.ignore_patterns("__pycache__", "stand_in.py")
    )
    assembly = tmp_path / "cdk.out"
    with_wheel(
        project / "own_destination.py", assembly, context={"aws:cdk:bundling-stacks": ["**"]}
    )
    code = {path.name for path in assembly.rglob("*.py")}
    assert {"shop_webhook.py", "destination_api.py", "handler.py"} <= code
    with running(
        assembly_directory=assembly, stand_ins=[WebhookServer], say=lambda _: None
    ) as pipeline:
        webhook = pipeline.servers[WebhookServer.kind]
        with urlopen(f"{pipeline.endpoint_url}?event=wheel&endpoint_id=ep-1") as answer:  # noqa: S310 - loopback
            assert answer.status == 200
        [delivered] = wait_for("event", lambda: webhook.delivered or None).values()
    assert delivered.event["event_type"] == "wheel"
