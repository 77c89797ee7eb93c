// The details of one event.

import { destinations, titleOf } from "./destinations.js";
import { parameterTable } from "./divergences.js";
import { element, number, timeElement } from "./dom.js";
import { DEAD_LETTER_QUEUE, explain, letters, REASONS, rejected } from "./reasons.js";
import { keepFocus } from "./focus.js";
import { moveBack } from "./move-back.js";
import { deliveryWords } from "./words.js";

export async function showDetails(entry) {
  const { hit, row } = entry;
  if (entry.shownRevision === hit.revision) return;
  entry.shownRevision = hit.revision;
  let sheet;
  try {
    const answer = await fetch(`api/hits/${hit.number}`);
    if (!answer.ok) throw new Error(await answer.text());
    sheet = makeSheet(await answer.json());
  } catch (error) {
    entry.shownRevision = 0;
    sheet = element("div", { className: "sheet" });
    sheet.append(element("p", { className: "error wide", text: `Not shown: ${error.message}` }));
  }
  keepFocus(() => {
    row.querySelector(".sheet")?.remove();
    row.append(sheet);
  });
}

function makeSheet(hit) {
  const sheet = element("div", { className: "sheet" });
  const deliveries = Object.entries(hit.deliveries);
  const several = deliveries.length > 1;
  const explanation = explain(hit, deliveries[0]?.[1], several);
  if (explanation) sheet.append(element("p", { className: "explanation wide", text: explanation }));
  sheet.append(sentByTag(hit));
  if (several && hit.status !== "opted_out") {
    sheet.append(
      block("What each destination received", ...deliveries.map(([kind, delivery]) => atPlace(hit.number, kind, delivery))),
    );
  } else {
    sheet.append(block("What the destination received", ...gotByDestination(hit, deliveries[0]?.[1])));
  }
  if (hit.gateway_detail) {
    sheet.append(block("What the endpoint answered", element("pre", { text: hit.gateway_detail })));
  }
  for (const [queue, letter] of several ? [] : letters(deliveries[0]?.[1])) {
    const made = block(`In the ${queue}`, ...rejected(letter), ...moveBack(hit.number, deliveries[0][0], queue));
    made.className = "wide";
    sheet.append(made);
  }
  return sheet;
}

// Kept outside the sheet, which is rebuilt at each change.
const opened = new Map(); // kind → whether it is open

/** Return a hit's details at one of several destinations. */
function atPlace(hitNumber, kind, delivery) {
  const words = deliveryWords(delivery);
  const status = element("span", { className: "pill", text: words });
  status.dataset.state = delivery.status;
  const made = element(
    "details",
    { className: "place-details", open: opened.get(kind) ?? kind === destinations[0]?.kind },
    element("summary", {}, element("span", { className: "place-name", text: titleOf(kind) }), status),
  );
  made.dataset.kind = kind;
  made.addEventListener("toggle", () => opened.set(kind, made.open));
  for (const [, { reason }] of letters(delivery)) {
    if (REASONS[reason]) made.append(element("p", { className: "explanation", text: REASONS[reason] }));
  }
  made.append(...gotByDestination({ status: delivery.status }, delivery));
  for (const [queue, letter] of letters(delivery)) {
    const whose = queue === DEAD_LETTER_QUEUE ? "its" : "the";
    made.append(element("h4", { text: `In ${whose} ${queue}` }), ...rejected(letter), ...moveBack(hitNumber, kind, queue));
  }
  return made;
}

function block(title, ...children) {
  return element("section", {}, element("h3", { text: title }), ...children);
}

function sentByTag(hit) {
  if (hit.query === null) {
    return block(
      "What the tag sent",
      element("p", { className: "soft small", text: "Not known: this console did not see the request." }),
    );
  }
  const sent = hit.asked.some((parameters) => parameters.length)
    ? hit.asked.flatMap((parameters, index) => [
        hit.asked.length > 1 && element("h4", { text: `Event ${number(index + 1)} of ${number(hit.asked.length)}` }),
        ...parameterTable(hit, parameters, index),
      ])
    : [
        element("p", {
          className: "soft small",
          text:
            hit.method !== "POST"
              ? "No parameters."
              : hit.body_cut
                ? "In the request's body, which is too long to show here. See what each destination received."
                : "In the request's body, which is not a valid event.",
        }),
      ];
  const line = `${hit.method} ${hit.path}${hit.query ? `?${hit.query}` : ""}`;
  return block(
    "What the tag sent",
    ...sent.filter(Boolean),
    element("h4", { text: "As sent" }),
    element("pre", { text: hit.body ? `${line}\n\n${hit.body}` : line }),
  );
}

function gotByDestination(hit, delivery) {
  const nothing = {
    refused: "Nothing: the request was never queued.",
    rejected: "Nothing: the message was rejected before it was sent.",
    opted_out: "Nothing, and nothing about the visitor was stored.",
  };
  const sent = delivery?.sent ?? [];
  if (!sent.length) {
    const words = nothing[hit.status] ?? "Nothing yet: the message waits for the next batch.";
    return [element("p", { className: "soft small", text: words })];
  }
  if (sent.length === 1) return sentEvent(sent[0]);
  return sent.map((each) =>
    element(
      "details",
      { className: "listed" },
      element("summary", { text: `${each.event_type} · ${each.endpoint_id} · ${each.status}` }),
      ...sentEvent(each),
    ),
  );
}

const shownDocument = ({ title, document: shown }) => [
  element("h4", { text: title }),
  element("pre", { text: JSON.stringify(shown, null, 2) }),
];

function sentEvent({ got, arrived, attempts }) {
  const answers = element("ol", { className: "attempts" });
  for (const { time, status, message } of attempts) {
    answers.append(
      element(
        "li",
        {},
        timeElement(time),
        element("strong", { text: status }),
        element("span", { text: message }),
      ),
    );
  }
  return [
    ...got.flatMap(shownDocument),
    ...(attempts.length ? [element("h4", { text: "Answers" }), answers] : []),
    ...(arrived.length > 1
      ? [element("p", { className: "small twice", text: `The event arrived ${number(arrived.length)} times.` })]
      : []),
    ...arrived.flatMap(shownDocument),
  ];
}
