"""Deployment of a synthesized CDK stack into the emulator, like ``cdk deploy`` into an account.

The assembly is deployed unchanged. Its file assets go into the bootstrap bucket that it names, and
its template goes through CloudFormation. The bootstrap resources are created first: that bucket,
and a version in the Parameter Store.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import time
import zipfile
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from cdk_gtm_connector_cli.emulator_client import emulator_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from local.signature import EmulatorAccess

DEFAULT_ACCOUNT: Final = "000000000000"
DEFAULT_REGION: Final = "us-east-1"
"""Account and Region of a stack that does not name its environment."""

_POLL_SECONDS: Final = 0.1
# The zip format's first day, so that an asset's bytes do not depend on file times.
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class AssemblyError(Exception):
    """The directory is not a cloud assembly, or the assembly cannot be deployed here."""


class DeploymentError(Exception):
    """CloudFormation did not create the stack. The message gives the resource's reason."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file or a directory that goes into the bootstrap bucket."""

    source: Path
    zipped: bool
    """Whether ``source`` is a directory that is uploaded as a zip file."""
    bucket: str
    key: str

    def content(self) -> bytes:
        """Return the bytes to upload."""
        if not self.zipped or self.source.is_file():  # CDK zips some assets itself
            return self.source.read_bytes()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.source.rglob("*")):
                if path.is_file():
                    entry = zipfile.ZipInfo(path.relative_to(self.source).as_posix(), _ZIP_EPOCH)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    entry.external_attr = (path.stat().st_mode & 0o777) << 16
                    archive.writestr(entry, path.read_bytes())
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Assembly:
    """One stack of a cloud assembly, which ``app.py`` writes and ``cdk deploy`` reads."""

    directory: Path
    stack: str
    account: str
    region: str
    template: Mapping[str, Any]
    template_url: str
    """``s3://{bucket}/{key}``: the template is an asset as well."""
    bootstrap_parameter: str
    bootstrap_version: int
    assets: Sequence[Asset]
    warnings: Sequence[str] = ()
    """The warnings that ``cdk synth`` would print."""

    @classmethod
    def read(cls, directory: Path) -> Assembly:
        """Read the only stack of the assembly in ``directory``.

        Raises:
            AssemblyError: There is no assembly, it does not have exactly one stack, or it has
                Docker images.
        """
        try:
            manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise AssemblyError(
                f"{directory} holds no cloud assembly: manifest.json is missing"
            ) from None
        artifacts: Mapping[str, Any] = manifest["artifacts"]
        stacks = [
            name for name, it in artifacts.items() if it["type"] == "aws:cloudformation:stack"
        ]
        if len(stacks) != 1:
            raise AssemblyError(
                f"the local pipeline needs an app with one stack, this one has {len(stacks)}: "
                f"{', '.join(stacks) or 'none'}"
            )
        stack = artifacts[stacks[0]]
        properties = stack["properties"]
        account, region = _environment(stack["environment"])

        def resolve(text: str) -> str:
            return text.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region)

        assets: list[Asset] = []
        for name in stack["dependencies"]:
            if artifacts[name]["type"] == "cdk:asset-manifest":
                assets += _assets(directory, artifacts[name]["properties"]["file"], resolve)
        return cls(
            directory=directory,
            stack=properties.get("stackName") or stacks[0],
            account=account,
            region=region,
            template=json.loads(
                (directory / properties["templateFile"]).read_text(encoding="utf-8")
            ),
            template_url=resolve(properties["stackTemplateAssetObjectUrl"]),
            bootstrap_parameter=properties["bootstrapStackVersionSsmParameter"],
            bootstrap_version=properties["requiresBootstrapStackVersion"],
            assets=assets,
            warnings=list(_warnings(directory, stack)),
        )

    def resources(self) -> dict[str, str]:
        """Return the type of each resource by its logical id."""
        return {name: it["Type"] for name, it in self.template["Resources"].items()}


def _warnings(directory: Path, stack: Mapping[str, Any]) -> Iterator[str]:
    """Yield the warnings that the app attached to its constructs."""
    metadata: dict[str, Any] = dict(stack.get("metadata", {}))
    if file := stack.get("additionalMetadataFile"):
        metadata |= json.loads((directory / file).read_text(encoding="utf-8"))
    for entries in metadata.values():
        for entry in entries:
            if entry["type"] == "aws:cdk:warning":
                yield entry["data"].partition(" [ack: ")[0]


def _environment(environment: str) -> tuple[str, str]:
    """Return account and Region of ``aws://{account}/{region}``. Unknown ones get the defaults."""
    match = re.fullmatch(r"aws://([^/]+)/([^/]+)", environment)
    if match is None:
        raise AssemblyError(
            f"the stack's environment must be aws://account/region, got {environment!r}"
        )
    account, region = match.groups()
    return (
        DEFAULT_ACCOUNT if account == "unknown-account" else account,
        DEFAULT_REGION if region == "unknown-region" else region,
    )


def _assets(directory: Path, file: str, resolve: Callable[[str], str]) -> list[Asset]:
    manifest = json.loads((directory / file).read_text(encoding="utf-8"))
    if manifest.get("dockerImages"):
        raise AssemblyError(f"{file} lists Docker images, but the local pipeline has no Docker")
    return [
        Asset(
            source=directory / asset["source"]["path"],
            zipped=asset["source"].get("packaging") == "zip",
            bucket=resolve(destination["bucketName"]),
            key=resolve(destination["objectKey"]),
        )
        for asset in manifest["files"].values()
        for destination in asset["destinations"].values()
    ]


@cache
def client(service: str, access: EmulatorAccess, account: str, region: str) -> Any:
    """Return the boto3 client for ``account`` (12 digits) and ``region`` in the emulator.

    The client ignores the machine's own AWS credentials and settings.
    """
    return emulator_client(
        service, url=access.url, secret=access.secret, account=account, region=region
    )


def deploy(assembly: Assembly, access: EmulatorAccess, *, timeout: float = 60.0) -> dict[str, str]:
    """Create the stack in the emulator, and wait for it.

    Args:
        assembly: The assembly to deploy.
        access: EmulatorAccess to the emulator.
        timeout: Maximum seconds to wait. Default: 60.

    Returns:
        The stack's outputs by their keys.

    Raises:
        DeploymentError: The template was refused, a resource failed, or the timeout expired.
    """
    deadline = time.monotonic() + timeout
    environment = (access, assembly.account, assembly.region)
    _bootstrap(assembly, environment)
    cloudformation = client("cloudformation", *environment)
    location = urlsplit(assembly.template_url)
    try:
        cloudformation.create_stack(
            StackName=assembly.stack,
            TemplateURL=f"{access.url}/{location.netloc}{location.path}",
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as error:
        raise DeploymentError(
            f"stack {assembly.stack} is refused: {error.response['Error']['Message']}"
        ) from error
    while True:
        stack = cloudformation.describe_stacks(StackName=assembly.stack)["Stacks"][0]
        status = stack["StackStatus"]
        if status == "CREATE_COMPLETE":
            return {it["OutputKey"]: it["OutputValue"] for it in stack.get("Outputs", [])}
        if not status.endswith("_IN_PROGRESS"):
            reasons = _reasons(cloudformation, assembly.stack) or stack.get("StackStatusReason", "")
            raise DeploymentError(f"stack {assembly.stack} ended in {status}: {reasons}")
        if time.monotonic() > deadline:
            raise DeploymentError(
                f"stack {assembly.stack} is still in {status} after {timeout:g} seconds"
            )
        time.sleep(_POLL_SECONDS)


def _bootstrap(assembly: Assembly, environment: tuple[EmulatorAccess, str, str]) -> None:
    """Create the missing bootstrap resources, as ``cdk bootstrap`` would, and upload the assets."""
    client("ssm", *environment).put_parameter(
        Name=assembly.bootstrap_parameter,
        Value=str(assembly.bootstrap_version),
        Type="String",
        Overwrite=True,
    )
    s3 = client("s3", *environment)
    # us-east-1 is the only Region that must not be named.
    where = {"LocationConstraint": assembly.region} if assembly.region != "us-east-1" else None
    for bucket in sorted({asset.bucket for asset in assembly.assets}):
        with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(
                Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {})
            )
    for asset in assembly.assets:
        s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=asset.content())


def _reasons(cloudformation: Any, stack: str) -> str:
    """Return the resources' own reasons for their failures, in order."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return "; ".join(
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason")
    )
