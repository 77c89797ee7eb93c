"use strict";

// Warns of data that can be sent, but will be cut, refused or ignored later.
window.demoWarnings = (() => {
  // Some proxies and browsers refuse longer URLs. API Gateway itself takes 10,240 bytes.
  const LONGEST_URL_BYTES = 8000;
  const LONGEST_BODY = 300000;
  const LONGEST_BEACON_BYTES = 65536; // the Fetch standard's limit for requests that continue after a page is closed
  // Amazon Pinpoint's limits; docs/destinations.md has those of the others.
  const LONGEST_NAME = 50;
  const LONGEST_VALUES = { evat_: 200, usat_: 100 };
  const MOST_ATTRIBUTES_AND_METRICS = 40;

  // The local pipeline names its destinations. Elsewhere they are unknown.
  const destinations = document.querySelector("[data-destinations]")?.dataset.destinations.split(" ");
  const pinpoint = destinations ? "Pinpoint" : "Pinpoint, if events go there,";

  const size = (text) => new TextEncoder().encode(text).length;

  // The destinations count characters, not UTF-16 units.
  const length = (text) => [...text].length;

  /** Return the claims of a JSON Web Token; `{}` for another token, which an authorizer may accept. */
  function claims(text) {
    try {
      const part = text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0)))) ?? {};
    } catch {
      return {};
    }
  }

  function ofPinpoint({ event, rows }) {
    const found = [];
    if (event.startsWith("_")) {
      found.push(`Event names that begin with “_” are reserved for Pinpoint: ${pinpoint} will not get the event.`);
    }
    for (const { prefix, name, value } of rows) {
      const most = LONGEST_VALUES[prefix];
      if (length(value.value) > most) {
        found.push(`${pinpoint} will get the value of “${name.value}” cut to ${most} characters.`);
      }
      if (length(name.value) > LONGEST_NAME) {
        found.push(`${pinpoint} will not get “${name.value}”: it accepts names of up to ${LONGEST_NAME} characters.`);
      }
    }
    if (rows.filter(({ prefix }) => prefix !== "usat_").length > MOST_ATTRIBUTES_AND_METRICS) {
      found.push(`${pinpoint} will only get the first ${MOST_ATTRIBUTES_AND_METRICS} attributes and metrics by name.`);
    }
    return found;
  }

  /** Return the warnings about a request: `{url, body, method, event, token, rows}`. */
  function of(request) {
    const { url, body, token, method } = request;
    const found = [];
    const bytes = size(url);
    const posted = size(body);
    if (posted > LONGEST_BODY) {
      found.push(
        `The body has ${posted.toLocaleString("en")} bytes. The endpoint accepts ${LONGEST_BODY.toLocaleString("en")}.`,
      );
    } else if (method === "beacon" && posted > LONGEST_BEACON_BYTES) {
      found.push(
        `The body has ${posted.toLocaleString("en")} bytes. sendBeacon accepts ${LONGEST_BEACON_BYTES.toLocaleString("en")}, including pending beacons.`,
      );
    }
    const authenticated = new URL(url).pathname.endsWith("/authenticated");
    if (token && !authenticated) {
      found.push("Only …/events/authenticated reads a token. This endpoint ignores it, and the event is anonymous.");
    }
    if (authenticated && !token) {
      found.push("Without a token this endpoint refuses the event, unless it has a different kind of authorizer.");
    }
    const { exp } = claims(token);
    if (exp * 1000 < Date.now()) found.push("The token has expired.");
    if (bytes > LONGEST_URL_BYTES) {
      found.push(
        `The URL has ${bytes.toLocaleString("en")} bytes. Over ${LONGEST_URL_BYTES.toLocaleString("en")} proxies and browsers may refuse it; API Gateway refuses more than 10,240.`,
      );
    }
    if (!destinations || destinations.includes("pinpoint")) found.push(...ofPinpoint(request));
    if (location.protocol === "https:" && url.startsWith("http:")) {
      found.push("This page was loaded over https; the browser may refuse to call an http endpoint from it.");
    }
    return found;
  }

  return { of, size };
})();
