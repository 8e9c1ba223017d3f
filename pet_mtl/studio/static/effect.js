// What the edit changes: scores, labels, confusions.
import { bars, squares } from "./charts.js";
import { h, redraw } from "./dom.js";
import { chance, count, signed, t } from "./i18n.js";
import { problemList } from "./messages.js";
import { changed, state, stopScoring } from "./store.js";

const view = { sort: "file", matrix: true };
const MOST_IN_TABLE = 18;

export function drawProgress(node) {
  const now = state.progress;
  if (!now) return redraw(node);
  redraw(node, h("div", { class: "progress", role: "status" },
    now.total ? h("progress", { max: now.total, value: now.done }) : h("progress", {}),
    h("span", {}, now.total ? t("reading", { done: count(now.done), total: count(now.total) }) : t("working")),
    now.total ? h("button", { data: { key: "stop" }, on: { click: stopScoring } }, t("stop")) : null));
}

export function drawEffect(node) {
  const { effect, effectError } = state;
  if (effectError) return redraw(node, problemList(effectError));
  if (!effect) return redraw(node);
  redraw(node,
    h("div", { class: "figures" }, Object.keys(effect.figures).map(figure), counts()),
    luck(),
    labelBars(),
    confusion());
}

function figure(name) {
  const found = state.effect.figures[name];
  const sure = found.change_ci95[0] > 0 ? "up" : found.change_ci95[1] < 0 ? "down" : "flat";
  return h("div", { class: "figure" },
    h("span", { class: "what" }, t(name)),
    h("strong", { id: `now-${name}` }, found.after.toFixed(4).replace("-", "−")),
    h("span", { class: `delta ${found.change === 0 ? "flat" : sure}` }, found.change === 0 ? "±0" : signed(found.change), h("small", {}, found.change === 0 ? "" : ` [${signed(found.change_ci95[0], 3)}, ${signed(found.change_ci95[1], 3)}]`)));
}

function counts() {
  const { effect } = state;
  const one = (kind, value) => h("button", { class: `count ${kind}`, data: { key: `count-${kind}` }, "aria-pressed": String(state.filter.kind === kind), on: { click: () => filter({ kind }) } }, h("b", {}, count(value)), ` ${t(kind)}`);
  return h("div", { class: "counts" }, one("gained", effect.gained), one("lost", effect.lost), one("flipped", effect.flipped), h("small", {}, t("seconds", { n: count(effect.rows), s: effect.seconds.toFixed(3) })));
}

export function filter(more) {
  Object.assign(state.filter, { kind: "all", gold: null, predicted: null, page: 0 }, more);
  if (more.kind === "cell") state.filter.label = null; // a cell has labels of its own
  changed("filter", "rows");
}

function luck() {
  const { effect } = state;
  const { p, tries, few_rows: few } = effect.luck;
  const values = { p: p === null ? "" : chance(p), gained: effect.gained, lost: effect.lost, tries, n: count(effect.rows) };
  return [
    few && h("p", { class: "warning" }, t("few", values)),
    p !== null && (p > 0.05 ? h("p", { class: "warning", id: "luck" }, t("luck", values)) : h("p", { class: "hint", id: "luck" }, t("luck_ok", values))),
  ];
}

function labelBars() {
  if (!state.effect.labels.length) return null; // rows have numbers
  const labels = state.effect.labels.map((each, index) => ({ ...each, index }));
  if (view.sort === "change") labels.sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before));
  if (view.sort === "worst") labels.sort((a, b) => a.after - b.after);
  return h("section", {},
    h("div", { class: "heading" }, h("h3", {}, t("per_label")),
      h("span", { class: "legend" }, h("i", { class: "dot-before" }), t("before"), h("i", { class: "dot-after" }), t("after")),
      h("select", { data: { key: "sort" }, "aria-label": t("per_label"), value: view.sort, on: { change: (e) => { view.sort = e.target.value; changed("effect"); } } },
        ["file", "change", "worst"].map((each) => h("option", { value: each, selected: each === view.sort }, t(`sort_${each}`))))),
    h("div", { class: "bar-list", data: { scroll: "bars" } }, labels.map((each) =>
      h("button", { class: "bar-row", data: { key: `bar-${each.index}` }, "aria-pressed": String(state.filter.label === each.index), title: `P ${each.precision.toFixed(3)} · R ${each.recall.toFixed(3)} · ${t("label_rows", { n: count(each.support) })}`,
        on: { click: () => { state.filter.label = state.filter.label === each.index ? null : each.index; filter({}); } } },
      h("span", { class: "bar-name" }, each.label, h("small", {}, ` ${state.words[each.label][0] ?? ""}`)),
      bars(each.before, each.after),
      h("span", { class: "bar-value" }, each.after.toFixed(3)),
      h("span", { class: `bar-change ${each.after > each.before ? "up" : each.after < each.before ? "down" : "flat"}` }, each.after === each.before ? "" : signed(each.after - each.before, 3))))));
}

function confusion() {
  const cells = state.effect.confusion;
  if (!cells.length) return null; // a row has not one of the labels
  const names = state.task.labels;
  const pick = (gold, predicted) => filter({ kind: "cell", gold, predicted });
  const say = (gold, predicted, n) => t("cell", { gold: names[gold], predicted: names[predicted], n: count(n) });
  const worst = cells.flatMap((row, gold) => row.map((n, predicted) => ({ gold, predicted, n }))).filter((each) => each.gold !== each.predicted && each.n).sort((a, b) => b.n - a.n).slice(0, 10);
  return h("section", {},
    h("div", { class: "heading" }, h("h3", {}, t("confusion")), h("span", { class: "legend" }, `↓ ${t("gold")} → ${t("predicted")}`)),
    names.length <= MOST_IN_TABLE ? table(cells, names, pick, say) : squares(cells, say, pick, t("confusion")),
    names.length > 2 && worst.length > 0 && h("div", { class: "worst" }, h("h4", {}, t("largest")), worst.map((each) =>
      h("button", { class: "worst-cell", data: { key: `worst-${each.gold}-${each.predicted}` }, title: say(each.gold, each.predicted, each.n), on: { click: () => pick(each.gold, each.predicted) } }, t("cell_filter", { gold: names[each.gold], predicted: names[each.predicted] }), h("b", {}, count(each.n))))));
}

function table(cells, names, pick, say) {
  const shown = (gold, predicted) => state.filter.kind === "cell" && state.filter.gold === gold && state.filter.predicted === predicted;
  const tall = names.some((name) => name.length > 4); // wider than a column: written downwards
  return h("div", { class: "matrix-box" }, h("table", { class: tall ? "matrix tall" : "matrix" },
    h("thead", {}, h("tr", {}, h("td", {}), names.map((name) => h("th", { scope: "col", title: name }, h("span", {}, name))))),
    h("tbody", {}, cells.map((row, gold) => {
      const total = row.reduce((sum, each) => sum + each, 0) || 1;
      return h("tr", {}, h("th", { scope: "row", title: names[gold] }, names[gold]), row.map((n, predicted) =>
        h("td", {}, h("button", { class: `cell${gold === predicted ? " hit" : ""}${n ? "" : " empty"}`, tabindex: gold === 0 && predicted === 0 ? "0" : "-1", data: { key: `cell-${gold}-${predicted}` }, vars: { "--share": (Math.sqrt(n / total) * 85).toFixed(0) + "%" }, "aria-pressed": String(shown(gold, predicted)), "aria-label": say(gold, predicted, n), title: say(gold, predicted, n),
          on: { click: () => pick(gold, predicted), keydown: (e) => walk(e, gold, predicted, names.length) } }, n ? count(n) : "·"))));
    }))));
}

function walk(event, gold, predicted, size) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!step) return;
  event.preventDefault();
  const at = (value) => Math.max(0, Math.min(size - 1, value));
  const next = document.querySelector(`[data-key="cell-${at(gold + step[0])}-${at(predicted + step[1])}"]`);
  if (next) next.focus();
}
