// What a published container does with its tags, triggers and variables in a page, as Google Tag
// Manager's own runtime was seen to do it. Each variable in the query of a Custom Image becomes
// encodeURIComponent(String(value)); one at a URL's beginning stays as it is if that makes a URL.
//
// gtmContainer(version, templates) returns a function that takes what a page pushes into its data
// layer, and returns a promise of what each tag that fires reports: {name: "success" | "failure"}.
// `templates` has, by the type of a tag or variable, what sandbox.js needs to run it.
"use strict";

const gtmContainer = (version, templates) => {
  const model = {};
  const consent = {};
  let event = "";
  const logged = [];

  const named = (list) => Object.fromEntries(list.map((each) => [each.name, each]));
  const variables = named(version.variable);
  const plain = (parameter) => {
    if (parameter.type === "LIST") return parameter.list.map(plain);
    if (parameter.type === "MAP") return Object.fromEntries(parameter.map.map((each) => [each.key, plain(each)]));
    return parameter.type === "BOOLEAN" ? parameter.value === "true" : filled(parameter.value);
  };
  const parametersOf = (thing) => Object.fromEntries(thing.parameter.map((each) => [each.key, each]));

  // --- What a template reaches ---------------------------------------------------------------

  const cookies = (name) =>
    document.cookie.split("; ").filter((each) => each.startsWith(`${name}=`)).map((each) => decodeURIComponent(each.slice(name.length + 1)));

  const image = (url, onSuccess, onFailure) => {
    const made = new Image(1, 1);
    made.onload = onSuccess;
    made.onerror = onFailure;
    made.src = url;
  };

  const host = {
    sendPixel: image,
    callInWindow: (path, ...given) => (typeof window[path] === "function" ? window[path](...given) : undefined),
    getCookieValues: cookies,
    isConsentGranted: (type) => consent[type] !== "denied",
    logToConsole: (...given) => logged.push(given.join(" ")),
    setCookie: (name, value, options) => {
      // "auto" is the widest domain that takes it: of an address or localhost there is but one.
      const parts = [`${name}=${encodeURIComponent(value)}`, `path=${options.path}`, `max-age=${options["max-age"]}`, `samesite=${options.samesite}`];
      document.cookie = [...parts, ...(options.secure ? ["secure"] : [])].join("; ");
    },
  };

  const run = (thing, outcome) => {
    const data = Object.fromEntries(thing.parameter.map((each) => [each.key, plain(each)]));
    return gtmSandbox({ ...templates[thing.type], host }).runCode(data, outcome);
  };

  // --- Variables -----------------------------------------------------------------------------

  const KINDS = {
    c: ({ value }) => value.value,
    k: ({ name }) => cookies(name.value)[0],
    v: ({ name, setDefaultValue, defaultValue }) => {
      const found = model[name.value];
      return found === undefined && setDefaultValue.value === "true" ? filled(defaultValue.value) : found;
    },
  };

  const BUILT_IN = { Event: () => event, _event: () => event, "Page Path": () => location.pathname };

  const valueOf = (name) => {
    if (BUILT_IN[name]) return BUILT_IN[name]();
    const variable = variables[name];
    const value = KINDS[variable.type] ? KINDS[variable.type](parametersOf(variable)) : run(variable);
    const { convertNullToValue, convertUndefinedToValue } = variable.formatValue;
    if (value === null && convertNullToValue) return convertNullToValue.value;
    return value === undefined && convertUndefinedToValue ? convertUndefinedToValue.value : value;
  };

  // A variable alone keeps its type; among other text it becomes text.
  function filled(text) {
    const alone = text.match(/^{{([^}]*)}}$/);
    return alone ? valueOf(alone[1]) : text.replace(/{{([^}]*)}}/g, (_, name) => String(valueOf(name)));
  }

  // --- Tags and triggers ---------------------------------------------------------------------

  const holds = ({ type, parameter }) => {
    const { arg0, arg1, negate } = Object.fromEntries(parameter.map((each) => [each.key, each.value]));
    const value = String(filled(arg0));
    const found = type === "EQUALS" ? value === arg1 : new RegExp(arg1).test(value);
    return found !== (negate === "true");
  };

  const compiled = (url) => {
    const text = url.replace(/{{([^}]*)}}/g, (_, name, index) => {
      const value = String(valueOf(name));
      if (index > 0) return encodeURIComponent(value);
      return /^https?:\/\//.test(value) ? value : "about:invalid#zGtmzInvalid";
    });
    const link = document.createElement("a");
    link.href = text;
    return link.href;
  };

  const fire = (tag) =>
    new Promise((resolve) => {
      const outcome = { gtmOnSuccess: () => resolve("success"), gtmOnFailure: () => resolve("failure") };
      try {
        if (tag.type === "img") {
          const { url, cacheBusterQueryParam } = parametersOf(tag);
          const address = compiled(url.value);
          const buster = `${cacheBusterQueryParam.value}=${Math.floor(Math.random() * 2147483647)}`;
          image(`${address}${address.includes("?") ? "&" : "?"}${buster}`, outcome.gtmOnSuccess, outcome.gtmOnFailure);
        } else {
          run(tag, outcome);
        }
      } catch (error) {
        logged.push(String(error));
        resolve("failure");
      }
    });

  const allowed = ({ consentSettings }) =>
    consentSettings.consentStatus !== "NEEDED" || consentSettings.consentType.list.every(({ value }) => consent[value] !== "denied");

  const push = async (pushed) => {
    Object.assign(model, pushed);
    event = pushed.event ?? "";
    const triggers = version.trigger
      .filter(({ customEventFilter, filter }) => [...customEventFilter, ...filter].every(holds))
      .map(({ triggerId }) => triggerId);
    const tags = version.tag.filter((tag) => tag.firingTriggerId.some((id) => triggers.includes(id)) && allowed(tag));
    return Object.fromEntries(await Promise.all(tags.map(async (tag) => [tag.name, await fire(tag)])));
  };

  return { push, valueOf, logged, setConsent: (state) => Object.assign(consent, state) };
};
