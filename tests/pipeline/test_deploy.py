"""A cloud assembly goes into the emulator unchanged, and what fails there says why."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from local.deploy import Assembly, AssemblyError, DeploymentError, client, deploy
from local.pipeline.emulator_process import Emulator
from local.pipeline.stack import Pipeline, local_url, not_simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

ENVIRONMENT = ("123456789012", "eu-west-1")
QUEUE = {"Type": "AWS::SQS::Queue"}
# As AWS's cfn-response module does: the URL is all that it has.
ANSWERING = """
import json
from urllib.request import Request, urlopen

def handler(event, context):
    answer = {"Status": "SUCCESS", "PhysicalResourceId": "thing", "Data": {"Word": "hello"}}
    urlopen(Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT"))
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Return an emulator with nothing in it."""
    with Emulator(
        run_directory=tmp_path_factory.mktemp("run"),
        resource_types=["AWS::SQS::Queue", "AWS::Pinpoint::App"],
        environment={},
        on_request=lambda _: None,
        on_log=lambda _: None,
    ) as running:
        yield running


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Mapping[str, Any]], Assembly]:
    """Return a function that writes an assembly of one stack, and reads it."""

    def write_assembly(name: str, template: Mapping[str, Any]) -> Assembly:
        bucket = "assets-${AWS::AccountId}-${AWS::Region}"
        code = tmp_path / "asset.code"
        (code / "package").mkdir(parents=True)
        (code / "package" / "module.py").write_text("x = 1\n", encoding="utf-8")
        documents: dict[str, Any] = {
            "manifest.json": {
                "artifacts": {
                    "Assets": {
                        "type": "cdk:asset-manifest",
                        "properties": {"file": "assets.json"},
                    },
                    name: {
                        "type": "aws:cloudformation:stack",
                        "environment": f"aws://{'/'.join(ENVIRONMENT)}",
                        "dependencies": ["Assets"],
                        "properties": {
                            "templateFile": "template.json",
                            "stackTemplateAssetObjectUrl": f"s3://{bucket}/{name}.json",
                            "requiresBootstrapStackVersion": 6,
                            "bootstrapStackVersionSsmParameter": "/bootstrap/version",
                        },
                    },
                }
            },
            "assets.json": {
                "files": {
                    path: {
                        "source": {"path": path, "packaging": packaging},
                        "destinations": {"here": {"bucketName": bucket, "objectKey": key}},
                    }
                    for path, packaging, key in (
                        ("template.json", "file", f"{name}.json"),
                        ("asset.code", "zip", "code.zip"),
                    )
                }
            },
            "template.json": template,
        }
        for file, document in documents.items():
            (tmp_path / file).write_text(json.dumps(document), encoding="utf-8")
        return Assembly.read(tmp_path)

    return write_assembly


def test_a_stack_goes_where_its_assembly_says(
    emulator: Emulator, write: Callable[[str, Mapping[str, Any]], Assembly]
) -> None:
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}}
    assembly = write("Good", {"Resources": {"Queue": QUEUE}, "Outputs": outputs})

    account, region = ENVIRONMENT
    assert deploy(assembly, emulator.access)["Arn"].startswith(f"arn:aws:sqs:{region}:{account}:")

    body = client("s3", emulator.access, account, region).get_object(
        Bucket=f"assets-{account}-{region}", Key="code.zip"
    )["Body"]
    with zipfile.ZipFile(io.BytesIO(body.read())) as archive:
        assert archive.namelist() == ["package/module.py"]


def test_a_type_that_the_emulator_lacks_is_named_and_stops_nothing(
    emulator: Emulator, write: Callable[[str, Mapping[str, Any]], Assembly]
) -> None:
    application = {"Type": "AWS::Pinpoint::App", "Properties": {"Name": "app"}}
    assembly = write("Placeholder", {"Resources": {"App": application, "Queue": QUEUE}})

    deploy(assembly, emulator.access)

    assert not_simulated(assembly, emulator) == [
        "Not simulated: App, MiniStack has no AWS::Pinpoint::App"
    ]


def test_a_resource_that_fails_says_why(
    emulator: Emulator, write: Callable[[str, Mapping[str, Any]], Assembly]
) -> None:
    broken = QUEUE | {"Properties": {"VisibilityTimeout": 1_000_000}}
    assembly = write("Broken", {"Resources": {"Queue": broken}})

    with pytest.raises(DeploymentError, match=r"Queue \(AWS::SQS::Queue\): .*VisibilityTimeout"):
        deploy(assembly, emulator.access)


def test_a_template_that_is_refused_says_why(
    emulator: Emulator, write: Callable[[str, Mapping[str, Any]], Assembly]
) -> None:
    assembly = write("Unknown", {"Resources": {"Thing": {"Type": "AWS::No::Such"}}})

    with pytest.raises(DeploymentError, match=r"stack Unknown is refused: .*AWS::No::Such"):
        deploy(assembly, emulator.access)


def test_a_custom_resources_function_answers_cloudformation(
    emulator: Emulator, write: Callable[[str, Mapping[str, Any]], Assembly]
) -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.11",
            "Handler": "index.handler",
            "Role": f"arn:aws:iam::{ENVIRONMENT[0]}:role/role",
            "Code": {"ZipFile": ANSWERING},
        },
    }
    custom = {
        "Type": "Custom::Thing",
        "Properties": {
            "ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]},
            "ServiceTimeout": "60",
        },
    }
    outputs = {"Word": {"Value": {"Fn::GetAtt": ["Thing", "Word"]}}}
    assembly = write(
        "Custom", {"Resources": {"Function": function, "Thing": custom}, "Outputs": outputs}
    )

    assert deploy(assembly, emulator.access)["Word"] == "hello"


def test_a_directory_without_an_assembly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=r"holds no cloud assembly: manifest\.json is missing"):
        Assembly.read(tmp_path)


def test_the_synthesized_app_needs_no_placeholder(pipeline: Pipeline) -> None:
    assert not_simulated(pipeline.assembly, pipeline.emulator) == []


def test_an_apis_url_is_translated() -> None:
    url = "https://abc123.execute-api.eu-west-1.amazonaws.com/stage/events?event={{Event}}"
    assert local_url(url, "http://127.0.0.1:1") == (
        "http://127.0.0.1:1/_aws/execute-api/abc123/stage/events?event={{Event}}"
    )
    with pytest.raises(ValueError, match="not the URL of an API Gateway API"):
        local_url("https://example.com/", "http://127.0.0.1:1")


def test_the_url_of_an_apis_own_domain_is_translated() -> None:
    url = "https://events.shop.example/stage/events"
    assert local_url(url, "http://127.0.0.1:1", {"events.shop.example": "abc123"}) == (
        "http://127.0.0.1:1/_aws/execute-api/abc123/stage/events"
    )
