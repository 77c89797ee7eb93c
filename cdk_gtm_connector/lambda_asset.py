"""Where the functions' source is, and how it becomes a Lambda asset."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_lambda as lambda_

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
    return lambda_.Code.from_asset(
        str(source_root()),
        exclude=["**/__pycache__", "**/*.pyc", "**/*.pyo", "**/.DS_Store"],
    )
