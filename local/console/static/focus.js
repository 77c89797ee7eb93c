// Focus: it never falls to the body.

import { byId } from "./dom.js";

const lost = () =>
  document.activeElement === document.body || !document.activeElement.checkVisibility({ visibilityProperty: true });

/** Return how to find an element's successor once it is made anew; null if nothing tells. */
function successor(focused) {
  const row = focused.closest(".hit");
  if (!row) return null;
  const place = focused.closest(".place-details")?.dataset.kind;
  const within = place ? `.place-details[data-kind="${CSS.escape(place)}"] ` : "";
  const self = focused.matches("button[data-queue]") ? `button[data-queue="${focused.dataset.queue}"]` : "summary";
  return () => row.querySelector(`${within}${self}`) ?? row.querySelector("summary");
}

/**
 * Change the page, and leave the focus where it was. If its element goes away, its successor gets it, then its row,
 * then the heading of the events.
 */
export function keepFocus(change) {
  const focused = document.activeElement;
  const kept = focused && focused !== document.body;
  const next = kept ? successor(focused) : null;
  const result = change();
  if (!kept || !lost()) return result;
  for (const candidate of [next?.(), byId("events-title")]) {
    candidate?.focus({ preventScroll: true });
    if (!lost()) break;
  }
  return result;
}
