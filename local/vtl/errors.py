"""The error class of templates."""

from __future__ import annotations


class TemplateError(Exception):
    """A template that this package cannot render as API Gateway does. The message says where."""
