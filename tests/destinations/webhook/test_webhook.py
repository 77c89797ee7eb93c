"""Custom destinations: finding their modules, and the interface offered to them."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from examples.webhook.runtime import shop_webhook
from gtm_events import destination_api
from gtm_events.aws import Client, ServiceEndpoint, ServiceRequest
from gtm_events.destinations import create
from gtm_events.destinations.batching import BatchDestination
from gtm_events.errors import Denied, SettingsError, TryAgain
from gtm_events.https import HttpsEndpoint, Secret
from gtm_events.outcome import Delivered, Rejected, Retry, RetryReason
from tests.destinations.webhook.service import FakeWebhook
from tests.unit.builders import Answered, FakeService, Response, body, deliver, message_id

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from gtm_events.event import Event

DOCS = Path(__file__).parents[3] / "docs"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-AbCdEf"
ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "WEBHOOK_URL": "https://hooks.shop.example/events",
    "WEBHOOK_SECRET_ARN": ARN,
}


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory beside the function's code. Its modules are unloaded after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    importlib.invalidate_caches()


class TestEntryPoint:
    """Values of ``DESTINATION``."""

    def test_a_module_beside_the_package(self, beside: Path) -> None:
        source = Path(shop_webhook.__file__).read_text(encoding="utf-8")
        beside.joinpath("their_webhook.py").write_text(source, encoding="utf-8")
        assert create("their_webhook:create", ENVIRONMENT).limits == shop_webhook.Webhook.limits

    def test_a_module_of_a_package(self, beside: Path) -> None:
        beside.joinpath("shop").mkdir()
        source = Path(shop_webhook.__file__).read_text(encoding="utf-8")
        beside.joinpath("shop", "hook.py").write_text(source, encoding="utf-8")
        assert create("shop.hook:create", ENVIRONMENT).limits == shop_webhook.Webhook.limits

    def test_built_in_destinations_have_entry_points_too(self) -> None:
        environment = {"AWS_REGION": "eu-west-1", "PINPOINT_APPLICATION_ID": "a"}
        named = create("gtm_events.destinations.pinpoint:create", environment)
        assert type(named) is type(create("pinpoint", environment))

    @pytest.mark.parametrize(
        ("name", "source", "words"),
        [
            ("kinesys", None, "no module gtm_events.destinations.kinesys"),
            ("missing:create", None, "no module missing"),
            ("Their Webhook:create", None, "must name a destination of gtm_events"),
            ("their:", None, "must name a destination of gtm_events"),
            ("", None, "must name a destination of gtm_events"),
            ("their.hook:create", None, "no module their"),
            ("theirs:create", "import missing_library", "No module named 'missing_library'"),
            ("theirs:create", "1 / 0", r"imported \(ZeroDivisionError: division by zero\)"),
            ("theirs:create", "def create(:", r"imported \(SyntaxError: "),
            ("theirs:create", "other = 1", "theirs has no function create"),
            ("theirs:create", "create = 1", "theirs has no function create"),
            ("theirs:create", "def create(_): return 1", "has no limits and no deliver"),
            ("answers", None, "gtm_events.destinations.answers has no function create"),
        ],
    )
    def test_unusable_values_are_named(
        self, beside: Path, name: str, source: str | None, words: str
    ) -> None:
        if source is not None:
            beside.joinpath("theirs.py").write_text(source, encoding="utf-8")
        with pytest.raises(SettingsError, match=words) as caught:
            create(name, ENVIRONMENT)
        assert str(caught.value).startswith("environment variable DESTINATION must name ")
        assert str(caught.value).endswith(f", got {name!r}")

    def test_a_setting_of_its_own_is_named(self) -> None:
        for variable in ("WEBHOOK_URL", "WEBHOOK_SECRET_ARN"):
            environment = {**ENVIRONMENT, variable: ""}
            with pytest.raises(SettingsError, match=f"{variable} must be set"):
                create("examples.webhook.runtime.shop_webhook:create", environment)


class TestHttpsEndpoint:
    """URLs of HTTPS endpoints, and requests to them."""

    @pytest.mark.parametrize(
        ("environment", "url"),
        [
            ({"U": "https://hooks.shop.example/events"}, "https://hooks.shop.example/events"),
            ({"U": "https://hooks.shop.example:8443/"}, "https://hooks.shop.example:8443"),
            (
                {
                    "U": "https://hooks.shop.example/events/",
                    "DESTINATION_ENDPOINT_URL": "http://127.0.0.1:80/",
                },
                "http://127.0.0.1:80/events",
            ),
        ],
    )
    def test_the_url_is_read(self, environment: dict[str, str], url: str) -> None:
        assert HttpsEndpoint.of("U", environment, lambda _: {}).url == url

    @pytest.mark.parametrize(
        "url",
        [
            *("http://hooks.shop.example", "hooks.shop.example", "https://", "ftp://a.example"),
            *("https://a.example?b=1", "https://a.example#b", "https://me:secret@a.example"),
            *("https://a.example:0", "https://a.example:99999", "https://ä.example", "https://[a"),
        ],
    )
    def test_invalid_urls_are_named(self, url: str) -> None:
        with pytest.raises(
            SettingsError, match=r"^environment variable U must be a URL like "
        ) as it:
            HttpsEndpoint.of("U", {"U": url}, lambda _: {})
        assert repr(url) in str(it.value)
        override = {"U": "https://a.example", "DESTINATION_ENDPOINT_URL": "a.example"}
        with pytest.raises(SettingsError, match="DESTINATION_ENDPOINT_URL must be a URL"):
            HttpsEndpoint.of("U", override, lambda _: {})

    def test_a_call_is_signed_by_its_owner_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # AWS's credentials and Lambda's trace id must not reach a third party.
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
        monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-a-b")
        endpoint = HttpsEndpoint("https://a.example/v1", lambda call: {"X-Of": str(len(call.body))})
        request = endpoint.signed(ServiceRequest(b"[1]", "/events", "PUT", {"X-Own": "1"}))
        assert (request.method, request.url) == ("PUT", "https://a.example/v1/events")
        assert request.body == b"[1]"
        assert request.headers == {
            "Content-Type": "application/json",
            "User-Agent": "cdk-gtm-connector",
            "X-Own": "1",
            "X-Of": "3",
        }

    @pytest.mark.parametrize(
        ("url", "path", "expected"),
        [
            ("https://a.example", "/", "https://a.example/"),
            ("https://a.example/events", "/", "https://a.example/events"),
            ("https://a.example/v1", "/events", "https://a.example/v1/events"),
            ("https://a.example", "/events/", "https://a.example/events/"),
        ],
    )
    def test_its_own_path_stays_as_it_is(self, url: str, path: str, expected: str) -> None:
        assert HttpsEndpoint(url, lambda _: {}).signed(ServiceRequest(b"", path)).url == expected


class SecretsManager(FakeService):
    """``GetSecretValue`` in memory."""

    def __init__(self, *answers: str | Answered | Exception) -> None:
        super().__init__()
        self.answers = list(answers)
        self.now = 0.0

    def answer(self, body: bytes) -> Response:
        assert body == b'{"SecretId":"%b"}' % ARN.encode()
        assert self.last.headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
        match self.answers.pop(0):
            case str(text):
                return Response(200, b'{"SecretString":"%b"}' % text.encode())
            case Exception() as error:
                raise error

    def secret(self) -> Secret:
        endpoint = ServiceEndpoint("secretsmanager", "eu-west-1", "https://secretsmanager")
        return Secret(ARN, Client(endpoint, self), lambda: self.now)


class TestSecret:
    """A key in Secrets Manager."""

    def test_it_is_read_once_in_five_minutes(self) -> None:
        manager = SecretsManager("old", "new")
        secret = manager.secret()
        assert [secret.get(), secret.get()] == ["old", "old"]
        manager.now = 299
        assert secret.get() == "old"
        manager.now = 300
        assert secret.get() == "new"
        assert len(manager.requests) == 2

    def test_the_last_known_text_is_used_during_an_outage(self) -> None:
        manager = SecretsManager("old", Answered(503, ""), Answered(503, ""), "new")
        secret = manager.secret()
        assert secret.get() == "old"
        manager.now = 300
        assert [secret.get(), secret.get()] == ["old", "old"]
        manager.now = 330
        assert secret.get() == "old"
        manager.now = 360
        assert secret.get() == "new"

    def test_without_one_the_requests_wait(self) -> None:
        manager = SecretsManager(Answered(503, ""), "key")
        secret = manager.secret()
        with pytest.raises(TryAgain):
            secret.get()
        assert secret.get() == "key"

    @pytest.mark.parametrize(
        "answer",
        [
            Answered(400, "AccessDeniedException"),
            Answered(400, "ValidationException"),  # would reject an event
            Answered(413, ""),
            "",
        ],
        ids=["denied", "invalid", "too large", "empty"],
    )
    def test_no_event_is_rejected_for_the_secret(self, answer: str | Answered) -> None:
        secret = SecretsManager("old", answer).secret()
        assert secret.get() == "old"
        secret.clock = lambda: 300.0
        with pytest.raises(Denied):
            secret.get()

    def test_it_is_in_the_region_of_its_arn(self) -> None:
        secret = Secret.of("S", {"S": ARN, "AWS_REGION": "us-east-1"})
        assert secret.client.endpoint.url == "https://secretsmanager.eu-west-1.amazonaws.com"
        with pytest.raises(SettingsError, match="S must be set"):
            Secret.of("S", {"AWS_REGION": "us-east-1"})

    def test_a_repr_does_not_show_it(self) -> None:
        secret = SecretsManager("hidden").secret()
        secret.get()
        assert "hidden" not in repr(secret)


class TestWebhook:
    """The rules of the webhook example."""

    def outcomes(self, *said: dict[str, Any]) -> list[Any]:
        answer = destination_api.Answer(200, json.dumps({"events": list(said)}).encode())
        entries = [shop_webhook.Entry(name, b"{}", 3) for name in "abc"]
        return list(shop_webhook.Webhook().outcomes(entries, answer))

    def test_each_event_has_its_own_outcome(self) -> None:
        assert self.outcomes(
            {"id": "c", "status": 503},
            {"id": "a", "status": 200},
            {"id": "b", "status": 400, "message": "no such customer"},
            {"id": "another", "status": 200},
        ) == [
            Delivered("a"),
            Rejected("b", destination_api.Reason.REFUSED, "400 no such customer", "400"),
            Retry("c", RetryReason.UNAVAILABLE),
        ]

    def test_an_unmentioned_event_has_no_outcome(self) -> None:
        assert self.outcomes({"id": "a"}, {"id": "b", "status": "200"}, {"status": 200}) == []

    def test_its_signature_covers_time_and_body(self) -> None:
        signed = [
            shop_webhook.signature(key, body, now=now)["X-Shop-Signature"]
            for key, body, now in (
                ("k", b"{}", 1),
                ("l", b"{}", 1),
                ("k", b"[]", 1),
                ("k", b"{}", 2),
            )
        ]
        assert len(set(signed)) == 4

    def test_each_attempt_is_signed_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        manager = SecretsManager("key")
        monkeypatch.setattr(Secret, "of", lambda *_: manager.secret())
        monkeypatch.setattr(Client, "to", lambda endpoint, **_: Client(endpoint, None))  # type: ignore[arg-type]
        destination = shop_webhook.create(ENVIRONMENT)
        monkeypatch.setattr("time.time", iter([10.0, 20.0]).__next__)
        sent = [destination._client.endpoint.signed(ServiceRequest(b"{}")) for _ in range(2)]
        assert [request.headers["X-Shop-Time"] for request in sent] == ["10", "20"]
        assert [request.headers["X-Shop-Signature"] for request in sent] == [
            shop_webhook.signature("key", b"{}", now=now)["X-Shop-Signature"] for now in (10, 20)
        ]


class _Clumsy(shop_webhook.Webhook):
    """Fails for one event."""

    def encode(self, event: Event, counts: Counter[str]) -> shop_webhook.Entry:
        if event.event_type == "odd":
            raise ValueError("a secret of the event's")
        return super().encode(event, counts)


def test_a_defect_in_encode_holds_up_its_own_event_alone() -> None:
    class Fake(FakeWebhook):
        def service(self) -> shop_webhook.Webhook:
            return _Clumsy()

    service = Fake()
    batch = deliver(
        [body({"event": name, "endpoint_id": "ep"}) for name in ("a", "odd", "b")], service=service
    )
    assert {event.event_type for event in service.events.values()} == {"a", "b"}
    assert batch.retried == {"internal_error": 1}
    assert batch.failures == [message_id(1)]
    assert batch.problems == ["defect while delivering: ValueError"]


@pytest.mark.parametrize(
    "limits",
    [{"max_entries": 0}, {"max_entry_bytes": 0}, {"max_entry_bytes": 11, "max_bytes": 10}],
)
def test_limits_that_leave_no_room_are_named(limits: dict[str, int]) -> None:
    impossible = type("Impossible", (shop_webhook.Webhook,), limits)
    with pytest.raises(ValueError, match="the shop's webhook must take at least 1 entry"):
        BatchDestination(
            impossible(), Client(FakeWebhook.endpoint, FakeWebhook()), requests_per_second=1
        )


def test_the_page_names_what_may_be_used() -> None:
    page = DOCS.joinpath("own-destination.md").read_text(encoding="utf-8")
    table = page.partition("## What a module may use")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))))
    assert named == set(destination_api.__all__)
    assert f"`API_VERSION` is {destination_api.API_VERSION}" in page
    for name in destination_api.__all__:
        assert getattr(destination_api, name) is not None


def test_the_example_uses_nothing_else_of_the_package() -> None:
    source = Path(shop_webhook.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r"gtm_events[\w.]*", source)) == {"gtm_events.destination_api"}
