// Move back: a rejected message goes where it came from, as `gtm-connector redrive` puts it back.

import { element } from "./dom.js";
import { DEAD_LETTER_QUEUE } from "./reasons.js";

const answers = new Map(); // by the address: what the server said last, which outlives the sheet

/** Return the button for a message of a queue, and what became of the last attempt. */
export function moveBack(hitNumber, kind, queue) {
  const name = queue === DEAD_LETTER_QUEUE ? "dead_letter" : "invalid_message";
  const address = `api/hits/${hitNumber}/${encodeURIComponent(kind)}/${name}/move-back`;
  const button = element("button", { type: "button", className: "quiet", text: "Move back" });
  button.dataset.queue = name;
  const result = element("p", { className: "small move-back-result", role: "status", text: answers.get(address) ?? "" });
  button.addEventListener("click", async () => {
    // Not `disabled`: that would take the focus away.
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    result.textContent = "Moving";
    try {
      const answer = await fetch(address, {
        method: "POST",
        headers: { "Content-Type": "application/json" }, // which no other site can send
        body: "{}",
      });
      if (!answer.ok) throw new Error(await answer.text());
      const { moved, words } = await answer.json();
      result.textContent = words;
      if (moved) answers.delete(address);
      else answers.set(address, words);
    } catch (error) {
      result.textContent = `Not moved: ${error.message}`;
    }
    button.removeAttribute("aria-disabled");
  });
  return [element("div", { className: "move-back" }, button, result)];
}
