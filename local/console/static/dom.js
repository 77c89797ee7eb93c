// Elements, numbers and times.
// Everything shown comes from strangers' browsers, so it reaches the page only through textContent.

export const byId = (id) => document.getElementById(id);

export const number = (value) => value.toLocaleString("en");

export const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

export function element(tag, { className = "", text, ...properties } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  Object.assign(made, properties);
  made.append(...children.filter(Boolean));
  return made;
}

const twoDigits = (value) => String(value).padStart(2, "0");

/** Return the time of day; `exact` with milliseconds. */
export function clock(milliseconds, { exact = true } = {}) {
  const time = new Date(milliseconds);
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits);
  if (!exact) return parts.join(":");
  return `${parts.join(":")}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

export function timeElement(milliseconds, className = "") {
  const time = new Date(milliseconds);
  return element("time", {
    className,
    text: clock(milliseconds),
    dateTime: time.toISOString(),
    title: time.toLocaleString(),
  });
}
