"""A renderer for API Gateway's mapping templates."""

from __future__ import annotations

from local.vtl.errors import TemplateError
from local.vtl.grammar import LOOP_LIMIT
from local.vtl.rendering import Rendered, Request, render, render_response

__all__ = ["LOOP_LIMIT", "Rendered", "Request", "TemplateError", "render", "render_response"]
