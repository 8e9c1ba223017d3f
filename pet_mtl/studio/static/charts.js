// Small charts, drawn here: bars before and after, and a matrix for many labels.
import { s } from "./dom.js";

export function bars(before, after) {
  const width = (value) => Math.max(0, Math.min(100, 100 * value));
  return s("svg", { class: "bars", viewBox: "0 0 100 12", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "track", width: 100, height: 12 }),
    s("rect", { class: "bar-before", width: width(before), height: 4 }),
    s("rect", { class: after >= before ? "bar-after" : "bar-after worse", y: 5, width: width(after), height: 7 }));
}

export function bar(value) {
  return s("svg", { class: "bars single", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "track", width: 100, height: 8 }),
    s("rect", { class: "bar-after", width: Math.max(0, Math.min(100, 100 * value)), height: 8 }));
}

// A square of the cells that are not empty; `pick(gold, predicted)` is called for the one clicked.
export function squares(cells, name, pick, title) {
  const size = cells.length;
  const rects = [];
  cells.forEach((row, gold) => {
    const total = row.reduce((sum, each) => sum + each, 0) || 1;
    row.forEach((rows, predicted) => {
      if (!rows) return;
      const rect = s("rect", { class: gold === predicted ? "hit" : "miss", x: predicted, y: gold, width: 1, height: 1, "fill-opacity": (0.15 + 0.85 * Math.sqrt(rows / total)).toFixed(2), "data-gold": gold, "data-predicted": predicted });
      rect.append(s("title", {}, name(gold, predicted, rows)));
      rects.push(rect);
    });
  });
  return s("svg", { class: "squares", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": title, on: { click: (e) => {
    const rect = e.target.closest("rect[data-gold]");
    if (rect) pick(Number(rect.dataset.gold), Number(rect.dataset.predicted));
  } } }, s("rect", { class: "track", width: size, height: size }), rects);
}
