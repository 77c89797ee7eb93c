"use strict";

(() => {
  // Beyond it some proxies and browsers give up; API Gateway itself takes 10,240 bytes.
  const LONGEST_URL_BYTES = 8000;
  const LONGEST_BODY = 300000;
  const LONGEST_BEACON_BYTES = 65536; // the Fetch standard's limit for what outlives a page
  const LONGEST_TOKEN = 4096;
  // Amazon Pinpoint's; what other destinations take is in README.
  const LONGEST_NAME = 50;
  const LONGEST_VALUES = { evat_: 200, usat_: 100 };
  const MOST_ATTRIBUTES_AND_METRICS = 40;
  const SLOW_MS = 15000;
  const CONTAINER_ID = /^GTM-[A-Z0-9]{4,10}$/;
  const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

  const byId = (id) => document.getElementById(id);
  const form = byId("form");
  const endpoint = byId("endpoint");
  const event = byId("event");
  const endpointId = byId("endpoint-id");
  const token = byId("token");
  const method = byId("method");
  const container = byId("container");

  // The local pipeline says where its events go. Elsewhere nobody knows here.
  const destinations = document.querySelector("[data-destinations]")?.dataset.destinations.split(" ");
  const pinpoint = destinations ? "Pinpoint" : "Pinpoint, if events go there,";

  const METHOD_HINTS = {
    image: "An image that loads is success, anything else is failure: that is all that a tag learns.",
    fetch: "For more than fits into a URL. This page sees the answer if the endpoint lets its site read it (CORS).",
    beacon: "For more than fits into a URL, and for pages that are about to be left. No page ever learns what became of it.",
  };

  // --- What is in the form -------------------------------------------------------------------

  function rows() {
    return [...form.querySelectorAll("fieldset")].flatMap((group) =>
      [...group.querySelectorAll(".row")].map((row) => ({
        element: row,
        prefix: group.dataset.prefix,
        kind: group.dataset.kind,
        name: row.querySelector(".name"),
        value: row.querySelector(".value"),
      })),
    );
  }

  // The destinations count characters, not UTF-16 units.
  const length = (text) => [...text].length;

  function endpointFault(text) {
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
      return "Leave out the parameters, everything from “?”: this page adds them.";
    }
    return "";
  }

  function tokenFault(text) {
    if (/\s/.test(text)) return "A token holds no space or line break: paste it in one piece.";
    if (text.length > LONGEST_TOKEN) {
      return `The token has ${text.length.toLocaleString("en")} characters; the endpoint takes at most ${LONGEST_TOKEN.toLocaleString("en")}.`;
    }
    return "";
  }

  /** Return the claims of a JSON Web Token; nothing if it is none, for others may be taken as well. */
  function claims(text) {
    try {
      const part = text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0)))) ?? {};
    } catch {
      return {};
    }
  }

  function containerFault(text) {
    if (!text || CONTAINER_ID.test(text)) return "";
    return "A container ID is GTM- and 4 to 10 capital letters or digits, such as GTM-ABC1234.";
  }

  /** Return the input at fault and what is wrong with it, or nothing. */
  function rowFault({ prefix, kind, name, value }, seen) {
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

  /** Return {input, output, message} for every field and row; message is "" where all is well. */
  function check() {
    const seen = new Set();
    const endpointText = endpoint.value.trim();
    const containerText = container.value.trim();
    return [
      {
        input: endpoint,
        output: byId("endpoint-error"),
        // The container's tag has the URL: here it only serves to show the request.
        message: containerText && !endpointText ? "" : endpointFault(endpointText),
      },
      {
        input: event,
        output: byId("event-error"),
        message: event.value.trim() ? "" : "Enter the event's name.",
      },
      {
        input: endpointId,
        output: byId("endpoint-id-error"),
        message: endpointId.value.trim() ? "" : "Enter the ID of the endpoint the event belongs to.",
      },
      ...rows().map((row) => {
        const [input, message] = rowFault(row, seen);
        return { input, output: row.element.querySelector(".error"), message };
      }),
      { input: token, output: byId("token-error"), message: tokenFault(token.value.trim()) },
      { input: container, output: byId("container-error"), message: containerFault(containerText) },
    ];
  }

  /** Show the faults of `checks`, or with onlyMended just take away those that are gone. */
  function show(checks, { onlyMended = false } = {}) {
    for (const { input, output, message } of checks) {
      if (onlyMended && (message || output.hidden)) continue;
      const field = input.closest(".row") ?? input.parentElement;
      for (const each of field.querySelectorAll("input")) each.removeAttribute("aria-invalid");
      output.textContent = message;
      output.hidden = !message;
      if (message) input.setAttribute("aria-invalid", "true");
    }
  }

  function parameters() {
    return [
      ["event", event.value],
      ["endpoint_id", endpointId.value],
      // A row without a name is never sent: check() stops it. It only must not spoil the preview.
      ...rows()
        .filter(({ name }) => name.value)
        .map(({ prefix, name, value }) => [prefix + name.value, value.value]),
    ];
  }

  // Half a surrogate pair cannot be encoded; a text field can hold one only by script.
  const encode = (text) =>
    encodeURIComponent(text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD"));

  const encodeAll = (pairs) => pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");

  const posts = () => method.value !== "image";

  /** Return where the event goes, with the token if there is one: the authorizer looks for it there. */
  function requestUrl(pairs) {
    const tokenText = token.value.trim();
    const url = new URL(endpoint.value.trim());
    url.hash = "";
    const query = encodeAll([...(posts() ? [] : pairs), ...(tokenText ? [["token", tokenText]] : [])]);
    if (!query) return url.href;
    return `${url.href}${url.search ? "&" : url.href.endsWith("?") ? "" : "?"}${query}`;
  }

  // Within single quotes a POSIX shell leaves everything alone but the single quote itself.
  const shellQuote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

  // --- The request, shown while typing -------------------------------------------------------

  const size = (text) => new TextEncoder().encode(text).length;

  function pinpointWarnings() {
    const found = [];
    if (event.value.startsWith("_")) {
      found.push(`Event names that begin with “_” are Pinpoint's own: ${pinpoint} will not get the event.`);
    }
    const all = rows();
    for (const { prefix, name, value } of all) {
      const most = LONGEST_VALUES[prefix];
      if (length(value.value) > most) {
        found.push(`${pinpoint} will get the value of “${name.value}” cut to ${most} characters.`);
      }
      if (length(name.value) > LONGEST_NAME) {
        found.push(`${pinpoint} will not get “${name.value}”: it takes names of up to ${LONGEST_NAME} characters.`);
      }
    }
    if (all.filter(({ prefix }) => prefix !== "usat_").length > MOST_ATTRIBUTES_AND_METRICS) {
      found.push(`Of more than ${MOST_ATTRIBUTES_AND_METRICS} attributes and metrics ${pinpoint} will get the first by name only.`);
    }
    return found;
  }

  function warnings(url) {
    const found = [];
    const bytes = size(url);
    const posted = posts() ? size(encodeAll(parameters())) : 0;
    if (posted > LONGEST_BODY) {
      found.push(
        `The body has ${posted.toLocaleString("en")} bytes. The endpoint takes ${LONGEST_BODY.toLocaleString("en")}.`,
      );
    } else if (method.value === "beacon" && posted > LONGEST_BEACON_BYTES) {
      found.push(
        `The body has ${posted.toLocaleString("en")} bytes. sendBeacon takes ${LONGEST_BEACON_BYTES.toLocaleString("en")}, those under way included.`,
      );
    }
    const authenticated = new URL(url).pathname.endsWith("/authenticated");
    if (token.value.trim() && !authenticated) {
      found.push("Only …/events/authenticated reads a token: here the event stays anonymous, and the token is an ignored parameter.");
    }
    if (authenticated && !token.value.trim()) {
      found.push("Without a token this endpoint refuses the event, unless its authorizer is of another kind.");
    }
    const { exp } = claims(token.value.trim());
    if (exp * 1000 < Date.now()) found.push("The token has expired.");
    if (bytes > LONGEST_URL_BYTES) {
      found.push(
        `The URL has ${bytes.toLocaleString("en")} bytes. Over ${LONGEST_URL_BYTES.toLocaleString("en")} it may be refused on its way; API Gateway refuses more than 10,240.`,
      );
    }
    if (!destinations || destinations.includes("pinpoint")) found.push(...pinpointWarnings());
    if (location.protocol === "https:" && url.startsWith("http:")) {
      found.push("This page was loaded over https; the browser may refuse to call an http endpoint from it.");
    }
    return found;
  }

  function preview() {
    const complete =
      !endpointFault(endpoint.value.trim()) && event.value.trim() && endpointId.value.trim();
    byId("request").hidden = !complete;
    byId("incomplete").hidden = Boolean(complete);
    const pushes = Boolean(container.value.trim());
    byId("send").textContent = pushes ? "Push event to GTM" : "Send event";
    method.disabled = pushes;
    byId("method-hint").textContent = pushes
      ? "The container's own tags decide how they send."
      : METHOD_HINTS[method.value];
    if (!complete) return;
    const pairs = parameters();
    const full = requestUrl(pairs);
    const shown = token.type === "text" ? full : full.replace(/([?&]token=)[^&]*$/, "$1•••");
    const body = encodeAll(pairs);
    const command = (url) =>
      `curl --globoff --include ${posts() ? `--data-raw ${shellQuote(body)} ` : ""}${shellQuote(url)}`;
    showText("url", shown, full);
    showText("curl", command(shown), command(full));
    showText("body", body, body);
    byId("posted").hidden = !posts();
    byId("url-title").textContent = posts() ? "URL to post to" : "Image URL";
    byId("size").textContent = posts()
      ? `${size(body).toLocaleString("en")} bytes of body`
      : `${size(full).toLocaleString("en")} bytes of URL`;
    byId("warnings").textContent = warnings(full).join("\n");
  }

  /** Show `text`, and let the copy button copy `full`. */
  function showText(id, text, full) {
    byId(id).textContent = text;
    byId(id).dataset.copyText = full;
  }

  // --- Sending -------------------------------------------------------------------------------

  function addResult(title) {
    const item = document.createElement("li");
    const verdict = document.createElement("div");
    const state = document.createElement("strong");
    const took = document.createElement("span");
    const what = document.createElement("p");
    const words = document.createElement("p");
    verdict.className = "verdict";
    took.className = "soft small";
    what.className = "mono";
    words.className = "soft small";
    what.textContent = title;
    verdict.append(state, took);
    item.append(verdict, what, words);
    byId("results").prepend(item);
    byId("no-results").hidden = true;
    const started = performance.now();
    return (name, label, text) => {
      item.dataset.state = name;
      state.textContent = label;
      words.textContent = text;
      took.textContent =
        name === "waiting" ? "" : `${Math.round(performance.now() - started).toLocaleString("en")} ms`;
    };
  }

  /** As GTM's Custom Image tag: an image of one pixel; its loading is the tag's success. */
  function fireImage() {
    const buster = Math.floor(Math.random() * 2147483647);
    const url = requestUrl([...parameters(), ["gtmcb", String(buster)]]);
    const report = addResult(event.value);
    const image = new Image(1, 1);
    const slow = setTimeout(
      () => report("waiting", "No answer yet", `The endpoint has not answered for ${SLOW_MS / 1000} seconds.`),
      SLOW_MS,
    );
    image.onload = () => {
      clearTimeout(slow);
      report("success", "Tag succeeded", "The endpoint answered with its image: the event is in the queue.");
    };
    image.onerror = () => {
      clearTimeout(slow);
      report(
        "failure",
        "Tag failed",
        "The endpoint could not be reached, or its answer was an error. The curl line shows which.",
      );
    };
    report("waiting", "Waiting", "");
    image.src = url;
  }

  /** As a script that sends more than a URL holds: what it may read of the answer is CORS's affair. */
  async function postForm() {
    const report = addResult(event.value);
    report("waiting", "Waiting", "");
    let answer;
    try {
      answer = await fetch(requestUrl([]), { method: "POST", body: new URLSearchParams(parameters()) });
    } catch {
      report(
        "failure",
        "No readable answer",
        "The endpoint could not be reached, or does not let this site read its answer. In the latter case it has the event, and rejects it at delivery if the site is not in its list.",
      );
      return;
    }
    if (answer.ok) {
      report("success", `Answered ${answer.status}`, "The event is in the queue.");
    } else {
      report("failure", `Answered ${answer.status}`, (await answer.text()) || "The event is not in the queue.");
    }
  }

  function sendBeacon() {
    const report = addResult(event.value);
    if (navigator.sendBeacon(requestUrl([]), new URLSearchParams(parameters()))) {
      report("handed", "Handed to the browser", "It sends the event by itself; no page learns the answer.");
    } else {
      report("failure", "Not taken by the browser", "The body is too large, or too much is under way.");
    }
  }

  const containers = new Map();
  const pushedKeys = new Set();

  /** Load a GTM container once, as Google's snippet does. */
  function loadContainer(id) {
    if (!containers.has(id)) {
      const loading = new Promise((resolve, reject) => {
        window.dataLayer = window.dataLayer || [];
        window.dataLayer.push({ "gtm.start": Date.now(), event: "gtm.js" });
        const script = document.createElement("script");
        script.async = true;
        script.onload = resolve;
        script.onerror = () => {
          script.remove();
          containers.delete(id);
          reject(new Error("not loaded"));
        };
        script.src = `https://www.googletagmanager.com/gtm.js?id=${encodeURIComponent(id)}`;
        document.head.append(script);
      });
      containers.set(id, loading);
    }
    return containers.get(id);
  }

  async function pushToContainer(id) {
    // The keys are the URL parameters' names, so that a data layer variable is named like its
    // parameter. GTM remembers keys from push to push: those of earlier events are taken back.
    const fields = Object.fromEntries([
      ...[...pushedKeys].map((name) => [name, undefined]),
      ...parameters().map(([name, value]) => [name, name.startsWith("evmt_") ? Number(value) : value]),
      ...(token.value.trim() ? [["token", token.value.trim()]] : []),
    ]);
    const report = addResult(event.value);
    report("waiting", `Loading ${id}`, "");
    try {
      await loadContainer(id);
    } catch {
      report(
        "failure",
        "Container not loaded",
        `The script of ${id} could not be loaded from www.googletagmanager.com, so nothing was sent. Is this machine offline, does a content blocker stop it, or has the container no published version?`,
      );
      return;
    }
    for (const name of Object.keys(fields)) pushedKeys.add(name);
    window.dataLayer.push(fields);
    report(
      "success",
      "Pushed to dataLayer",
      `${id} is loaded and has the event. Which tags fire is up to its triggers: GTM's preview shows them.`,
    );
  }

  form.addEventListener("submit", (submission) => {
    submission.preventDefault();
    const checks = check();
    show(checks);
    const faults = checks.filter(({ message }) => message);
    const message = byId("form-message");
    message.className = faults.length ? "small error" : "small";
    message.textContent = faults.length
      ? faults.length === 1
        ? "Not sent: one field needs a look."
        : `Not sent: ${faults.length} fields need a look.`
      : "";
    if (faults.length) {
      faults[0].input.focus();
      return;
    }
    const id = container.value.trim();
    if (id) pushToContainer(id);
    else if (method.value === "fetch") postForm();
    else if (method.value === "beacon") sendBeacon();
    else fireImage();
  });

  // --- Rows ----------------------------------------------------------------------------------

  let rowNumber = 0;

  function addRow(group) {
    const row = byId("row").content.firstElementChild.cloneNode(true);
    const number = ++rowNumber;
    const fault = row.querySelector(".error");
    fault.id = `row-${number}-error`;
    for (const part of ["name", "value"]) {
      const input = row.querySelector(`.${part}`);
      const label = input.previousElementSibling;
      input.id = `row-${number}-${part}`;
      input.setAttribute("aria-describedby", fault.id);
      label.htmlFor = input.id;
      label.textContent = `${part === "name" ? "Name" : "Value"} of ${group.dataset.kind}`;
    }
    if (group.dataset.prefix === "evmt_") {
      const value = row.querySelector(".value");
      value.inputMode = "decimal";
      value.placeholder = "19.99";
    }
    row.querySelector(".remove").setAttribute("aria-label", `Remove ${group.dataset.kind}`);
    group.querySelector(".rows").append(row);
    row.querySelector(".name").focus();
  }

  form.addEventListener("click", ({ target }) => {
    const group = target.closest("fieldset");
    if (target.matches(".add")) addRow(group);
    if (target.matches(".remove")) {
      target.closest(".row").remove();
      group.querySelector(".add").focus();
    }
    preview();
  });

  form.addEventListener("input", () => {
    // A fault goes away once it is mended; new ones wait for the next submit.
    show(check(), { onlyMended: true });
    preview();
  });

  byId("show-token").addEventListener("click", ({ target }) => {
    const shown = token.type === "password";
    token.type = shown ? "text" : "password";
    target.textContent = shown ? "Hide" : "Show";
    target.setAttribute("aria-label", `${target.textContent} token`);
    preview();
  });

  endpoint.value = new URLSearchParams(location.search).get("endpoint") ?? "";
  preview();
})();
