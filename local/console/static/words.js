// What became of an event, in words.

import { number, plural } from "./dom.js";

const NOT_SENT = { status: "waiting", delivered: 0, throttled: 0, failed: 0 };

/** Say what became of a hit at one destination. */
export function deliveryWords({ status, delivered, throttled, failed }) {
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

export function statusWords(hit) {
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

// Why a parameter is left out or cut: in a row, and beside the parameter.
export const CUT = "value_too_long";

export const LOSSES = {
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
export function lossWords({ losses }) {
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
