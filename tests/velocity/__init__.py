"""Apache Velocity 1.7, the engine behind API Gateway's mapping templates, as a reference for tests.

``Render.java`` beside this file is compiled against Debian's packages ``velocity``,
``libcommons-lang-java`` and ``libcommons-collections3-java`` and then renders any number of
templates in one JVM::

    with ReferenceEngine() as engine:
        (rendered,) = engine.render_many("$input.body", [request])
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

from local.vtl import Rendered
from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from local.vtl import Request

__all__ = ["ReferenceEngine", "ReferenceEngineMissing", "ReferenceRefusal"]

_SOURCE: Final = Path(__file__).with_name("Render.java")
_JARS: Final = tuple(
    Path("/usr/share/java", name)
    for name in ("velocity.jar", "commons-lang.jar", "commons-collections3.jar")
)
_HOW_TO_INSTALL: Final = (
    "apt-get install velocity libcommons-lang-java libcommons-collections3-java "
    "default-jdk-headless"
)
# The JVM runs for seconds, so a second compiler and a parallel collector cost more than they save.
_JVM_OPTIONS: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


class ReferenceEngineMissing(Exception):
    """The machine cannot run Apache Velocity. The message says what is missing."""


class ReferenceRefusal(Exception):
    """Apache Velocity refused the template or failed to render it. The message is Velocity's."""


class ReferenceEngine:
    """A JVM with Apache Velocity 1.7, configured like API Gateway's.

    Undefined references render as nothing and ``#foreach`` stops after 1,000 iterations. Enter the
    instance before rendering: that compiles the harness into a temporary directory (about a
    second) and starts the JVM; leaving it stops the JVM and removes the directory. One thread at
    a time.

    Raises:
        ReferenceEngineMissing: on entering, if the JDK or one of the jars is not installed.
    """

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._questions: IO[str] | None = None
        self._answers: IO[str] | None = None

    def __enter__(self) -> Self:
        java, javac = shutil.which("java"), shutil.which("javac")
        tools = {"java": java, "javac": javac, **{str(jar): jar.is_file() for jar in _JARS}}
        missing = [name for name, found in tools.items() if not found]
        if java is None or javac is None or missing:
            raise ReferenceEngineMissing(
                f"Apache Velocity 1.7 lacks {', '.join(missing)} here: {_HOW_TO_INSTALL}"
            )
        jars = ":".join(map(str, _JARS))
        with ExitStack() as starting:
            classes = starting.enter_context(tempfile.TemporaryDirectory(prefix="velocity-"))
            subprocess.run(  # noqa: S603 - our own source, with the JDK found on the PATH
                [
                    javac,
                    *(f"-J{option}" for option in _JVM_OPTIONS),
                    *("-Xlint:all", "-Werror", "-cp", jars, "-d", classes, str(_SOURCE)),
                ],
                check=True,
                timeout=HANG_SECONDS,
            )
            jvm = starting.enter_context(
                subprocess.Popen(  # noqa: S603 - as above
                    [java, *_JVM_OPTIONS, "-cp", f"{classes}:{jars}", "Render"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    encoding="ascii",
                )
            )
            self._questions, self._answers = jvm.stdin, jvm.stdout
            self._resources = starting.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Popen's own exit closes the JVM's standard input, which ends it, and waits for it.
        self._questions = self._answers = None
        self._resources.close()

    def render_many(
        self, template: str, requests: Iterable[Request], *, missing: Iterable[str] = ()
    ) -> list[Rendered]:
        """Render ``template`` once for each of ``requests``, in their order.

        Args:
            template: The template's text.
            requests: The requests that the template sees.
            missing: Names of methods to remove from all objects.

        Raises:
            ReferenceRefusal: Velocity refuses the template, or fails on one of the requests.
            RuntimeError: The engine was not entered, or its JVM has died.
        """
        answers = []
        for answer in self.render_each(template, requests, missing=missing):
            if isinstance(answer, ReferenceRefusal):
                raise answer
            answers.append(answer)
        return answers

    def render_each(
        self, template: str, requests: Iterable[Request], *, missing: Iterable[str] = ()
    ) -> list[Rendered | ReferenceRefusal]:
        """Return for each request what is rendered, or why Velocity fails on that request.

        Args:
            template: The template's text.
            requests: What it sees.
            missing: Names of methods that no object has.

        Raises:
            ReferenceRefusal: if Velocity refuses the template.
            RuntimeError: if the engine was not entered, or its JVM has died.
        """
        if self._questions is None or self._answers is None:
            raise RuntimeError("enter the engine first: `with ReferenceEngine() as engine:`")
        question = {
            "template": template,
            "missing": list(missing),
            "requests": [
                {
                    "querystring": dict(request.querystring),
                    "headers": dict(request.headers),
                    "path": dict(request.path),
                    "body": request.body,
                    "context": request.context,
                }
                for request in requests
            ],
        }
        self._questions.write(json.dumps(question, default=dict) + "\n")
        self._questions.flush()
        line = self._answers.readline()
        if not line:
            raise RuntimeError("the JVM ended early: see what it wrote to standard error")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ReferenceRefusal(answer["error"])
        return [
            ReferenceRefusal(one["error"])
            if "error" in one
            else Rendered(one["text"], one["override"].get("status"), one["override"]["header"])
            for one in answer["answers"]
        ]
