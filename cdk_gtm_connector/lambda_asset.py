"""Where the functions' source is, and how it becomes a Lambda asset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

if TYPE_CHECKING:
    from constructs import Construct

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_lambda_src"  # the wheel's copy
_PACKAGES = ("gtm_events", "gtm_token_authorizer")
_CHECKOUT = _PACKAGE.parent / "lambda_src"


def source_root() -> Path:
    """Return the directory that holds the functions' packages.

    The copy inside an installed wheel comes first, the checkout second.

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


def function_code() -> lambda_.AssetCode:
    """Return the functions' code as plain files: no Docker, no bundling.

    Compiled files are left out: they differ from install to install, and with them so would the
    asset's hash, which would redeploy the function for nothing.
    """
    return _ReadableCode(
        str(source_root()),
        exclude=["**/__pycache__", "**/*.pyc", "**/*.pyo", "**/.DS_Store"],
    )


class _ReadableCode(lambda_.AssetCode):
    """Files that Lambda can read, whatever the umask under which this library was installed.

    The asset keeps the files' modes, and its hash does not see them: what is uploaded unreadable
    stays so.
    """

    def bind(self, scope: Construct) -> lambda_.CodeConfig:
        """Stage the files and let everybody read the staged ones."""
        config = super().bind(scope)
        staging = scope.node.find_child("Code").node.find_child("Stage")
        if not isinstance(staging, cdk.AssetStaging):  # aws-cdk-lib's own asset always has one
            raise TypeError(f"expected the asset's AssetStaging, got {staging!r}")
        staged = Path(staging.absolute_staged_path)
        if staged != Path(self.path):  # the source itself, where staging is switched off
            for path in (staged, *staged.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
        return config
