"use strict";

// Describes the faults in the form's fields; "" for none.
window.demoFaults = (() => {
  const LONGEST_TOKEN = 4096;
  const CONTAINER_ID = /^GTM-[A-Z0-9]{4,10}$/;
  const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

  function endpoint(text) {
    if (!text) return "Enter the endpoint URL: it is the stack's output EndpointUrl.";
    let url;
    try {
      url = new URL(text);
    } catch {
      return "This is not a URL. It begins with https:// and ends with /events.";
    }
    if (url.protocol !== "https:" && url.protocol !== "http:") {
      return `The URL must begin with https:// or http://, not ${url.protocol}`;
    }
    if (url.username || url.password) return "Leave user name and password out of the URL.";
    if (["event", "endpoint_id", "token"].some((name) => url.searchParams.has(name))) {
      return "Leave out the parameters, from “?” on, because this page adds them.";
    }
    return "";
  }

  function token(text) {
    if (/\s/.test(text)) return "A token has no spaces or line breaks: paste it in one piece.";
    if (text.length > LONGEST_TOKEN) {
      return `The token has ${text.length.toLocaleString("en")} characters; the endpoint accepts at most ${LONGEST_TOKEN.toLocaleString("en")}.`;
    }
    return "";
  }

  function container(text) {
    if (!text || CONTAINER_ID.test(text)) return "";
    return "A container ID is GTM- and 4 to 10 capital letters or digits, such as GTM-ABC1234.";
  }

  /** Return an input and its fault, "" for none. */
  function row({ prefix, kind, name, value }, seen) {
    const key = prefix + name.value;
    if (!name.value) return [name, `Give the ${kind} a name, or remove the row.`];
    if (seen.has(key)) {
      return [name, `There is another ${kind} with this name; the endpoint keeps only one.`];
    }
    seen.add(key);
    if (!value.value) return [value, "Enter a value: the endpoint ignores empty ones."];
    if (prefix === "evmt_" && !(NUMBER.test(value.value) && Number.isFinite(Number(value.value)))) {
      return [value, "The value must be a number, such as 19.99."];
    }
    return [name, ""];
  }

  return { container, endpoint, row, token };
})();
