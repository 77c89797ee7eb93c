// Presses: what is pressed stays on the page until the press has become a click.

let pressed = false;

const held = [];

/** Change the page now, or after the press that is under way. A press on what is replaced before its end is no click. */
export function afterPress(change) {
  if (pressed) held.push(change);
  else change();
}

addEventListener("pointerdown", () => (pressed = true), true);

for (const end of ["pointerup", "pointercancel", "blur"]) {
  // The click comes after the release, and before the next task.
  addEventListener(end, () =>
    setTimeout(() => {
      pressed = false;
      for (const change of held.splice(0)) change();
    }),
  );
}
