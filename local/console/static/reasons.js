// Explanations of refusals and rejections.

import { element } from "./dom.js";
import { endpoint } from "./endpoint.js";

export const REASONS = {
  origin:
    "The request came from a site that is not in allowed_origins. The tag still got its image, because CORS only prevents scripts from reading answers.",
  foreign_endpoint:
    "The token and the event name different endpoint IDs. A visitor may only send events with the endpoint ID in the token.",
  malformed: "The message could not be read as an event.",
  unset:
    "The event's type or endpoint ID is white space, or a word that Tag Manager writes for a variable without a value. Visitors without an ID must not become one customer.",
  too_many_events: "The posted list has more events than max_events_per_request allows.",
  reserved_event_type: "The destination reserves this event type for its own events.",
  too_large: "The event alone is larger than the destination accepts.",
  refused: "The destination refused the event permanently.",
  user_attributes_refused: "The destination accepted the event and refused its user attributes.",
  queue_gone: "The topic could not deliver the message to the destination's queue.",
  too_many_receives: "Delivery failed in every attempt that the queue allows.",
};

const STATUSES = {
  400: "event or endpoint_id is missing, blank or a word for no value, or the body is not valid, or has more events than max_events_per_request.",
  403: "The authorizer knows the sender but denies access; nothing was queued.",
  413: "The body is larger than the endpoint accepts.",
  415: "The endpoint only accepts forms, JSON, and JSON as text.",
  500: "The endpoint or the authorizer failed: nothing was queued, and the tag failed.",
  502: "The queue did not accept the message: nothing is kept, and the tag failed.",
};

/** Return an explanation of why a hit was refused or rejected, for its owner; or nothing. */
export function explain(hit, delivery, several) {
  if (hit.status === "opted_out") {
    return "The browser asked not to be tracked (Sec-GPC: 1 or DNT: 1), and honor_privacy_signals is set. The tag got its image; the event is not kept.";
  }
  const [first] = several ? [] : letters(delivery);
  if (hit.status === "rejected" && first) {
    const { reason, detail, body } = first[1];
    // This page's own requests also come from a site.
    const own = reason === "origin" && body.includes(encodeURIComponent(location.origin));
    const part = /^(\d+) of (\d+) events\b/.exec(detail);
    const words = [REASONS[reason], part && part[1] !== part[2] && "The other events of the list are not affected."]
      .filter(Boolean)
      .join(" ");
    return own ? `${words} This time the site was this console: ${location.origin}.` : words;
  }
  if (hit.status !== "refused") return "";
  if (hit.gateway_status === 401) {
    return hit.parameters.some(([name]) => name === "token")
      ? "The authorizer does not accept the token: it has expired, was signed with another key or for another audience, or is not a token. Callers are not told which; nothing was queued."
      : "The request has no token, and nothing else identifies the sender; nothing was queued.";
  }
  if (hit.gateway_detail.includes("Missing Authentication Token")) {
    return endpoint?.authenticated || !hit.path.endsWith("/authenticated")
      ? "API Gateway's message for a path or method that the API does not have, or for a route that requires signed requests."
      : "API Gateway's message for a path that the API does not have: this pipeline has no authenticated route. Start it with -c signed_token=true.";
  }
  return STATUSES[hit.gateway_status];
}

export const DEAD_LETTER_QUEUE = "dead-letter queue";

/** Return the queues that have a rejected message of a delivery, each with the message. */
export function letters(delivery) {
  return [
    [DEAD_LETTER_QUEUE, delivery?.dead_letter],
    ["invalid-message queue", delivery?.invalid_message],
  ].filter(([, letter]) => letter);
}

export function rejected({ reason, detail, body }) {
  return [
    element("p", { text: [reason, detail].filter(Boolean).join(": ") || "No reason is recorded." }),
    element("h4", { text: "Message" }),
    element("pre", { text: body }),
  ];
}
