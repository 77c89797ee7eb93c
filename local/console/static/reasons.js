// Why an event was refused or rejected.

import { element } from "./dom.js";
import { endpoint } from "./endpoint.js";

export const REASONS = {
  origin:
    "The request came from a page of a site that is not in allowed_origins. The tag got its image all the same: CORS stops scripts from reading answers, not images from being requested.",
  foreign_endpoint:
    "The token names another endpoint than the event does. A visitor may write to the endpoint that the token names, and to no other.",
  malformed: "The message could not be read as an event.",
  unset:
    "The event's type or its endpoint ID is a word that Tag Manager writes for a variable without a value, or white space. Visitors without an ID must not become one customer.",
  too_many_events: "The posted list has more events than max_events_per_request allows.",
  reserved_event_type: "The destination keeps this event type for its own events.",
  too_large: "The event alone is larger than the destination takes.",
  refused: "The destination refused the event for good.",
  user_attributes_refused: "The destination took the event and refused its user attributes.",
  queue_gone: "The topic could not put it into the destination's queue.",
  too_many_receives: "It failed so often that the queue gave it up.",
};

const STATUSES = {
  400: "event or endpoint_id is missing, blank or a word for no value, or the body is not what the endpoint takes, or has more events than max_events_per_request.",
  403: "The authorizer knows who sent it and does not let it in; nothing was queued.",
  413: "The body is larger than the endpoint takes.",
  415: "The endpoint takes forms, JSON and JSON as text only.",
  500: "The endpoint itself failed, or the authorizer did: nothing was queued, and the tag failed.",
  502: "The queue did not take the message: nothing is kept, and the tag failed.",
};

/** Return why a hit was refused, in a sentence for whoever has to mend it; or nothing. */
export function explain(hit, delivery, several) {
  if (hit.status === "opted_out") {
    return "The browser asked not to be tracked (Sec-GPC: 1 or DNT: 1), and honor_privacy_signals is set. The tag got its image; the event is not kept.";
  }
  const [first] = several ? [] : letters(delivery);
  if (hit.status === "rejected" && first) {
    const { reason, detail, body } = first[1];
    // What this page sends comes from a site too.
    const own = reason === "origin" && body.includes(encodeURIComponent(location.origin));
    const part = /^(\d+) of (\d+) events\b/.exec(detail);
    const words = [REASONS[reason], part && part[1] !== part[2] && "The other events of the list are not concerned."]
      .filter(Boolean)
      .join(" ");
    return own ? `${words} This time the site was this console: ${location.origin}.` : words;
  }
  if (hit.status !== "refused") return "";
  if (hit.gateway_status === 401) {
    return hit.parameters.some(([name]) => name === "token")
      ? "The authorizer does not accept the token: it has expired, was signed with another key or for another audience, or is not a token. Callers are not told which; nothing was queued."
      : "There is no token, and nobody else vouches for the sender; nothing was queued.";
  }
  if (hit.gateway_detail.includes("Missing Authentication Token")) {
    return endpoint?.authenticated || !hit.path.endsWith("/authenticated")
      ? "API Gateway's words for a path or a method that the API does not have, or for a route that takes signed requests only."
      : "API Gateway's words for a path that the API does not have: this pipeline runs without the authenticated route. It has one when started with -c signed_token=true.";
  }
  return STATUSES[hit.gateway_status];
}

export const DEAD_LETTER_QUEUE = "dead-letter queue";

/** Return the queues of rejected messages that hold something of a delivery, each with what it holds. */
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
