"""The containers and templates in Chromium, against a real pipeline: tags, and what arrives."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from cdk_gtm_connector.gtm import files_for
from tests.browser.outcomes import check_nothing_came_of, delivered, site
from tests.gtm.templates import SANDBOX, Template
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from local.pipeline.stack import Pipeline
    from local.stand_in.values import RecordedEvent

IMAGES: Final = "container.json"
TEMPLATES: Final = "container-with-templates.json"
RUNTIME: Final = SANDBOX.with_name("runtime.js")
TAG: Final = "GTM connector - event with attributes"
PURCHASE: Final = "GTM connector - purchase_success"
WORDS_FOR_NOTHING: Final = ("undefined", "null", "NaN", "[object Object]")

_names = itertools.count()


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    context = {"max_batching_window": "1", "anonymous_user_attributes": "plan"}
    with running(context=context) as pipeline:
        yield pipeline
        pipeline.emulator.check()


@pytest.fixture
def shop(page: Page) -> Iterator[Page]:
    with site() as origin:
        page.goto(origin)
        page.add_script_tag(path=SANDBOX)
        page.add_script_tag(path=RUNTIME)
        yield page


def new_event() -> str:
    """Return an event's name that no other test has."""
    return f"gtm_event_{next(_names)}"


class Container:
    """A container in a page, each of whose tags fires on the one event of a test."""

    def __init__(self, page: Page, pipeline: Pipeline, name: str) -> None:
        self.page, self.pipeline = page, pipeline
        made = files_for(pipeline.endpoint_url)
        version = json.loads(made[name])["containerVersion"]
        self.event = new_event()
        # As its notes tell a reader to: the trigger's list of events is theirs.
        text = json.dumps(version).replace(
            "(view_item|add_to_cart|sign_up)", f"{self.event}(_[0-9]+)?"
        )
        types = {"cvt_0_11": "web-template", "cvt_0_12": "visitor-id"}
        templates = {
            kind: Template.read(made[f"{folder}/template.tpl"]).sandbox()
            for kind, folder in types.items()
        }
        page.evaluate(
            "([version, templates]) => { window.container = gtmContainer(version, templates) }",
            [json.loads(text), templates],
        )

    def push(self, values: str = "{}", event: str = "") -> dict[str, str]:
        """Push an event with ``values``, a JavaScript object; return what tags report."""
        pushed = f"{{...{values}, event: {json.dumps(event or self.event)}}}"
        reports: dict[str, str] = self.page.evaluate(f"container.push({pushed})")
        return reports

    def value_of(self, variable: str) -> Any:
        """Return a variable's value."""
        return self.page.evaluate("name => container.valueOf(name)", variable)

    def delivered(self) -> RecordedEvent:
        """Return what the destination got of the event."""
        return delivered(self.pipeline, self.event)


@pytest.fixture(params=[IMAGES, TEMPLATES])
def container(request: pytest.FixtureRequest, shop: Page, pipeline: Pipeline) -> Container:
    return Container(shop, pipeline, request.param)


@pytest.fixture
def images(shop: Page, pipeline: Pipeline) -> Container:
    return Container(shop, pipeline, IMAGES)


@pytest.fixture
def templates(shop: Page, pipeline: Pipeline) -> Container:
    return Container(shop, pipeline, TEMPLATES)


ID: Final = "endpoint_id: 'cust-7'"


def test_the_first_event_is_the_seeds(container: Container) -> None:
    event = "purchase_success"
    assert container.push("{endpoint_id: 'cust-1', price: 5}", event) == {PURCHASE: "success"}
    got = delivered(container.pipeline, event)
    assert (got.endpoint_id, got.event.get("Attributes", {})) == ("cust-1", {})


def test_everything_that_a_tag_can_say_arrives(container: Container) -> None:
    assert container.push(f"{{{ID}, price: 19.9, plan: 'gold'}}") == {TAG: "success"}
    got = container.delivered()
    assert got.endpoint_id == "cust-7"
    assert got.event["Attributes"] == {"page": "/"}
    assert got.event["Metrics"] == {"price": 19.9}
    assert got.endpoint["User"]["UserAttributes"] == {"plan": ["gold"]}


VALUES: Final = [
    ("undefined", None),
    ("null", None),
    ("NaN", None),
    ("''", None),
    ("'undefined'", None),
    ("'Null'", "Null"),
    ("0", "0"),
    ("false", "false"),
    ("['gold', 'late']", "gold,late"),
    ("'a&b=c#d+e%41 ?/;|\"\\'<'", "a&b=c#d+e%41 ?/;|\"'<"),
    ("'Zürich 日本 👩‍🚀'", "Zürich 日本 👩‍🚀"),
    ("'x'.repeat(100)", "x" * 100),
    ("'y'.repeat(150)", "y" * 100),  # Amazon Pinpoint's limit for a user attribute
]


def test_values(container: Container) -> None:
    for number, (value, _) in enumerate(VALUES):
        # Each for somebody else: a destination keeps an attribute that an event leaves out.
        pushed = f"{{endpoint_id: 'cust-{number}', plan: {value}}}"
        assert container.push(pushed, f"{container.event}_{number}") == {TAG: "success"}, value
    for number, (value, expected) in enumerate(VALUES):
        got = delivered(container.pipeline, f"{container.event}_{number}")
        attributes = got.endpoint.get("User", {}).get("UserAttributes")
        assert attributes == (None if expected is None else {"plan": [expected]}), value


@pytest.mark.parametrize(("name", "expected"), [(IMAGES, "gold,,2"), (TEMPLATES, "gold,2")])
def test_a_lists_members_without_a_value(
    shop: Page, pipeline: Pipeline, name: str, expected: str
) -> None:
    container = Container(shop, pipeline, name)
    assert container.push(f"{{{ID}, plan: ['gold', null, 2]}}") == {TAG: "success"}
    assert container.delivered().endpoint["User"]["UserAttributes"] == {"plan": [expected]}


def test_an_object_is_nothing_in_an_image_and_json_in_the_template(
    shop: Page, pipeline: Pipeline
) -> None:
    for name, expected in ((IMAGES, None), (TEMPLATES, {"plan": ['{"name":"gold"}']})):
        container = Container(shop, pipeline, name)
        assert container.push(f"{{{ID}, plan: {{name: 'gold'}}}}") == {TAG: "success"}
        user = container.delivered().endpoint.get("User", {})
        assert user.get("UserAttributes") == expected


def test_a_metric_that_is_no_number_does_not_stop_the_event(container: Container) -> None:
    assert container.push(f"{{{ID}, price: '2,000.00'}}") == {TAG: "success"}
    assert "Metrics" not in container.delivered().event


def test_an_id_is_kept_as_it_is(container: Container) -> None:
    assert container.push("{endpoint_id: 'a&b=c +%41#é👩‍🚀'}") == {TAG: "success"}
    assert container.delivered().endpoint_id == "a&b=c +%41#é👩‍🚀"


def test_half_a_surrogate_pair_fails_the_tag(container: Container) -> None:
    assert container.push(f"{{{ID}, plan: 'x\\ud83d'}}") == {TAG: "failure"}
    check_nothing_came_of(container.pipeline, container.event)


def test_a_url_that_is_too_long_is_a_red_tag_in_the_template(templates: Container) -> None:
    assert templates.push(f"{{{ID}, plan: 'x'.repeat(10300)}}") == {TAG: "failure"}
    (why,) = templates.page.evaluate("container.logged")
    assert "characters, the endpoint takes 10240" in why
    check_nothing_came_of(templates.pipeline, templates.event)


@pytest.mark.parametrize("word", WORDS_FOR_NOTHING)
def test_a_word_for_nothing_as_the_id_reaches_nobody(container: Container, word: str) -> None:
    # The trigger holds back what it can know of; of the rest the endpoint says what it is.
    expected = {TAG: "failure"} if word == "[object Object]" else {}
    assert container.push(f"{{endpoint_id: {json.dumps(word)}}}") == expected
    check_nothing_came_of(container.pipeline, container.event)


class TestConsent:
    """The state that Consent Mode has."""

    def test_without_consent_no_tag_fires(self, container: Container) -> None:
        container.page.evaluate("container.setConsent({analytics_storage: 'denied'})")
        assert container.push(f"{{{ID}}}") == {}
        check_nothing_came_of(container.pipeline, container.event)
        container.page.evaluate("container.setConsent({analytics_storage: 'granted'})")
        assert container.push(f"{{{ID}}}") == {TAG: "success"}

    def test_without_consent_no_cookie_is_set(self, templates: Container) -> None:
        templates.page.evaluate("container.setConsent({analytics_storage: 'denied'})")
        assert templates.value_of("endpoint_id") == ""
        assert templates.push() == {}
        assert templates.page.evaluate("document.cookie") == ""
        templates.page.evaluate("container.setConsent({analytics_storage: 'granted'})")
        assert templates.push() == {TAG: "success"}
        assert templates.page.evaluate("document.cookie").startswith("gtm_visitor_id=v.")


class TestVisitor:
    """Whom an event belongs to."""

    def test_a_visitor_without_an_id_sends_nothing(self, images: Container) -> None:
        assert images.value_of("endpoint_id") == ""
        assert images.push() == {}

    def test_a_cookie_of_the_servers_is_the_id(self, container: Container) -> None:
        container.page.evaluate("document.cookie = 'gtm_visitor_id=srv%2D1'")
        assert container.push() == {TAG: "success"}
        assert container.delivered().endpoint_id == "srv-1"

    def test_a_visitor_keeps_one_id_over_pages(self, templates: Container) -> None:
        assert templates.push() == {TAG: "success"}
        first = templates.delivered().endpoint_id
        templates.page.reload()
        templates.page.add_script_tag(path=SANDBOX)
        templates.page.add_script_tag(path=RUNTIME)
        again = Container(templates.page, templates.pipeline, TEMPLATES)
        assert again.push() == {TAG: "success"}
        assert again.delivered().endpoint_id == first
        assert first.startswith("v.")

    def test_the_customer_wins_after_login_until_logout(self, templates: Container) -> None:
        visitor = templates.value_of("endpoint_id")
        templates.push(f"{{{ID}}}", "login")
        assert templates.value_of("endpoint_id") == "cust-7"
        templates.push("{endpoint_id: undefined}", "logout")
        assert templates.value_of("endpoint_id") == visitor


class TestPost:
    """Several events of a page as one request."""

    EVENTS: Final = """(event) => new Promise(resolve => {
      const data = {
        endpoint: window.endpoint, endpointId: 'cust-7', event, method: 'post',
        events: [{evat_n: 1, usat_plan: ['gold', 'late']}, {evat_n: null, evmt_price: 2}],
      };
      const host = {
        callInWindow: (path, ...given) => window[path]?.(...given),
        sendPixel: (url, onSuccess, onFailure) => {
          const image = new Image(1, 1);
          [image.onload, image.onerror, image.src] = [onSuccess, onFailure, url];
        },
      };
      gtmSandbox({...window.template, host}).runCode(data, {
        gtmOnSuccess: () => resolve('success'), gtmOnFailure: () => resolve('failure'),
      });
    })"""

    @pytest.mark.parametrize("can_post", [True, False])
    def test_both_arrive(self, shop: Page, pipeline: Pipeline, *, can_post: bool) -> None:
        made = files_for(pipeline.endpoint_url)
        template = Template.read(made["web-template/template.tpl"]).sandbox()
        shop.evaluate(
            "([endpoint, template]) => Object.assign(window, {endpoint, template})",
            [pipeline.endpoint_url, template],
        )
        if can_post:
            # As the template's README has it.
            source = made["web-template/README.md"].partition("<script>")[2].partition("</")[0]
            assert "sendBeacon" in source
            shop.evaluate(source)
        methods: list[str] = []
        shop.on("request", lambda request: methods.append(request.method))
        event = new_event()
        assert shop.evaluate(self.EVENTS, event) == "success"
        delivered(pipeline, event)
        assert methods == (["POST"] if can_post else ["GET", "GET"])
        user = delivered(pipeline, event).endpoint["User"]["UserAttributes"]
        assert user == {"plan": ["gold", "late"] if can_post else ["gold,late"]}
