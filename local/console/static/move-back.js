// The button that moves a rejected message back to its queue, as `gtm-connector redrive` does.

import { element } from "./dom.js";
import { DEAD_LETTER_QUEUE } from "./reasons.js";

const answers = new Map(); // the server's latest answer by address, kept when the sheet is rebuilt

/** Return the button for a message of a queue, and the result of the last attempt. */
export function moveBack(hitNumber, kind, queue) {
  const name = queue === DEAD_LETTER_QUEUE ? "dead_letter" : "invalid_message";
  const address = `api/hits/${hitNumber}/${encodeURIComponent(kind)}/${name}/move-back`;
  const button = element("button", { type: "button", className: "quiet", text: "Move back" });
  button.dataset.queue = name;
  const result = element("p", { className: "small move-back-result", role: "status", text: answers.get(address) ?? "" });
  button.addEventListener("click", async () => {
    // Not `disabled`, because that would remove the focus.
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    result.textContent = "Moving";
    try {
      const answer = await fetch(address, {
        method: "POST",
        headers: { "Content-Type": "application/json" }, // other sites cannot send it
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
