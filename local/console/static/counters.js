// The totals.

import { byId, number, plural } from "./dom.js";

export function showCounters(counters) {
  for (const cell of document.querySelectorAll("[data-counter]")) {
    const value = counters[cell.dataset.counter];
    cell.textContent = value === null ? "–" : number(value);
    cell.closest(".counter").toggleAttribute("data-zero", !value);
  }
  // Without it the other counters would not add up, but most pipelines never need it.
  document.querySelector("[data-counter=opted_out]").closest(".counter").hidden = !counters.opted_out;
  const dropped = byId("dropped");
  dropped.hidden = !counters.dropped;
  const words = `${plural(counters.dropped, "event was", "events were")} lost: the destination answered 202 and never recorded ${counters.dropped === 1 ? "it" : "them"}.`;
  if (dropped.textContent !== words) dropped.textContent = words;
}
