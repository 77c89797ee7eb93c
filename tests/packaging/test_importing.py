"""README's example, with the library installed from the wheel, in an app of somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.packaging.conftest import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.packaging.conftest import Distributions, Installation, Synthesis


def asset(template: Mapping[str, Any]) -> str:
    """Return the key of the function's code, which holds the hash of the code."""
    (function,) = (
        resource
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    )
    key: str = function["Properties"]["Code"]["S3Key"]
    return key


def test_each_library_is_the_one_that_is_meant(
    syntheses: dict[str, Synthesis],
    installation: Installation,
    distributions: Distributions,
    checkout: Path,
) -> None:
    assert {name: synthesis.library for name, synthesis in syntheses.items()} == {
        "wheel": installation.site_packages / "cdk_gtm_connector" / "__init__.py",
        "sdist": distributions.unpacked / "cdk_gtm_connector" / "__init__.py",
        "checkout": checkout / "cdk_gtm_connector" / "__init__.py",
    }


def test_the_installed_wheel_synthesizes_readmes_example(syntheses: dict[str, Synthesis]) -> None:
    template: Mapping[str, Any] = syntheses["wheel"].template
    assert template["Outputs"].keys() == {"GtmImageUrl"}
    types = [resource["Type"] for resource in template["Resources"].values()]
    assert types.count("AWS::ApiGateway::RestApi") == 1
    assert types.count("AWS::Lambda::Function") == 1
    assert types.count("AWS::SQS::Queue") == 3
    assert types.count("AWS::CloudWatch::Alarm") == 2


@pytest.mark.parametrize("other", ["sdist", "checkout"])
def test_the_whole_template_is_the_same_from_everywhere(
    syntheses: dict[str, Synthesis], other: str
) -> None:
    # The asset's hash in it too: another one would redeploy the function for nothing.
    assert asset(syntheses["wheel"].template) == asset(syntheses[other].template)
    assert syntheses["wheel"].template == syntheses[other].template


@pytest.mark.parametrize("name", ["wheel", "sdist", "checkout"])
def test_running_the_function_changes_nothing(syntheses: dict[str, Synthesis], name: str) -> None:
    synthesis = syntheses[name]
    assert asset(synthesis.template) == asset(synthesis.template_after_running)
    assert synthesis.template == synthesis.template_after_running


def test_a_server_that_mints_tokens_needs_no_cdk(
    installation: Installation, tmp_path: Path
) -> None:
    # aws_cdk takes seconds to import, and Node.
    program = (
        "import sys, cdk_gtm_connector.tokens as t; print(t.__file__, 'aws_cdk' in sys.modules)"
    )
    module = installation.site_packages / "cdk_gtm_connector" / "tokens.py"
    assert run(installation.python, "-c", program, cwd=tmp_path).split() == [str(module), "False"]
