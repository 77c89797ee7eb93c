// Texts for the state of an event.

import { clock, number, plural } from "./dom.js";

const NOT_SENT = { status: "waiting", delivered: 0, throttled: 0, failed: 0, moved_back: 0 };

/** Return the state of a hit at one destination. */
export function deliveryWords({ status, delivered, throttled, failed, moved_back: movedBack }) {
  const retries = throttled + failed;
  switch (status) {
    case "waiting":
      return movedBack ? "Moved back, waiting in queue" : "Waiting in queue";
    case "retrying":
      return `${[throttled && `throttled ${number(throttled)}×`, failed && `failed ${number(failed)}×`]
        .filter(Boolean)
        .join(", ")
        .replace(/^./, (letter) => letter.toUpperCase())}, retrying`;
    case "delivered":
      if (movedBack) return "Delivered after it was moved back";
      if (delivered > 1) return `Delivered ${number(delivered)}×`;
      return retries ? `Delivered after ${plural(retries, "retry", "retries")}` : "Delivered";
    case "rejected":
      return "Rejected";
    default:
      return "Dropped silently";
  }
}

export function statusWords(hit) {
  if (hit.status === "opted_out") return "Opted out";
  if (hit.status === "refused") {
    return hit.gateway_status < 500
      ? `Refused by the endpoint (${hit.gateway_status})`
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
      return "Dropped silently";
    default:
      return are("delivered") ? `Delivered to ${are("delivered")} of ${all.length}` : "Waiting in queues";
  }
}

/** Return when a hit is tried again; "" if it is not, or if the time is not known. */
export function nextAttemptWords(hit) {
  const times = Object.values(hit.deliveries)
    .filter(({ status, next_attempt: next }) => status === "retrying" && next)
    .map(({ next_attempt: next }) => next);
  return times.length ? `Next attempt at ${clock(Math.min(...times), { exact: false })}` : "";
}
