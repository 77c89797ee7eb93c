___TERMS_OF_SERVICE___

By creating or modifying this file you agree to Google Tag Manager's Community
Template Gallery Developer Terms of Service available at
https://developers.google.com/tag-manager/gallery-tos (or such other URL as
Google may provide), as modified from time to time.


___INFO___

{
  "type": "TAG",
  "id": "cvt_temp_public_id",
  "version": 1,
  "securityGroups": [],
  "displayName": "GTM connector event",
  "categories": [
    "ANALYTICS",
    "MARKETING",
    "PERSONALIZATION"
  ],
  "brand": {
    "id": "brand_dummy",
    "displayName": "GTM connector"
  },
  "description": "Posts the server container's event to your own GTM connector on AWS. What has no value is left out.",
  "containerContexts": [
    "SERVER"
  ]
}


___TEMPLATE_PARAMETERS___

[
  {
    "type": "TEXT",
    "name": "endpoint",
    "displayName": "Endpoint URL",
    "simpleValueType": true,
    "defaultValue": "@ENDPOINT@",
    "help": "The stack's output EndpointUrl, or AuthenticatedEndpointUrl with a token. The template may reach @HOST@ and no other host.",
    "valueValidators": [
      {
        "type": "NON_EMPTY"
      }
    ]
  },
  {
    "type": "TEXT",
    "name": "event",
    "displayName": "Event (optional)",
    "simpleValueType": true,
    "help": "By default event_name of the event data."
  },
  {
    "type": "TEXT",
    "name": "endpointId",
    "displayName": "Customer or visitor ID (endpoint_id, optional)",
    "simpleValueType": true,
    "help": "By default user_id of the event data, or client_id if there is none."
  },
  {
    "type": "SIMPLE_TABLE",
    "name": "mapped",
    "displayName": "From the event data",
    "newRowButtonText": "Add key",
    "help": "A key, such as value or user_data.address.city, and what it becomes. Its name is the key's last part unless you give one.",
    "simpleTableColumns": [
      {
        "defaultValue": "",
        "displayName": "Key",
        "name": "key",
        "type": "TEXT",
        "valueValidators": [
          {
            "type": "NON_EMPTY"
          }
        ]
      },
      {
        "defaultValue": "evat_",
        "displayName": "Becomes",
        "name": "prefix",
        "type": "SELECT",
        "selectItems": [
          {
            "value": "evat_",
            "displayValue": "Event attribute"
          },
          {
            "value": "evmt_",
            "displayValue": "Event metric"
          },
          {
            "value": "usat_",
            "displayValue": "User attribute"
          }
        ]
      },
      {
        "defaultValue": "",
        "displayName": "Name (optional)",
        "name": "name",
        "type": "TEXT"
      }
    ]
  },
  {
    "type": "SIMPLE_TABLE",
    "name": "attributes",
    "displayName": "Event attributes (text)",
    "newRowButtonText": "Add attribute",
    "simpleTableColumns": [
      {
        "defaultValue": "",
        "displayName": "Name",
        "name": "name",
        "type": "TEXT",
        "isUnique": true
      },
      {
        "defaultValue": "",
        "displayName": "Value",
        "name": "value",
        "type": "TEXT"
      }
    ]
  },
  {
    "type": "SIMPLE_TABLE",
    "name": "metrics",
    "displayName": "Event metrics (numbers)",
    "newRowButtonText": "Add metric",
    "simpleTableColumns": [
      {
        "defaultValue": "",
        "displayName": "Name",
        "name": "name",
        "type": "TEXT",
        "isUnique": true
      },
      {
        "defaultValue": "",
        "displayName": "Value",
        "name": "value",
        "type": "TEXT"
      }
    ]
  },
  {
    "type": "SIMPLE_TABLE",
    "name": "userAttributes",
    "displayName": "User attributes (about the customer)",
    "newRowButtonText": "Add user attribute",
    "help": "Kept only if your stack lets this sender set them.",
    "simpleTableColumns": [
      {
        "defaultValue": "",
        "displayName": "Name",
        "name": "name",
        "type": "TEXT",
        "isUnique": true
      },
      {
        "defaultValue": "",
        "displayName": "Value",
        "name": "value",
        "type": "TEXT"
      }
    ]
  },
  {
    "type": "TEXT",
    "name": "token",
    "displayName": "Signed token (optional)",
    "simpleValueType": true,
    "help": "For a visitor who is logged in. It needs the authenticated endpoint URL above."
  }
]


___SANDBOXED_JS_FOR_SERVER___

const JSON = require('JSON');
const encodeUriComponent = require('encodeUriComponent');
const getEventData = require('getEventData');
const getType = require('getType');
const logToConsole = require('logToConsole');
const makeString = require('makeString');
const sendHttpRequest = require('sendHttpRequest');

const log = (problem) => logToConsole('GTM connector: ' + problem);

// Returns a value as text; '' if there is none.
const textOf = (value) => {
  const type = getType(value);
  if (type === 'undefined' || type === 'null' || type === 'function' || value !== value) {
    return '';
  }
  if (type === 'array') {
    return value.map(textOf).join(',');
  }
  return type === 'object' ? JSON.stringify(value) : makeString(value);
};

const parameters = {};

// Adds what has a value. What is already there wins.
const add = (name, value) => {
  const text = textOf(value);
  if (text !== '' && !parameters.hasOwnProperty(name)) {
    // Each member of a user attribute's list is a value of its own.
    const keepsList = name.indexOf('usat_') === 0 && getType(value) === 'array';
    parameters[name] = keepsList ? value.map(textOf).filter((each) => each !== '') : text;
  }
};

const addTable = (prefix, rows) => {
  (rows || []).forEach((row) => {
    const name = textOf(row.name).trim();
    if (name !== '') {
      add(prefix + name, row.value);
    }
  });
};

// Returns the first of the values that is more than white space.
const first = (values) => values.filter((value) => textOf(value).trim() !== '')[0];

add('event', first([data.event, getEventData('event_name')]));
add('endpoint_id', first([data.endpointId, getEventData('user_id'), getEventData('client_id')]));
addTable('evat_', data.attributes);
addTable('evmt_', data.metrics);
addTable('usat_', data.userAttributes);
(data.mapped || []).forEach((row) => {
  const parts = textOf(row.key).trim().split('.');
  const name = textOf(row.name).trim() || parts[parts.length - 1];
  if (name !== '') {
    add((row.prefix || 'evat_') + name, getEventData(parts.join('.')));
  }
});

if (!parameters.event) {
  log('the event has no name');
  data.gtmOnFailure();
  return;
}
if (!parameters.endpoint_id) {
  log('endpoint_id has no value, so nobody knows whom the event belongs to');
  data.gtmOnFailure();
  return;
}

const token = textOf(data.token).trim();
const url = token === '' ? data.endpoint : data.endpoint + '?token=' + encodeUriComponent(token);

sendHttpRequest(
  url,
  {method: 'POST', headers: {'Content-Type': 'application/json'}, timeout: 5000},
  JSON.stringify(parameters)
).then(
  (answer) => {
    if (answer.statusCode >= 200 && answer.statusCode < 300) {
      data.gtmOnSuccess();
    } else {
      log('the endpoint answered ' + answer.statusCode + ' ' + textOf(answer.body));
      data.gtmOnFailure();
    }
  },
  () => {
    log('the endpoint did not answer');
    data.gtmOnFailure();
  }
);


___SERVER_PERMISSIONS___

[
  {
    "instance": {
      "key": {
        "publicId": "send_http",
        "versionId": "1"
      },
      "param": [
        {
          "key": "allowedUrls",
          "value": {
            "type": 1,
            "string": "specific"
          }
        },
        {
          "key": "urls",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 1,
                "string": "@PATTERN@"
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "read_event_data",
        "versionId": "1"
      },
      "param": [
        {
          "key": "eventDataAccess",
          "value": {
            "type": 1,
            "string": "any"
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  },
  {
    "instance": {
      "key": {
        "publicId": "logging",
        "versionId": "1"
      },
      "param": [
        {
          "key": "environments",
          "value": {
            "type": 1,
            "string": "debug"
          }
        }
      ]
    },
    "clientAnnotations": {
      "isEditedByUser": true
    },
    "isRequired": true
  }
]


___TESTS___

scenarios:
- name: The event data becomes a posted event
  code: |-
    runCode({endpoint: endpoint, mapped: [
      {key: 'value', prefix: 'evmt_', name: ''},
      {key: 'page_location', prefix: 'evat_', name: 'page'},
      {key: 'user_data.address.city', prefix: 'usat_'},
      {key: 'missing', prefix: 'evat_'}
    ]});
    assertThat(sent.url).isEqualTo(endpoint);
    assertThat(sent.options.method).isEqualTo('POST');
    assertThat(sent.options.headers).isEqualTo({'Content-Type': 'application/json'});
    assertThat(sent.body).isEqualTo({
      event: 'purchase', endpoint_id: 'client-1', evmt_value: '19.9',
      evat_page: 'https://shop.example/?a=1&b=2', usat_city: 'Zürich'
    });
    assertApi('gtmOnSuccess').wasCalled();
    assertApi('gtmOnFailure').wasNotCalled();
- name: A customer who is logged in comes before the browser
  code: |-
    event.user_id = 'cust-7';
    runCode({endpoint: endpoint});
    assertThat(sent.body.endpoint_id).isEqualTo('cust-7');
- name: What the tag says comes before the event data
  code: |-
    runCode({
      endpoint: endpoint, event: 'order', endpointId: 'cust-8',
      attributes: [{name: 'page', value: '/'}, {name: 'none', value: undefined}],
      metrics: [{name: 'price', value: 2}],
      userAttributes: [{name: 'hobbies', value: ['ski', null, 'golf']}],
      mapped: [{key: 'page_location', prefix: 'evat_', name: 'page'}]
    });
    assertThat(sent.body).isEqualTo({
      event: 'order', endpoint_id: 'cust-8', evat_page: '/', evmt_price: '2',
      usat_hobbies: ['ski', 'golf']
    });
- name: Without a customer or visitor ID nothing is sent
  code: |-
    event.client_id = ' ';
    runCode({endpoint: endpoint});
    assertApi('sendHttpRequest').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
- name: Without an event nothing is sent
  code: |-
    event.event_name = undefined;
    runCode({endpoint: endpoint});
    assertApi('sendHttpRequest').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
- name: An answer other than 2xx fails the tag
  code: |-
    answer = {statusCode: 400, body: '{"message": "endpoint_id is undefined"}'};
    runCode({endpoint: endpoint});
    assertApi('gtmOnSuccess').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
- name: No answer fails the tag
  code: |-
    answer = undefined;
    runCode({endpoint: endpoint});
    assertApi('gtmOnSuccess').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
- name: A token goes along
  code: |-
    runCode({endpoint: endpoint, token: 'a.b.c'});
    assertThat(sent.url).isEqualTo(endpoint + '?token=a.b.c');
setup: |-
  const JSON = require('JSON');
  const endpoint = '@ENDPOINT@';
  const event = {
    event_name: 'purchase',
    client_id: 'client-1',
    value: 19.9,
    page_location: 'https://shop.example/?a=1&b=2',
    'user_data.address.city': 'Zürich'
  };
  let answer = {statusCode: 204};
  let sent;
  mock('getEventData', (path) => event[path]);
  mock('sendHttpRequest', (url, options, body) => {
    sent = {url: url, options: options, body: JSON.parse(body)};
    return {then: (taken, lost) => answer ? taken(answer) : lost({reason: 'failed'})};
  });


___NOTES___

Made for @ENDPOINT@
