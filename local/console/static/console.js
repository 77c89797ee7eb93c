// The console: live updates of all parts.

import { showCounters } from "./counters.js";
import { showControls, showDestinations } from "./destinations.js";
import { byId } from "./dom.js";
import { showEndpoint } from "./endpoint.js";
import { announce, clear, update } from "./events.js";
import { keepFocus } from "./focus.js";
import { afterPress } from "./press.js";
import { showProblems } from "./problems.js";
import { follow } from "./test-event.js";

function showConnection(state, words) {
  const pill = byId("connection");
  pill.dataset.state = state;
  if (pill.textContent !== words) pill.textContent = words;
}

function show(state) {
  if (state.reset) clear();
  showDestinations(state.destinations);
  document.dispatchEvent(new CustomEvent("console:state", { detail: state })); // profile.js
  showCounters(state.counters);
  showProblems(state.destinations);
  showEndpoint(state);
  update(state.hits, { fresh: !state.reset });
  follow(state.hits);
}

function connect() {
  const source = new EventSource("api/stream");
  source.onopen = () => showConnection("good", "Live");
  source.onmessage = ({ data }) => {
    const state = JSON.parse(data);
    afterPress(() => {
      keepFocus(() => show(state));
      if (!state.reset) announce(state.hits);
    });
  };
  source.onerror = async () => {
    showConnection("warn", "Reconnecting");
    // The browser reconnects automatically, except after a refusal.
    if (source.readyState !== EventSource.CLOSED) return;
    const status = await fetch(location.href, { cache: "no-store" }).then((answer) => answer.status, () => 0);
    if (status === 403) {
      // Another run with another key.
      showConnection("warn", "This run has ended. Open the URL that the new run printed.");
    } else setTimeout(connect, 2000);
  };
}

for (const panel of document.querySelectorAll(".panel")) {
  panel.open = matchMedia("(min-width: 72rem)").matches;
}

showControls();

connect();
