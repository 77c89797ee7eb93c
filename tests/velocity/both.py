"""Rendering with the local engine and with Apache Velocity, which must agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.vtl import Rendered, Request, render_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.velocity import ReferenceEngine


def responses(
    reference: ReferenceEngine, requests: Sequence[Request], template: str
) -> list[Rendered]:
    """Return what a template renders of each request, after checking that both engines agree."""
    ours = [render_response(template, one) for one in requests]
    assert ours == reference.render_many(template, requests)
    return ours


def rendered(reference: ReferenceEngine, requests: Sequence[Request], template: str) -> list[str]:
    """Return the texts that a template renders, after checking that it overrides nothing."""
    answers = responses(reference, requests, template)
    assert answers == [Rendered(answer.text) for answer in answers]
    return [answer.text for answer in answers]
