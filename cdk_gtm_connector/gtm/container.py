"""The container that Google Tag Manager imports, in the format of its own exports.

Ids are valid only within the file: an import assigns new ones. Names can collide with those in the
target container, so each one begins with the folder's name, except ``endpoint_id``, which the
documentation uses.
"""

from __future__ import annotations

import json
from typing import Any, Final

FOLDER: Final = "GTM connector"
VISITOR_COOKIE: Final = "gtm_visitor_id"
CONSENT: Final = "analytics_storage"

_ENDPOINT: Final = f"{FOLDER} - endpoint"
_VISITOR_ID: Final = f"{FOLDER} - visitor id"
_ENDPOINT_ID: Final = "endpoint_id"
_PRICE: Final = f"{FOLDER} - price"
_PLAN: Final = f"{FOLDER} - plan"

# Placeholders for the ids of an exported container. They mean nothing elsewhere.
_NOWHERE: Final = {"accountId": "0", "containerId": "0"}
# A fixed time, so that the same endpoint always gives the same file.
_EXPORTED: Final = "2026-11-26 00:00:00"
_FINGERPRINT: Final = {"fingerprint": "1795651200000"}

_PURCHASE: Final = "purchase_success"
_OTHER: Final = "^(view_item|add_to_cart|sign_up)$"
_NO_ID: Final = r"^\s*(undefined|null|NaN)?\s*$"

_FOLDER_ID: Final = "1"
_ENDPOINT_VARIABLE: Final = "2"
_VISITOR_VARIABLE: Final = "3"
_ENDPOINT_ID_VARIABLE: Final = "4"
_PRICE_VARIABLE: Final = "5"
_PLAN_VARIABLE: Final = "6"
_PURCHASE_TRIGGER: Final = "7"
_OTHER_TRIGGER: Final = "8"
_PURCHASE_TAG: Final = "9"
_OTHER_TAG: Final = "10"
_WEB_TEMPLATE: Final = "11"
_VISITOR_TEMPLATE: Final = "12"

_Json = dict[str, Any]


def container_json(
    endpoint: str, *, web_template: str | None = None, visitor_id: str | None = None
) -> str:
    """Return the container as JSON.

    Args:
        endpoint: The endpoint's URL.
        web_template: Text of the tag template. Without it, all tags are Custom Images.
        visitor_id: Text of the variable template. Without it, the visitor's id is read from a
            cookie that your server must set.
    """
    version: _Json = {
        "path": "accounts/0/containers/0/versions/0",
        **_NOWHERE,
        "containerVersionId": "0",
        "container": {
            "path": "accounts/0/containers/0",
            **_NOWHERE,
            "name": FOLDER,
            "publicId": "GTM-0000000",
            "usageContext": ["WEB"],
            **_FINGERPRINT,
        },
        "tag": [_purchase_tag(), _template_tag() if web_template else _image_tag()],
        "trigger": _triggers(),
        "variable": [
            _variable(
                _ENDPOINT_VARIABLE,
                _ENDPOINT,
                kind="c",
                parameter=[_text("value", endpoint)],
                notes="The stack's output EndpointUrl.",
            ),
            _made_visitor_id() if visitor_id else _cookie(),
            *_data_layer_variables(),
        ],
        "folder": [{**_NOWHERE, "folderId": _FOLDER_ID, "name": FOLDER, **_FINGERPRINT}],
        "builtInVariable": [
            {**_NOWHERE, "type": "PAGE_PATH", "name": "Page Path"},
            {**_NOWHERE, "type": "EVENT", "name": "Event"},
        ],
        **_FINGERPRINT,
    }
    templates = {
        _WEB_TEMPLATE: (f"{FOLDER} event", web_template),
        _VISITOR_TEMPLATE: (f"{FOLDER} visitor ID", visitor_id),
    }
    embedded = [
        {**_NOWHERE, "templateId": number, "name": name, **_FINGERPRINT, "templateData": text}
        for number, (name, text) in templates.items()
        if text
    ]
    if embedded:
        version["customTemplate"] = embedded
    export = {"exportFormatVersion": 2, "exportTime": _EXPORTED, "containerVersion": version}
    return json.dumps(export, indent=4, ensure_ascii=False) + "\n"


def _text(key: str, value: str) -> _Json:
    return {"type": "TEMPLATE", "key": key, "value": value}


def _flag(key: str, *, value: bool) -> _Json:
    return {"type": "BOOLEAN", "key": key, "value": "true" if value else "false"}


def _value_of(variable: str) -> str:
    return f"{{{{{variable}}}}}"


def _custom(template_id: str) -> str:
    return f"cvt_{_NOWHERE['containerId']}_{template_id}"


def _tag(
    tag_id: str, name: str, *, kind: str, parameter: list[_Json], trigger_id: str, notes: str
) -> _Json:
    return {
        **_NOWHERE,
        "tagId": tag_id,
        "name": name,
        "type": kind,
        "parameter": parameter,
        "notes": notes,
        **_FINGERPRINT,
        "firingTriggerId": [trigger_id],
        "parentFolderId": _FOLDER_ID,
        "tagFiringOption": "ONCE_PER_EVENT",
        "monitoringMetadata": {"type": "MAP"},
        "consentSettings": {
            "consentStatus": "NEEDED",
            "consentType": {"type": "LIST", "list": [{"type": "TEMPLATE", "value": CONSENT}]},
        },
    }


def _image(query: dict[str, str]) -> list[_Json]:
    # Google Tag Manager percent-encodes each variable in a query.
    pairs = "&".join(f"{name}={_value_of(variable)}" for name, variable in query.items())
    return [
        _flag("useCacheBuster", value=True),
        _text("url", f"{_value_of(_ENDPOINT)}?{pairs}"),
        _text("cacheBusterQueryParam", "gtmcb"),
    ]


_REQUIRED: Final = {"event": "Event", "endpoint_id": _ENDPOINT_ID}


def _purchase_tag() -> _Json:
    return _tag(
        _PURCHASE_TAG,
        f"{FOLDER} - purchase_success",
        kind="img",
        parameter=_image(_REQUIRED),
        trigger_id=_PURCHASE_TRIGGER,
        notes="Sends the event that fires it, and whom it belongs to. To record more, append "
        "&evat_name={{a text}}, &evmt_name={{a number}} or &usat_name={{something about the "
        f"customer}}}} to the URL. It fires only with the consent {CONSENT}: Advanced Settings, "
        "Consent Settings.",
    )


_WITH_ATTRIBUTES: Final = f"{FOLDER} - event with attributes"
_WITH_ATTRIBUTES_NOTES: Final = (
    "Sends the event that fires it, with the page, a price and the customer's plan. These are "
    "examples: put yours there. The plan is kept only if your stack lets anonymous visitors set it."
)


def _image_tag() -> _Json:
    query = {"evat_page": "Page Path", "evmt_price": _PRICE, "usat_plan": _PLAN}
    return _tag(
        _OTHER_TAG,
        _WITH_ATTRIBUTES,
        kind="img",
        parameter=_image(_REQUIRED | query),
        trigger_id=_OTHER_TRIGGER,
        notes=_WITH_ATTRIBUTES_NOTES,
    )


def _template_tag() -> _Json:
    return _tag(
        _OTHER_TAG,
        _WITH_ATTRIBUTES,
        kind=_custom(_WEB_TEMPLATE),
        parameter=[
            _text("endpoint", _value_of(_ENDPOINT)),
            _text("event", _value_of("Event")),
            _text("endpointId", _value_of(_ENDPOINT_ID)),
            _row("attributes", "page", "Page Path"),
            _row("metrics", "price", _PRICE),
            _row("userAttributes", "plan", _PLAN),
            _text("method", "image"),
        ],
        trigger_id=_OTHER_TRIGGER,
        notes=_WITH_ATTRIBUTES_NOTES,
    )


def _row(table: str, name: str, variable: str) -> _Json:
    columns = [_text("name", name), _text("value", _value_of(variable))]
    return {"type": "LIST", "key": table, "list": [{"type": "MAP", "map": columns}]}


def _triggers() -> list[_Json]:
    other = _trigger(_OTHER_TRIGGER, f"{FOLDER} - other events", "MATCH_REGEX", _OTHER)
    other["notes"] = "Fires on the events that your page pushes, separated by |: put yours there."
    return [
        _trigger(_PURCHASE_TRIGGER, f"{FOLDER} - purchase_success", "EQUALS", _PURCHASE),
        other,
    ]


def _trigger(trigger_id: str, name: str, how: str, event: str) -> _Json:
    # The endpoint refuses an event without an endpoint id, so the tag does not fire without one.
    somebody = [
        _text("arg0", _value_of(_ENDPOINT_ID)),
        _text("arg1", _NO_ID),
        _flag("negate", value=True),
    ]
    return {
        **_NOWHERE,
        "triggerId": trigger_id,
        "name": name,
        "type": "CUSTOM_EVENT",
        "customEventFilter": [
            {"type": how, "parameter": [_text("arg0", "{{_event}}"), _text("arg1", event)]}
        ],
        "filter": [{"type": "MATCH_REGEX", "parameter": somebody}],
        **_FINGERPRINT,
        "parentFolderId": _FOLDER_ID,
    }


def _variable(
    variable_id: str, name: str, *, kind: str, parameter: list[_Json], notes: str
) -> _Json:
    nothing = {"type": "TEMPLATE", "value": ""}
    unset = {"convertNullToValue": nothing, "convertUndefinedToValue": nothing}
    return {
        **_NOWHERE,
        "variableId": variable_id,
        "name": name,
        "type": kind,
        "notes": notes,
        "parameter": parameter,
        **_FINGERPRINT,
        "parentFolderId": _FOLDER_ID,
        "formatValue": {} if kind == "c" else unset,
    }


def _cookie() -> _Json:
    return _variable(
        _VISITOR_VARIABLE,
        _VISITOR_ID,
        kind="k",
        parameter=[_flag("decodeCookie", value=True), _text("name", VISITOR_COOKIE)],
        notes=f"Reads the cookie {VISITOR_COOKIE}, which your server sets.",
    )


def _made_visitor_id() -> _Json:
    return _variable(
        _VISITOR_VARIABLE,
        _VISITOR_ID,
        kind=_custom(_VISITOR_TEMPLATE),
        parameter=[
            _flag("handOver", value=False),
            _text("consentType", CONSENT),
            _text("days", "390"),
        ],
        notes=f"With the consent {CONSENT}: an ID that is kept in the cookie {VISITOR_COOKIE}.",
    )


def _data_layer_variables() -> list[_Json]:
    return [
        _data_layer_variable(
            _ENDPOINT_ID_VARIABLE,
            _ENDPOINT_ID,
            "endpoint_id",
            default=_value_of(_VISITOR_ID),
            notes="Whom an event belongs to: endpoint_id of the data layer, which your page "
            "pushes after login, else the visitor's ID. At logout push endpoint_id: undefined.",
        ),
        _data_layer_variable(
            _PRICE_VARIABLE,
            _PRICE,
            "price",
            notes="A number such as 19.99, without a currency.",
        ),
        _data_layer_variable(
            _PLAN_VARIABLE, _PLAN, "plan", notes="An example of what you know of a customer."
        ),
    ]


def _data_layer_variable(
    variable_id: str, name: str, key: str, *, default: str = "", notes: str
) -> _Json:
    parameter = [
        {"type": "INTEGER", "key": "dataLayerVersion", "value": "2"},
        _flag("setDefaultValue", value=bool(default)),
        *([_text("defaultValue", default)] if default else []),
        _text("name", key),
    ]
    return _variable(variable_id, name, kind="v", parameter=parameter, notes=notes)
