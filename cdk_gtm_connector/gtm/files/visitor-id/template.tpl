___TERMS_OF_SERVICE___

By creating or modifying this file you agree to Google Tag Manager's Community
Template Gallery Developer Terms of Service available at
https://developers.google.com/tag-manager/gallery-tos (or such other URL as
Google may provide), as modified from time to time.


___INFO___

{
  "type": "MACRO",
  "id": "cvt_temp_public_id",
  "version": 1,
  "securityGroups": [],
  "displayName": "GTM connector visitor ID",
  "categories": [
    "UTILITY",
    "ANALYTICS"
  ],
  "brand": {
    "id": "brand_dummy",
    "displayName": "GTM connector"
  },
  "description": "Returns the customer's ID if your page knows it, else an ID that it keeps in a first-party cookie, once the visitor consents. Without consent it neither reads nor sets the cookie.",
  "containerContexts": [
    "WEB"
  ]
}


___TEMPLATE_PARAMETERS___

[
  {
    "type": "TEXT",
    "name": "customerId",
    "displayName": "Customer ID (optional)",
    "simpleValueType": true,
    "help": "A variable with the ID of the customer who is logged in. It has no value before login."
  },
  {
    "type": "CHECKBOX",
    "name": "handOver",
    "checkboxText": "Keep the customer ID in the cookie",
    "simpleValueType": true,
    "defaultValue": false,
    "help": "After logout, and on later visits before login, events of this browser still belong to that customer. Leave it off where several people share a browser.",
    "enablingConditions": [
      {
        "paramName": "customerId",
        "paramValue": "",
        "type": "PRESENT"
      }
    ]
  },
  {
    "type": "SELECT",
    "name": "consentType",
    "displayName": "Consent that the cookie needs",
    "macrosInSelect": false,
    "simpleValueType": true,
    "defaultValue": "analytics_storage",
    "selectItems": [
      {
        "value": "analytics_storage",
        "displayValue": "analytics_storage"
      },
      {
        "value": "ad_storage",
        "displayValue": "ad_storage"
      },
      {
        "value": "personalization_storage",
        "displayValue": "personalization_storage"
      },
      {
        "value": "functionality_storage",
        "displayValue": "functionality_storage"
      }
    ],
    "help": "A type that your consent tool says nothing about counts as granted: that is Consent Mode's rule."
  },
  {
    "type": "TEXT",
    "name": "days",
    "displayName": "Days that the cookie lasts",
    "simpleValueType": true,
    "defaultValue": 390,
    "help": "Counted from the last visit. Chrome keeps a cookie for 400 days at most, Safari one that a script set for 7.",
    "valueValidators": [
      {
        "type": "POSITIVE_NUMBER"
      }
    ]
  }
]


___SANDBOXED_JS_FOR_WEB_TEMPLATE___

const generateRandom = require('generateRandom');
const getCookieValues = require('getCookieValues');
const getTimestampMillis = require('getTimestampMillis');
const getType = require('getType');
const isConsentGranted = require('isConsentGranted');
const makeNumber = require('makeNumber');
const makeString = require('makeString');
const setCookie = require('setCookie');

const COOKIE = 'gtm_visitor_id';
const MADE_HERE = 'v.';

// GTM writes a variable without a value as one of these, if anything is around it.
const NO_VALUE = ['', 'undefined', 'null', 'NaN', '[object Object]'];

const idOf = (value) => {
  const type = getType(value);
  if (type !== 'string' && type !== 'number') {
    return undefined;
  }
  const text = makeString(value).trim();
  return NO_VALUE.indexOf(text) < 0 ? text : undefined;
};

const kept = () => idOf(getCookieValues(COOKIE)[0]);

const keep = (id) => {
  setCookie(COOKIE, id, {
    domain: 'auto',
    path: '/',
    samesite: 'Lax',
    secure: true,
    'max-age': makeNumber(data.days) * 86400
  });
};

const customer = idOf(data.customerId);
if (!isConsentGranted(data.consentType)) {
  return customer;
}
if (customer !== undefined) {
  if (data.handOver && kept() !== customer) {
    keep(customer);
  }
  return customer;
}
const known = kept();
if (known === undefined) {
  keep(
    MADE_HERE + getTimestampMillis() + '.' +
    generateRandom(100000000, 999999999) + generateRandom(100000000, 999999999)
  );
} else if (known.indexOf(MADE_HERE) === 0) {
  // What your server set is your server's to prolong.
  keep(known);
}
// A browser that takes no cookies has no ID, rather than a new one for each event.
return kept();


___WEB_PERMISSIONS___

[
  {
    "instance": {
      "key": {
        "publicId": "get_cookies",
        "versionId": "1"
      },
      "param": [
        {
          "key": "cookieAccess",
          "value": {
            "type": 1,
            "string": "specific"
          }
        },
        {
          "key": "cookieNames",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 1,
                "string": "gtm_visitor_id"
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
        "publicId": "set_cookies",
        "versionId": "1"
      },
      "param": [
        {
          "key": "allowedCookies",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "name"
                  },
                  {
                    "type": 1,
                    "string": "domain"
                  },
                  {
                    "type": 1,
                    "string": "path"
                  },
                  {
                    "type": 1,
                    "string": "secure"
                  },
                  {
                    "type": 1,
                    "string": "session"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "gtm_visitor_id"
                  },
                  {
                    "type": 1,
                    "string": "*"
                  },
                  {
                    "type": 1,
                    "string": "/"
                  },
                  {
                    "type": 1,
                    "string": "secure"
                  },
                  {
                    "type": 1,
                    "string": "any"
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
        "publicId": "access_consent",
        "versionId": "1"
      },
      "param": [
        {
          "key": "consentTypes",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "consentType"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "analytics_storage"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "consentType"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "ad_storage"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "consentType"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "personalization_storage"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
                  }
                ]
              },
              {
                "type": 3,
                "mapKey": [
                  {
                    "type": 1,
                    "string": "consentType"
                  },
                  {
                    "type": 1,
                    "string": "read"
                  },
                  {
                    "type": 1,
                    "string": "write"
                  }
                ],
                "mapValue": [
                  {
                    "type": 1,
                    "string": "functionality_storage"
                  },
                  {
                    "type": 8,
                    "boolean": true
                  },
                  {
                    "type": 8,
                    "boolean": false
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
  }
]


___TESTS___

scenarios:
- name: A new visitor gets an ID that is kept
  code: |-
    assertThat(runCode(fields({}))).isEqualTo('v.1700000000000.123456789123456789');
    assertThat(options).isEqualTo({
      domain: 'auto', path: '/', samesite: 'Lax', secure: true, 'max-age': 33696000
    });
- name: A visitor who comes back has the same ID, and it lasts longer
  code: |-
    jar = ['v.1'];
    assertThat(runCode(fields({days: '7'}))).isEqualTo('v.1');
    assertThat(jar).isEqualTo(['v.1']);
    assertThat(options['max-age']).isEqualTo(604800);
- name: A cookie that the server set is left as it is
  code: |-
    jar = ['cust-7'];
    assertThat(runCode(fields({}))).isEqualTo('cust-7');
    assertApi('setCookie').wasNotCalled();
- name: Without consent the cookie is neither read nor set
  code: |-
    jar = ['v.1'];
    mock('isConsentGranted', (type) => type !== 'ad_storage');
    assertThat(runCode(fields({consentType: 'ad_storage'}))).isUndefined();
    assertApi('getCookieValues').wasNotCalled();
    assertApi('setCookie').wasNotCalled();
- name: Without consent the customer's ID is returned, and not kept
  code: |-
    mock('isConsentGranted', false);
    assertThat(runCode(fields({customerId: 'cust-7', handOver: true}))).isEqualTo('cust-7');
    assertApi('setCookie').wasNotCalled();
- name: After login the customer's ID wins, and the cookie stays
  code: |-
    jar = ['v.1'];
    assertThat(runCode(fields({customerId: 4711}))).isEqualTo('4711');
    assertThat(jar).isEqualTo(['v.1']);
- name: The customer's ID is handed over to the cookie if that is wanted
  code: |-
    jar = ['v.1'];
    assertThat(runCode(fields({customerId: 'cust-7', handOver: true}))).isEqualTo('cust-7');
    assertThat(runCode(fields({handOver: true}))).isEqualTo('cust-7');
- name: A word for no value is no customer
  code: |-
    jar = ['v.1'];
    [undefined, null, '', ' ', 'undefined', 'null', 'NaN', '[object Object]', {}, [], ['a'], true].forEach(
      (value) => assertThat(runCode(fields({customerId: value}))).isEqualTo('v.1')
    );
    assertThat(runCode(fields({customerId: 'Null'}))).isEqualTo('Null');
- name: A browser that takes no cookies has no ID
  code: |-
    mock('setCookie', () => undefined);
    assertThat(runCode(fields({}))).isUndefined();
setup: |-
  let jar = [];
  let options;
  const fields = (others) => {
    const all = {consentType: 'analytics_storage', days: 390, handOver: false};
    for (const name in others) all[name] = others[name];
    return all;
  };
  mock('isConsentGranted', true);
  mock('getTimestampMillis', 1700000000000);
  mock('generateRandom', 123456789);
  mock('getCookieValues', (name) => {
    assertThat(name).isEqualTo('gtm_visitor_id');
    return jar;
  });
  mock('setCookie', (name, value, given) => {
    assertThat(name).isEqualTo('gtm_visitor_id');
    options = given;
    jar = [value];
  });


___NOTES___

The cookie is gtm_visitor_id. It needs https.
