// Differences between what the tag sent and what a destination received.

import { shortName } from "./destinations.js";
import { element, number } from "./dom.js";
import { CUT, LOSSES } from "./losses.js";

// The shortest length to which any destination cuts a user attribute.
const SHORTEST_CUT = 100;

const wholeDocuments = ({ got }) =>
  // A stream's record and a bus's entry contain the event record.
  got.map(({ document: shown }) => shown?.Data ?? shown?.Detail ?? shown ?? {});

/** Return an event's values at a destination by parameter; null if it has not received the event. */
function gotAt(delivery, index) {
  const documents = delivery.sent.filter((each) => each.index === index).flatMap(wholeDocuments);
  const events = documents.filter((each) => "EventType" in Object(each) || "event_type" in Object(each));
  if (!events.length) return null;
  const values = new Map();
  // Customer Profiles receives user attributes in a separate object, which is not an event.
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

/** Return how a destination's values differ from those sent and not left out; "" if they do not. */
function difference(name, values, got) {
  const prefix = name.slice(0, 5);
  if (!got.has(name)) {
    if (!["evat_", "evmt_", "usat_"].includes(prefix)) return "";
    if (prefix === "usat_" && got.areApart) {
      return "Sent in the endpoint's visitor object, with the newest value of the batch";
    }
    return prefix === "usat_"
      ? "Not delivered: the endpoint has more user attributes than the destination accepts"
      : "Not delivered";
  }
  const sentOn = got.get(name);
  const metric = prefix === "evmt_";
  // Customer Profiles accepts one text, so several values are joined.
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
    return `Cut to ${number(cut)} characters, the destination's limit`;
  }
  const why =
    prefix === "usat_"
      ? ", the newest value in the batch, because an older one could arrive last"
      : "";
  return `Sent as ${text}${why}`;
}

/** Return why a parameter differs at a destination or is missing there; "" if it is unchanged. */
function divergence(parameters, at, losses, got) {
  const [name] = parameters[at];
  const loss = losses[at];
  if (loss && loss !== CUT) return `Left out: ${LOSSES[loss][1]}`;
  // Compare several values of a user attribute once, beside the last one.
  const isKept = ([other], place) => other === name && (losses[place] ?? CUT) === CUT;
  const values = parameters.filter(isKept).map(([, value]) => value);
  const words = got && parameters.findLastIndex(isKept) === at ? difference(name, values, got) : "";
  return words || (loss ? LOSSES[loss][1] : "");
}

/** Return each difference of a parameter, with the destinations that have it. */
function divergences(parameters, at, places) {
  const kinds = new Map(); // by the words
  for (const { kind, losses, got } of places) {
    const words = divergence(parameters, at, losses, got);
    kinds.set(words, [...(kinds.get(words) ?? []), shortName(kind)]);
  }
  kinds.delete("");
  return [...kinds].map(([words, names]) => (names.length === places.length ? words : `${names.join(", ")}: ${words}`));
}

/** Return an event's parameters as the tag sent them, with the differences at destinations. */
export function parameterTable(hit, parameters, index) {
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
  const others = new Map(); // user attributes from the endpoint's other events
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
        text: `Also sent, from other events of this endpoint in the same request: ${also}`,
      }),
  ].filter(Boolean);
}
