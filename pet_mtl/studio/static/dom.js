// Elements from plain data. Texts become text nodes: what a label or a row holds is never markup.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "data") {
      Object.assign(node.dataset, value);
    } else if (name === "vars") {
      for (const [key, each] of Object.entries(value)) node.style.setProperty(key, each);
    } else if (["value", "checked", "disabled", "selected", "open"].includes(name)) {
      node[name] = value;
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

export function show(node, ...children) {
  node.replaceChildren(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
}

// Replace what a node shows and keep the keyboard where it was: elements are found again by data-key.
// An input method (pinyin, for one) composes in an element that must stay until it is done.
let composing = false;
document.addEventListener("compositionstart", () => { composing = true; });
document.addEventListener("compositionend", (event) => {
  composing = false;
  event.target.dispatchEvent(new Event("input", { bubbles: true })); // not every browser tells of the result
  document.dispatchEvent(new Event("settled"));
});

// A browser tells an input that is taken away that it was changed: nobody changed it.
let drawing = false;
export const isDrawing = () => drawing;

export function redraw(node, ...children) {
  const active = node.contains(document.activeElement) ? document.activeElement : null;
  if (active && composing) return; // drawn when it is settled
  const key = active && active.dataset.key;
  const range = active && active.selectionStart !== undefined ? [active.selectionStart, active.selectionEnd] : null;
  const scrolls = [...node.querySelectorAll("[data-scroll]")].map((each) => [each.dataset.scroll, each.scrollTop]);
  drawing = true;
  show(node, ...children);
  drawing = false;
  for (const [name, top] of scrolls) {
    const again = node.querySelector(`[data-scroll="${name}"]`);
    if (again) again.scrollTop = top;
  }
  if (key) focusKey(node, key, range);
}

export function focusKey(node, key, range) {
  const again = [...node.querySelectorAll("[data-key]")].find((each) => each.dataset.key === key);
  if (!again) return false;
  again.focus({ preventScroll: true });
  if (range && range[0] !== null && again.setSelectionRange) again.setSelectionRange(...range);
  return true;
}

// Requests and delayed actions that are under way, told to whoever drives the page (its tests, a script).
let pending = 0;
export function underWay(more) {
  pending += more;
  document.documentElement.dataset.pending = pending;
}

export function later(milliseconds, action) {
  let timer = 0;
  return (...given) => {
    if (timer) clearTimeout(timer);
    else underWay(1);
    timer = setTimeout(() => {
      timer = 0;
      try {
        action(...given);
      } finally {
        underWay(-1);
      }
    }, milliseconds);
  };
}
