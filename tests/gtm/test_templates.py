"""The three templates: what Google Tag Manager takes, and their own tests under its sandbox."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import pytest
import yaml

from cdk_gtm_connector.gtm import TEMPLATES, files_for
from tests.gtm.templates import Template

ENDPOINT: Final = "https://abc123.execute-api.eu-west-1.amazonaws.com/Api-PinpointEvents/events"
FILES: Final = files_for(ENDPOINT)
READ: Final = {name: Template.read(FILES[f"{name}/template.tpl"]) for name in TEMPLATES}

# https://developers.google.com/tag-platform/tag-manager/templates/gallery
CATEGORIES: Final = {
    *("ADVERTISING", "AFFILIATE_MARKETING", "ANALYTICS", "ATTRIBUTION", "CHAT", "CONVERSIONS"),
    *("DATA_WAREHOUSING", "EMAIL_MARKETING", "EXPERIMENTATION", "HEAT_MAP", "LEAD_GENERATION"),
    *("MARKETING", "PERSONALIZATION", "REMARKETING", "SALES", "SESSION_RECORDING", "SOCIAL"),
    *("SURVEY", "TAG_MANAGEMENT", "UTILITY"),
}
# https://developers.google.com/tag-platform/tag-manager/templates/permissions, and …/server-side/
NEEDED_BY: Final = {
    "access_consent": {"isConsentGranted"},
    "access_globals": {"callInWindow"},
    "get_cookies": {"getCookieValues"},
    "logging": {"logToConsole"},
    "read_event_data": {"getEventData"},
    "send_http": {"sendHttpRequest"},
    "send_pixel": {"sendPixel"},
    "set_cookies": {"setCookie"},
}
# What each of its tests is for: without this text, or with another, one of them has to fail.
MUTANTS: Final = {
    "web-template": [
        ("type === 'undefined' || ", ""),
        (" || value !== value", ""),
        ("value.map(textOf).join(',')", "makeString(value)"),
        ("JSON.stringify(value)", "makeString(value)"),
        ("encodeUriComponent(textOf(value))", "textOf(value)"),
        ("if (text !== '' && ", "if ("),
        (" && !parameters.hasOwnProperty(name)", ""),
        (".filter((each) => each !== '') : text", " : text"),
        ("textOf(parameters.endpoint_id).trim() === ''", "false"),
        ("textOf(parameters.event).trim() === ''", "false"),
        ("url.length > LONGEST_URL", "false"),
        ("      failed = true;\n", ""),
        ("events.length < given.length || ", ""),
        (" || events.length === 0;", ";"),
        (" === true;", " !== false;"),
        ("data.method !== 'post' || ", ""),
        ("pairs.push(pair('token', token));", ""),
        ("pairs.push(pair('gtmcb', generateRandom(1, 2147483647)));", ""),
        ("data.endpoint + '?' + pair('token', token)", "data.endpoint"),
        ("if (open === 0) {", "{"),
    ],
    "server-template": [
        ("getEventData('event_name')", "undefined"),
        ("getEventData('user_id'), ", ""),
        (", getEventData('client_id')", ""),
        ("textOf(value).trim() !== ''", "value !== undefined"),
        ("if (text !== '' && ", "if ("),
        (" && !parameters.hasOwnProperty(name)", ""),
        ("|| parts[parts.length - 1]", ""),
        ("answer.statusCode < 300", "true"),
        ("data.endpoint + '?token=' + encodeUriComponent(token)", "data.endpoint"),
        ("method: 'POST'", "method: 'GET'"),
        ("if (!parameters.event) {", "if (false) {"),
        ("if (!parameters.endpoint_id) {", "if (false) {"),
    ],
    "visitor-id": [
        ("!isConsentGranted(data.consentType)", "false"),
        ("isConsentGranted(data.consentType)", "isConsentGranted('analytics_storage')"),
        ("NO_VALUE.indexOf(text) < 0", "true"),
        ("type !== 'string' && type !== 'number'", "false"),
        ("data.handOver && ", ""),
        ("known.indexOf(MADE_HERE) === 0", "true"),
        ("known.indexOf(MADE_HERE) === 0", "false"),
        ("makeNumber(data.days) * 86400", "86400"),
        ("return kept();", "return known || 'v.2';"),
    ],
}


@pytest.fixture(params=TEMPLATES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def template(name: str) -> Template:
    return READ[name]


class TestItsOwnTests:
    """What GTM runs on a click on *Run Tests*."""

    def test_they_pass(self, template: Template) -> None:
        outcomes = template.outcomes()
        assert {what: why for what, why in outcomes.items() if why} == {}
        assert len(outcomes) == len(template.tests["scenarios"]) >= 8

    @pytest.mark.parametrize(
        ("name", "old", "new"),
        [(name, *mutant) for name, mutants in MUTANTS.items() for mutant in mutants],
    )
    def test_they_see_what_is_broken(self, name: str, old: str, new: str) -> None:
        template = READ[name]
        assert template.code.count(old) >= 1
        assert any(template.outcomes(code=template.code.replace(old, new, 1)).values())


class TestSandbox:
    """What the sandbox of the tests refuses, as GTM's does."""

    @pytest.mark.parametrize(
        "code",
        [
            "require('sendPixel')('https://evil.test/Api-PinpointEvents/events')",
            "require('sendPixel')('https://abc123.execute-api.eu-west-1.amazonaws.com.evil.test/x')",
            "require('sendPixel')('http://abc123.execute-api.eu-west-1.amazonaws.com/x')",
            "require('callInWindow')('eval', '1')",
            "require('getCookieValues')('session')",
            "require('sendHttpRequest')",
            "'abc'.includes('a')",
            "[1].find(() => true)",
        ],
    )
    def test_it_stops_what_is_not_allowed(self, code: str) -> None:
        scenarios = [{"name": "it", "code": "runCode({})"}]
        outcomes = READ["web-template"].outcomes(code=code, scenarios=scenarios)
        assert outcomes["it"]

    def test_a_cookie_without_secure_is_not_allowed(self) -> None:
        code = "require('setCookie')('gtm_visitor_id', 'v.1', {domain: 'auto', path: '/'})"
        scenarios = [{"name": "it", "code": "runCode({})"}]
        assert READ["visitor-id"].outcomes(code=code, scenarios=scenarios)["it"]


class TestCode:
    """The language that GTM's sandbox takes: ECMAScript 5.1, arrow functions, const and let."""

    def test_it_needs_nothing_that_the_sandbox_lacks(self, template: Template) -> None:
        tests = [*(each["code"] for each in template.tests["scenarios"]), template.tests["setup"]]
        for source in (template.code, *tests):
            bare = re.sub(r"'[^'\n]*'", "''", source)
            bare = re.sub(r"//.*", "", bare)
            lacking = r"\b(new|this|try|catch|class|async|await|yield|import|export|delete|with)\b"
            assert not re.search(lacking, bare)
            # Template literals, regular expressions, spreading, destructuring, default values.
            assert not re.search(r"[`/]|\.\.\.|(const|let) [{\[]|\(\w+ = ", bare)
            outside = r"\b(window|document|Math|Date|String|Number|Object|constructor|eval)\b"
            assert not re.search(outside, bare)

    def test_it_requires_what_it_uses_and_nothing_else(self, template: Template) -> None:
        required = re.findall(r"^const (\w+) = require\('(\w+)'\);$", template.code, re.MULTILINE)
        assert required == sorted(required, key=lambda each: each[0].lower()) or required
        for constant, api in required:
            assert constant == api
            assert len(re.findall(rf"\b{api}\b", template.code)) > 2, api
        assert template.code.count("require(") == len(required)

    def test_its_fields_are_those_that_it_reads(self, template: Template) -> None:
        fields = {each["name"] for each in template.parameters if each["type"] != "GROUP"}
        read = set(re.findall(r"\bdata\.(\w+)", template.code)) - {"gtmOnSuccess", "gtmOnFailure"}
        assert read == fields

    def test_a_tag_succeeds_or_fails(self, template: Template) -> None:
        for outcome in ("gtmOnSuccess", "gtmOnFailure"):
            assert (outcome in template.code) is (template.info["type"] == "TAG")


class TestPermissions:
    """What a template asks to be allowed."""

    def test_each_is_needed(self, template: Template) -> None:
        required = set(re.findall(r"require\('(\w+)'\)", template.code))
        asked = {each["instance"]["key"]["publicId"] for each in template.permissions}
        assert asked == {name for name, apis in NEEDED_BY.items() if apis & required}

    @pytest.mark.parametrize("name", ["web-template", "server-template"])
    def test_the_one_host_is_the_endpoints(self, name: str) -> None:
        permissions = {
            each["instance"]["key"]["publicId"]: {
                param["key"]: param["value"] for param in each["instance"]["param"]
            }
            for each in READ[name].permissions
        }
        (sending,) = [
            permissions[each] for each in ("send_pixel", "send_http") if each in permissions
        ]
        assert sending["allowedUrls"]["string"] == "specific"
        assert [each["string"] for each in sending["urls"]["listItem"]] == [
            f"https://{urlsplit(ENDPOINT).netloc}/*"
        ]


class TestGallery:
    """How the Community Template Gallery wants a repository."""

    def test_it_has_the_four_files(self, name: str) -> None:
        held = {path.partition("/")[2] for path in FILES if path.startswith(f"{name}/")}
        assert held == {"template.tpl", "metadata.yaml", "LICENSE", "README.md"}

    def test_the_license_is_apache_2(self, name: str) -> None:
        lines = [line.strip() for line in FILES[f"{name}/LICENSE"].splitlines()]
        assert "Apache License" in lines[:3]
        assert "Version 2.0, January 2004" in lines[:4]
        assert "END OF TERMS AND CONDITIONS" in lines

    def test_the_metadata_has_its_keys(self, name: str) -> None:
        metadata = yaml.safe_load(FILES[f"{name}/metadata.yaml"])
        assert metadata.keys() == {"homepage", "documentation", "versions"}
        for version in metadata["versions"]:
            assert version.keys() == {"sha", "changeNotes"}
            assert re.fullmatch("[0-9a-f]{40}", version["sha"])

    def test_the_template_has_its_sections_in_order(self, template: Template) -> None:
        side = template.context.upper()
        code = "SERVER" if side == "SERVER" else "WEB_TEMPLATE"
        assert list(template.sections) == [
            *("TERMS_OF_SERVICE", "INFO", "TEMPLATE_PARAMETERS", f"SANDBOXED_JS_FOR_{code}"),
            *(f"{side}_PERMISSIONS", "TESTS", "NOTES"),
        ]

    def test_the_template_says_what_it_is(self, name: str, template: Template) -> None:
        info = template.info
        assert info["type"] == ("MACRO" if name == "visitor-id" else "TAG")
        assert info["id"] == "cvt_temp_public_id"
        assert set(info["categories"]) <= CATEGORIES
        assert len(info["categories"]) <= 3
        assert len(info["description"]) <= 200
        assert "Google Tag Manager" not in info["displayName"]
        assert "gallery-tos" in template.sections["TERMS_OF_SERVICE"]
