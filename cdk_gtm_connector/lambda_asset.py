"""The source of the Lambda functions as an asset."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

if TYPE_CHECKING:
    from collections.abc import Collection

    from constructs import Construct

EXCLUDED_NAMES: Final = frozenset({"__pycache__"})
EXCLUDED_SUFFIXES: Final = frozenset({".pyc", ".pyo"})
_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_lambda_src"  # the wheel's copy
_PACKAGES = ("gtm_events", "gtm_token_authorizer")
_CHECKOUT = _PACKAGE.parent / "lambda_src"


def source_root() -> Path:
    """Return the directory that holds the functions' packages.

    An installed wheel has a copy, which takes precedence over the checkout.

    Raises:
        FileNotFoundError: Neither exists, so the installation is damaged.
    """
    for candidate in (_INSTALLED, _CHECKOUT):
        if all((candidate / package / "handler.py").is_file() for package in _PACKAGES):
            return candidate
    raise FileNotFoundError(
        f"the functions' source is missing: neither {_INSTALLED} nor {_CHECKOUT} holds "
        f"{' and '.join(_PACKAGES)}; reinstall cdk-gtm-connector"
    )


def function_code(beside: Path | None = None) -> lambda_.AssetCode:
    """Return the functions' code as plain files, without Docker.

    Compiled files are left out. They differ between installations, so they would change the asset's
    hash and redeploy the function for nothing.

    Args:
        beside: Directory whose files are added beside the functions' packages, without hidden
            files. Default: none.
    """
    if beside is None:
        return _ReadableCode(
            str(source_root()),
            exclude=["**/__pycache__", "**/*.pyc", "**/*.pyo", "**/.DS_Store"],
        )
    return _ReadableCode(
        str(source_root()),
        asset_hash_type=cdk.AssetHashType.OUTPUT,
        bundling=cdk.BundlingOptions(
            image=cdk.DockerImage.from_registry("unused"), local=_Together(source_root(), beside)
        ),
    )


@jsii.implements(cdk.ILocalBundling)
class _Together:
    """Bundling that copies the files of several directories into one.

    Args:
        directories: The directories. No name occurs in two of them.
    """

    def __init__(self, *directories: Path) -> None:
        self._directories = directories

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        """Copy the files, so that the CDK needs no container."""
        for directory in self._directories:
            shutil.copytree(directory, output_dir, ignore=_left_out, dirs_exist_ok=True)
        return True


def _left_out(_directory: str, names: Collection[str]) -> set[str]:
    return {
        name
        for name in names
        if name.startswith(".") or name in EXCLUDED_NAMES or Path(name).suffix in EXCLUDED_SUFFIXES
    }


class _ReadableCode(lambda_.AssetCode):
    """An asset that Lambda can read, whatever umask this library was installed with.

    An asset keeps the files' modes, but its hash ignores them. So an unreadable asset, once
    uploaded, would never be replaced.
    """

    def bind(self, scope: Construct) -> lambda_.CodeConfig:
        """Stage the files, and make the staged copies readable for all users."""
        config = super().bind(scope)
        staging = scope.node.find_child("Code").node.find_child("Stage")
        if not isinstance(
            staging, cdk.AssetStaging
        ):  # aws-cdk-lib's own asset always has an AssetStaging
            raise TypeError(f"expected the asset's AssetStaging, got {staging!r}")
        staged = Path(staging.absolute_staged_path)
        if staged != Path(self.path):  # without staging, the path is that of the source itself
            for path in (staged, *staged.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
        return config
