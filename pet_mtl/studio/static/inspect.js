// One text: what each label gets and why.
import { run } from "./api.js";
import { bar } from "./charts.js";
import { h, later, redraw } from "./dom.js";
import { percent, signed, t } from "./i18n.js";
import { problemList } from "./messages.js";
import { promptView } from "./pattern.js";
import { edit, state, taskPath } from "./store.js";

const MOST = 8;
const view = { found: null, error: null, all: false, busy: false };
let asked = 0; // answers to earlier questions are not shown
let refresh = () => {};
export const onInspectRefresh = (action) => { refresh = action; };
export const forgetInspected = () => {
  asked += 1;
  Object.assign(view, { found: null, error: null, all: false, busy: false });
};

const fields = () => state.inspected || Object.fromEntries(state.task.fields.map((name) => [name, ""]));

export async function loadInspect(importance = false) {
  if (!state.inspected || !Object.values(state.inspected).some((text) => text.trim())) { forgetInspected(); refresh(); return; }
  const mine = (asked += 1);
  view.busy = true;
  refresh();
  try {
    const found = await run(taskPath("inspect"), { ...edit(), fields: fields(), importance });
    if (found === null || mine !== asked) return;
    Object.assign(view, { found, error: null, busy: false });
  } catch (error) {
    if (mine !== asked) return;
    Object.assign(view, { error, busy: false });
  }
  refresh();
}
const loadSoon = later(250, loadInspect);

export function drawInspect(node) {
  redraw(node,
    state.task.fields.map((name) => h("label", { class: "field" }, h("span", {}, name), h("textarea", { rows: "3", data: { key: `i-${name}` }, value: fields()[name] ?? "", placeholder: t("text_hint"), on: { input: (e) => { state.inspected = { ...fields(), [name]: e.target.value }; loadSoon(); } } }))),
    view.busy && h("p", { class: "hint", role: "status" }, t("working")),
    view.error && problemList(view.error),
    view.found && result(view.found));
}

function result(found) {
  const labels = [...found.labels].sort((a, b) => b.probability - a.probability);
  const shown = view.all ? labels : labels.slice(0, MOST);
  return h("div", { class: "inspected" },
    state.task.kind === "similarity" && h("p", {}, `${t("predicted")}: `, h("strong", { id: "said" }, found.said)),
    h("ul", { class: "label-list" }, shown.map((each) =>
      h("li", { class: found.chosen.includes(each.label) ? "best" : "" },
        h("span", { class: "bar-name" }, each.label), bar(each.probability), h("span", { class: "bar-value" }, percent(each.probability)),
        h("span", { class: "word-shares" }, each.words.map((word) => h("span", { class: "tag", title: t("share") }, word.word, h("small", {}, ` ${percent(word.share)}`))))))),
    labels.length > MOST && !view.all && h("button", { data: { key: "i-all" }, on: { click: () => { view.all = true; refresh(); } } }, t("show_all")),
    h("h3", {}, t("important")),
    found.importance ? marks(found) : h("button", { data: { key: "i-importance" }, on: { click: () => loadInspect(true) } }, t("run_importance")),
    h("h3", {}, t("slots")),
    h("div", { class: "patterns" }, found.patterns.map((each) => h("section", { class: "pattern" }, h("code", {}, each.pattern), each.prompts.map(promptView)))));
}

function marks(found) {
  const most = Math.max(0.01, ...Object.values(found.importance).flat().map((each) => Math.abs(each.drop)));
  return h("div", {},
    Object.entries(found.importance).map(([name, units]) => h("p", { class: "marks" }, pieces(found.fields[name], units, most))),
    h("p", { class: "hint" }, t("importance_hint", { label: found.label })));
}

function pieces(text, units, most) {
  const shown = [];
  let at = 0;
  for (const unit of units) {
    // places count characters, JavaScript counts halves of some: walk by what was found
    const start = text.indexOf(unit.text, at);
    if (start > at) shown.push(text.slice(at, start));
    at = start + unit.text.length;
    const strength = Math.round((85 * Math.abs(unit.drop)) / most);
    shown.push(h("mark", { class: unit.drop < 0 ? "against" : "", vars: { "--share": `${strength}%` }, title: signed(-unit.drop, 3) }, unit.text));
  }
  shown.push(text.slice(at));
  return shown;
}
