"""What is in the wheel and in the source distribution, and what they say of themselves."""

from __future__ import annotations

import email
import hashlib
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from cdk_gtm_connector.event_record import schema_path
from cdk_gtm_connector.gtm import files_for
from cdk_gtm_connector.version import __version__
from tests.packaging.conftest import CHECKOUT, run
from tests.packaging.test_documents import anchors

if TYPE_CHECKING:
    from email.message import Message

    from tests.packaging.conftest import Distributions, Installation

# The second is of what Google Tag Manager's template gallery takes.
LICENSES = ["LICENSE", "cdk_gtm_connector/gtm/files/LICENSE"]
DIST_INFO = f"cdk_gtm_connector-{__version__}.dist-info"


def sources(directory: Path) -> set[str]:
    """Return the files under ``directory`` that people wrote, relative to it."""
    return {
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def contents(wheel: Path) -> dict[str, str]:
    """Return a hash of each file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


@pytest.fixture(scope="session")
def metadata(distributions: Distributions) -> Message:
    """The wheel's metadata."""
    with zipfile.ZipFile(distributions.wheel) as archive:
        return email.message_from_bytes(archive.read(f"{DIST_INFO}/METADATA"))


@pytest.fixture(scope="session")
def description(metadata: Message) -> str:
    """The page that an index shows."""
    payload = metadata.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


class TestWheel:
    """The wheel."""

    def test_it_holds_the_library_the_functions_and_the_schema_and_nothing_else(
        self, distributions: Distributions, checkout: Path
    ) -> None:
        library = {
            f"{package}/{name}"
            for package in ("cdk_gtm_connector", "cdk_gtm_connector_cli")
            for name in sources(checkout / package)
        }
        functions = {
            f"cdk_gtm_connector/_lambda_src/{name}" for name in sources(checkout / "lambda_src")
        }
        carried = {n for n in contents(distributions.wheel) if not n.startswith(f"{DIST_INFO}/")}
        schema = "cdk_gtm_connector/event-record.schema.json"
        assert carried == library | functions | {schema}
        assert {
            "cdk_gtm_connector/py.typed",
            "cdk_gtm_connector/templates/message.vtl",
            "cdk_gtm_connector/templates/answer.vtl",
            "cdk_gtm_connector/gtm/files/web-template/template.tpl",
            "cdk_gtm_connector/_lambda_src/gtm_events/handler.py",
            "cdk_gtm_connector/_lambda_src/gtm_events/destinations/pinpoint.py",
            "cdk_gtm_connector/_lambda_src/gtm_token_authorizer/handler.py",
        } <= carried

    def test_the_schema_is_found_without_the_cdk(
        self, installation: Installation, tmp_path: Path
    ) -> None:
        # Whoever reads the events tests against it, and may have neither the CDK nor Node.
        program = (
            "import sys; from cdk_gtm_connector.event_record import schema_path as p; "
            "print(p(), 'aws_cdk' in sys.modules)"
        )
        path, cdk = run(installation.python, "-c", program, cwd=tmp_path).split()
        assert Path(path).parent == installation.site_packages / "cdk_gtm_connector"
        documented = CHECKOUT / "docs" / "event-record.schema.json"
        assert Path(path).read_bytes() == documented.read_bytes()
        assert schema_path() == documented
        assert cdk == "False"

    def test_what_google_tag_manager_imports_is_written_without_the_cdk(
        self, installation: Installation, tmp_path: Path
    ) -> None:
        endpoint = "https://abc123.execute-api.eu-west-1.amazonaws.com/Api-PinpointEvents/events"
        program = (
            "import sys; from cdk_gtm_connector.gtm.__main__ import main; "
            "assert main(sys.argv[1:]) == 0; assert 'aws_cdk' not in sys.modules"
        )
        arguments = ("--endpoint", endpoint, "--out", "gtm")
        run(installation.python, "-c", program, *arguments, cwd=tmp_path)
        written = {
            name: tmp_path.joinpath("gtm", name).read_text("utf-8")
            for name in sources(tmp_path / "gtm")
        }
        assert written == files_for(endpoint)

    def test_it_brings_the_command(self, distributions: Distributions) -> None:
        with zipfile.ZipFile(distributions.wheel) as archive:
            entry_points = archive.read(f"{DIST_INFO}/entry_points.txt").decode()
        assert "gtm-connector = cdk_gtm_connector_cli.entry:main" in entry_points

    def test_the_command_runs_from_what_is_installed(
        self, installation: Installation, tmp_path: Path
    ) -> None:
        # It reads messages by the function's code, which the wheel has beside the library.
        program = (
            "import sys; from cdk_gtm_connector_cli.messages import decode; "
            "from cdk_gtm_connector_cli.entry import main; "
            "print(sys.modules['gtm_events'].__file__); sys.exit(main(['--version']))"
        )
        file, version = run(installation.python, "-c", program, cwd=tmp_path).splitlines()
        assert Path(file).is_relative_to(installation.site_packages / "cdk_gtm_connector")
        assert version == f"gtm-connector, version {__version__}"

    def test_it_is_for_every_platform(self, distributions: Distributions) -> None:
        assert distributions.wheel.name == f"cdk_gtm_connector-{__version__}-py3-none-any.whl"

    def test_the_checkout_gives_the_same_wheel(
        self, distributions: Distributions, checkout: Path, tmp_path: Path
    ) -> None:
        # `pip install git+https://…` builds from a checkout, an index may build from the sdist.
        command = ("-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, checkout)
        run(sys.executable, *command, cwd=tmp_path)
        (wheel,) = tmp_path.glob("*.whl")
        assert contents(wheel) == contents(distributions.wheel)


class TestSourceDistribution:
    """The source distribution."""

    def test_it_holds_what_a_build_needs_and_nothing_else(
        self, distributions: Distributions, checkout: Path
    ) -> None:
        with tarfile.open(distributions.sdist) as archive:
            carried = {member.name.partition("/")[2] for member in archive if member.isfile()}
        library = {
            f"{package}/{name}"
            for package in ("cdk_gtm_connector", "cdk_gtm_connector_cli")
            for name in sources(checkout / package)
        }
        functions = {f"lambda_src/{name}" for name in sources(checkout / "lambda_src")}
        documents = {"README.md", "CHANGELOG.md", "LICENSE", "benchmarks/RESULTS.md"}
        documents |= {"CONTRIBUTING.md", "SECURITY.md"}
        documents |= {f"docs/{name}" for name in sources(checkout / "docs")}
        documents |= {f"examples/{name}" for name in sources(checkout / "examples")}
        build = {"pyproject.toml", "PKG-INFO", ".gitignore"}
        assert carried == library | functions | documents | build

    def test_no_link_in_it_is_dead(self, distributions: Distributions) -> None:
        root = distributions.unpacked
        linked = [
            (document, link)
            for document in (root / "README.md", *root.glob("docs/**/*.md"))
            for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8"))
        ]
        assert len(linked) > 15
        dead = [link for link in linked if not (link[0].parent / link[1]).is_file()]
        assert dead == []


class TestMetadata:
    """What an installer and an index are told."""

    def test_it_is_the_version_that_the_library_says(self, metadata: Message) -> None:
        assert metadata["Name"] == "cdk-gtm-connector"
        assert metadata["Version"] == __version__

    def test_dependencies_are_ranges_within_a_major_version(self, metadata: Message) -> None:
        requirements = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
        always = {requirement.name for requirement in requirements if requirement.marker is None}
        assert always == {"aws-cdk-lib", "constructs"}
        # `pip install 'cdk-gtm-connector[cli]'` installs what gtm-connector needs besides.
        more = {requirement.name for requirement in requirements if requirement.marker is not None}
        assert more == {"boto3", "click", "rich"}
        assert metadata.get_all("Provides-Extra") == ["cli"]
        for requirement in requirements:
            # A pin would make the importing app's own requirements unsolvable.
            assert {spec.operator for spec in requirement.specifier} == {">=", "<"}, requirement

    def test_what_is_pinned_here_is_within_them(self, metadata: Message) -> None:
        lines = (CHECKOUT / "requirements-local.txt").read_text(encoding="utf-8").splitlines()
        pins = dict(line.split("==") for line in lines if "==" in line)
        for requirement in map(Requirement, metadata.get_all("Requires-Dist", [])):
            version = pins[requirement.name].split()[0]
            assert requirement.specifier.contains(version), requirement

    def test_it_says_which_python_and_which_license(self, metadata: Message) -> None:
        assert metadata["Requires-Python"] == ">=3.11"
        assert metadata["License-Expression"] == "MIT AND Apache-2.0"
        assert metadata.get_all("License-File") == LICENSES

    def test_the_index_shows_the_readme(self, metadata: Message, description: str) -> None:
        assert metadata["Description-Content-Type"] == "text/markdown"
        readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
        # An index has no other file of ours: what linked to one names it.
        named = re.sub(r"!\[[^\]]*\]\([^)]+\)\n+", "", readme)
        named = re.sub(r"\[([^\]]+)\]\(\1\)", r"`\1`", named)
        named = re.sub(r"\[([^\]]+)\]\(([\w/.-]+\.\w+)(?:#[^)]*)?\)", r"\1 (`\2`)", named)
        assert description == named != readme

    def test_no_link_of_what_it_shows_can_be_dead(
        self, description: str, distributions: Distributions
    ) -> None:
        links = re.findall(r"\]\(([^)]*)\)", description)
        headings = {link[1:] for link in links if link.startswith("#")}
        assert headings <= anchors(description)
        pages = [link for link in links if not link.startswith("#")]
        assert [page for page in pages if not page.startswith("https://")] == []
        # Nor is the path of a file that it names: whoever reads it there has the source.
        named = re.findall(r"`((?:docs|examples|benchmarks)/[\w/.-]+\.\w+)`", description)
        assert len(named) > 10
        assert [path for path in named if not (distributions.unpacked / path).is_file()] == []

    def test_the_license_travels_along(self, distributions: Distributions) -> None:
        carried = contents(distributions.wheel)
        assert {f"{DIST_INFO}/licenses/{path}" for path in LICENSES} <= carried.keys()
