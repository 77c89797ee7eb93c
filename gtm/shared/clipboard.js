"use strict";

// A button with data-copy="id" copies the text of the element with that id and says so; where that
// text hides something, the element has all of it in data-copy-text.
(() => {
  const SHOWN_MS = 1600;

  // Without a secure context (plain http from another machine) there is no navigator.clipboard.
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
        // Permission denied: the other way may still be open.
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
