"""The error of a template."""

from __future__ import annotations


class TemplateError(Exception):
    """The template cannot be rendered here as API Gateway renders it; the message says where."""
