// What a destination got otherwise than the tag sent it.

import { shortName } from "./destinations.js";
import { element, number } from "./dom.js";
import { CUT, LOSSES } from "./losses.js";

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
