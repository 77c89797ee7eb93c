// The test event: a real image request, as a tag sends it.

import { byId } from "./dom.js";
import { authenticating, endpoint } from "./endpoint.js";
import { statusWords } from "./words.js";

// Beside each button, because the one in the empty list disappears with the first event.
function say(state, words) {
  for (const result of document.querySelectorAll(".test-result")) {
    result.dataset.state = state;
    result.textContent = words;
    // On a phone it may be off the screen.
    if (result.checkVisibility()) result.scrollIntoView({ block: "nearest" });
  }
}

let newest = 0; // number of the newest hit
let sent = null; // the latest test event: {after: the newest hit before it, number, answer}

const ENDS = { delivered: "good", rejected: "bad", dropped: "bad" };

/** Show the progress of the latest test event. */
export function follow(hits) {
  for (const hit of [...hits].reverse()) {
    newest = Math.max(newest, hit.number);
    if (!sent) continue;
    if (!sent.number && hit.number > sent.after && hit.event === "test_event" && hit.endpoint_id === "console") {
      sent.number = hit.number;
    }
    if (hit.number === sent.number) sent.hit = hit;
  }
  showState();
}

/** Show the test event's state, when its tag has an answer. */
function showState() {
  if (!sent?.answer || !sent.hit || sent.hit.status === "refused") return;
  const { answer, hit } = sent;
  const words = [`${answer} ${statusWords(hit)}`, hit.reason].filter(Boolean).join(": ");
  if (words === sent.said) return;
  sent.said = words;
  say(ENDS[hit.status] ?? "good", `${words.replace(/\.$/, "")}.`);
}

/** Return a token as the controls specify; null for none. */
async function mint() {
  const validity = byId("validity").value;
  if (validity === "missing") return null;
  const answer = await fetch("api/token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      subject: byId("subject").value,
      endpoint_id: byId("claimed-endpoint").value || null,
      expired: validity === "expired",
    }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  const { token } = await answer.json();
  if (validity !== "forged") return token;
  // Change the first character, because some bits of the last one do not count.
  const [header, claims, signature] = token.split(".");
  return [header, claims, (signature[0] === "A" ? "B" : "A") + signature.slice(1)].join(".");
}

const tokenButton = byId("show-token");

let tokenShown = false;

/** Show the signed URL, or hide it if it is empty because there is no token. */
function showSigned(full = byId("signed-url").dataset.copyText) {
  const url = byId("signed-url");
  url.dataset.copyText = full;
  byId("signed").hidden = !full;
  url.textContent = tokenShown ? full : full.replace(/([?&]token=)[^&]*/, "$1•••");
  tokenButton.textContent = tokenShown ? "Hide" : "Show";
  tokenButton.setAttribute("aria-label", `${tokenButton.textContent} token`);
}

tokenButton.addEventListener("click", () => {
  tokenShown = !tokenShown;
  showSigned();
});

async function sendTestEvent() {
  const signed = authenticating();
  const query = new URLSearchParams({
    event: "test_event",
    endpoint_id: "console",
    evat_sent_from: "console",
    evmt_price: "19.99",
    usat_plan: "gold",
  });
  say("", "Sending");
  const mine = { after: newest };
  sent = mine;
  let url = `${endpoint.endpoint_url}?${query}`;
  if (signed) {
    let token;
    try {
      token = await mint();
    } catch (error) {
      say("bad", `No token, nothing sent: ${error.message}`);
      return;
    }
    if (token) query.set("token", token);
    url = `${endpoint.authenticated.endpoint_url}?${query}`;
    showSigned(token ? url : "");
  }
  const started = performance.now();
  const image = new Image(1, 1);
  image.onload = () => {
    mine.answer = `Answered in ${Math.round(performance.now() - started)} ms.`;
    if (sent !== mine) return; // another one was sent meanwhile
    if (!mine.hit) say("good", `${mine.answer} Delivery follows with the next batch.`);
    showState();
  };
  image.onerror = () =>
    say(
      "bad",
      signed
        ? "The tag failed: the authorizer refused the request, or the endpoint could not be reached. The list shows the reason."
        : "The endpoint could not be reached, or answered with an error.",
    );
  image.src = `${url}&gtmcb=${Math.floor(Math.random() * 2147483647)}`;
}

for (const button of document.querySelectorAll(".test-event")) {
  button.addEventListener("click", sendTestEvent);
}
