/** The card with a visitor's profile in the local Customer Profiles. */

function element(tag, text = "", className = "", ...children) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** Give an element properties, and return it. */
const having = (made, properties) => Object.assign(made, properties);

const input = having(element("input"), { id: "profile-endpoint", spellcheck: false, autocapitalize: "off", autocomplete: "off", required: true });
const choices = having(element("datalist"), { id: "profile-endpoints" });
input.setAttribute("list", choices.id);
const form = having(
  element(
    "form",
    "",
    "",
    having(element("label", "Endpoint ID"), { htmlFor: input.id }),
    input,
    choices,
    having(element("button", "Show"), { type: "submit" }),
  ),
  { id: "profile-form" },
);
const words = having(element("p", "Computed by a stand-in; see docs/customer-profiles.md.", "soft small"), { id: "profile-words" });
words.setAttribute("role", "status");
const parts = having(element("div"), { id: "profile-parts", hidden: true });
const title = having(element("h2", "Profile"), { id: "profile-title" });
const section = having(element("section", "", "card profile", title, form, words, parts), { id: "profile", hidden: true });
section.setAttribute("aria-labelledby", title.id);
document.querySelector("main .counters").after(section);

let shown = ""; // the endpoint whose profile is on the page
let seen = ""; // the last known state of the destination

function pill(good, text) {
  const made = element("span", text, "pill");
  made.dataset.state = good ? "good" : "waiting";
  return made;
}

/** Return a part with a heading and its rows, or with a text if there are none. */
function part(title, rows, none) {
  return element("div", "", "profile-part", element("h3", title), rows.length ? element("dl", "", "", ...rows) : element("p", none, "soft small"));
}

function row(name, value, why = "") {
  const told = element("dd", "", "", value ?? "");
  if (why) told.append(element("span", why, "soft small why"));
  return element("div", "", "", element("dt", name), told);
}

function eventRow(event) {
  const time = new Date(event.timestamp || event.arrived).toLocaleTimeString();
  const triggers = event.triggers.map(({ name, started, why }) =>
    element("li", "", "", pill(started, started ? `${name} started` : `${name} not started`), element("span", why, "soft small why")),
  );
  const told = element("dd", `${time}, ${event.access || "access unknown"}`);
  if (triggers.length) told.append(element("ul", "", "", ...triggers));
  return element("div", "", "", element("dt", event.event_type), told);
}

function render(profile) {
  parts.replaceChildren(
    part("Attributes", Object.entries(profile.attributes).map(([name, value]) => row(name, value)), "No event was permitted to set one."),
    part(
      "Calculated attributes",
      profile.calculated_attributes.map(({ name, value, words: of }) => row(name, value ?? "no value", of)),
      "The stack defines none.",
    ),
    part(
      "Segments",
      profile.segments.map(({ name, member, why }) => row(name, pill(member, member ? "in it" : "not in it"), why)),
      "The stack defines none.",
    ),
    part("Last events", profile.events.map(eventRow), "None yet."),
  );
  parts.hidden = false;
  words.textContent = `Profile ${profile.profile_id} holds ${profile.objects} ${profile.objects === 1 ? "object" : "objects"}.`;
}

async function load() {
  const wanted = shown;
  try {
    const known = await fetch("api/profile").then((answer) => answer.json());
    choices.replaceChildren(...known.endpoint_ids.map((id) => new Option(id, id)));
    if (!wanted) return;
    if (!known.endpoint_ids.includes(wanted)) {
      // The list has only the latest profiles, so this one may still exist.
      words.textContent = `No profile of ${wanted} yet. The next event of that endpoint creates it.`;
    }
    const answer = await fetch(`api/profile?endpoint_id=${encodeURIComponent(wanted)}`);
    if (wanted !== shown) return; // another one was requested meanwhile
    if (answer.ok) render(await answer.json());
    else parts.hidden = true;
  } catch (error) {
    words.textContent = `Not loaded: ${error.message}`;
  }
}

form.addEventListener("submit", (submission) => {
  submission.preventDefault();
  shown = input.value;
  load();
});

// console.js reports each change. A profile changes when an event is delivered.
document.addEventListener("console:state", ({ detail }) => {
  const profiles = detail.destinations.find(({ kind }) => kind === "customer-profiles");
  section.hidden = !profiles;
  const now = profiles && JSON.stringify([profiles.delivered, detail.reset]);
  if (profiles && now !== seen) load();
  seen = now;
});
