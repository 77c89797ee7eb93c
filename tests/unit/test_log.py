"""No data of an event, a token or an answer is logged, whatever a server answers."""

from __future__ import annotations

import gzip
import logging
import os
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

from gtm_events import handler, send_task
from gtm_events.delivery import Delivery
from gtm_events.errors import Defect
from gtm_token_authorizer import handler as authorizer
from gtm_token_authorizer.errors import Defect as AuthorizerDefect
from tests.unit.builders import body, message_id, records
from tests.unit.network import answer, serving
from tests.unit.test_handler import ENVIRONMENT, Context

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "Marker4711"
MARKED = MARK.encode()
OK = b"HTTP/1.1 200 OK\r\n"

GARBAGE = {
    "no HTTP": MARKED + b"\r\n\r\n",
    "a version of its own": b"HTTP/9.9 200 " + MARKED + b"\r\n\r\n",
    "a status of its own": b"HTTP/1.1 " + MARKED + b"\r\n\r\n",
    "a header without a colon": OK + MARKED + b"\r\nContent-Length: 2\r\n\r\n{}",
    "a header that is no text": OK + MARKED + b": \xff\r\nContent-Length: 2\r\n\r\n{}",
    "a header that goes on": OK + b"A: b\r\n " + MARKED + b"\r\n\r\n",
    "a huge header": OK + b"A: " + MARKED * 10_000 + b"\r\n\r\n",
    "many headers": OK + (MARKED + b": 1\r\n") * 200 + b"\r\n",
    "a length that is none": OK + b"Content-Length: " + MARKED + b"\r\n\r\n" + MARKED,
    "too short a body": OK + b"Content-Length: 99\r\n\r\n" + MARKED,
    "too long a body": answer(b'{"Results":{}}') + MARKED,
    "chunks without a size": OK + b"Transfer-Encoding: chunked\r\n\r\n" + MARKED + b"\r\n",
    "a chunk cut off": OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + MARKED,
    "a coding of its own": OK + b"Transfer-Encoding: " + MARKED + b"\r\n\r\n" + MARKED,
    "no gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n" + MARKED,
    "gzip that nobody asked for": OK
    + b"Content-Encoding: gzip\r\n\r\n"
    + gzip.compress(b'{"' + MARKED + b'":1}'),
    "another document": answer(b"<html>" + MARKED),
    "another object": answer(b'{"' + MARKED + b'":"' + MARKED + b'"}'),
    "an interim status": b"HTTP/1.1 103 " + MARKED + b"\r\n\r\n",
    "a redirection": b"HTTP/1.1 302 x\r\nLocation: /" + MARKED + b"\r\nContent-Length: 0\r\n\r\n",
    "an error": answer(b'{"__type":"an ' + MARKED + b'","Message":"' + MARKED + b'"}', b"400 B"),
    "a denial": answer(b'{"__type":"an ' + MARKED + b'","Message":"' + MARKED + b'"}', b"403 F"),
    "an error in XML": answer(b"<Code>an " + MARKED + b"</Code>", b"500 " + MARKED),
    "an error in a header": OK.replace(b"200", b"400")
    + b"x-amzn-ErrorType: an "
    + MARKED
    + b"\r\nContent-Length: 0\r\n\r\n",
    "nothing": b"",
}


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The function's environment, with logging at the lowest level."""
    for name, value in {**ENVIRONMENT, "NO_PROXY": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(send_task, "MAX_ATTEMPTS", 1)
    handler._delivery.cache_clear()
    root, stream = logging.getLogger(), logging.StreamHandler(sys.stderr)
    level = root.level
    root.addHandler(stream)
    root.setLevel(logging.DEBUG)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        yield monkeypatch
    root.removeHandler(stream)
    root.setLevel(level)
    handler._delivery.cache_clear()


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_not_logged_and_settles_nothing(
    garbage: bytes,
    function: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def once(_: object) -> Iterator[bytes]:
        yield garbage
        raise ConnectionAbortedError  # the server ends the connection

    parameters = {"event": MARK, "endpoint_id": MARK, "evat_a": MARK}
    with serving(once) as server:
        function.setenv("AWS_ENDPOINT_URL_PINPOINT", f"http://127.0.0.1:{server.port}")
        answered = handler.handle({"Records": records([body(parameters)] * 2)}, Context())
        assert MARKED in server.requests[0].body
    assert answered == {
        "batchItemFailures": [{"itemIdentifier": message_id(number)} for number in range(2)]
    }
    written = capfd.readouterr()
    assert '"received": 2' in written.out
    assert MARK not in written.out + written.err + caplog.text


def test_a_defect_tells_nothing_of_an_event(
    function: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(MARK) from KeyError(MARK)

    function.setattr(Delivery, "deliver", fail)
    with pytest.raises(Defect, match=r"^ValueError in fail, line \d+$") as raised:
        handler.handle({"Records": records([body({"event": MARK})])}, Context())
    # as Lambda logs it
    assert raised.value.__suppress_context__
    assert raised.value.__cause__ is None
    with pytest.raises(Defect, match=r"^KeyError in "):
        handler.handle({MARK: MARK}, Context())
    written = capfd.readouterr()
    assert MARK not in written.out + written.err


def test_a_defect_tells_nothing_of_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError(MARK)

    monkeypatch.setattr(authorizer, "_verifier", fail)
    event = {"multiValueQueryStringParameters": {"token": [MARK]}}
    with pytest.raises(AuthorizerDefect, match=r"^ValueError in fail, line \d+$"):
        authorizer.handle(event, None)


PROGRAM = """
import gc, logging, sys, threading, warnings
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
logging.getLogger("urllib3.connectionpool").setLevel(logging.DEBUG)
logging.getLogger("botocore.parsers").addHandler(logging.NullHandler())
from {package}.log import silence_other_output
import botocore.parsers, urllib3
silence_other_output()
for name in ("urllib3", "urllib3.connectionpool", "botocore", "botocore.parsers"):
    for level in range(10, 60, 10):
        logging.getLogger(name).log(level, "{mark}")
warnings.warn("{mark}")
warnings.warn("{mark}", urllib3.exceptions.HTTPWarning)
def fail():
    raise ValueError("{mark}")
thread = threading.Thread(target=fail, name="{mark}")
thread.start()
thread.join()
class Ended:
    def __del__(self):
        raise ValueError("{mark}")
Ended()
gc.collect()
logging.getLogger("ours").warning("written")
"""


@pytest.mark.parametrize("package", ["gtm_events", "gtm_token_authorizer"])
def test_the_sdk_and_uncaught_exceptions_write_no_texts(package: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM.format(package=package, mark=MARK)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert MARK not in done.stdout + done.stderr
    assert '"message": "defect in a thread", "type": "ValueError"' in done.stdout
    assert '"message": "defect while cleaning up", "type": "ValueError"' in done.stdout
    assert "written" in done.stderr
