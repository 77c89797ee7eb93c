"""The output of ``python -m cdk_gtm_connector.gtm``: a container for an endpoint."""

from __future__ import annotations

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import pytest

from cdk_gtm_connector.gtm import checked_endpoint, files_for
from cdk_gtm_connector.gtm.__main__ import endpoint_of, main

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ENDPOINT: Final = "https://abc123.execute-api.eu-west-1.amazonaws.com/Api-PinpointEvents/events"
FILES: Final = files_for(ENDPOINT)
CONTAINERS: Final = ("container.json", "container-with-templates.json")

Json = dict[str, Any]

# From public exports of Google Tag Manager: the keys of each kind, starting with those that are
# always present, and the types of parameters.
KINDS: Final[Mapping[str, tuple[str, set[str], set[str]]]] = {
    "tag": (
        "tagId",
        {"name", "type", "parameter", "fingerprint", "firingTriggerId", "tagFiringOption"},
        {"notes", "parentFolderId", "monitoringMetadata", "consentSettings"},
    ),
    "trigger": (
        "triggerId",
        {"name", "type", "fingerprint"},
        {"notes", "parentFolderId", "customEventFilter", "filter"},
    ),
    "variable": (
        "variableId",
        {"name", "type", "parameter", "fingerprint", "formatValue"},
        {"notes", "parentFolderId"},
    ),
    "folder": ("folderId", {"name", "fingerprint"}, set()),
    "customTemplate": ("templateId", {"name", "fingerprint", "templateData"}, set()),
}
PARAMETERS: Final = {
    "c": {"value": "TEMPLATE"},
    "k": {"decodeCookie": "BOOLEAN", "name": "TEMPLATE"},
    "v": {
        "dataLayerVersion": "INTEGER",
        "setDefaultValue": "BOOLEAN",
        "defaultValue": "TEMPLATE",
        "name": "TEMPLATE",
    },
    "img": {"useCacheBuster": "BOOLEAN", "url": "TEMPLATE", "cacheBusterQueryParam": "TEMPLATE"},
}


@pytest.fixture(params=CONTAINERS)
def version(request: pytest.FixtureRequest) -> Json:
    """Return the contents of a container's file."""
    export = json.loads(FILES[request.param])
    assert export.keys() == {"exportFormatVersion", "exportTime", "containerVersion"}
    assert export["exportFormatVersion"] == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", export["exportTime"])
    version: Json = export["containerVersion"]
    return version


def things(version: Json) -> Iterator[tuple[str, Json]]:
    """Yield the kind and the contents of each item in a container."""
    for kind in KINDS:
        for thing in version.get(kind, []):
            yield kind, thing


def texts(value: object) -> Iterator[str]:
    """Yield every text in a value."""
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from texts(each)
        case dict():
            yield from texts(list(value.values()))


def parameters(thing: Json) -> dict[str, Any]:
    """Return an item's parameters that have a single value."""
    return {each["key"]: each.get("value") for each in thing["parameter"]}


class TestContainer:
    """The containers, compared with public exports."""

    def test_it_belongs_to_no_account(self, version: Json) -> None:
        assert version["container"]["usageContext"] == ["WEB"]
        assert re.fullmatch(r"GTM-[A-Z0-9]{4,10}", version["container"]["publicId"])
        owners = [version, version["container"], *version["builtInVariable"]]
        for thing in [*owners, *(thing for _, thing in things(version))]:
            assert (thing["accountId"], thing["containerId"]) == ("0", "0")

    def test_each_thing_has_an_exports_keys(self, version: Json) -> None:
        for kind, thing in things(version):
            number, always, sometimes = KINDS[kind]
            always = always | {"accountId", "containerId", number}
            assert always <= thing.keys() <= always | sometimes, thing["name"]
            assert re.fullmatch(r"\d+", thing["fingerprint"])

    def test_no_two_things_have_the_same_id_or_name(self, version: Json) -> None:
        ids = [thing[KINDS[kind][0]] for kind, thing in things(version)]
        assert len(set(ids)) == len(ids) >= 10
        assert all(re.fullmatch(r"[1-9]\d*", each) for each in ids)
        for kind in KINDS:
            names = [thing["name"] for thing in version.get(kind, [])]
            assert len(set(names)) == len(names)

    def test_names_are_its_own_and_allowed(self, version: Json) -> None:
        for _, thing in things(version):
            assert thing["name"] == "endpoint_id" or thing["name"].startswith("GTM connector")
            # Google Tag Manager refuses to import these.
            assert not re.search(r"[:<>&\"']", thing["name"])

    def test_everything_it_refers_to_is_there(self, version: Json) -> None:
        variables = {each["name"] for each in (*version["variable"], *version["builtInVariable"])}
        for _, thing in things(version):
            searched = {key: value for key, value in thing.items() if key != "notes"}
            searched.pop("templateData", None)
            for text in texts(searched):
                assert set(re.findall(r"{{([^}]*)}}", text)) <= variables | {"_event"}
            for reference, kind in (("firingTriggerId", "trigger"), ("parentFolderId", "folder")):
                number = KINDS[kind][0]
                wanted = thing.get(reference, [])
                known = {each[number] for each in version[kind]}
                assert {wanted} if isinstance(wanted, str) else set(wanted) <= known
            if thing.get("type", "").startswith("cvt_"):
                templates = {f"cvt_0_{each['templateId']}" for each in version["customTemplate"]}
                assert thing["type"] in templates

    def test_parameters_are_those_of_their_kind(self, version: Json) -> None:
        for thing in (*version["tag"], *version["variable"]):
            known = PARAMETERS.get(thing["type"])
            if known is None:
                assert thing["type"].startswith("cvt_0_")
                continue
            given = {each["key"]: each["type"] for each in thing["parameter"]}
            assert given.items() <= known.items()
            assert known.keys() - given.keys() <= {"defaultValue"}
            for each in thing["parameter"]:
                assert each.keys() == {"type", "key", "value"}
                if each["type"] == "BOOLEAN":
                    assert each["value"] in {"true", "false"}

    def test_every_built_in_variable_is_used(self, version: Json) -> None:
        assert {(each["type"], each["name"]) for each in version["builtInVariable"]} == {
            ("EVENT", "Event"),
            ("PAGE_PATH", "Page Path"),
        }
        used = " ".join(texts([version["tag"], version["trigger"]]))
        assert all(f"{{{{{each['name']}}}}}" in used for each in version["builtInVariable"])

    def test_a_variable_without_a_value_is_empty(self, version: Json) -> None:
        empty = {"type": "TEMPLATE", "value": ""}
        for variable in version["variable"]:
            expected = {"convertNullToValue": empty, "convertUndefinedToValue": empty}
            assert variable["formatValue"] == ({} if variable["type"] == "c" else expected)

    def test_no_tag_fires_without_consent_or_an_id(self, version: Json) -> None:
        for tag in version["tag"]:
            assert tag["consentSettings"] == {
                "consentStatus": "NEEDED",
                "consentType": {
                    "type": "LIST",
                    "list": [{"type": "TEMPLATE", "value": "analytics_storage"}],
                },
            }
        for trigger in version["trigger"]:
            assert trigger["type"] == "CUSTOM_EVENT"
            (condition,) = trigger["filter"]
            given = {each["key"]: each["value"] for each in condition["parameter"]}
            assert (condition["type"], given["arg0"]) == ("MATCH_REGEX", "{{endpoint_id}}")
            assert given["negate"] == "true"
            for word in ("", " ", "undefined", "null", "NaN"):
                assert re.search(given["arg1"], word)
            for word in ("Null", "undefined-1", "cust-7", "0"):
                assert not re.search(given["arg1"], word)

    def test_a_tag_calls_the_endpoint_with_the_contracts_parameters(self, version: Json) -> None:
        constants = [parameters(each) for each in version["variable"] if each["type"] == "c"]
        assert constants == [{"value": ENDPOINT}]
        urls = [parameters(each)["url"] for each in version["tag"] if each["type"] == "img"]
        begin = "{{GTM connector - endpoint}}?event={{Event}}&endpoint_id={{endpoint_id}}"
        assert urls[0] == begin
        assert all(url.startswith(begin) for url in urls)
        for url in urls:
            names = re.findall(r"[?&](\w+)=", url)
            assert all(re.fullmatch(r"event|endpoint_id|(evat|evmt|usat)_\w+", it) for it in names)

    def test_notes_say_what_to_change(self, version: Json) -> None:
        for thing in (*version["tag"], *version["variable"]):
            assert thing["notes"].endswith(".")


def test_the_templates_in_the_container_are_those_beside_it() -> None:
    version = json.loads(FILES["container-with-templates.json"])["containerVersion"]
    assert [each["templateData"] for each in version["customTemplate"]] == [
        FILES["web-template/template.tpl"],
        FILES["visitor-id/template.tpl"],
    ]
    fields = {
        each["templateId"]: set(
            re.findall(r'"name": "(\w+)",\n    +"(?:displayName|checkboxText)"', text)
        )
        for each in version["customTemplate"]
        for text in [each["templateData"]]
    }
    customs = [each for each in (*version["tag"], *version["variable"]) if "cvt_" in each["type"]]
    assert len(customs) == 2
    for each in customs:
        assert parameters(each).keys() <= fields[each["type"].removeprefix("cvt_0_")]


def test_no_placeholder_is_left_and_the_endpoint_is_said() -> None:
    for name, text in FILES.items():
        assert not re.search(r"@[A-Z]+@", text), name
    assert ENDPOINT in FILES["README.md"]
    assert len([name for name, text in FILES.items() if ENDPOINT in text]) == 7


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (f" {ENDPOINT}\n", ENDPOINT),
        ("HTTPS://Events.Shop.example/events", "https://events.shop.example/events"),
        (
            "http://127.0.0.1:4566/x/_user_request_/events",
            "http://127.0.0.1:4566/x/_user_request_/events",
        ),
        ("http://localhost:8000/events", "http://localhost:8000/events"),
    ],
)
def test_an_endpoint(given: str, expected: str) -> None:
    assert checked_endpoint(given) == expected


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "must begin with https://"),
        ("events.shop.example/events", "must begin with https://"),
        ("http://events.shop.example/events", "must begin with https://"),
        ("http://localhost.shop.example/events", "must begin with https://"),
        ("javascript:alert(1)", "must begin with https://"),
        (f"{ENDPOINT}?event={{{{Event}}}}", "must have no parameters"),
        (f"{ENDPOINT}?", "must have no parameters"),
        (f"{ENDPOINT}#top", "must have no parameters"),
        ("https://shop.example", "must be a URL such as"),
        ("https://shop.example/", "must be a URL such as"),
        ("https://me:secret@shop.example/events", "must be a URL such as"),
        ("https://*/events", "must be a URL such as"),
        ("https://shop.example/{{path}}", "must be a URL such as"),
        ("https://shop.example/a'b", "must be a URL such as"),
        ('https://shop.example/a"b', "must be a URL such as"),
        ("https://[::1/events", "Invalid IPv6 URL"),
    ],
)
def test_what_is_no_endpoint_is_refused(given: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        files_for(given)


class TestCommand:
    """``python -m cdk_gtm_connector.gtm``."""

    def test_it_writes_every_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = tmp_path / "new" / "gtm"
        for _ in range(2):  # a second time, over existing files
            assert main(["--endpoint", ENDPOINT, "--out", str(out)]) == 0
        written = {
            path.relative_to(out).as_posix(): path.read_text("utf-8")
            for path in out.rglob("*")
            if path.is_file()
        }
        assert written == FILES
        assert f"{out / 'README.md'} says how to import it" in capsys.readouterr().out

    def test_it_says_what_is_wrong(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["--endpoint", "shop.example", "--out", str(tmp_path / "out")]) == 1
        assert capsys.readouterr().err.startswith("error: the endpoint must begin with https://")
        assert not (tmp_path / "out").exists()

    def test_a_directory_that_is_a_file_is_an_error(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "file"
        out.touch()
        assert main(["--endpoint", ENDPOINT, "--out", str(out)]) == 1
        assert capsys.readouterr().err.startswith("error: ")

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["--endpoint", ENDPOINT, "--stack", "Shop"],
            ["--endpoint", ENDPOINT, "--region", "eu-west-1"],
        ],
    )
    def test_arguments_that_do_not_go_together(self, arguments: list[str]) -> None:
        with pytest.raises(SystemExit, match="2"):
            main(arguments)


_NO_SUCH_STACK: Final = """<ErrorResponse>
  <Error><Type>Sender</Type><Code>ValidationError</Code><Message>does not exist</Message></Error>
</ErrorResponse>"""


def described(outputs: Mapping[str, str]) -> str:
    """Return CloudFormation's description of a stack with outputs."""
    members = "".join(
        f"<member><OutputKey>{key}</OutputKey><OutputValue>{escape(value)}</OutputValue></member>"
        for key, value in outputs.items()
    )
    return (
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>Shop</StackName>"
        "<CreationTime>2026-11-26T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>"
        f"<Outputs>{members}</Outputs></member></Stacks></DescribeStacksResult>"
        "</DescribeStacksResponse>"
    )


class TestStack:
    """The endpoint of a deployed stack."""

    @pytest.fixture
    def stacks(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, dict[str, str]]]:
        """Yield a dictionary of the existing stacks' outputs, by stack name."""
        stacks: dict[str, dict[str, str]] = {}

        class CloudFormation(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                given = dict(parse_qsl(body))
                assert given["Action"] == "DescribeStacks"
                outputs = stacks.get(given["StackName"])
                answer = (_NO_SUCH_STACK if outputs is None else described(outputs)).encode()
                self.send_response(400 if outputs is None else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), CloudFormation)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", url)
        yield stacks
        server.shutdown()
        server.server_close()
        thread.join()

    @pytest.mark.parametrize(
        "outputs",
        [
            {"AuthenticatedEndpointUrl": "https://x/y", "EndpointUrl": ENDPOINT},
            {"GtmImageUrl": f"{ENDPOINT}?event={{{{Event}}}}"},
            {"GtmEndpointUrl": ENDPOINT, "Other": "1"},
        ],
    )
    def test_it_is_in_the_outputs(
        self, stacks: dict[str, dict[str, str]], outputs: dict[str, str], tmp_path: Path
    ) -> None:
        stacks["Shop"] = outputs
        assert endpoint_of("Shop", region="eu-west-1") == ENDPOINT
        assert main(["--stack", "Shop", "--out", str(tmp_path)]) == 0
        assert (tmp_path / "container.json").read_text("utf-8") == FILES["container.json"]

    @pytest.mark.parametrize("outputs", [{}, {"AuthenticatedEndpointUrl": "https://x/y"}])
    def test_it_is_not_in_the_outputs(
        self, stacks: dict[str, dict[str, str]], outputs: dict[str, str]
    ) -> None:
        stacks["Shop"] = outputs
        with pytest.raises(LookupError, match="the stack Shop has no output EndpointUrl, it has "):
            endpoint_of("Shop")

    def test_several_endpoints_are_for_the_reader_to_choose(
        self, stacks: dict[str, dict[str, str]]
    ) -> None:
        stacks["Shop"] = {"AEndpointUrl": ENDPOINT, "BEndpointUrl": ENDPOINT}
        with pytest.raises(LookupError, match="AEndpointUrl, BEndpointUrl: give the URL"):
            endpoint_of("Shop")

    def test_a_stack_that_is_not_there(
        self, stacks: dict[str, dict[str, str]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert not stacks
        assert main(["--stack", "Shop"]) == 1
        assert "the stack Shop cannot be read: " in capsys.readouterr().err

    def test_a_profile_that_is_not_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--stack", "Shop", "--profile", "nobody's"]) == 1
        assert "the stack Shop cannot be read: " in capsys.readouterr().err

    def test_without_boto3(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "boto3", None)
        assert main(["--stack", "Shop"]) == 1
        assert "--stack needs boto3" in capsys.readouterr().err
