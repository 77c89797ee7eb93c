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

  // --- The destinations ----------------------------------------------------------------------

  const SHORT_NAMES = {
    pinpoint: "Pinpoint",
    kinesis: "Kinesis",
    firehose: "Firehose",
    eventbridge: "EventBridge",
    "customer-profiles": "Customer Profiles",
  };
  let destinations = []; // as the server lists them, the first first

  const shortName = (kind) => SHORT_NAMES[kind] ?? kind;
  const titleOf = (kind) => destinations.find((each) => each.kind === kind)?.title ?? kind;

  // --- Totals, endpoint ----------------------------------------------------------------------

  function showCounters(counters) {
    for (const cell of document.querySelectorAll("[data-counter]")) {
      const value = counters[cell.dataset.counter];
      cell.textContent = value === null ? "–" : number(value);
      cell.parentElement.toggleAttribute("data-zero", !value);
    }
    // Without it the others would not add up to what was received; most pipelines never have one.
    document.querySelector("[data-counter=opted_out]").parentElement.hidden = !counters.opted_out;
    const dropped = byId("dropped");
    dropped.hidden = !counters.dropped;
    const words = `${plural(counters.dropped, "event was", "events were")} lost: the destination answered 202 and never recorded ${counters.dropped === 1 ? "it" : "them"}.`;
    if (dropped.textContent !== words) dropped.textContent = words;
  }

  let endpoint = null; // {endpoint_url, image_url, authenticated: the same or null}

  const authenticating = () => document.querySelector("#access input:checked").value === "authenticated";

  function showEndpoint({ endpoint_url, image_url, authenticated }) {
    const latest = { endpoint_url, image_url, authenticated };
    if (JSON.stringify(latest) === JSON.stringify(endpoint)) return;
    endpoint = latest;
    byId("starting").hidden = Boolean(endpoint_url);
    byId("endpoint").hidden = !endpoint_url;
    byId("first-steps").hidden = !endpoint_url;
    byId("access").hidden = !authenticated;
    if (!authenticated) document.querySelector("#access input").checked = true;
    if (endpoint_url) showRoute();
  }

  /** Show the route that is chosen: its URLs, and the controls that belong to it. */
  function showRoute() {
    const signed = authenticating();
    const { endpoint_url, image_url } = signed ? endpoint.authenticated : endpoint;
    byId("endpoint-url").textContent = endpoint_url;
    byId("image-url").textContent = image_url;
    byId("token-controls").hidden = !signed;
    byId("signed").hidden = !signed || !byId("signed-url").textContent;
    byId("first-curl").textContent = `curl --include '${endpoint.endpoint_url}?event=hello&endpoint_id=me'`;
    for (const link of [byId("demo-link"), byId("empty-demo-link")]) {
      link.href = `demo/?endpoint=${encodeURIComponent(endpoint_url)}`;
    }
  }

  for (const choice of document.querySelectorAll("#access input")) {
    choice.addEventListener("change", showRoute);
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
    if (told.fail_records_share) return `Failing ${Math.round(told.fail_records_share * 100)} % of records`;
    if (told.slow_next) return `Slow for the next ${number(told.slow_next)}`;
    const refused = told.refuse_event_types;
    if (refused.length) return refused.includes("*") ? "Refusing all" : `Refusing ${refused.join(", ")}`;
    if (told.refuse_endpoint_ids.length || told.refuse_endpoint_data.length) return "Refusing endpoints";
    if (told.latency_ms) return `${number(told.latency_ms)} ms slower`;
    return "Normal";
  }

  /** Show the destinations: their counters and what they are told. */
  function showDestinations(latest) {
    const changed = latest.map(({ kind }) => kind).join() !== destinations.map(({ kind }) => kind).join();
    destinations = latest;
    const several = latest.length > 1;
    if (changed) {
      for (const label of document.querySelectorAll("[data-several]")) {
        label.dataset.one ??= label.textContent;
        label.textContent = several ? label.dataset.several : label.dataset.one;
      }
      const told = byId("told");
      told.replaceChildren(...latest.map(({ kind }) => element("option", { value: kind, text: shortName(kind) })));
      byId("told-choice").hidden = !several;
      showControls();
    }
    byId("places").hidden = !several;
    document.querySelector(".places-table tbody").replaceChildren(...latest.map(placeRow));
    showBehaviour();
  }

  function behaviourPill(destination) {
    const words = behaviourWords(destination.behaviour);
    const pill = element("span", { className: "pill", text: words });
    pill.dataset.state = words === "Normal" ? "good" : "warn";
    return pill;
  }

  function placeRow(destination) {
    const cell = (label, value, tone) => {
      const made = element("td", { text: value === null ? "–" : number(value) });
      made.dataset.label = label;
      if (value && tone) made.dataset.tone = tone;
      return made;
    };
    const told = element("td", {}, behaviourPill(destination));
    told.dataset.label = "Behaviour";
    told.toggleAttribute("data-told", behaviourWords(destination.behaviour) !== "Normal");
    const row = element(
      "tr",
      {},
      element("th", { scope: "row", text: destination.title }),
      cell("Waiting", destination.waiting),
      cell("Retrying", destination.retrying, "warn"),
      cell("Delivered", destination.delivered, "good"),
      cell("Rejected", destination.rejected, "bad"),
      cell("Dead letters", destination.dead_letters, "bad"),
      told,
    );
    row.dataset.kind = destination.kind;
    return row;
  }

  function showBehaviour() {
    const pill = byId("behaviour");
    const told = destinations
      .map(({ kind, behaviour }) => [kind, behaviourWords(behaviour)])
      .filter(([, words]) => words !== "Normal");
    pill.dataset.state = told.length ? "warn" : "good";
    if (!told.length) pill.textContent = "Normal";
    else if (destinations.length === 1) pill.textContent = told[0][1];
    else pill.textContent = `${number(told.length)} ${told.length === 1 ? "misbehaves" : "misbehave"}`;
  }

  const mode = byId("mode");
  const extent = byId("extent");

  const chosen = () => destinations.find(({ kind }) => kind === byId("told").value) ?? destinations[0];

  function showControls() {
    const destination = chosen();
    if (destination) {
      const { title, operation, stand_in, words, impossible } = destination;
      byId("destination-words").textContent = stand_in
        ? `A stand-in for ${title}: ${operation}. Tell it to misbehave and watch what becomes of the events.`
        : `${title} as the emulator has it, behind a server for ${operation}. Tell it to misbehave and watch what becomes of the events.`;
      const records = document.querySelector("#mode option[value=records]");
      records.disabled = records.hidden = impossible.includes("fail_records_share");
      if (records.disabled && mode.value === "records") mode.value = "normal";
      byId("mode-words").textContent = words[mode.value] ?? "";
    }
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
      case "records":
        return { fail_records_share: Number(byId("failed-share").value) / 100 };
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
      const destination = chosen();
      const answer = await fetch(`control/${destination.kind}`, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(behaviour),
      });
      if (!answer.ok) throw new Error(await answer.text());
      destination.behaviour = await answer.json();
      showDestinations(destinations);
      result.textContent = "";
    } catch (error) {
      result.textContent = `Not applied: ${error.message}`;
    }
  }

  mode.addEventListener("change", showControls);
  byId("told").addEventListener("change", showControls);
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

  // Beside each of the buttons: the one in the empty list goes away with the first event.
  function say(state, words) {
    for (const result of document.querySelectorAll(".test-result")) {
      result.dataset.state = state;
      result.textContent = words;
    }
  }

  /** Return a token as the controls describe it; null for none. */
  async function mint() {
    const validity = byId("validity").value;
    if (validity === "missing") return null;
    const answer = await fetch("api/token", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        subject: byId("subject").value,
        endpoint_id: byId("claimed-endpoint").value || null,
        expired: validity === "expired",
      }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    const { token } = await answer.json();
    if (validity !== "forged") return token;
    // The first character, for the last one holds bits that do not count.
    const [header, claims, signature] = token.split(".");
    return [header, claims, (signature[0] === "A" ? "B" : "A") + signature.slice(1)].join(".");
  }

  const tokenButton = byId("show-token");
  let tokenShown = false;

  /** Show the signed URL; nothing if it is empty, as without a token. */
  function showSigned(full = byId("signed-url").dataset.copyText) {
    const url = byId("signed-url");
    url.dataset.copyText = full;
    byId("signed").hidden = !full;
    url.textContent = tokenShown ? full : full.replace(/([?&]token=)[^&]*/, "$1•••");
    tokenButton.textContent = tokenShown ? "Hide" : "Show";
    tokenButton.setAttribute("aria-label", `${tokenButton.textContent} token`);
  }

  tokenButton.addEventListener("click", () => {
    tokenShown = !tokenShown;
    showSigned();
  });

  async function sendTestEvent() {
    const signed = authenticating();
    const query = new URLSearchParams({
      event: "test_event",
      endpoint_id: "console",
      evat_sent_from: "console",
      evmt_price: "19.99",
      usat_plan: "gold",
    });
    say("", "Sending");
    let url = `${endpoint.endpoint_url}?${query}`;
    if (signed) {
      let token;
      try {
        token = await mint();
      } catch (error) {
        say("bad", `No token, nothing sent: ${error.message}`);
        return;
      }
      if (token) query.set("token", token);
      url = `${endpoint.authenticated.endpoint_url}?${query}`;
      showSigned(token ? url : "");
    }
    const started = performance.now();
    const image = new Image(1, 1);
    image.onload = () =>
      say("good", `Answered in ${Math.round(performance.now() - started)} ms. Delivery follows with the next batch.`);
    image.onerror = () =>
      say(
        "bad",
        signed
          ? "The tag failed: the authorizer refused it, or the endpoint could not be reached. The list shows which."
          : "The endpoint could not be reached, or answered with an error.",
      );
    image.src = `${url}&gtmcb=${Math.floor(Math.random() * 2147483647)}`;
  }

  for (const button of document.querySelectorAll(".test-event")) {
    button.addEventListener("click", sendTestEvent);
  }

  // --- Events --------------------------------------------------------------------------------

  const list = byId("hits");
  const rows = new Map(); // number → {hit, row, revision of the details shown}
  let forgotten = false;

  const NOT_SENT = { status: "waiting", delivered: 0, throttled: 0, failed: 0 };

  /** Say what became of a hit at one destination. */
  function deliveryWords({ status, delivered, throttled, failed }) {
    const retries = throttled + failed;
    switch (status) {
      case "waiting":
        return "Waiting in queue";
      case "retrying":
        return `${[throttled && `throttled ${number(throttled)}×`, failed && `failed ${number(failed)}×`]
          .filter(Boolean)
          .join(", ")
          .replace(/^./, (letter) => letter.toUpperCase())}, retrying`;
      case "delivered":
        if (delivered > 1) return `Delivered ${number(delivered)}×`;
        return retries ? `Delivered after ${plural(retries, "retry", "retries")}` : "Delivered";
      case "rejected":
        return "Rejected";
      default:
        return "Dropped in silence";
    }
  }

  function statusWords(hit) {
    if (hit.status === "opted_out") return "Opted out";
    if (hit.status === "refused") {
      return hit.gateway_status < 500
        ? `Refused at the door (${hit.gateway_status})`
        : `Not queued (${hit.gateway_status})`;
    }
    const all = Object.values(hit.deliveries);
    if (all.length <= 1) return deliveryWords({ ...NOT_SENT, ...all[0], status: hit.status });
    const are = (status) => all.filter((each) => each.status === status).length;
    switch (hit.status) {
      case "delivered":
        return `Delivered to all ${all.length}`;
      case "retrying":
        return `Retrying at ${are("retrying")} of ${all.length}`;
      case "rejected":
        return `Rejected by ${are("rejected")} of ${all.length}`;
      case "dropped":
        return "Dropped in silence";
      default:
        return are("delivered") ? `Delivered to ${are("delivered")} of ${all.length}` : "Waiting in queues";
    }
  }

  /** Return a mark for each destination of a hit that has several. */
  function places(hit) {
    const all = Object.entries(hit.deliveries);
    if (all.length <= 1 || hit.status === "opted_out") return null;
    return element(
      "span",
      { className: "places" },
      ...all.map(([kind, delivery]) => {
        const place = element("span", { className: "place", title: deliveryWords(delivery) }, shortName(kind));
        place.append(element("span", { className: "visually-hidden", text: `: ${deliveryWords(delivery)}` }));
        place.dataset.state = delivery.status;
        return place;
      }),
    );
  }

  function makeRow(hit) {
    const row = element("details", { className: "hit" });
    row.append(element("summary"));
    row.addEventListener("toggle", () => {
      if (row.open) showDetails(rows.get(hit.number));
    });
    return row;
  }

  // Why a parameter is left out or cut: in a row, and beside the parameter.
  const CUT = "value_too_long";
  const LOSSES = {
    unset: ["unset", "a word that stands for a variable without a value"],
    empty_value: ["empty", "empty"],
    empty_name: ["no name", "nothing follows evat_, evmt_ or usat_"],
    unknown_parameter: ["unknown", "not a parameter that the endpoint knows"],
    not_a_number: ["not a number", "not a number"],
    name_too_long: ["name too long", "the name is longer than the destination takes"],
    repeated: ["repeated", "it is repeated, and the last one counts"],
    too_many_parameters: ["too many", "more attributes and metrics than the destination takes, which keeps the first by name"],
    too_many_values: ["too many values", "more values than the destination takes of a user attribute"],
    not_for_anonymous: ["not permitted", "anonymous_user_attributes does not name it"],
    not_for_authenticated: ["not permitted", "authenticated_user_attributes does not name it"],
    timestamp_not_accepted: ["timestamp not accepted", "accept_client_timestamp is not set, so the time of the request counts"],
    not_a_time: ["not a time", "neither ISO 8601 with a zone nor epoch seconds or milliseconds, so the time of the request counts"],
    implausible_time: ["implausible time", "more than 5 minutes ahead or 7 days old, so the time of the request counts"],
    [CUT]: ["too long", "Cut: longer than the destination takes"],
  };

  /** Say how many of a hit's parameters are left out or cut, and why; nothing if none is. */
  function lossWords({ losses }) {
    const cut = losses[CUT];
    const out = Object.entries(losses).filter(([loss]) => loss !== CUT);
    const shorts = new Map(); // how many, by the words: two reasons may share them
    for (const [loss, count] of out) {
      const [short] = LOSSES[loss];
      shorts.set(short, (shorts.get(short) ?? 0) + count);
    }
    const total = out.reduce((sum, [, count]) => sum + count, 0);
    const why = [...shorts].map(([short, count]) => (count > 1 && shorts.size > 1 ? `${number(count)} ${short}` : short));
    return [total && `${number(total)} left out: ${why.join(", ")}`, cut && `${number(cut)} cut: ${LOSSES[CUT][0]}`]
      .filter(Boolean)
      .join("; ");
  }

  function marks(hit) {
    const mark = (text, name) => element("span", { className: `mark ${name}`, text });
    return [
      hit.events > 1 && mark(`${hit.events} events`, "count"),
      hit.method !== "GET" && mark(hit.method, "method"),
      // The route; nobody is authenticated whom it did not let in.
      hit.access &&
        (hit.status === "refused" && hit.access === "authenticated"
          ? mark("authenticated route", "route")
          : mark(hit.access, hit.access)),
    ].filter(Boolean);
  }

  function showRow(entry) {
    const { hit, row } = entry;
    const label = statusWords(hit);
    const preview = hit.preview.map(([name, value]) => `${name}=${value}`).join("  ");
    row.dataset.status = hit.status;
    row.dataset.number = hit.number;
    // What is posted and no event that the endpoint knows.
    const missing = hit.method === "POST" ? "(in the body)" : null;
    const status = element("span", { className: "status pill", text: label });
    status.dataset.state = hit.status;
    row.querySelector("summary").replaceChildren(
      timeElement(hit.time, "time"),
      element(
        "span",
        { className: "what" },
        element("span", { className: "event", text: hit.event || missing || "(no event)" }),
        ...marks(hit),
      ),
      element("span", { className: "endpoint mono", text: hit.endpoint_id || missing || "(no endpoint ID)" }),
      status,
      element("span", { className: "preview mono", text: preview || (missing ? "" : "no further parameters") }),
      ...[places(hit)].filter(Boolean),
      ...(lossWords(hit) ? [element("span", { className: "losses", text: lossWords(hit) })] : []),
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
      const answer = await fetch(`api/hits/${hit.number}`);
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
    const deliveries = Object.entries(hit.deliveries);
    const several = deliveries.length > 1;
    const explanation = explain(hit, deliveries[0]?.[1], several);
    if (explanation) sheet.append(element("p", { className: "explanation wide", text: explanation }));
    sheet.append(sentByTag(hit));
    if (several && hit.status !== "opted_out") {
      sheet.append(
        block("What each destination got", ...deliveries.map(([kind, delivery]) => atPlace(kind, delivery))),
      );
    } else {
      sheet.append(block("What the destination got", ...gotByDestination(hit, deliveries[0]?.[1])));
    }
    if (hit.gateway_detail) {
      sheet.append(block("What the endpoint answered", element("pre", { text: hit.gateway_detail })));
    }
    for (const [queue, letter] of several ? [] : letters(deliveries[0]?.[1])) {
      const made = block(`In the ${queue}`, ...rejected(letter));
      made.className = "wide";
      sheet.append(made);
    }
    return sheet;
  }

  // Which are open outlives the sheet: it is made anew with each change.
  const opened = new Map(); // kind → whether it is open

  /** Return what happened to a hit at one of several destinations. */
  function atPlace(kind, delivery) {
    const words = deliveryWords(delivery);
    const status = element("span", { className: "pill", text: words });
    status.dataset.state = delivery.status;
    const made = element(
      "details",
      { className: "place-details", open: opened.get(kind) ?? kind === destinations[0]?.kind },
      element("summary", {}, element("span", { className: "place-name", text: titleOf(kind) }), status),
    );
    made.dataset.kind = kind;
    made.addEventListener("toggle", () => opened.set(kind, made.open));
    for (const [, { reason }] of letters(delivery)) {
      if (REASONS[reason]) made.append(element("p", { className: "explanation", text: REASONS[reason] }));
    }
    made.append(...gotByDestination({ status: delivery.status }, delivery));
    for (const [queue, letter] of letters(delivery)) {
      const whose = queue === DEAD_LETTER_QUEUE ? "its" : "the";
      made.append(element("h4", { text: `In ${whose} ${queue}` }), ...rejected(letter));
    }
    return made;
  }

  function block(title, ...children) {
    return element("section", {}, element("h3", { text: title }), ...children);
  }

  // The shortest that any destination cuts a user attribute to.
  const SHORTEST_CUT = 100;

  const wholeDocuments = ({ got }) =>
    // A record of a stream, or an entry of a bus, has the event's record inside.
    got.map(({ document: shown }) => shown?.Data ?? shown?.Detail ?? shown ?? {});

  /** Return the parameters' values that a destination got of an event, by name; null if it has not got it. */
  function gotAt(delivery, index) {
    const documents = delivery.sent.filter((each) => each.index === index).flatMap(wholeDocuments);
    const events = documents.filter((each) => "EventType" in Object(each) || "event_type" in Object(each));
    if (!events.length) return null;
    const values = new Map();
    // Customer Profiles gets user attributes in an object of their own, which is no event's.
    values.areApart = events.every((each) => "event_type" in each && !("user_attributes" in each));
    const take = (prefix, members) => {
      for (const [name, value] of Object.entries(members ?? {})) values.set(prefix + name, [value].flat());
    };
    for (const each of events) {
      take("evat_", each.Attributes ?? each.attributes);
      take("evmt_", each.Metrics ?? each.metrics);
      take("usat_", each.user_attributes);
    }
    for (const each of documents) take("usat_", each.User?.UserAttributes);
    return values;
  }

  /** Return in words what a destination got instead of the values that were not left out; nothing if it got them. */
  function difference(name, values, got) {
    const prefix = name.slice(0, 5);
    if (!got.has(name)) {
      if (!["evat_", "evmt_", "usat_"].includes(prefix)) return "";
      if (prefix === "usat_" && got.areApart) {
        return "Sent on in the visitor object of its endpoint, with the newest value of the batch";
      }
      return prefix === "usat_"
        ? "Not delivered: the user attributes of its endpoint are more than the destination takes"
        : "Not delivered";
    }
    const sentOn = got.get(name);
    const metric = prefix === "evmt_";
    // Customer Profiles takes one text: several values are joined.
    const one = sentOn.length === 1 && values.length > 1 ? [values.join(", ")] : values;
    if (
      sentOn.length === one.length &&
      sentOn.every((value, at) => (metric ? value === Number(one[at]) : String(value) === one[at]))
    ) {
      return "";
    }
    const text = sentOn.join(", ");
    const cut = [...text].length;
    if (one.join(", ").startsWith(text) && (prefix !== "usat_" || cut >= SHORTEST_CUT)) {
      return `Sent on cut to ${number(cut)} characters, as many as the destination takes`;
    }
    const why =
      prefix === "usat_"
        ? ": a newer event of this endpoint in the same batch says so, and only the newest is sent on, for an older one could arrive last"
        : "";
    return `Sent on as ${text}${why}`;
  }

  /** Return why a destination got a parameter otherwise than it was sent, or not at all; nothing if it got it. */
  function divergence(parameters, at, losses, got) {
    const [name] = parameters[at];
    const loss = losses[at];
    if (loss && loss !== CUT) return `Left out: ${LOSSES[loss][1]}`;
    // Of a user attribute with several values they are compared once, beside the last.
    const isKept = ([other], place) => other === name && (losses[place] ?? CUT) === CUT;
    const values = parameters.filter(isKept).map(([, value]) => value);
    const words = got && parameters.findLastIndex(isKept) === at ? difference(name, values, got) : "";
    return words || (loss ? LOSSES[loss][1] : "");
  }

  /** Return each divergence of a parameter with the destinations that it concerns. */
  function divergences(parameters, at, places) {
    const kinds = new Map(); // by the words
    for (const { kind, losses, got } of places) {
      const words = divergence(parameters, at, losses, got);
      kinds.set(words, [...(kinds.get(words) ?? []), shortName(kind)]);
    }
    kinds.delete("");
    return [...kinds].map(([words, names]) => (names.length === places.length ? words : `${names.join(", ")}: ${words}`));
  }

  /** Return an event's parameters as the tag sent them, and what was sent on where that is something else. */
  function parameterTable(hit, parameters, index) {
    const places = Object.entries(hit.deliveries)
      .map(([kind, delivery]) => ({ kind, losses: delivery.losses[index], got: gotAt(delivery, index) }))
      .filter(({ losses, got }) => losses || got)
      .map((place) => ({ ...place, losses: place.losses ?? {} }));
    const body = element("tbody");
    const note = (text) => element("span", { className: "left-out", text });
    parameters.forEach(([name, value], at) => {
      const notes = divergences(parameters, at, places);
      body.append(
        element("tr", {}, element("th", { scope: "row", text: name }), element("td", { text: value }, ...notes.map(note))),
      );
    });
    const sent = new Set(parameters.map(([name]) => name));
    const others = new Map(); // what came with the endpoint, of its other events
    for (const { got } of places) {
      for (const [name, values] of got ?? []) {
        if (name.startsWith("usat_") && !sent.has(name)) others.set(name, values.join(", "));
      }
    }
    const also = [...others].map(([name, text]) => `${name}=${text}`).join("  ");
    return [
      element("table", {}, body),
      others.size > 0 &&
        element("p", {
          className: "small others",
          text: `Beside it, from other events of this endpoint in the same request: ${also}`,
        }),
    ].filter(Boolean);
  }

  function sentByTag(hit) {
    if (hit.query === null) {
      return block(
        "What the tag sent",
        element("p", { className: "soft small", text: "Not known: the request was not seen by this console." }),
      );
    }
    const sent = hit.asked.some((parameters) => parameters.length)
      ? hit.asked.flatMap((parameters, index) => [
          hit.asked.length > 1 && element("h4", { text: `Event ${number(index + 1)} of ${number(hit.asked.length)}` }),
          ...parameterTable(hit, parameters, index),
        ])
      : [
          element("p", {
            className: "soft small",
            text:
              hit.method !== "POST"
                ? "No parameters."
                : hit.body_cut
                  ? "In the request's body, which is too long to show here. What each destination got is beside it."
                  : "In the request's body, which is no event that the endpoint knows.",
          }),
        ];
    const line = `${hit.method} ${hit.path}${hit.query ? `?${hit.query}` : ""}`;
    return block(
      "What the tag sent",
      ...sent.filter(Boolean),
      element("h4", { text: "As sent" }),
      element("pre", { text: hit.body ? `${line}\n\n${hit.body}` : line }),
    );
  }

  function gotByDestination(hit, delivery) {
    const nothing = {
      refused: "Nothing: the request was never queued.",
      rejected: "Nothing: the message was rejected before it was sent.",
      opted_out: "Nothing, and nothing of the visitor was stored.",
    };
    const sent = delivery?.sent ?? [];
    if (!sent.length) {
      const words = nothing[hit.status] ?? "Nothing yet: the message waits for the next batch.";
      return [element("p", { className: "soft small", text: words })];
    }
    if (sent.length === 1) return sentEvent(sent[0]);
    return sent.map((each) =>
      element(
        "details",
        { className: "listed" },
        element("summary", { text: `${each.event_type} · ${each.endpoint_id} · ${each.status}` }),
        ...sentEvent(each),
      ),
    );
  }

  const exposition = ({ title, document: shown }) => [
    element("h4", { text: title }),
    element("pre", { text: JSON.stringify(shown, null, 2) }),
  ];

  function sentEvent({ got, arrived, attempts }) {
    const answers = element("ol", { className: "attempts" });
    for (const { time, status, message } of attempts) {
      answers.append(
        element(
          "li",
          {},
          timeElement(time),
          element("strong", { text: status }),
          element("span", { text: message }),
        ),
      );
    }
    return [
      ...got.flatMap(exposition),
      ...(attempts.length ? [element("h4", { text: "Its answers" }), answers] : []),
      ...(arrived.length > 1
        ? [element("p", { className: "small twice", text: `It is there ${number(arrived.length)} times.` })]
        : []),
      ...arrived.flatMap(exposition),
    ];
  }

  const REASONS = {
    origin:
      "The request came from a page of a site that is not in allowed_origins. The tag got its image all the same: CORS stops scripts from reading answers, not images from being requested.",
    foreign_endpoint:
      "The token names another endpoint than the event does. A visitor may write to the endpoint that the token names, and to no other.",
    malformed: "The message could not be read as an event.",
    unset:
      "The event's type or its endpoint ID is a word that Tag Manager writes for a variable without a value, or white space. Visitors without an ID must not become one customer.",
    too_many_events: "The posted list has more events than max_events_per_request allows.",
    reserved_event_type: "The destination keeps this event type for its own events.",
    too_large: "The event alone is larger than the destination takes.",
    refused: "The destination refused the event for good.",
    user_attributes_refused: "The destination took the event and refused its user attributes.",
    queue_gone: "The topic could not put it into the destination's queue.",
    too_many_receives: "It failed so often that the queue gave it up.",
  };
  const STATUSES = {
    400: "event or endpoint_id is missing, blank or a word for no value, or the body is not what the endpoint takes, or has more events than max_events_per_request.",
    403: "The authorizer knows who sent it and does not let it in; nothing was queued.",
    413: "The body is larger than the endpoint takes.",
    415: "The endpoint takes forms, JSON and JSON as text only.",
    500: "The endpoint itself failed, or the authorizer did: nothing was queued, and the tag failed.",
    502: "The queue did not take the message: nothing is kept, and the tag failed.",
  };

  /** Return why a hit was refused, in a sentence for whoever has to mend it; or nothing. */
  function explain(hit, delivery, several) {
    if (hit.status === "opted_out") {
      return "The browser asked not to be tracked (Sec-GPC: 1 or DNT: 1), and honor_privacy_signals is set. The tag got its image; the event is not kept.";
    }
    const [first] = several ? [] : letters(delivery);
    if (hit.status === "rejected" && first) {
      const { reason, detail, body } = first[1];
      // What this page sends comes from a site too.
      const own = reason === "origin" && body.includes(encodeURIComponent(location.origin));
      const part = /^(\d+) of (\d+) events\b/.exec(detail);
      const words = [REASONS[reason], part && part[1] !== part[2] && "The other events of the list are not concerned."]
        .filter(Boolean)
        .join(" ");
      return own ? `${words} This time the site was this console: ${location.origin}.` : words;
    }
    if (hit.status !== "refused") return "";
    if (hit.gateway_status === 401) {
      return hit.parameters.some(([name]) => name === "token")
        ? "The authorizer does not accept the token: it has expired, was signed with another key or for another audience, or is not a token. Callers are not told which; nothing was queued."
        : "There is no token, and nobody else vouches for the sender; nothing was queued.";
    }
    if (hit.gateway_detail.includes("Missing Authentication Token")) {
      return endpoint?.authenticated || !hit.path.endsWith("/authenticated")
        ? "API Gateway's words for a path or a method that the API does not have, or for a route that takes signed requests only."
        : "API Gateway's words for a path that the API does not have: this pipeline runs without the authenticated route. It has one when started with -c signed_token=true.";
    }
    return STATUSES[hit.gateway_status];
  }

  const DEAD_LETTER_QUEUE = "dead-letter queue";

  /** Return the queues of rejected messages that hold something of a delivery, each with what it holds. */
  function letters(delivery) {
    return [
      [DEAD_LETTER_QUEUE, delivery?.dead_letter],
      ["invalid-message queue", delivery?.invalid_message],
    ].filter(([, letter]) => letter);
  }

  function rejected({ reason, detail, body }) {
    return [
      element("p", { text: [reason, detail].filter(Boolean).join(": ") || "No reason is recorded." }),
      element("h4", { text: "Message" }),
      element("pre", { text: body }),
    ];
  }

  // --- Live updates --------------------------------------------------------------------------

  function showConnection(state, words) {
    const pill = byId("connection");
    pill.dataset.state = state;
    if (pill.textContent !== words) pill.textContent = words;
  }

  function connect() {
    const source = new EventSource("api/stream");
    source.onopen = () => showConnection("good", "Live");
    source.onmessage = ({ data }) => {
      const state = JSON.parse(data);
      if (state.reset) {
        rows.clear();
        list.replaceChildren();
        forgotten = false;
      }
      showDestinations(state.destinations);
      document.dispatchEvent(new CustomEvent("console:state", { detail: state })); // profile.js
      showCounters(state.counters);
      showEndpoint(state);
      update(state.hits, { fresh: !state.reset });
      if (!state.reset) announce(state.hits);
    };
    source.onerror = async () => {
      showConnection("warn", "Reconnecting");
      // The browser reconnects by itself, except when it was refused.
      if (source.readyState !== EventSource.CLOSED) return;
      const status = await fetch(location.href, { cache: "no-store" }).then((answer) => answer.status, () => 0);
      if (status === 403) {
        // Another run, which has another key.
        showConnection("warn", "This run has ended. Open the address that the new one printed.");
      } else setTimeout(connect, 2000);
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
