"""Rendering of mapping templates, with the part of Velocity that they need.

API Gateway renders mapping templates with an engine that follows Apache Velocity 1.7. Here
airspeed-ext parses and runs them. It is more lenient than Velocity, and interprets some constructs
differently. :mod:`local.vtl.grammar` replaces the classes of its syntax tree that differ, and
refuses constructs that may mean something else in Velocity. So a template either renders as on API
Gateway or raises `TemplateError`. ``tests/local/test_vtl.py`` compares this package with
Velocity itself.

Besides variables, ``#set`` can set ``$context.responseOverride.status`` and
``$context.responseOverride.header.Any-Name``. Templates cannot read these.

Templates may use references, ``#set``, ``#if``/``#elseif``/``#else``, ``#foreach``, comments, and
expressions of strings, whole numbers, booleans, lists and maps. In text, ``$`` must begin a
reference and ``#`` a directive or comment. For a plain ``#``, write ``#set($hash = '#')``.

Example:
    >>> request = Request(querystring={"event": "sign up"})
    >>> render("$util.urlEncode($input.params('event')),$context.unknown", request)
    'sign+up,'
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from local.vtl.errors import TemplateError
from local.vtl.grammar import ResponseOverride, refusal, vtl
from local.vtl.java import UTIL, request_input

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Request:
    """A request as mapping templates see it. For a response template, the body is the answer's.

    Args:
        querystring: Decoded query parameters by name. Default: none.
        headers: Headers, by name as the client wrote it. Default: none.
        path: Decoded path parameters by name. Default: none.
        body: The payload as text. Default: empty.
        context: ``$context``, with strings, numbers, booleans, and lists and mappings of these.
            Default: empty.
    """

    querystring: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The result of a response template.

    Args:
        text: The body.
        status: The HTTP status that overrides the integration response's. Default: no override.
        headers: The headers that override the integration response's, by name as in the template.
            Default: none.
    """

    text: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def render(template: str, request: Request) -> str:
    r"""Render a mapping template as API Gateway would.

    References without a value render as nothing, and a ``#foreach`` ends after `LOOP_LIMIT`
    iterations. Parsed templates are cached.

    Args:
        template: The template's text, with ``\n`` as its line end.
        request: The request that ``$input`` and ``$context`` show.

    Raises:
        TemplateError: API Gateway would refuse the template or fail on this request, or the
            template uses something that this package does not render exactly as Velocity 1.7 does.
    """
    return render_response(template, request).text


def render_response(template: str, request: Request) -> Rendered:
    """Render a response template as API Gateway would, with its overrides.

    Args:
        template: See `render`.
        request: The request to answer, with the integration's answer as its body.

    Raises:
        TemplateError: See `render`.
    """
    inputs = request_input(
        path=request.path,
        querystring=request.querystring,
        headers=request.headers,
        body=request.body,
    )
    override = ResponseOverride()
    context = {**request.context, "responseOverride": override}
    namespace = {"input": inputs, "util": UTIL, "context": context}
    output = vtl.StoppableStream()
    try:
        _parse(template).evaluate(output, namespace, vtl.NullLoader())
    except vtl.TemplateExecutionError as error:
        raise refusal(error.element, error.start, str(error.__cause__)) from error
    return Rendered(str(output.getvalue()), override.status, override.headers)


@lru_cache(maxsize=64)
def _parse(template: str) -> Any:
    if "\r" in template:
        raise TemplateError(
            "the template contains a carriage return; its lines must end with \\n only"
        )
    return vtl.TemplateBody("template", template)
