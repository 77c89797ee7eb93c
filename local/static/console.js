"use strict";

// Everything shown here was sent by a browser somewhere: it reaches the page through textContent only.
(() => {
  const MOST_ROWS = 1000;
  const ANNOUNCE_MS = 3000;

  const byId = (id) => document.getElementById(id);
  const number = (value) => value.toLocaleString("en");
  const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

  function element(tag, { className = "", text, ...properties } = {}, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    Object.assign(made, properties);
    made.append(...children.filter(Boolean));
    return made;
  }

  const twoDigits = (value) => String(value).padStart(2, "0");

  function clock(milliseconds) {
    const time = new Date(milliseconds);
    const parts = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits);
    return `${parts.join(":")}.${String(time.getMilliseconds()).padStart(3, "0")}`;
  }

  function timeElement(milliseconds, className = "") {
    const time = new Date(milliseconds);
    return element("time", {
      className,
      text: clock(milliseconds),
      dateTime: time.toISOString(),
      title: time.toLocaleString(),
    });
  }

  // --- Totals, endpoint, destination ---------------------------------------------------------

  function showCounters(counters) {
    for (const cell of document.querySelectorAll("[data-counter]")) {
      const value = counters[cell.dataset.counter];
      cell.textContent = value === null ? "–" : number(value);
      cell.parentElement.toggleAttribute("data-zero", !value);
    }
    const dropped = byId("dropped");
    dropped.hidden = !counters.dropped;
    const words = `${plural(counters.dropped, "event was", "events were")} lost: the destination answered 202 and never recorded ${counters.dropped === 1 ? "it" : "them"}.`;
    if (dropped.textContent !== words) dropped.textContent = words;
  }

  let endpointUrl = null;

  function showEndpoint(url, imageUrl) {
    if (url === endpointUrl) return;
    endpointUrl = url;
    byId("starting").hidden = Boolean(url);
    byId("endpoint").hidden = !url;
    byId("first-steps").hidden = !url;
    if (!url) return;
    byId("endpoint-url").textContent = url;
    byId("image-url").textContent = imageUrl;
    byId("first-curl").textContent = `curl --include '${url}?event=hello&endpoint_id=me'`;
    for (const link of [byId("demo-link"), byId("empty-demo-link")]) {
      link.href = `/demo/?endpoint=${encodeURIComponent(url)}`;
    }
  }

  function behaviourWords(told) {
    const extent = (action) => {
      if (told[`${action}_next`]) return `the next ${number(told[`${action}_next`])}`;
      const share = told[`${action}_share`];
      return share === 1 ? "all" : `${Math.round(share * 100)} %`;
    };
    for (const [action, verb] of [
      ["drop", "Dropping"],
      ["throttle", "Throttling"],
      ["fail", "Failing"],
    ]) {
      if (told[`${action}_next`] || told[`${action}_share`]) return `${verb} ${extent(action)}`;
    }
    if (told.slow_next) return `Slow for the next ${number(told.slow_next)}`;
    const refused = told.refuse_event_types;
    if (refused.length) return refused.includes("*") ? "Refusing all" : `Refusing ${refused.join(", ")}`;
    if (told.refuse_endpoint_ids.length || told.refuse_endpoint_data.length) return "Refusing endpoints";
    if (told.latency_ms) return `${number(told.latency_ms)} ms slower`;
    return "Normal";
  }

  function showBehaviour(told) {
    const words = behaviourWords(told);
    const pill = byId("behaviour");
    pill.textContent = words;
    pill.dataset.state = words === "Normal" ? "good" : "warn";
  }

  const mode = byId("mode");
  const extent = byId("extent");

  function showControls() {
    for (const part of document.querySelectorAll("#control [data-for]")) {
      const concerned = part.dataset.for.split(" ").includes(mode.value);
      const counts = mode.value === "slow" || extent.value === "next";
      part.hidden = !concerned || ("count" in part.dataset && !counts);
    }
  }

  function wanted() {
    const count = Number(byId("count").value);
    switch (mode.value) {
      case "throttle":
      case "fail":
      case "drop":
        return extent.value === "next"
          ? { [`${mode.value}_next`]: count }
          : { [`${mode.value}_share`]: extent.value === "half" ? 0.5 : 1 };
      case "slow":
        return { slow_next: count, slow_seconds: Number(byId("seconds").value) };
      case "refuse": {
        const types = byId("refused-types")
          .value.split(",")
          .map((type) => type.trim())
          .filter(Boolean);
        return { refuse_event_types: types.length ? types : ["*"] };
      }
      default:
        return {};
    }
  }

  async function tell(behaviour) {
    const result = byId("control-result");
    try {
      const answer = await fetch("/control", { method: "PUT", body: JSON.stringify(behaviour) });
      if (!answer.ok) throw new Error(await answer.text());
      showBehaviour(await answer.json());
      result.textContent = "";
    } catch (error) {
      result.textContent = `Not applied: ${error.message}`;
    }
  }

  mode.addEventListener("change", showControls);
  extent.addEventListener("change", showControls);
  byId("control").addEventListener("submit", (submission) => {
    submission.preventDefault();
    tell(wanted());
  });
  byId("normal").addEventListener("click", () => {
    mode.value = "normal";
    showControls();
    tell({});
  });

  // --- The test event: a real image request, as a tag sends it --------------------------------

  function sendTestEvent() {
    const query = new URLSearchParams({
      event: "test_event",
      endpoint_id: "console",
      evat_sent_from: "console",
      evmt_price: "19.99",
      gtmcb: String(Math.floor(Math.random() * 2147483647)),
    });
    const started = performance.now();
    const image = new Image(1, 1);
    const say = (state, words) => {
      // Beside each of the buttons: the one in the empty list goes away with the first event.
      for (const result of document.querySelectorAll(".test-result")) {
        result.dataset.state = state;
        result.textContent = words;
      }
    };
    image.onload = () =>
      say("good", `Answered in ${Math.round(performance.now() - started)} ms. Delivery follows with the next batch.`);
    image.onerror = () =>
      say("bad", "The endpoint could not be reached, or answered with an error.");
    say("", "Sending");
    image.src = `${endpointUrl}?${query}`;
  }

  for (const button of document.querySelectorAll(".test-event")) {
    button.addEventListener("click", sendTestEvent);
  }

  // --- Events --------------------------------------------------------------------------------

  const list = byId("hits");
  const rows = new Map(); // number → {hit, row, revision of the details shown}
  let forgotten = false;

  function statusWords(hit) {
    const retries = hit.throttled + hit.failed;
    switch (hit.status) {
      case "waiting":
        return "Waiting in queue";
      case "retrying":
        return `${[
          hit.throttled && `throttled ${number(hit.throttled)}×`,
          hit.failed && `failed ${number(hit.failed)}×`,
        ]
          .filter(Boolean)
          .join(", ")
          .replace(/^./, (letter) => letter.toUpperCase())}, retrying`;
      case "delivered":
        if (hit.delivered > 1) return `Delivered ${number(hit.delivered)}×`;
        return retries ? `Delivered after ${plural(retries, "retry", "retries")}` : "Delivered";
      case "rejected":
        return "Rejected";
      case "dropped":
        return "Dropped in silence";
      default:
        return hit.gateway_status < 500
          ? `Refused at the door (${hit.gateway_status})`
          : `Not queued (${hit.gateway_status})`;
    }
  }

  function makeRow(hit) {
    const row = element("details", { className: "hit" });
    row.append(element("summary"));
    row.addEventListener("toggle", () => {
      if (row.open) showDetails(rows.get(hit.number));
    });
    return row;
  }

  function showRow(entry) {
    const { hit, row } = entry;
    const label = statusWords(hit);
    const preview = hit.preview.map(([name, value]) => `${name}=${value}`).join("  ");
    row.dataset.status = hit.status;
    row.dataset.number = hit.number;
    const status = element("span", { className: "status pill", text: label });
    status.dataset.state = hit.status;
    row.querySelector("summary").replaceChildren(
      timeElement(hit.time, "time"),
      element("span", { className: "event", text: hit.event || "(no event)" }),
      element("span", { className: "endpoint mono", text: hit.endpoint_id || "(no endpoint ID)" }),
      status,
      element("span", { className: "preview mono", text: preview || "no further parameters" }),
      ...(hit.reason ? [element("span", { className: "reason", text: hit.reason })] : []),
    );
  }

  function matches(hit) {
    const text = byId("text-filter").value.toLowerCase();
    const status = byId("status-filter").value;
    return (
      (!status || hit.status === status) &&
      (!text || hit.event.toLowerCase().includes(text) || hit.endpoint_id.toLowerCase().includes(text))
    );
  }

  function showList() {
    let shown = 0;
    for (const { hit, row } of rows.values()) {
      row.hidden = !matches(hit);
      if (!row.hidden) shown += 1;
    }
    byId("empty").hidden = rows.size > 0;
    byId("filters").hidden = rows.size === 0;
    list.hidden = shown === 0;
    byId("none-match").hidden = rows.size === 0 || shown > 0;
    byId("more").hidden = !forgotten;
  }

  function update(hits, { fresh }) {
    // Newest first in the message; each goes to the top, so the oldest must go first.
    for (const hit of [...hits].reverse()) {
      let entry = rows.get(hit.number);
      if (!entry) {
        entry = { row: makeRow(hit), shownRevision: 0 };
        rows.set(hit.number, entry);
        if (fresh) entry.row.classList.add("fresh");
        list.prepend(entry.row);
      }
      entry.hit = hit;
      showRow(entry);
      if (entry.row.open) showDetails(entry);
    }
    while (rows.size > MOST_ROWS) {
      const [oldest, { row }] = rows.entries().next().value;
      row.remove();
      rows.delete(oldest);
      forgotten = true;
    }
    showList();
  }

  let announced = 0;

  function announce(hits) {
    if (!hits.length || Date.now() - announced < ANNOUNCE_MS) return;
    announced = Date.now();
    const [hit] = hits;
    byId("announcement").textContent = `${hit.event || "Event"}: ${statusWords(hit)}`;
  }

  // --- One event in full ---------------------------------------------------------------------

  async function showDetails(entry) {
    const { hit, row } = entry;
    if (entry.shownRevision === hit.revision) return;
    entry.shownRevision = hit.revision;
    let sheet;
    try {
      const answer = await fetch(`/api/hits/${hit.number}`);
      if (!answer.ok) throw new Error(await answer.text());
      sheet = makeSheet(await answer.json());
    } catch (error) {
      entry.shownRevision = 0;
      sheet = element("div", { className: "sheet" });
      sheet.append(element("p", { className: "error wide", text: `Not shown: ${error.message}` }));
    }
    row.querySelector(".sheet")?.remove();
    row.append(sheet);
  }

  function makeSheet(hit) {
    const sheet = element("div", { className: "sheet" });
    sheet.append(sentByTag(hit), gotByDestination(hit));
    if (hit.gateway_detail) {
      sheet.append(block("What the endpoint answered", element("pre", { text: hit.gateway_detail })));
    }
    if (hit.dead_letter) sheet.append(deadLetter(hit.dead_letter));
    return sheet;
  }

  function block(title, ...children) {
    return element("section", {}, element("h3", { text: title }), ...children);
  }

  function sentByTag(hit) {
    if (hit.query === null) {
      return block(
        "What the tag sent",
        element("p", { className: "soft small", text: "Not known: the request was not seen by this console." }),
      );
    }
    const table = element("table");
    const body = element("tbody");
    for (const [name, value] of hit.parameters) {
      body.append(
        element("tr", {}, element("th", { scope: "row", text: name }), element("td", { text: value })),
      );
    }
    table.append(body);
    return block(
      "What the tag sent",
      hit.parameters.length ? table : element("p", { className: "soft small", text: "No parameters." }),
      element("h4", { text: "As sent" }),
      element("pre", { text: `${hit.method} ${hit.path}${hit.query ? `?${hit.query}` : ""}` }),
    );
  }

  function gotByDestination(hit) {
    const parts = [];
    if (hit.sent) {
      parts.push(
        element("h4", { text: `Endpoint ${hit.sent.endpoint_id}` }),
        element("pre", { text: JSON.stringify(hit.sent.endpoint, null, 2) }),
        element("h4", { text: `Event ${hit.event_id}` }),
        element("pre", { text: JSON.stringify(hit.sent.event, null, 2) }),
      );
    } else {
      const nothing = {
        refused: "Nothing: the request was never queued.",
        rejected: "Nothing: the message was rejected before it was sent.",
      };
      parts.push(
        element("p", { className: "soft small", text: nothing[hit.status] ?? "Nothing yet: the message waits for the next batch." }),
      );
    }
    if (hit.attempts.length) {
      const attempts = element("ol", { className: "attempts" });
      for (const { time, status, message } of hit.attempts) {
        attempts.append(
          element(
            "li",
            {},
            timeElement(time),
            element("strong", { text: status ? String(status) : "none" }),
            element("span", { text: message }),
          ),
        );
      }
      parts.push(element("h4", { text: "Its answers" }), attempts);
    }
    return block("What the destination got", ...parts);
  }

  function deadLetter({ reason, detail, body }) {
    const made = block(
      "In the dead-letter queue",
      element("p", { text: [reason, detail].filter(Boolean).join(": ") || "No reason is recorded." }),
      element("h4", { text: "Message" }),
      element("pre", { text: body }),
    );
    made.className = "wide";
    return made;
  }

  // --- Live updates --------------------------------------------------------------------------

  function showConnection(state, words) {
    const pill = byId("connection");
    pill.dataset.state = state;
    if (pill.textContent !== words) pill.textContent = words;
  }

  function connect() {
    const source = new EventSource("/api/stream");
    source.onopen = () => showConnection("good", "Live");
    source.onmessage = ({ data }) => {
      const state = JSON.parse(data);
      if (state.reset) {
        rows.clear();
        list.replaceChildren();
        forgotten = false;
      }
      showCounters(state.counters);
      showEndpoint(state.endpoint_url, state.image_url);
      showBehaviour(state.behaviour);
      update(state.hits, { fresh: !state.reset });
      if (!state.reset) announce(state.hits);
    };
    source.onerror = () => {
      showConnection("warn", "Reconnecting");
      // The browser reconnects by itself, except when it was refused.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
    };
  }

  byId("status-filter").addEventListener("change", showList);
  byId("text-filter").addEventListener("input", showList);
  for (const panel of document.querySelectorAll(".panel")) {
    panel.open = matchMedia("(min-width: 72rem)").matches;
  }
  showControls();
  connect();
})();
