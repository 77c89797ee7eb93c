// The list of events.

import { shortName } from "./destinations.js";
import { showDetails } from "./details.js";
import { byId, element, timeElement } from "./dom.js";
import { keepFocus } from "./focus.js";
import { lossWords } from "./losses.js";
import { deliveryWords, nextAttemptWords, statusWords } from "./words.js";

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
    // The route. A refused sender is not authenticated.
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
  row.toggleAttribute("data-losses", Object.keys(hit.losses).length > 0);
  // A posted body that is not a valid event.
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
    ...(nextAttemptWords(hit) ? [element("span", { className: "next-attempt", text: nextAttemptWords(hit) })] : []),
  );
}

const filter = byId("status-filter");

const KEPT = {
  waiting: (hit) => hit.status === "waiting" || hit.status === "retrying",
  dead_letter: (hit) => hit.dead_letter,
  invalid_message: (hit) => hit.invalid_message,
  losses: (hit) => Object.keys(hit.losses).length > 0,
};

const wantedText = () => byId("text-filter").value;

let found = new Set(); // numbers of the matching requests; the server searches, because it has all of each request

function matches(hit) {
  const status = filter.value;
  if (status && !(KEPT[status]?.(hit) ?? hit.status === status)) return false;
  return !wantedText() || found.has(hit.number);
}

let asked = 0; // searches so far

let shownSearch = 0; // number of the newest search with an answer

/** Ask the server which requests contain the text. Ignore an answer after that of a newer search. */
async function search() {
  const mine = ++asked;
  // Without an answer the last result stays; the stream shows that the server has stopped.
  const answer = await fetch(`api/search?text=${encodeURIComponent(wantedText())}`).catch(() => null);
  if (!answer?.ok) return;
  const numbers = new Set(await answer.json());
  if (mine < shownSearch) return;
  shownSearch = mine;
  found = numbers;
  keepFocus(showList);
}

function showFilter() {
  for (const button of document.querySelectorAll(".counter-filter")) {
    button.setAttribute("aria-pressed", String(button.dataset.filter === filter.value));
  }
}

/** Show only the events of a counter, or all if it is selected already. */
function choose(status) {
  filter.value = filter.value === status ? "" : status;
  showFilter();
  showList();
}

function showList() {
  let shown = 0;
  for (const { hit, row } of rows.values()) {
    row.hidden = !matches(hit);
    if (!row.hidden) shown += 1;
  }
  byId("empty").hidden = rows.size > 0;
  byId("filters").hidden = rows.size === 0;
  // Only one primary action, which is in the list while that is empty.
  document.querySelector("#endpoint > .test-event").classList.toggle("primary", rows.size > 0);
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
  if (wantedText()) search();
}

/** Empty the list when the server has restarted. */
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

filter.addEventListener("change", () => {
  showFilter();
  showList();
});

byId("text-filter").addEventListener("input", () => {
  if (wantedText()) search();
  else keepFocus(showList);
});

byId("show-all").addEventListener("click", () => {
  byId("text-filter").value = "";
  keepFocus(() => choose(""));
});

for (const button of document.querySelectorAll(".counter-filter")) {
  button.addEventListener("click", () => choose(button.dataset.filter));
}

showFilter();
showList();
