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
  "description": "Sends an event, and what it says of a customer, to your own GTM connector on AWS. What has no value is left out.",
  "containerContexts": [
    "WEB"
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
    "displayName": "Event",
    "simpleValueType": true,
    "help": "The event's name, such as purchase or {{Event}}. On the trigger All Pages, {{Event}} is gtm.js: write page_view instead.",
    "valueValidators": [
      {
        "type": "NON_EMPTY"
      }
    ]
  },
  {
    "type": "TEXT",
    "name": "endpointId",
    "displayName": "Customer or visitor ID (endpoint_id)",
    "simpleValueType": true,
    "help": "Whom the event belongs to, such as {{endpoint_id}}. Without a value the tag sends nothing and fails.",
    "valueValidators": [
      {
        "type": "NON_EMPTY"
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
    "help": "Kept only if your stack lets this visitor set them.",
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
    "type": "GROUP",
    "name": "more",
    "displayName": "More",
    "groupStyle": "ZIPPY_CLOSED",
    "subParams": [
      {
        "type": "TEXT",
        "name": "token",
        "displayName": "Signed token (optional)",
        "simpleValueType": true,
        "help": "For a visitor who is logged in. It needs the authenticated endpoint URL above."
      },
      {
        "type": "TEXT",
        "name": "events",
        "displayName": "Several events (optional)",
        "simpleValueType": true,
        "help": "A variable that returns a list of objects, such as [{event: 'view', evat_page: '/'}, …]. What an object lacks comes from the fields above."
      },
      {
        "type": "RADIO",
        "name": "method",
        "displayName": "Sent as",
        "simpleValueType": true,
        "defaultValue": "image",
        "radioItems": [
          {
            "value": "image",
            "displayValue": "One image for each event",
            "help": "The tag succeeds when your endpoint has taken every event."
          },
          {
            "value": "post",
            "displayValue": "One POST for all events, through the page's function gtmConnectorPost",
            "help": "A template cannot post by itself. The tag succeeds when the browser has taken the request. Without the function, or if it returns anything but true, the events go as images."
          }
        ]
      }
    ]
  }
]


___SANDBOXED_JS_FOR_WEB_TEMPLATE___

const JSON = require('JSON');
const callInWindow = require('callInWindow');
const encodeUriComponent = require('encodeUriComponent');
const generateRandom = require('generateRandom');
const getType = require('getType');
const logToConsole = require('logToConsole');
const makeString = require('makeString');
const sendPixel = require('sendPixel');

const MOST_EVENTS = 100; // that one POST may hold
const LONGEST_URL = 10240; // that API Gateway takes

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

// Adds what has a value. What is already there wins.
const add = (parameters, name, value) => {
  const text = textOf(value);
  if (text !== '' && !parameters.hasOwnProperty(name)) {
    // In a POST each member of a user attribute's list is a value of its own.
    const keepsList = name.indexOf('usat_') === 0 && getType(value) === 'array';
    parameters[name] = keepsList ? value.map(textOf).filter((each) => each !== '') : text;
  }
};

const addTable = (parameters, prefix, rows) => {
  (rows || []).forEach((row) => {
    const name = textOf(row.name).trim();
    if (name !== '') {
      add(parameters, prefix + name, row.value);
    }
  });
};

// Returns the parameters of an event; undefined, and says why, if it cannot be one.
const eventOf = (given) => {
  const parameters = {};
  if (getType(given) !== 'object') {
    log('an event of the list is no object');
    return undefined;
  }
  for (const name in given) {
    add(parameters, name, given[name]);
  }
  add(parameters, 'event', data.event);
  add(parameters, 'endpoint_id', data.endpointId);
  addTable(parameters, 'evat_', data.attributes);
  addTable(parameters, 'evmt_', data.metrics);
  addTable(parameters, 'usat_', data.userAttributes);
  if (textOf(parameters.event).trim() === '') {
    log('the event has no name');
    return undefined;
  }
  if (textOf(parameters.endpoint_id).trim() === '') {
    log('endpoint_id has no value, so nobody knows whom the event belongs to');
    return undefined;
  }
  return parameters;
};

const pair = (name, value) => encodeUriComponent(name) + '=' + encodeUriComponent(textOf(value));

const token = textOf(data.token).trim();
const given = getType(data.events) === 'array' ? data.events : [{}];
const events = given.map(eventOf).filter((event) => event !== undefined);
let failed = events.length < given.length || events.length === 0;
let open = 0;

const finish = () => {
  if (failed) {
    data.gtmOnFailure();
  } else {
    data.gtmOnSuccess();
  }
};

const sendImage = (event) => {
  const pairs = [];
  for (const name in event) {
    pairs.push(pair(name, event[name]));
  }
  if (token !== '') {
    pairs.push(pair('token', token));
  }
  // Two like images on one page would be one request.
  pairs.push(pair('gtmcb', generateRandom(1, 2147483647)));
  const url = data.endpoint + '?' + pairs.join('&');
  const settle = (problem) => {
    if (problem !== '') {
      failed = true;
      log(problem);
    }
    open = open - 1;
    if (open === 0) {
      finish();
    }
  };
  if (url.length > LONGEST_URL) {
    settle('the URL has ' + url.length + ' characters, the endpoint takes ' + LONGEST_URL);
  } else {
    sendPixel(url, () => settle(''), () => settle('the endpoint did not take ' + event.event));
  }
};

const posted = () => {
  if (data.method !== 'post' || events.length === 0 || events.length > MOST_EVENTS) {
    return false;
  }
  const url = token === '' ? data.endpoint : data.endpoint + '?' + pair('token', token);
  return callInWindow('gtmConnectorPost', url, JSON.stringify({events: events})) === true;
};

if (given.length === 0) {
  log('the list of events is empty');
}
if (events.length === 0 || posted()) {
  finish();
} else {
  open = events.length;
  events.forEach(sendImage);
}


___WEB_PERMISSIONS___

[
  {
    "instance": {
      "key": {
        "publicId": "send_pixel",
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
        "publicId": "access_globals",
        "versionId": "1"
      },
      "param": [
        {
          "key": "keys",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "key"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  },
                  {
                    "type": 1,
                    "string": "execute"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "gtmConnectorPost"
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": false
                  },
                  {
                    "type": 8,
                    "boolean": true
                  }
                ]
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
- name: An event becomes one image with its parameters
  code: |-
    runCode(fields({
      attributes: [{name: 'page', value: 'https://shop.example/?a=1&b=ü #x'}],
      metrics: [{name: 'price', value: 19.9}],
      userAttributes: [{name: 'plan', value: 'gold'}]
    }));
    assertThat(urls).isEqualTo([
      endpoint + '?event=purchase&endpoint_id=cust-7' +
      '&evat_page=https%3A%2F%2Fshop.example%2F%3Fa%3D1%26b%3D%C3%BC%20%23x' +
      '&evmt_price=19.9&usat_plan=gold&gtmcb=7'
    ]);
    assertApi('gtmOnSuccess').wasCalled();
    assertApi('gtmOnFailure').wasNotCalled();
- name: What has no value is left out
  code: |-
    runCode(fields({
      attributes: [
        {name: 'a', value: undefined}, {name: 'b', value: null}, {name: 'c', value: ''},
        {name: '', value: 'x'}, {name: 'd', value: -'no number'},
        {name: 'zero', value: 0}, {name: 'no', value: false}
      ]
    }));
    assertThat(urls).isEqualTo([
      endpoint + '?event=purchase&endpoint_id=cust-7&evat_zero=0&evat_no=false&gtmcb=7'
    ]);
- name: A list is joined with commas and an object becomes JSON
  code: |-
    runCode(fields({
      attributes: [
        {name: 'list', value: ['a', null, 2]}, {name: 'items', value: [{sku: 1}]},
        {name: 'object', value: {a: 1}}
      ],
      userAttributes: [{name: 'hobbies', value: ['ski', 'golf']}]
    }));
    assertThat(urls).isEqualTo([
      endpoint + '?event=purchase&endpoint_id=cust-7&evat_list=a%2C%2C2' +
      '&evat_items=%7B%22sku%22%3A1%7D&evat_object=%7B%22a%22%3A1%7D' +
      '&usat_hobbies=ski%2Cgolf&gtmcb=7'
    ]);
- name: Without a customer or visitor ID nothing is sent
  code: |-
    [undefined, null, '', '  '].forEach((id) => runCode(fields({endpointId: id})));
    assertApi('sendPixel').wasNotCalled();
    assertApi('gtmOnSuccess').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
- name: Without an event nothing is sent
  code: |-
    runCode(fields({event: undefined}));
    assertApi('sendPixel').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
- name: An image that the endpoint refuses fails the tag
  code: |-
    mock('sendPixel', (url, onSuccess, onFailure) => onFailure());
    runCode(fields({}));
    assertApi('gtmOnSuccess').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
- name: A URL that is too long is not sent
  code: |-
    let value = '0123456789';
    while (value.length < 10240) value = value + value;
    runCode(fields({attributes: [{name: 'long', value: value}]}));
    assertApi('sendPixel').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
- name: A token goes along
  code: |-
    runCode(fields({token: 'a.b.c'}));
    assertThat(urls).isEqualTo([
      endpoint + '?event=purchase&endpoint_id=cust-7&token=a.b.c&gtmcb=7'
    ]);
- name: Several events are as many images, and one failure fails the tag
  code: |-
    mock('sendPixel', (url, onSuccess, onFailure) => {
      urls.push(url);
      if (url.indexOf('event=view') > 0) onSuccess(); else onFailure();
    });
    runCode(fields({events: [{event: 'view', evat_page: '/'}, {evmt_price: 2}]}));
    assertThat(urls).isEqualTo([
      endpoint + '?event=view&evat_page=%2F&endpoint_id=cust-7&gtmcb=7',
      endpoint + '?evmt_price=2&event=purchase&endpoint_id=cust-7&gtmcb=7'
    ]);
    assertApi('gtmOnSuccess').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
- name: Several events are one POST
  code: |-
    let body;
    mock('callInWindow', (path, url, text) => {
      assertThat(path).isEqualTo('gtmConnectorPost');
      assertThat(url).isEqualTo(endpoint);
      body = JSON.parse(text);
      return true;
    });
    runCode(fields({
      method: 'post',
      events: [{event: 'view', evat_page: undefined}, {endpoint_id: 'cust-8'}],
      userAttributes: [{name: 'hobbies', value: ['ski', null]}]
    }));
    assertThat(body).isEqualTo({events: [
      {event: 'view', endpoint_id: 'cust-7', usat_hobbies: ['ski']},
      {endpoint_id: 'cust-8', event: 'purchase', usat_hobbies: ['ski']}
    ]});
    assertApi('sendPixel').wasNotCalled();
    assertApi('gtmOnSuccess').wasCalled();
- name: A POST with a token has it in the query
  code: |-
    mock('callInWindow', (path, url) => url === endpoint + '?token=a.b.c');
    runCode(fields({method: 'post', token: 'a.b.c'}));
    assertApi('sendPixel').wasNotCalled();
    assertApi('gtmOnSuccess').wasCalled();
- name: A page that cannot post gets images
  code: |-
    mock('callInWindow', undefined);
    runCode(fields({method: 'post'}));
    assertThat(urls).hasLength(1);
    assertApi('gtmOnSuccess').wasCalled();
- name: What is no event fails the tag, and the others are sent
  code: |-
    runCode(fields({events: ['view', {event: 'view'}]}));
    assertThat(urls).hasLength(1);
    assertApi('gtmOnSuccess').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
- name: An empty list sends nothing and fails the tag
  code: |-
    runCode(fields({events: []}));
    assertApi('sendPixel').wasNotCalled();
    assertApi('gtmOnFailure').wasCalled();
setup: |-
  const JSON = require('JSON');
  const endpoint = '@ENDPOINT@';
  const urls = [];
  const fields = (others) => {
    const all = {endpoint: endpoint, event: 'purchase', endpointId: 'cust-7', method: 'image'};
    for (const name in others) all[name] = others[name];
    return all;
  };
  mock('generateRandom', 7);
  mock('sendPixel', (url, onSuccess) => {
    urls.push(url);
    onSuccess();
  });


___NOTES___

Made for @ENDPOINT@
