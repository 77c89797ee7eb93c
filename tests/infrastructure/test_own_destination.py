"""Destinations of one's own: their module becomes part of the function, or is refused in words."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from cdk_gtm_connector import Destination, DestinationModule, PropError
from cdk_gtm_connector.destinations.module import BuiltInModule
from cdk_gtm_connector.lambda_asset import source_root
from tests.infrastructure.conftest import EXAMPLES
from tests.infrastructure.synthesis import add_connector, warnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.infrastructure.conftest import RunExample, Synthesize

RUNTIME = Path(__file__).parents[2] / "examples" / "webhook" / "runtime"
GOOD = "def create(environment):\n    return None\n"
LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:webhook:1"
# The first bytes of a library: an ELF header up to the processor.
ARM_64 = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\xb7\x00"
X86_64 = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00"


@dataclass
class Own(Destination):
    """A destination of somebody's own; it need not be what the library's are."""

    given: Any
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def module(self) -> DestinationModule:
        return self.given  # type: ignore[no-any-return]

    def bind(self, function: lambda_.Function) -> None:
        for name, value in self.variables.items():
            function.add_environment(name, value)


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A directory with a module ``hook``."""
    directory = tmp_path / "runtime"
    directory.mkdir()
    directory.joinpath("hook.py").write_text(GOOD, encoding="utf-8")
    return directory


def hook(runtime: Path) -> DestinationModule:
    """Return the module of the directory."""
    return DestinationModule(name="hook", directory=runtime)


def staged(stack: cdk.Stack) -> Path:
    """Return the directory that becomes the delivering function's code."""
    assembly = cdk.App.of(stack).synth(skip_validation=True)  # type: ignore[union-attr]
    (function,) = (
        resource
        for resource in assembly.get_stack_artifact(stack.artifact_id)
        .template["Resources"]
        .values()
        if resource["Type"] == "AWS::Lambda::Function"
    )
    name = function["Properties"]["Code"]["S3Key"].removesuffix(".zip")
    return Path(assembly.directory) / f"asset.{name}"


class TestAsset:
    """What the function consists of."""

    def test_it_is_both_codes_and_nothing_that_differs_by_machine(self, runtime: Path) -> None:
        runtime.joinpath("data").mkdir()
        runtime.joinpath("data", "names.json").write_text("{}", encoding="utf-8")
        names = [{path.name for path in staged(self._stack(runtime)).rglob("*")}]
        for junk in ("__pycache__/hook.pyc", ".env", ".git/config", "data/.DS_Store", "old.pyo"):
            runtime.joinpath(junk).parent.mkdir(exist_ok=True)
            runtime.joinpath(junk).write_text("x", encoding="utf-8")
        again = staged(self._stack(runtime))
        names.append({path.name for path in again.rglob("*")})
        assert names[0] == names[1]
        assert {"hook.py", "names.json", "gtm_events", "destination_api.py"} <= names[0]
        own = source_root() / "gtm_events"
        assert (again / "gtm_events" / "handler.py").read_bytes() == (
            own / "handler.py"
        ).read_bytes()

    def test_its_hash_is_that_of_what_is_in_it(self, runtime: Path, tmp_path: Path) -> None:
        first = staged(self._stack(runtime)).name
        elsewhere = tmp_path / "elsewhere"
        shutil.copytree(runtime, elsewhere)
        assert staged(self._stack(elsewhere)).name == first
        elsewhere.joinpath("hook.py").write_text(GOOD + "# changed\n", encoding="utf-8")
        assert staged(self._stack(elsewhere)).name != first

    def test_lambda_can_read_it_whatever_the_umask(self, runtime: Path) -> None:
        runtime.joinpath("hook.py").chmod(0o600)
        for path in staged(self._stack(runtime)).rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path

    @staticmethod
    def _stack(runtime: Path) -> cdk.Stack:
        stack = cdk.Stack(cdk.App(), "Shop")
        add_connector(stack, destination=Own(hook(runtime)))
        return stack

    def test_the_function_is_told_the_entry_point(
        self, synthesized: Synthesize, runtime: Path
    ) -> None:
        own = Own(hook(runtime), {"HOOK_URL": "https://hooks.shop.example"})
        template = synthesized(lambda stack: add_connector(stack, destination=own))
        assert template.environment["DESTINATION"] == "hook:create"
        assert template.environment["HOOK_URL"] == "https://hooks.shop.example"
        assert "Layers" not in template.function.properties

    def test_it_may_be_in_a_layer(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            layer = lambda_.LayerVersion.from_layer_version_arn(stack, "Layer", LAYER)
            own = Own(DestinationModule(name="shop.hook", layer=layer))
            add_connector(stack, destination=own)

        template = synthesized(build)
        assert template.environment["DESTINATION"] == "shop.hook:create"
        assert template.function.properties["Layers"] == [LAYER]

    def test_the_code_of_the_others_is_what_it_was(self, synthesized: Synthesize) -> None:
        template = synthesized(add_connector)
        assert template.environment["DESTINATION"] == "pinpoint"


def written(name: str, text: str = GOOD) -> Callable[[Path], None]:
    """Return what writes a file into a directory."""

    def write(runtime: Path) -> None:
        runtime.joinpath(name).parent.mkdir(exist_ok=True)
        runtime.joinpath(name).write_text(text, encoding="utf-8")

    return write


def compiled(name: str, header: bytes) -> Callable[[Path], None]:
    """Return what puts a compiled library into a directory."""

    def write(runtime: Path) -> None:
        runtime.joinpath(name).write_bytes(header)

    return write


class TestRefused:
    """What the function could not import."""

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("", "must be a module's name"),
            (1, "must be a module's name"),
            ("shop-hook", "must be a module's name"),
            ("hook.", "must be a module's name"),
            ("class", "must be a module's name"),
            ("hök", "must be a module's name"),
            ("json", "must not be that of a module of the standard library"),
            ("compression.hook", "must not be that of a module"),
            ("gtm_events.hook", "must not be that of a module that the function has already"),
            ("botocore", "must not be that of a module that the function has already"),
            pytest.param(cdk.Token.as_string({"Ref": "Name"}), "must be known", id="token"),
        ],
    )
    def test_a_name(self, runtime: Path, name: Any, words: str) -> None:
        with pytest.raises(PropError, match=f"^name {words}"):
            DestinationModule(name=name, directory=runtime)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (
                lambda it: it.joinpath("hook.py").unlink(),
                r"must hold hook\.py or hook/__init__\.py",
            ),
            (written("hook.py", "def create(:"), r"must hold a module that is Python \("),
            (written("hook.py", "x = 1"), r"must hold a module with a function create"),
            (written("hook.py", "class A:\n  def create(self): ..."), "a function create"),
            (written("hook.py", "def create(): ..."), "a function of one argument"),
            (written("hook.py", "def create(a, b): ..."), "a function of one argument"),
            (written("hook.py", "def create(a, *, b): ..."), "a function of one argument"),
            (written("hook.py", "async def create(a): ..."), "a function of one argument"),
            (written("json.py"), r"must not hold json\.py, which has the name of a module of the"),
            (written("gtm_events/a.py"), "must not hold gtm_events, which has the name of"),
            (written("urllib3/__init__.py"), "must not hold urllib3, which has the name of"),
            (
                compiled("fast.cpython-314-x86_64-linux-gnu.so", X86_64),
                r"must hold no fast\.cpy.*arm64",
            ),
            (compiled("fast.pyd", b"MZ"), r"must hold no fast\.pyd .*arm64"),
            (compiled("libfast.so.1", b"short"), r"must hold no libfast\.so\.1 .*arm64"),
        ],
    )
    def test_a_directory(
        self,
        runtime: Path,
        change: Callable[[Path], None],
        words: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("cdk_gtm_connector.destinations.module.RUNTIME_VERSION", (3, 11))
        change(runtime)
        with pytest.raises(PropError, match=f"^directory .*{words}") as caught:
            hook(runtime)
        assert str(runtime) in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "source",
        [
            *("def create(a): ...", "def create(a, b=1): ...", "def create(*a): ..."),
            *("def create(a, *, b=1): ...", "create = make()", "create: object = make()"),
            *("from theirs import create", "from theirs import make as create"),
            *("from theirs import *", "import create", "a, create = 1, 2"),
            "try:\n  from theirs import create\nexcept ImportError:\n  create = None",
            "if True:\n  def create(a): ...",
        ],
    )
    def test_nothing_that_may_work(self, runtime: Path, source: str) -> None:
        written("hook.py", source)(runtime)
        compiled("fast.so", ARM_64)(runtime)
        assert hook(runtime).entry_point == "hook:create"

    def test_a_package_is_a_module(self, runtime: Path) -> None:
        written("shop/__init__.py")(runtime)
        written("shop/hook.py")(runtime)
        for name in ("shop", "shop.hook"):
            assert DestinationModule(name=name, directory=str(runtime)).beside == runtime

    def test_a_directory_that_is_none(self, runtime: Path) -> None:
        for directory, words in (
            (runtime / "missing", "must be there, got '.*missing'"),
            (runtime / "hook.py", "must be a directory, got '.*hook.py'"),
            ("", "must be a path, .*, got ''"),
            (3, "must be a path, .*, got 3"),
            (None, "must be given, or layer"),
        ):
            with pytest.raises(PropError, match=f"^directory {words}"):
                DestinationModule(name="hook", directory=directory)  # type: ignore[arg-type]

    def test_a_directory_and_a_layer(self, runtime: Path) -> None:
        layer = lambda_.LayerVersion.from_layer_version_arn(cdk.Stack(), "Layer", LAYER)
        with pytest.raises(PropError, match=r"^directory must not be given with layer"):
            DestinationModule(name="hook", directory=runtime, layer=layer)
        with pytest.raises(PropError, match=r"^layer must be an ILayerVersion.*, got 'arn:"):
            DestinationModule(name="hook", layer=LAYER)  # type: ignore[arg-type]

    def test_more_than_lambda_takes(self, runtime: Path) -> None:
        with runtime.joinpath("model.bin").open("wb") as file:
            file.truncate(251 * 1024 * 1024)
        with pytest.raises(PropError, match=r"^directory must hold at most 250 MB, .*, got '263,"):
            hook(runtime)

    @pytest.mark.skipif(sys.version_info >= (3, 14), reason="it reads what the function reads")
    def test_what_a_newer_python_may_read_gets_a_warning(self, runtime: Path) -> None:
        written("hook.py", 'def create(a):\n    return t"{a}"\n')(runtime)
        stack = cdk.Stack()
        add_connector(stack, destination=Own(hook(runtime)))
        told = warnings(stack)["cdk-gtm-connector:destinationModule"]
        assert "hook:create is no Python for the version that runs here" in told
        assert "line 2" in told
        assert "Python 3.14" in told


class TestBinding:
    """What a destination may do to the function."""

    def test_without_a_module_it_is_refused(self) -> None:
        class Anything(Destination):
            def bind(self, function: lambda_.Function) -> None:
                function.add_environment("DESTINATION", "anything")

        with pytest.raises(PropError, match=r"^destination must .* the property module"):
            add_connector(cdk.Stack(), destination=Anything())

    def test_so_is_what_is_no_module(self) -> None:
        with pytest.raises(PropError, match=r"^module must be a DestinationModule"):
            add_connector(cdk.Stack(), destination=Own("hook"))

    @pytest.mark.parametrize(
        ("variable", "words"),
        [
            ("DESTINATION", "the connector's"),
            ("DEAD_LETTER_QUEUE_URL", "the connector's"),
            ("ALLOWED_ORIGINS", "the connector's"),
            ("KEEP_INVALID_MESSAGES", "the connector's"),
            ("HOOK-URL", "no name of one"),
        ],
    )
    def test_variables_that_are_not_its_own(self, runtime: Path, variable: str, words: str) -> None:
        own = Own(hook(runtime), {variable: "x"})
        with pytest.raises(PropError, match=rf"the variable {variable}, which is {words}"):
            add_connector(cdk.Stack(), destination=own)

    def test_lambdas_own_are_refused_by_the_cdk(self, runtime: Path) -> None:
        own = Own(hook(runtime), {"AWS_REGION": "eu-west-1"})
        with pytest.raises(RuntimeError, match="AWS_REGION environment variable is reserved"):
            add_connector(cdk.Stack(), destination=own)


def test_those_that_come_along_are_found_as_one_of_ones_own_is() -> None:
    """Each is a module or a package, in no list: what has a ``create`` is a destination."""
    directory = source_root().joinpath("gtm_events", "destinations")
    files = {file.stem: file for file in directory.glob("*.py") if file.stem != "__init__"}
    files |= {file.parent.name: file for file in directory.glob("*/__init__.py")}
    kinds = {
        name.replace("_", "-")
        for name, file in files.items()
        if "\ndef create(" in file.read_text("utf-8")
    }
    assert kinds == {"customer-profiles", "eventbridge", "firehose", "kinesis", "pinpoint"}
    for kind in kinds:
        assert BuiltInModule(kind).entry_point == kind
    with pytest.raises(FileNotFoundError, match="gtm_events has no destination carrier-pigeon"):
        BuiltInModule("carrier-pigeon")


def test_the_examples_function_may_read_its_key_and_nothing_else(
    run_example: RunExample, tmp_path: Path
) -> None:
    template = run_example(tmp_path, EXAMPLES["own_destination"]).template
    own = {
        grant
        for grant in template.grants(template.role("lambda.amazonaws.com"))
        if not grant[0].startswith(("sqs:", "logs:", "xray:"))
    }
    secret = template.only("AWS::SecretsManager::Secret").ref
    assert {action for action, _ in own} == {
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
    }
    assert {json.dumps(resource) for _, resource in own} == {json.dumps(secret)} or all(
        "WebhookKey" in json.dumps(resource) for _, resource in own
    )
