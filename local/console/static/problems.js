// The problems that functions report.

import { byId, element, plural, timeElement } from "./dom.js";

function line(destination, { words, last, batches, over_at: over }, several) {
  const about = [`${plural(batches, "batch", "batches")}, last at `, timeElement(last)];
  if (over) about.push("; delivered without it since ", timeElement(over));
  const made = element(
    "li",
    {},
    several && element("strong", { text: `${destination.title}: ` }),
    element("span", { className: "problem-words", text: words }),
    element("span", { className: "small problem-times" }, ...about),
  );
  made.dataset.state = over ? "over" : "lasting";
  return made;
}

let shown = "";

/** Show each destination's problems, current ones first. */
export function showProblems(destinations) {
  const all = destinations.flatMap((destination) => destination.problems.map((problem) => ({ destination, problem })));
  const latest = JSON.stringify(all.map(({ destination, problem }) => [destination.kind, problem]));
  if (latest === shown) return; // a change would be read aloud
  shown = latest;
  all.sort((one, other) => Boolean(one.problem.over_at) - Boolean(other.problem.over_at));
  byId("problems").hidden = all.length === 0;
  byId("problems").dataset.state = all.some(({ problem }) => !problem.over_at) ? "lasting" : "over";
  document
    .querySelector("#problems ul")
    .replaceChildren(...all.map(({ destination, problem }) => line(destination, problem, destinations.length > 1)));
}
