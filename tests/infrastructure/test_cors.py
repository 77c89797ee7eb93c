"""Which sites' scripts may read the answers: the list, as API Gateway is told it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from cdk_gtm_connector import Cors, PropError
from gtm_events.policy import Origins
from tests.infrastructure.options import AUTHORIZERS, OPTIONS, ORIGINS, SEVERAL_ORIGINS
from tests.infrastructure.synthesis import headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from tests.infrastructure.conftest import Deployable
    from tests.infrastructure.synthesis import Template

WITH_LIST = [
    f"{kind}{name}" for kind in ("Nobody", *AUTHORIZERS) for name in ("One", "Several")
] + [name for name in OPTIONS if name.startswith(("Everything", "HttpOrigins", "AppOrigin"))]
WITHOUT_LIST = sorted(OPTIONS.keys() - set(WITH_LIST))

ECHO = "#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)"
CREDENTIALS = "#set($context.responseOverride.header.Access-Control-Allow-Credentials = "

# What nobody may write into the list, because it would match another site, or none.
MALFORMED = [
    "",
    " ",
    "*",
    "null",
    "https://",
    "https://*",
    "https://*.",
    "https://**.shop.example",
    "https://www.*.example",
    "https://shop.*",
    "https://*shop.example",
    "https://.shop.example",
    "https://shop..example",
    "https://shop.example.",
    "https://-shop.example",
    "https://shop-.example",
    "https://shop_1.example",
    "https://shop.example/",
    "https://shop.example/checkout",
    "https://shop.example?",
    "https://shop.example#",
    "https://user@shop.example",
    "https://user:word@shop.example",
    "https://shop.example:",
    "https://shop.example:*",
    "https://shop.example:0",
    "https://shop.example:08443",
    "https://shop.example:443",
    "https://shop.example:65536",
    "https://shop.example:8443/",
    "HTTPS://shop.example",
    "https://Shop.example",
    "https://bücher.example",
    "https://shop.example\n",
    " https://shop.example",
    "https://shop.example,https://blog.example",
    'https://shop.example")#end',
    "https://shop.example|.*",
    "http://shop.example",
    "http://localhost:8000",
    "//shop.example",
    "ftp://shop.example",
    "file://shop.example",
    "ws://shop.example",
    "wss://shop.example",
    "data://shop",
    "about:blank",
    "capacitor://",
    "capacitor://localhost/",
    "capacitor:localhost",
    "Capacitor://localhost",
    "1app://localhost",
    "my_app://localhost",
    "app+x://localhost",
    "capacitor://localhost:0",
    "shop.example",
    "*.shop.example",
    "localhost",
]

# Origin, whether SEVERAL_ORIGINS allows it.
SITES = {
    "https://shop.example": True,
    "https://www.shop.example": True,
    "https://a.b-c.shop.example": True,
    "https://blog.example:8443": True,
    "https://blog.example": False,
    "https://www.blog.example:8443": False,
    "https://shop.example:8443": False,
    "http://shop.example": False,
    "https://shopxexample": False,
    "https://evilshop.example": False,
    "https://.shop.example": False,
    "https://shop.example.evil.example": False,
    "https://evil.example/.shop.example": False,
    "https://evil.example#.shop.example": False,
    "https://evil.example\n.shop.example": False,
    "null": False,
    "": False,
    "capacitor://localhost": True,
    "capacitor://localhost:1": False,
    "capacitor://shop.example": False,
    "ionic://localhost": False,
    "https://localhost": False,
}


def answers(template: Template) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every answer of every method, with the method and status that it is of."""
    for path, methods in template.routes.items():
        for name, method in methods.items():
            for response in method.properties["Integration"]["IntegrationResponses"]:
                yield f"{name} {path} {response['StatusCode']}", response


@pytest.fixture(params=WITH_LIST)
def limited(request: pytest.FixtureRequest, options: dict[str, Deployable]) -> Template:
    """A connector with a list."""
    return options[request.param].template


@pytest.fixture(params=WITHOUT_LIST)
def unlimited(request: pytest.FixtureRequest, options: dict[str, Deployable]) -> Template:
    """A connector without one."""
    return options[request.param].template


class TestWithList:
    """An origin of the list is echoed, another is told nothing."""

    def test_every_answer_is_there(self, options: dict[str, Deployable]) -> None:
        expected = {"GET 200", "GET 502", "POST 204", "POST 502", "OPTIONS 204"}
        assert {name for name, _ in answers(options["SignedTokenSeveral"].template)} == {
            f"{method} {path} {status}"
            for method, _, status in (name.partition(" ") for name in expected)
            for path in ("/events", "/events/authenticated")
        }

    def test_no_answer_names_an_origin_by_itself(self, limited: Template) -> None:
        for name, response in answers(limited):
            given = headers(response, "method.response")
            assert "Access-Control-Allow-Origin" not in given, name
            assert "Access-Control-Allow-Credentials" not in given, name

    def test_every_answer_differs_by_origin(self, limited: Template) -> None:
        # Else a cache would give one site's answer to another.
        for name, response in answers(limited):
            assert headers(response, "method.response")["Vary"] == "Origin", name

    def test_every_answer_echoes(self, limited: Template) -> None:
        for name, response in answers(limited):
            (template,) = response["ResponseTemplates"].values()
            assert template.count(ECHO) == 1, name
            assert template.count(CREDENTIALS) == 1, name
            assert template.count("#if($origin.length() < 300 && $origin.matches(") == 1, name

    def test_what_is_answered_is_the_same_without(self, options: dict[str, Deployable]) -> None:
        without = dict(answers(options["SignedTokenAny"].template))
        for name, response in answers(options["SignedTokenSeveral"].template):
            (template,) = response["ResponseTemplates"].values()
            (body,) = without[name]["ResponseTemplates"].values()
            assert template.endswith(f"#end{body}"), name

    @pytest.mark.parametrize(("origin", "allowed"), SITES.items())
    def test_the_list_is_matched_whole(
        self,
        options: dict[str, Deployable],
        origin: str,
        allowed: bool,  # noqa: FBT001
    ) -> None:
        for name, response in answers(options["SignedTokenSeveral"].template):
            (template,) = response["ResponseTemplates"].values()
            pattern = re.search(r'\.matches\("([^"]*)"\)', template)
            assert pattern is not None
            assert "\\" not in pattern[1]  # Velocity would eat it
            # Java's matches() is a full match, and the pattern means the same to both.
            assert bool(re.fullmatch(pattern[1], origin)) is allowed, name

    @pytest.mark.parametrize(
        ("origin", "allowed"),
        # Delivery reads the Referer as well, so it takes what is a URL for its origin.
        [(o, allowed) for o, allowed in SITES.items() if not re.search(r"/\.|#|\n", o)],
    )
    def test_delivery_goes_by_the_same_list(self, origin: str, allowed: bool) -> None:  # noqa: FBT001
        assert Origins(SEVERAL_ORIGINS).allows(origin) is allowed


class TestWithoutList:
    """Any site, without credentials."""

    def test_every_answer_is_for_everybody(self, unlimited: Template) -> None:
        for name, response in answers(unlimited):
            assert headers(response, "method.response")["Access-Control-Allow-Origin"] == "*", name

    def test_nothing_depends_on_the_origin(self, unlimited: Template) -> None:
        for name, response in answers(unlimited):
            assert "Vary" not in headers(response, "method.response"), name
            (template,) = response["ResponseTemplates"].values()
            assert "origin" not in template.lower(), name

    def test_nothing_is_for_credentials(self, unlimited: Template) -> None:
        assert "Allow-Credentials" not in json.dumps(unlimited.document)


class TestPreflight:
    """What a browser is told before it sends anything but a simple request."""

    @pytest.mark.parametrize("name", OPTIONS)
    def test_it_names_what_the_endpoint_takes(
        self, options: dict[str, Deployable], name: str
    ) -> None:
        for methods in options[name].template.routes.values():
            preflight = methods["OPTIONS"].properties
            assert preflight["Integration"]["Type"] == "MOCK"
            assert preflight["AuthorizationType"] == "NONE"  # browsers send it without any proof
            (response,) = preflight["Integration"]["IntegrationResponses"]
            assert response["StatusCode"] == "204"
            given = headers(response, "method.response")
            assert set(given["Access-Control-Allow-Methods"].split(",")) == methods.keys()
            assert given["Access-Control-Max-Age"] == "7200"
            assert given.keys() <= {
                "Access-Control-Allow-Headers",
                "Access-Control-Allow-Methods",
                "Access-Control-Allow-Origin",
                "Access-Control-Max-Age",
                "Vary",
            }

    @pytest.mark.parametrize(
        ("kind", "proof"),
        [
            ("SignedToken", set()),  # it is in the URL
            ("Cognito", {"Authorization"}),
            ("Lambda", {"X-Session"}),
            (
                "Iam",
                {"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"},
            ),
        ],
    )
    @pytest.mark.parametrize("origins", ORIGINS)
    def test_only_the_headers_that_the_route_reads(
        self, options: dict[str, Deployable], kind: str, origins: str, proof: set[str]
    ) -> None:
        routes = options[f"{kind}{origins}"].template.routes
        allowed = {}
        for path, methods in routes.items():
            (response,) = methods["OPTIONS"].properties["Integration"]["IntegrationResponses"]
            given = headers(response, "method.response")["Access-Control-Allow-Headers"]
            allowed[path] = set(given.split(","))
        assert allowed == {
            "/events": {"Content-Type"},
            "/events/authenticated": {"Content-Type"} | proof,
        }


class TestGatewayResponses:
    """API Gateway's own errors, whose headers know no conditions."""

    @pytest.mark.parametrize("response_type", ["DEFAULT_4XX", "DEFAULT_5XX"])
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("NobodyAny", {"Access-Control-Allow-Origin": "'*'"}),
            (
                "NobodyOne",
                {"Access-Control-Allow-Origin": "'https://shop.example'", "Vary": "'Origin'"},
            ),
            (
                "HttpOrigins",
                {"Access-Control-Allow-Origin": "'http://localhost:8000'", "Vary": "'Origin'"},
            ),
            (
                "NobodySeveral",
                {"Access-Control-Allow-Origin": "'*'", "Vary": "'Origin'"},
            ),
            (
                "AppOrigin",
                {"Access-Control-Allow-Origin": "'capacitor://localhost'", "Vary": "'Origin'"},
            ),
        ],
    )
    def test_they_carry_what_the_list_permits(
        self,
        options: dict[str, Deployable],
        name: str,
        response_type: str,
        expected: dict[str, str],
    ) -> None:
        template = options[name].template
        response = template.only("AWS::ApiGateway::GatewayResponse", ResponseType=response_type)
        prefix = "gatewayresponse.header."
        assert response.properties["ResponseParameters"] == {
            f"{prefix}{header}": value
            for header, value in {**expected, "Cache-Control": "'no-store'"}.items()
        }

    def test_one_wildcard_is_several(self) -> None:
        given = Cors(["https://*.shop.example"]).gateway_headers
        assert given["Access-Control-Allow-Origin"] == "'*'"

    @pytest.mark.parametrize("name", OPTIONS)
    def test_none_echoes_what_the_request_names(
        self, options: dict[str, Deployable], name: str
    ) -> None:
        # A sandboxed frame's null would be echoed as well.
        for response in options[name].template.all("AWS::ApiGateway::GatewayResponse"):
            values = response.properties["ResponseParameters"].values()
            assert all(value[0] == value[-1] == "'" for value in values)


class TestMalformed:
    """What stops the synthesis."""

    @pytest.mark.parametrize("origin", MALFORMED)
    def test_one_sentence_names_the_value(self, origin: str) -> None:
        with pytest.raises(PropError, match=r"^allowed_origins must ") as caught:
            Cors(["https://shop.example", origin])
        message = str(caught.value)
        assert f", got {origin!r}" in message
        assert not re.search(r"[.;!?] [A-Z]|\n", message)

    @pytest.mark.parametrize("origin", [o for o in MALFORMED if o[:7] != "http://"])
    def test_nor_is_it_taken_with_http(self, origin: str) -> None:
        with pytest.raises(PropError, match=r"^allowed_origins must "):
            Cors([origin], allow_http_origins=True)

    @pytest.mark.parametrize("origin", ["http://shop.example:80", "http://shop.example/"])
    def test_http_is_held_to_the_same(self, origin: str) -> None:
        with pytest.raises(PropError, match=r"^allowed_origins must "):
            Cors([origin], allow_http_origins=True)

    @pytest.mark.parametrize("value", ["https://shop.example", "", "*"])
    def test_a_string_is_no_list(self, value: str) -> None:
        with pytest.raises(
            PropError, match=rf"must be a list of origins, .*, got '{re.escape(value)}'$"
        ):
            Cors(value)

    def test_an_empty_list_would_allow_nobody(self) -> None:
        with pytest.raises(
            PropError, match=r"^allowed_origins must name at least one origin, got "
        ):
            Cors([])

    @pytest.mark.parametrize(
        "origin",
        [
            "https://shop.example",
            "https://*.shop.example",
            "https://xn--bcher-kva.example",
            "https://shop.example:8443",
            "https://shop.example:80",
            "https://shop.example:65535",
            "https://localhost",
            "https://192.0.2.1",
            "https://a-b.c1.example",
            "capacitor://localhost",
            "ionic://localhost",
            "app://shop",
            "tauri://localhost",
            "com.shop.app://localhost",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "app://localhost:443",
        ],
    )
    def test_what_is_an_origin_is_taken(self, origin: str) -> None:
        assert Cors([origin]).origins == (origin,)
