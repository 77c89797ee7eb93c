// Keeps the focus on a visible element when the page changes.

import { byId } from "./dom.js";

const lost = () =>
  document.activeElement === document.body || !document.activeElement.checkVisibility({ visibilityProperty: true });

/** Return a function that finds an element's successor after a rebuild; null if it has none. */
function successor(focused) {
  const row = focused.closest(".hit");
  if (!row) return null;
  const place = focused.closest(".place-details")?.dataset.kind;
  const within = place ? `.place-details[data-kind="${CSS.escape(place)}"] ` : "";
  const self = focused.matches("button[data-queue]") ? `button[data-queue="${focused.dataset.queue}"]` : "summary";
  return () => row.querySelector(`${within}${self}`) ?? row.querySelector("summary");
}

/**
 * Change the page, and keep the focus. If its element disappears, the focus goes to its successor, its row, or the
 * heading of the events.
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
