"use strict";

// A button with data-copy="id" copies the text of the element with that id, and confirms it. If the
// text hides something, the element's data-copy-text holds the full text.
(() => {
  const SHOWN_MS = 1600;

  // navigator.clipboard needs a secure context, which plain http from another machine is not.
  function copyThroughSelection(text) {
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) throw new Error("the browser refused");
  }

  async function copy(text) {
    if (navigator.clipboard) {
      try {
        await navigator.clipboard.writeText(text);
        return;
      } catch {
        // Permission denied: try the other way.
      }
    }
    copyThroughSelection(text);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    if (!button) return;
    const label = (button.dataset.label ??= button.textContent);
    try {
      const source = document.getElementById(button.dataset.copy);
      await copy(source.dataset.copyText ?? source.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    clearTimeout(button.copyTimer);
    button.copyTimer = setTimeout(() => {
      button.textContent = label;
    }, SHOWN_MS);
  });
})();
