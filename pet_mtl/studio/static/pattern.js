// Prefix and patterns: the row as the model sees it, and what happens to the scores.
import { run, stopRun } from "./api.js";
import { bar } from "./charts.js";
import { h, later, redraw } from "./dom.js";
import { percent, signed, t } from "./i18n.js";
import { problemList } from "./messages.js";
import { change, edit, patternsDiffer, redo, rescore, save, state, taskPath, undo } from "./store.js";

const view = { prefix: "", patterns: [], row: 0, shown: null, error: null, alone: [], busy: null };

let runs = 0; // of patterns scored alone: the last one says what is shown
let behind = false; // they stopped the score of an edit, which is to be done again if they are stopped

export function forgetPreview() {
  runs += 1;
  behind = false;
  Object.assign(view, { row: 0, shown: null, error: null, alone: [], busy: null });
}

// What is typed is not yet the edit: it is scored first.
export const patternsTyped = () => JSON.stringify([view.prefix, view.patterns]) !== JSON.stringify([state.prefix, state.patterns]);

// Undo and redo bring other patterns back.
export function takePattern() {
  if (patternsTyped()) {
    Object.assign(view, { prefix: state.prefix, patterns: [...state.patterns], alone: [] });
  }
}

let refresh = () => {};
export const onPatternRefresh = (action) => { refresh = action; };
const draft = () => ({ ...edit(), prefix: view.prefix, patterns: view.patterns });

export async function loadPreview() {
  try {
    const found = await run(taskPath("preview"), { ...draft(), row: view.row });
    if (found === null) return;
    view.shown = found;
    view.error = null;
  } catch (error) {
    view.error = error;
  }
  refresh();
}
const previewSoon = later(200, loadPreview);

export function drawPattern(node) {
  const unscored = patternsTyped();
  const file = state.task.patterns_file;
  redraw(node,
    h("div", { class: "toolbar" },
      h("button", { data: { key: "p-undo" }, disabled: !state.past.length, on: { click: undo } }, t("undo")),
      h("button", { data: { key: "p-redo" }, disabled: !state.future.length, on: { click: redo } }, t("redo")),
      h("button", { class: unscored ? "primary" : "", data: { key: "p-score" }, disabled: Boolean(view.busy) || (!unscored && !(view.patterns.length > 1)), on: { click: score } }, view.busy || t("score_pattern")),
      view.busy && h("button", { data: { key: "p-stop" }, on: { click: () => { stop(); refresh(); } } }, t("stop")),
      h("span", { class: "push" }),
      h("span", { class: patternsDiffer() ? "state changed" : "state" }, patternsDiffer() ? t("unsaved") : t("no_changes")),
      file.path
        ? h("button", { class: "primary", data: { key: "p-save" }, title: file.path, disabled: unscored || !patternsDiffer(), on: { click: () => save("patterns") } }, t("save"))
        : h("span", { class: "hint", title: file.reason }, t("no_save", { why: file.reason }))),
    h("label", { class: "field" }, h("span", {}, t("prefix")), h("input", { data: { key: "p-prefix" }, value: view.prefix, on: { input: (e) => { view.prefix = e.target.value; touched(); } } })),
    h("p", { class: "hint" }, t("fields_are", { fields: state.task.fields.map((each) => `{${each}}`).join(" ") }), " · ", t("pattern_hint", { mask: "{mask}" })),
    view.error && problemList(view.error),
    h("div", { class: "patterns" }, view.patterns.map((pattern, index) => column(pattern, index))),
    h("div", { class: "toolbar" },
      h("button", { data: { key: "p-add" }, disabled: view.patterns.length >= 8, on: { click: () => { view.patterns.push(view.patterns[view.patterns.length - 1]); touched(); } } }, t("add_pattern")),
      h("label", { class: "inline" }, t("row_number"), h("input", { type: "number", min: "0", class: "number", data: { key: "p-row" }, value: view.row, on: { change: (e) => { view.row = Math.max(0, Math.trunc(Number(e.target.value)) || 0); loadPreview(); } } })),
      h("button", { data: { key: "p-other" }, on: { click: () => { view.row = Math.floor(Math.random() * (state.effect ? state.effect.rows : 1)); loadPreview(); } } }, t("another_row"))));
}

function stop() {
  if (view.busy) stopRun(taskPath("effect"));
  view.busy = null;
}

function touched() {
  stop();
  view.alone = [];
  refresh();
  previewSoon();
}

function column(pattern, index) {
  const shown = view.shown && view.shown.patterns[index];
  const alone = view.alone[index] && Object.entries(view.alone[index].figures)[0]; // the main one
  return h("section", { class: "pattern", "aria-label": `${t("pattern")} ${index + 1}` },
    h("div", { class: "heading" }, h("h3", {}, `${t("pattern")} ${index + 1}`),
      view.patterns.length > 1 && h("button", { data: { key: `p-remove-${index}` }, "aria-label": `${t("remove_pattern")} ${index + 1}`, on: { click: () => { view.patterns.splice(index, 1); touched(); } } }, "×")),
    alone && h("p", { class: "legend" }, `${t("alone")}: ${t(alone[0])} ${alone[1].after.toFixed(4).replace("-", "−")} (${signed(alone[1].change)})`),
    h("textarea", { rows: "2", data: { key: `p-text-${index}` }, "aria-label": `${t("pattern")} ${index + 1}`, spellcheck: "false", value: pattern, on: { input: (e) => { view.patterns[index] = e.target.value; touched(); } } }),
    shown && h("div", { class: "prompts" }, h("h4", {}, t("as_model")), shown.prompts.map(promptView)));
}

export function promptView(prompt) {
  return h("div", { class: "prompt" },
    h("small", {}, t("masks", { n: prompt.masks })),
    h("p", { class: "pieces" }, prompt.pieces.map((piece) => h("span", { class: `piece is-${piece.kind}` }, piece.kind === "slot" ? "▢" : piece.text))),
    h("div", { class: "slots" }, prompt.slots.map((slot, number) => h("div", { class: "slot" }, h("small", {}, t("slot", { n: number + 1 })),
      slot.map((each) => h("div", { class: "top" }, h("span", {}, each.piece), bar(each.probability), h("span", { class: "bar-value" }, percent(each.probability))))))));
}

async function score() {
  const { prefix } = view;
  const patterns = [...view.patterns];
  const words = edit().words;
  const each = [];
  const mine = (runs += 1);
  behind ||= state.progress !== null;
  const end = (error) => {
    if (mine !== runs) return;
    Object.assign(view, { busy: null, error });
    refresh();
    if (behind) rescore();
    behind = false;
  };
  view.error = null;
  try {
    if (patterns.length > 1) {
      for (let index = 0; index < patterns.length; index += 1) {
        view.busy = t("scoring_one", { n: index + 1 });
        refresh();
        const found = await run(taskPath("effect"), { words, prefix, patterns: [patterns[index]] }, (done, total) => progress(index, done, total));
        if (found === null || mine !== runs) return end(null);
        each.push(found);
      }
    }
    view.alone = each;
    view.busy = null;
    behind = false;
    const before = JSON.stringify([state.prefix, state.patterns]);
    change((now) => Object.assign(now, { prefix, patterns: [...patterns] }));
    if (before === JSON.stringify([state.prefix, state.patterns])) await rescore();
  } catch (error) {
    return end(error);
  }
  refresh();
}

function progress(index, done, total) {
  if (!total) return;
  view.busy = `${t("scoring_one", { n: index + 1 })} ${Math.round((100 * done) / total)} %`;
  refresh();
}
