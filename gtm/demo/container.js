"use strict";

// Google Tag Manager: a tag to paste there, and a container for trying it.
window.demoContainer = (() => {
  // Data layer keys that Google Tag Manager reserves, or that the page sets itself.
  const TAKEN = new Set(["event", "endpoint_id", "token", "eventCallback", "eventTimeout", "gtm"]);

  /**
   * Return each parameter's variable, by the parameter's name: `price` for `evmt_price`.
   *
   * A reserved name, or one that two parameters share, keeps its prefix. Braces would end a
   * variable's name, and a dot would make the data layer look inside an object.
   */
  function variables(parameters) {
    const bare = (name) => name.slice(5);
    const count = (name) => parameters.filter((other) => bare(other) === name).length;
    return new Map(
      parameters.map((name) => {
        const short = bare(name);
        const clear = count(short) === 1 && !TAKEN.has(short.split(".")[0]);
        return [name, (clear ? short : name).replaceAll(/[{}.]/g, "_")];
      }),
    );
  }

  /** Return the URL of a Custom Image tag. Google Tag Manager encodes the variables' values itself. */
  function tagUrl(endpoint, names, encode, withToken) {
    const url = new URL(endpoint);
    url.hash = "";
    const query = [
      "event={{Event}}",
      "endpoint_id={{endpoint_id}}",
      ...[...names].map(([name, variable]) => `${encode(name)}={{${variable}}}`),
      ...(withToken ? ["token={{token}}"] : []),
    ].join("&");
    return `${url.href}${url.search ? "&" : url.href.endsWith("?") ? "" : "?"}${query}`;
  }

  const containers = new Map();

  /** Load a container once, as Google's snippet does. */
  function load(id) {
    if (!containers.has(id)) {
      const loading = new Promise((resolve, reject) => {
        window.dataLayer = window.dataLayer || [];
        window.dataLayer.push({ "gtm.start": Date.now(), event: "gtm.js" });
        const script = document.createElement("script");
        script.async = true;
        script.onload = resolve;
        script.onerror = () => {
          script.remove();
          containers.delete(id);
          reject(new Error("not loaded"));
        };
        script.src = `https://www.googletagmanager.com/gtm.js?id=${encodeURIComponent(id)}`;
        document.head.append(script);
      });
      containers.set(id, loading);
    }
    return containers.get(id);
  }

  const pushed = new Set();

  /** Push an event. The data layer keeps keys between pushes, so reset those of earlier events. */
  function push(fields) {
    const forgotten = Object.fromEntries([...pushed].map((name) => [name, undefined]));
    for (const name of Object.keys(fields)) pushed.add(name);
    window.dataLayer.push({ ...forgotten, ...fields });
  }

  return { load, push, tagUrl, variables };
})();
