// Reasons why values are left out of an event or cut, and settings that permit them.

import { number } from "./dom.js";

export const CUT = "value_too_long";

// Short text for a row, text beside the parameter, and the setting that permits it, if any.
export const LOSSES = {
  unset: ["unset", "a word for a variable without a value"],
  empty_value: ["empty", "empty"],
  empty_name: ["no name", "nothing follows evat_, evmt_ or usat_"],
  unknown_parameter: ["unknown", "not a parameter of the endpoint"],
  not_a_number: ["not a number", "not a number"],
  name_too_long: ["name too long", "the name is longer than the destination accepts"],
  repeated: ["repeated", "it is repeated, and the last one counts"],
  too_many_parameters: ["too many", "more attributes and metrics than the destination accepts; the first by name are kept"],
  too_many_values: ["too many values", "more values of a user attribute than the destination accepts"],
  not_for_anonymous: ["not permitted", "anonymous_user_attributes does not name it", "anonymous_user_attributes"],
  not_for_authenticated: ["not permitted", "authenticated_user_attributes does not name it", "authenticated_user_attributes"],
  timestamp_not_accepted: [
    "timestamp not accepted",
    "accept_client_timestamp is not set, so the time of the request counts",
    "accept_client_timestamp",
  ],
  not_a_time: ["not a time", "neither ISO 8601 with a zone nor epoch seconds or milliseconds, so the time of the request counts"],
  implausible_time: ["implausible time", "more than 5 minutes ahead or 7 days old, so the time of the request counts"],
  [CUT]: ["too long", "Cut: longer than the destination accepts"],
};

/** Return how many of a hit's parameters are left out or cut, and why; "" if none is. */
export function lossWords({ losses }) {
  const cut = losses[CUT];
  const out = Object.entries(losses).filter(([loss]) => loss !== CUT);
  const shorts = new Map(); // number and settings by short text, which two reasons may share
  for (const [loss, count] of out) {
    const [short, , setting] = LOSSES[loss];
    const { number: before = 0, settings = [] } = shorts.get(short) ?? {};
    shorts.set(short, { number: before + count, settings: setting ? [...settings, setting] : settings });
  }
  const total = out.reduce((sum, [, count]) => sum + count, 0);
  const why = [...shorts].map(([short, { number: count, settings }]) => {
    const words = count > 1 && shorts.size > 1 ? `${number(count)} ${short}` : short;
    return settings.length ? `${words} (${settings.join(" or ")} permits it)` : words;
  });
  return [total && `${number(total)} left out: ${why.join(", ")}`, cut && `${number(cut)} cut: ${LOSSES[CUT][0]}`]
    .filter(Boolean)
    .join("; ");
}
