// The list of events.

import { shortName } from "./destinations.js";
import { showDetails } from "./details.js";
import { byId, element, timeElement } from "./dom.js";
import { deliveryWords, lossWords, statusWords } from "./words.js";

const MOST_ROWS = 1000;

const ANNOUNCE_MS = 3000;

const list = byId("hits");

const rows = new Map(); // number → {hit, row, revision of the details shown}

let forgotten = false;

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

export function update(hits, { fresh }) {
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

/** Empty the list, when the server begins anew. */
export function clear() {
  rows.clear();
  list.replaceChildren();
  forgotten = false;
}

let announced = 0;

export function announce(hits) {
  if (!hits.length || Date.now() - announced < ANNOUNCE_MS) return;
  announced = Date.now();
  const [hit] = hits;
  byId("announcement").textContent = `${hit.event || "Event"}: ${statusWords(hit)}`;
}

byId("status-filter").addEventListener("change", showList);

byId("text-filter").addEventListener("input", showList);
