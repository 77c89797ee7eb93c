"use strict";

(() => {
  const SLOW_MS = 15000;

  const faults = window.demoFaults;
  const gtm = window.demoContainer;
  const { size, of: warningsOf } = window.demoWarnings;
  const byId = (id) => document.getElementById(id);
  const form = byId("form");
  const endpoint = byId("endpoint");
  const event = byId("event");
  const endpointId = byId("endpoint-id");
  const token = byId("token");
  const method = byId("method");
  const container = byId("container");

  const METHOD_HINTS = {
    image: "A tag only learns whether the image loads: that is success, anything else is failure.",
    fetch: "For events that do not fit into a URL. This page can read the answer if the endpoint permits its site (CORS).",
    beacon: "For events that do not fit into a URL, and when a visitor leaves the page. The page never learns the result.",
  };

  // --- The form ------------------------------------------------------------------------------

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

  /** Return {input, output, message} for every field and row. The message is "" without a fault. */
  function check() {
    const seen = new Set();
    const endpointText = endpoint.value.trim();
    const containerText = container.value.trim();
    return [
      {
        input: endpoint,
        output: byId("endpoint-error"),
        // The container's own tag has the URL; the form's URL only shows the request.
        message: containerText && !endpointText ? "" : faults.endpoint(endpointText),
      },
      {
        input: event,
        output: byId("event-error"),
        message: event.value.trim() ? "" : "Enter the event's name.",
      },
      {
        input: endpointId,
        output: byId("endpoint-id-error"),
        message: endpointId.value.trim() ? "" : "Enter the ID of the customer or visitor that the event belongs to.",
      },
      ...rows().map((row) => {
        const [input, message] = faults.row(row, seen);
        return { input, output: row.element.querySelector(".error"), message };
      }),
      { input: token, output: byId("token-error"), message: faults.token(token.value.trim()) },
      { input: container, output: byId("container-error"), message: faults.container(containerText) },
    ];
  }

  /** Show the faults of `checks`. With onlyFixed, only remove faults that are fixed. */
  function show(checks, { onlyFixed = false } = {}) {
    for (const { input, output, message } of checks) {
      if (onlyFixed && (message || output.hidden)) continue;
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
      // check() never lets a row without a name be sent. Leave it out of the preview too.
      ...rows()
        .filter(({ name }) => name.value)
        .map(({ prefix, name, value }) => [prefix + name.value, value.value]),
    ];
  }

  // Half a surrogate pair cannot be encoded. Only a script can put one into a text field.
  const encode = (text) =>
    encodeURIComponent(text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD"));

  const encodeAll = (pairs) => pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");

  const posts = () => method.value !== "image";

  /** Return the event's URL, with the token if there is one: the authorizer reads it from there. */
  function requestUrl(pairs) {
    const tokenText = token.value.trim();
    const url = new URL(endpoint.value.trim());
    url.hash = "";
    const query = encodeAll([...(posts() ? [] : pairs), ...(tokenText ? [["token", tokenText]] : [])]);
    if (!query) return url.href;
    return `${url.href}${url.search ? "&" : url.href.endsWith("?") ? "" : "?"}${query}`;
  }

  // Within single quotes, a POSIX shell interprets nothing but the single quote itself.
  const shellQuote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

  // --- The request, shown while typing -------------------------------------------------------

  /** Show the tag to paste. It needs only the endpoint's URL, and the rows that have a name. */
  function previewTag() {
    const fault = faults.endpoint(endpoint.value.trim());
    byId("tag").hidden = Boolean(fault);
    byId("no-tag").hidden = !fault;
    if (fault) return;
    const names = gtm.variables([
      ...new Set(rows().filter(({ name }) => name.value).map(({ prefix, name }) => prefix + name.value)),
    ]);
    const withToken = Boolean(token.value.trim());
    const url = gtm.tagUrl(endpoint.value.trim(), names, encode, withToken);
    showText("gtm", url, url);
    byId("local-address").hidden = !/^https?:\/\/(127\.|localhost\b|\[::1\])/i.test(url);
    const made = [...new Set(["endpoint_id", ...names.values(), ...(withToken ? ["token"] : [])])];
    byId("gtm-variables").textContent = made.map((name) => `{{${name}}}`).join(", ");
  }

  function preview() {
    byId("address-as-id").hidden = !endpointId.value.includes("@");
    previewTag();
    const complete =
      !faults.endpoint(endpoint.value.trim()) && event.value.trim() && endpointId.value.trim();
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
    byId("url-title").textContent = posts() ? "URL to post to" : "URL with these values";
    byId("size").textContent = posts()
      ? `${size(body).toLocaleString("en")} bytes of body`
      : `${size(full).toLocaleString("en")} bytes of URL`;
    const found = warningsOf({
      url: full,
      body: posts() ? body : "",
      method: method.value,
      event: event.value,
      token: token.value.trim(),
      rows: rows(),
    });
    byId("warnings").textContent = found.join("\n");
  }

  /** Show `text`, and let the copy button copy `full`. */
  function showText(id, text, full) {
    byId(id).textContent = text;
    byId(id).dataset.copyText = full;
  }

  // --- Sending -------------------------------------------------------------------------------

  /** Show the result beside the button. */
  function say(state, text) {
    const message = byId("form-message");
    message.dataset.state = state;
    message.textContent = text;
  }

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
      say(name, name === "waiting" ? `${label} …` : `${label}. ${text}`);
      item.dataset.state = name;
      state.textContent = label;
      words.textContent = text;
      took.textContent =
        name === "waiting" ? "" : `${Math.round(performance.now() - started).toLocaleString("en")} ms`;
    };
  }

  /** Load a one-pixel image, like GTM's Custom Image tag, which succeeds if the image loads. */
  function fireImage() {
    const buster = Math.floor(Math.random() * 2147483647);
    const url = requestUrl([...parameters(), ["gtmcb", String(buster)]]);
    const report = addResult(event.value);
    const image = new Image(1, 1);
    const slow = setTimeout(
      () => report("late", "No answer yet", `The endpoint has not answered for ${SLOW_MS / 1000} seconds.`),
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
        "The endpoint could not be reached, or its answer was an error. Open the URL with these values in a new window to see the reason.",
      );
    };
    report("waiting", "Waiting", "");
    image.src = url;
  }

  /** Post like a script whose event does not fit into a URL. CORS decides if it may read the answer. */
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
        "The endpoint could not be reached, or does not permit this site to read its answer. In the latter case the event is queued, and rejected later if the site is not in allowed_origins.",
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
      report("handed", "Handed to the browser", "The browser sends the event; no page learns the answer.");
    } else {
      report("failure", "Refused by the browser", "The body is too large, or there are too many pending beacons.");
    }
  }

  async function pushToContainer(id) {
    // The keys are the variables of the tag that this page writes.
    const [[, name], [, endpointIdText], ...others] = parameters();
    const names = gtm.variables(others.map(([parameter]) => parameter));
    const fields = {
      event: name,
      endpoint_id: endpointIdText,
      ...Object.fromEntries(
        others.map(([parameter, value]) => [
          names.get(parameter),
          parameter.startsWith("evmt_") ? Number(value) : value,
        ]),
      ),
      ...(token.value.trim() ? { token: token.value.trim() } : {}),
    };
    const report = addResult(event.value);
    report("waiting", `Loading ${id}`, "");
    try {
      await gtm.load(id);
    } catch {
      report(
        "failure",
        "Container not loaded",
        `The script of ${id} could not be loaded from www.googletagmanager.com, so nothing was sent. Check whether this machine is online, a content blocker stops the script, and the container has a published version.`,
      );
      return;
    }
    gtm.push(fields);
    report(
      "success",
      "Pushed to dataLayer",
      `${id} is loaded and has the event. Its triggers decide which tags fire; GTM's preview shows them.`,
    );
  }

  form.addEventListener("submit", (submission) => {
    submission.preventDefault();
    const checks = check();
    show(checks);
    const wrong = checks.filter(({ message }) => message);
    if (wrong.length) {
      const count = wrong.length === 1 ? "one field needs" : `${wrong.length} fields need`;
      say("failure", `Not sent: ${count} a correction.`);
      wrong[0].input.focus();
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
    // A fixed fault disappears at once. New faults appear at the next submit.
    show(check(), { onlyFixed: true });
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
