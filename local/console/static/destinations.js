// The destinations: counters, and controls that make them misbehave.

import { byId, element, number } from "./dom.js";

const SHORT_NAMES = {
  pinpoint: "Pinpoint",
  kinesis: "Kinesis",
  firehose: "Firehose",
  eventbridge: "EventBridge",
  "customer-profiles": "Customer Profiles",
};

export let destinations = []; // in the server's order

export const shortName = (kind) => SHORT_NAMES[kind] ?? kind;

export const titleOf = (kind) => destinations.find((each) => each.kind === kind)?.title ?? kind;

function behaviorWords(told) {
  const extent = (action) => {
    if (told[`${action}_next`]) return `the next ${number(told[`${action}_next`])}`;
    const share = told[`${action}_share`];
    return share === 1 ? "all" : `${Math.round(share * 100)} %`;
  };
  for (const [action, verb] of [
    ["drop", "Dropping"],
    ["throttle", "Throttling"],
    ["fail", "Failing"],
  ]) {
    if (told[`${action}_next`] || told[`${action}_share`]) return `${verb} ${extent(action)}`;
  }
  if (told.fail_records_share) return `Failing ${Math.round(told.fail_records_share * 100)} % of records`;
  if (told.slow_next) return `Slow for the next ${number(told.slow_next)}`;
  const refused = told.refuse_event_types;
  if (refused.length) return refused.includes("*") ? "Refusing all" : `Refusing ${refused.join(", ")}`;
  if (told.refuse_endpoint_ids.length || told.refuse_endpoint_data.length) return "Refusing endpoints";
  if (told.latency_ms) return `${number(told.latency_ms)} ms slower`;
  return "Normal";
}

/** Show the destinations: their counters and behavior. */
export function showDestinations(latest) {
  const changed = latest.map(({ kind }) => kind).join() !== destinations.map(({ kind }) => kind).join();
  destinations = latest;
  const several = latest.length > 1;
  if (changed) {
    for (const label of document.querySelectorAll("[data-several]")) {
      label.dataset.one ??= label.textContent;
      label.textContent = several ? label.dataset.several : label.dataset.one;
    }
    const told = byId("told");
    told.replaceChildren(...latest.map(({ kind }) => element("option", { value: kind, text: shortName(kind) })));
    byId("told-choice").hidden = !several;
    showControls();
  }
  byId("places").hidden = !several;
  document.querySelector(".places-table tbody").replaceChildren(...latest.map(placeRow));
  showBehavior();
}

function behaviorPill(destination) {
  const words = behaviorWords(destination.behavior);
  const pill = element("span", { className: "pill", text: words });
  pill.dataset.state = words === "Normal" ? "good" : "warn";
  return pill;
}

function placeRow(destination) {
  const cell = (label, value, tone) => {
    const made = element("td", { text: value === null ? "–" : number(value) });
    made.dataset.label = label;
    if (value && tone) made.dataset.tone = tone;
    return made;
  };
  const told = element("td", {}, behaviorPill(destination));
  told.dataset.label = "Behavior";
  told.toggleAttribute("data-told", behaviorWords(destination.behavior) !== "Normal");
  const row = element(
    "tr",
    {},
    element("th", { scope: "row", text: destination.title }),
    cell("Waiting", destination.waiting),
    cell("Retrying", destination.retrying, "warn"),
    cell("Delivered", destination.delivered, "good"),
    cell("Rejected", destination.rejected, "bad"),
    cell("Dead letters", destination.dead_letters, "bad"),
    told,
  );
  row.dataset.kind = destination.kind;
  return row;
}

function showBehavior() {
  const pill = byId("behavior");
  const told = destinations
    .map(({ kind, behavior }) => [kind, behaviorWords(behavior)])
    .filter(([, words]) => words !== "Normal");
  pill.dataset.state = told.length ? "warn" : "good";
  if (!told.length) pill.textContent = "Normal";
  else if (destinations.length === 1) pill.textContent = told[0][1];
  else pill.textContent = `${number(told.length)} ${told.length === 1 ? "misbehaves" : "misbehave"}`;
}

const mode = byId("mode");

const extent = byId("extent");

const chosen = () => destinations.find(({ kind }) => kind === byId("told").value) ?? destinations[0];

export function showControls() {
  const destination = chosen();
  if (destination) {
    const { title, operation, stand_in, words, impossible } = destination;
    byId("destination-words").textContent = stand_in
      ? `A stand-in for ${title}, ${operation}. Make it misbehave, and watch what happens to the events.`
      : `${title} as the emulator has it, behind a server for ${operation}. Make it misbehave, and watch what happens to the events.`;
    const records = document.querySelector("#mode option[value=records]");
    records.disabled = records.hidden = impossible.includes("fail_records_share");
    if (records.disabled && mode.value === "records") mode.value = "normal";
    byId("mode-words").textContent = words[mode.value] ?? "";
  }
  for (const part of document.querySelectorAll("#control [data-for]")) {
    const concerned = part.dataset.for.split(" ").includes(mode.value);
    const counts = mode.value === "slow" || extent.value === "next";
    part.hidden = !concerned || ("count" in part.dataset && !counts);
  }
}

function wanted() {
  const count = Number(byId("count").value);
  switch (mode.value) {
    case "throttle":
    case "fail":
    case "drop":
      return extent.value === "next"
        ? { [`${mode.value}_next`]: count }
        : { [`${mode.value}_share`]: extent.value === "half" ? 0.5 : 1 };
    case "slow":
      return { slow_next: count, slow_seconds: Number(byId("seconds").value) };
    case "records":
      return { fail_records_share: Number(byId("failed-share").value) / 100 };
    case "refuse": {
      const types = byId("refused-types")
        .value.split(",")
        .map((type) => type.trim())
        .filter(Boolean);
      return { refuse_event_types: types.length ? types : ["*"] };
    }
    default:
      return {};
  }
}

async function tell(behavior) {
  const result = byId("control-result");
  try {
    const destination = chosen();
    const answer = await fetch(`control/${destination.kind}`, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(behavior),
    });
    if (!answer.ok) throw new Error(await answer.text());
    destination.behavior = await answer.json();
    showDestinations(destinations);
    result.textContent = "";
  } catch (error) {
    result.textContent = `Not applied: ${error.message}`;
  }
}

mode.addEventListener("change", showControls);

byId("told").addEventListener("change", showControls);

extent.addEventListener("change", showControls);

byId("control").addEventListener("submit", (submission) => {
  submission.preventDefault();
  tell(wanted());
});

byId("normal").addEventListener("click", () => {
  mode.value = "normal";
  showControls();
  tell({});
});
