// GTM's sandbox for custom templates, after its published reference: the APIs that our templates
// require, the permissions that these check, and the testing API. For Node and for a browser.
//
// What this file itself uses of the language is what the sandbox leaves of it, so that it works
// after everything else is gone.
"use strict";

const gtmSandbox = (() => {
  const { parse, stringify } = JSON;
  const { random, floor } = Math;
  const { now } = Date;
  const encode = encodeURIComponent;
  const isArray = Array.isArray;
  const keysOf = Object.keys;
  const text = String;
  const number = Number;

  // --- Permissions ---------------------------------------------------------------------------

  const plain = (value) => {
    if (value.type === 2) return value.listItem.map(plain);
    if (value.type !== 3) return value.type === 8 ? value.boolean : value.string;
    const map = {};
    value.mapKey.forEach((key, index) => (map[plain(key)] = plain(value.mapValue[index])));
    return map;
  };

  const granted = (permissions) => {
    const all = {};
    permissions.forEach(({ instance }) => {
      const given = {};
      instance.param.forEach((each) => (given[each.key] = plain(each.value)));
      all[instance.key.publicId] = given;
    });
    return all;
  };

  // https://{host}/{path}, * at the beginning of a host or anywhere in a path.
  const matches = (pattern, url) => {
    const [, scheme, host, path] = pattern.match(/^(https?):\/\/([^/]+)(\/.*)$/);
    const parts = url.match(/^(https?):\/\/([^/?#]+)(\/[^?#]*)/);
    if (!parts || parts[1] !== scheme) return false;
    const hosts = host.slice(0, 2) === "*." ? parts[2].slice(1 - host.length) === host.slice(1) : parts[2] === host;
    const begins = path.charAt(path.length - 1) === "*" ? path.slice(0, -1) : path;
    return hosts && parts[3].indexOf(begins) === 0;
  };

  const demand = (condition, permission) => {
    if (!condition) throw new Error(`the permission ${permission} does not allow that`);
  };

  const urlAllowed = (permission) => (all, url) => {
    const given = all[permission];
    demand(given && given.allowedUrls === "specific" && given.urls.some((each) => matches(each, url)), permission);
  };

  const CHECKS = {
    sendPixel: urlAllowed("send_pixel"),
    sendHttpRequest: urlAllowed("send_http"),
    callInWindow: (all, path) =>
      demand((all.access_globals || { keys: [] }).keys.some(({ key, execute }) => key === path && execute), "access_globals"),
    getCookieValues: (all, name) =>
      demand(all.get_cookies && all.get_cookies.cookieAccess === "specific" && all.get_cookies.cookieNames.indexOf(name) >= 0, "get_cookies"),
    setCookie: (all, name, value, options = {}) =>
      demand(
        (all.set_cookies || { allowedCookies: [] }).allowedCookies.some(
          (each) =>
            each.name === name &&
            (each.domain === "*" || each.domain === options.domain) &&
            (each.path === "*" || each.path === options.path) &&
            (each.secure === "any" || (each.secure === "secure") === (options.secure === true)) &&
            (each.session === "any" || (each.session === "session") === (options["max-age"] === undefined)),
        ),
        "set_cookies",
      ),
    isConsentGranted: (all, type) =>
      demand((all.access_consent || { consentTypes: [] }).consentTypes.some(({ consentType, read }) => consentType === type && read), "access_consent"),
    getEventData: (all) => demand(all.read_event_data && all.read_event_data.eventDataAccess === "any", "read_event_data"),
    logToConsole: (all) => demand(all.logging, "logging"),
  };

  // --- APIs ----------------------------------------------------------------------------------

  const getType = (value) => {
    if (value === null) return "null";
    return isArray(value) ? "array" : typeof value;
  };

  const PURE = {
    JSON: {
      // Both give undefined where the language throws.
      parse: (value) => {
        try {
          return parse(value);
        } catch {
          return undefined;
        }
      },
      stringify: (value) => {
        try {
          return stringify(value);
        } catch {
          return undefined;
        }
      },
    },
    encodeUriComponent: (value) => encode(value),
    generateRandom: (least, most) => least + floor(random() * (most - least + 1)),
    getTimestampMillis: () => now(),
    getType,
    makeNumber: (value) => number(value),
    makeString: (value) => text(value),
  };

  // What reaches the world comes from whoever runs the sandbox.
  const REACHING = {
    web: ["callInWindow", "getCookieValues", "isConsentGranted", "logToConsole", "sendPixel", "setCookie"],
    server: ["getEventData", "logToConsole", "sendHttpRequest"],
  };

  // --- The testing API -----------------------------------------------------------------------

  const same = (one, other) => {
    if (getType(one) !== getType(other)) return false;
    if (getType(one) === "array") return one.length === other.length && one.every((each, index) => same(each, other[index]));
    if (getType(one) !== "object") return one === other || (one !== one && other !== other);
    const keys = keysOf(one);
    return keys.length === keysOf(other).length && keys.every((key) => other.hasOwnProperty(key) && same(one[key], other[key]));
  };

  const shown = (value) => (value === undefined ? "undefined" : stringify(value));

  const hold = (condition, message) => {
    if (!condition) throw new Error(message);
  };

  const assertThat = (actual, message = "") => {
    const check = (condition, what) => hold(condition, `${message} ${shown(actual)} ${what}`.trim());
    return {
      isEqualTo: (expected) => check(same(actual, expected), `is not ${shown(expected)}`),
      isNotEqualTo: (expected) => check(!same(actual, expected), "is what it must not be"),
      isUndefined: () => check(actual === undefined, "is not undefined"),
      isDefined: () => check(actual !== undefined, "is undefined"),
      isTrue: () => check(actual === true, "is not true"),
      isFalse: () => check(actual === false, "is not false"),
      hasLength: (length) => check(actual.length === length, `has not the length ${length}`),
    };
  };

  // --- Running -------------------------------------------------------------------------------

  /** Return a function that runs a template's code, and the testing API around it. */
  return ({ code, permissions, context, host }) => {
    const all = granted(permissions);
    const known = { ...PURE };
    REACHING[context].forEach((name) => {
      known[name] = (...given) => {
        if (name === "logToConsole" && !host[name]) return undefined;
        hold(host[name], `nobody has mocked ${name}`);
        return host[name](...given);
      };
    });
    const mocks = {};
    const calls = {};

    const record = (name, given) => {
      calls[name] = calls[name] || [];
      calls[name].push(given);
    };

    const require = (name) => {
      hold(known.hasOwnProperty(name), `no API of a ${context} container has the name ${name}`);
      if (typeof known[name] !== "function") return known[name];
      return (...given) => {
        if (CHECKS.hasOwnProperty(name)) CHECKS[name](all, ...given);
        record(name, given);
        if (!mocks.hasOwnProperty(name)) return known[name](...given);
        return typeof mocks[name] === "function" ? mocks[name](...given) : mocks[name];
      };
    };

    const compiled = (source, ...names) => new Function(...names, `"use strict";${source}`);
    const template = compiled(code, "require", "data");

    const runCode = (data, outcome = {}) => {
      const spied = (name) => () => {
        record(name, []);
        if (outcome[name]) outcome[name]();
      };
      return template(require, { ...data, gtmOnSuccess: spied("gtmOnSuccess"), gtmOnFailure: spied("gtmOnFailure") });
    };

    const assertApi = (name) => {
      const made = () => calls[name] || [];
      return {
        wasCalled: () => hold(made().length > 0, `${name} was not called`),
        wasNotCalled: () => hold(made().length === 0, `${name} was called with ${shown(made()[0])}`),
        wasCalledWith: (...given) => hold(made().some((each) => same(each, given)), `${name} was not called with ${shown(given)}`),
      };
    };

    const mock = (name, value) => {
      hold(known.hasOwnProperty(name), `no API has the name ${name}`);
      mocks[name] = value;
    };

    const runTest = compiled;
    return {
      runCode,
      calls,
      runTest: (source) =>
        runTest(source, "require", "runCode", "mock", "assertApi", "assertThat", "fail")(
          require, (data) => runCode(data), mock, assertApi, assertThat, (message) => hold(false, message),
        ),
    };
  };
})();
