// The test event: a real image request, as a tag sends it.

import { byId } from "./dom.js";
import { authenticating, endpoint } from "./endpoint.js";

// Beside each of the buttons: the one in the empty list goes away with the first event.
function say(state, words) {
  for (const result of document.querySelectorAll(".test-result")) {
    result.dataset.state = state;
    result.textContent = words;
  }
}

/** Return a token as the controls describe it; null for none. */
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
  // The first character, for the last one holds bits that do not count.
  const [header, claims, signature] = token.split(".");
  return [header, claims, (signature[0] === "A" ? "B" : "A") + signature.slice(1)].join(".");
}

const tokenButton = byId("show-token");

let tokenShown = false;

/** Show the signed URL; nothing if it is empty, as without a token. */
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
  image.onload = () =>
    say("good", `Answered in ${Math.round(performance.now() - started)} ms. Delivery follows with the next batch.`);
  image.onerror = () =>
    say(
      "bad",
      signed
        ? "The tag failed: the authorizer refused it, or the endpoint could not be reached. The list shows which."
        : "The endpoint could not be reached, or answered with an error.",
    );
  image.src = `${url}&gtmcb=${Math.floor(Math.random() * 2147483647)}`;
}

for (const button of document.querySelectorAll(".test-event")) {
  button.addEventListener("click", sendTestEvent);
}
