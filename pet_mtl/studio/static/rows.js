// Rows of the edit that was scored last, a page at a time.
import { post } from "./api.js";
import { h, later, redraw } from "./dom.js";
import { filter } from "./effect.js";
import { count, percent, t } from "./i18n.js";
import { changed, state, taskPath } from "./store.js";

const SIZE = 30;
let found = null;
let asked = 0;

export async function loadRows(draw) {
  if (!state.effect) { found = null; draw(); return; }
  const mine = (asked += 1);
  const { kind, gold, predicted, label, text, page } = state.filter;
  try {
    const answer = await post(taskPath("rows"), { effect: state.effect.effect, kind, gold, predicted, label, text, page, size: SIZE });
    if (mine === asked) found = answer;
  } catch { if (mine === asked) found = null; }
  if (mine === asked) draw();
}

const search = later(200, () => { state.filter.page = 0; changed("rows"); });

export function drawRows(node) {
  if (!state.effect) return redraw(node);
  const names = state.task.labels;
  const now = state.filter;
  const kinds = ["all", "gained", "lost", "flipped", "wrong"];
  const page = (step) => { now.page += step; changed("rows"); };
  redraw(node,
    h("div", { class: "heading" }, h("h2", {}, t("rows_title")),
      h("select", { data: { key: "row-kind" }, "aria-label": t("rows_title"), on: { change: (e) => filter({ kind: e.target.value }) } },
        kinds.map((each) => h("option", { value: each, selected: now.kind === each }, t(each))),
        now.kind === "cell" && h("option", { value: "cell", selected: true }, t("cell_filter", { gold: names[now.gold], predicted: names[now.predicted] }))),
      state.effect.labels.length > 0 && h("select", { data: { key: "row-label" }, "aria-label": t("label"), on: { change: (e) => { now.label = e.target.value === "" ? null : Number(e.target.value); now.page = 0; changed("rows"); } } },
        h("option", { value: "", selected: now.label === null }, t("any_label")), names.map((name, index) => h("option", { value: index, selected: now.label === index }, name))),
      h("input", { type: "search", class: "narrow", data: { key: "row-text" }, value: now.text, placeholder: t("search_text"), "aria-label": t("search_text"), on: { input: (e) => { now.text = e.target.value; search(); } } })),
    found && found.rows.length === 0 && h("p", { class: "hint" }, t("none")),
    h("ul", { class: "rows" }, (found ? found.rows : []).map((row) => one(row, names))),
    found && found.total > SIZE && h("div", { class: "pages" },
      h("button", { data: { key: "page-before" }, disabled: found.page === 0, on: { click: () => page(-1) } }, t("previous")),
      h("span", {}, t("page", { from: count(found.page * SIZE + 1), to: count(Math.min(found.total, (found.page + 1) * SIZE)), total: count(found.total) })),
      h("button", { data: { key: "page-next" }, disabled: (found.page + 1) * SIZE >= found.total, on: { click: () => page(1) } }, t("next"))));
}

function one(row, names) {
  const word = (index) => `${names[index]} ${state.words[names[index]][0] ?? ""}`;
  // a label, a set of them, or a number as text
  const said = (each) => (typeof each === "string" ? each : Array.isArray(each) ? each.map(word).join(" · ") || t("no_label") : word(each));
  return h("li", { class: `row ${row.change}` },
    h("div", { class: "row-text" }, Object.entries(row.fields).map(([name, text]) => h("p", {}, Object.keys(row.fields).length > 1 && h("small", {}, `${name}: `), text))),
    h("div", { class: "row-labels" },
      h("span", { class: "tag gold", title: t("gold") }, said(row.gold)),
      row.change && h("span", { class: `tag ${row.right.before ? "right" : "mistake"} struck`, title: t("before") }, said(row.before)),
      h("span", { class: `tag ${row.right.after ? "right" : "mistake"}`, title: t("after") }, said(row.after), row.probability !== null && h("small", {}, ` ${percent(row.probability, 0)}`)),
      h("button", { class: "look", data: { key: `look-${row.row}` }, title: row.where, "aria-label": t("look"), on: { click: () => { state.inspected = { ...row.fields }; state.view = "inspect"; changed("view", "inspect"); document.getElementById("tabs").scrollIntoView({ block: "nearest" }); } } }, t("look"))));
}
