// The endpoint: its URLs, and the selected route.

import { byId } from "./dom.js";

export let endpoint = null; // {endpoint_url, image_url, authenticated: the same or null}

export const authenticating = () => document.querySelector("#access input:checked").value === "authenticated";

export function showEndpoint({ endpoint_url, image_url, authenticated }) {
  const latest = { endpoint_url, image_url, authenticated };
  if (JSON.stringify(latest) === JSON.stringify(endpoint)) return;
  endpoint = latest;
  byId("starting").hidden = Boolean(endpoint_url);
  byId("endpoint").hidden = !endpoint_url;
  byId("first-steps").hidden = !endpoint_url;
  byId("access").hidden = !authenticated;
  if (!authenticated) document.querySelector("#access input").checked = true;
  if (endpoint_url) showRoute();
}

/** Show the selected route's URLs and controls. */
function showRoute() {
  const signed = authenticating();
  const { endpoint_url, image_url } = signed ? endpoint.authenticated : endpoint;
  byId("endpoint-url").textContent = endpoint_url;
  byId("image-url").textContent = image_url;
  byId("token-controls").hidden = !signed;
  byId("signed").hidden = !signed || !byId("signed-url").textContent;
  byId("first-curl").textContent = `curl --include '${endpoint.endpoint_url}?event=hello&endpoint_id=me'`;
  for (const link of [byId("demo-link"), byId("empty-demo-link")]) {
    link.href = `demo/?endpoint=${encodeURIComponent(endpoint_url)}`;
  }
}

for (const choice of document.querySelectorAll("#access input")) {
  choice.addEventListener("change", showRoute);
}
