// The labels and their words as chips.
import { focusKey, h, isDrawing, redraw } from "./dom.js";
import { percent, signed, t } from "./i18n.js";
import { change, recheckDraft, save, state, suggest, undo, redo, reset, wordsDiffer } from "./store.js";

const view = { compare: false, filter: "", opened: null, drafts: new Map(), dragged: null };
const SUGGESTED = ["classification", "ordered", "multi_label"]; // kinds that `words suggest` takes
const MANY = 20; // more labels have a frame of their own: effect and rows stay in reach
const keyOf = (label, index) => JSON.stringify([label, index]);

function put(label, words) {
  state.words = { ...state.words, [label]: words };
}

const edited = (label, words, focus) => {
  change(() => put(label, words));
  if (focus) afterDraw = focus;
};
let afterDraw = null;

export function drawWords(node) {
  const { task } = state;
  const needle = view.filter.toLowerCase();
  const labels = task.names.filter((label) => !needle || label.toLowerCase().includes(needle) || state.words[label].some((word) => word.toLowerCase().includes(needle)));
  redraw(
    node,
    toolbar(),
    h("div", { class: task.names.length > MANY ? "labels many" : "labels", data: { scroll: "labels" } }, labels.map((label) => labelRow(label))),
    h("p", { class: "hint" }, t("keys")),
  );
  if (afterDraw) {
    focusKey(node, afterDraw);
    afterDraw = null;
  }
}

function toolbar() {
  const file = state.task.words_file;
  const running = state.suggestions === "running";
  return h("div", { class: "toolbar" },
    h("button", { data: { key: "undo" }, disabled: !state.past.length, on: { click: undo } }, t("undo")),
    h("button", { data: { key: "redo" }, disabled: !state.future.length, on: { click: redo } }, t("redo")),
    h("button", { data: { key: "reset" }, disabled: !wordsDiffer(), on: { click: reset } }, t("reset")),
    h("label", { class: "check" }, h("input", { type: "checkbox", data: { key: "compare" }, checked: view.compare, on: { change: (e) => { view.compare = e.target.checked; refresh(); } } }), t("compare")),
    SUGGESTED.includes(state.task.kind) && !state.task.levels && h("button", { data: { key: "suggest" }, disabled: running, on: { click: suggest } }, running ? t("suggesting") : t("suggest")),
    state.task.names.length > 8 && h("input", { type: "search", class: "narrow", data: { key: "filter" }, value: view.filter, placeholder: t("filter_labels"), "aria-label": t("filter_labels"), on: { input: (e) => { view.filter = e.target.value; refresh(); } } }),
    h("span", { class: "push" }),
    h("span", { class: wordsDiffer() ? "state changed" : "state" }, wordsDiffer() ? t("unsaved") : t("no_changes")),
    file.path
      ? h("button", { class: "primary", data: { key: "save" }, title: file.path, disabled: !wordsDiffer(), on: { click: () => save("words") } }, t("save"))
      : h("span", { class: "hint", title: file.reason }, t("no_save", { why: file.reason }), " ", download()));
}

function download() {
  const quote = (text) => (/[\s"\\#,，、;；|]|^['‘“]/.test(text) || !text ? `"${text.replace(/["\\]/g, "\\$&")}"` : text);
  return h("button", { data: { key: "download" }, on: { click: () => {
    const text = state.task.names.map((label) => `${[label, ...state.words[label]].map(quote).join("  ")}\n`).join("");
    const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/plain" })), download: `${state.task.task}.txt` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  } } }, t("download"));
}

let refresh = () => {};
export const onRefresh = (action) => { refresh = action; };

function labelRow(label) {
  const words = state.words[label];
  const known = state.check && state.check.labels && state.check.labels[label];
  const reports = new Map((known ? known.words : []).map((each) => [each.word, each]));
  const before = state.task.words[label];
  const score = state.effect && state.effect.labels.find((each) => each.label === label);
  const draft = view.drafts.get(label) ?? "";
  const allow = (e) => { if (view.dragged) { e.preventDefault(); e.currentTarget.classList.add("over"); } };
  return h("section", { class: "label", "aria-label": label, on: {
    dragover: allow, dragenter: allow,
    dragleave: (e) => e.currentTarget.classList.remove("over"),
    drop: (e) => { e.preventDefault(); e.currentTarget.classList.remove("over"); drop(label, words.length); },
  } },
    h("div", { class: "name", title: known && known.prior !== null ? t("label_prior", { p: percent(known.prior) }) : null },
      h("b", {}, label),
      !state.task.labels.includes(label) && h("small", {}, t("upper")),
      score && h("small", {}, score.after.toFixed(3), score.after !== score.before && h("span", { class: score.after > score.before ? "up" : "down" }, ` ${signed(score.after - score.before, 3)}`))),
    h("div", { class: "chips" },
      words.map((word, index) => chip(label, word, index, reports.get(word), view.compare && !before.includes(word))),
      view.compare && before.filter((word) => !words.includes(word)).map((word) => h("span", { class: "chip gone" }, word)),
      h("input", {
        class: "add", data: { key: keyOf(label, "add") }, value: draft, placeholder: t("add_word"), "aria-label": `${label}: ${t("add_word")}`, spellcheck: "false", autocomplete: "off",
        on: { input: (e) => typed(label, e), keydown: (e) => addKey(label, e), change: (e) => { if (!isDrawing()) commit(label, e.target.value); } },
      }),
      draft && reports.get(draft.trim()) && h("span", { class: "draft" }, facts(label, reports.get(draft.trim())))),
    opened(label, reports),
    suggestionsOf(label));
}

function chip(label, word, index, report, added) {
  const wrong = report && (report.unknown.length || beside(label, report.shared).length);
  const doubtful = report && (beside(label, report.nested).length || report.cuts.length);
  const key = keyOf(label, index);
  return h("span", { class: `chip${wrong ? " wrong" : doubtful ? " doubtful" : ""}${added ? " added" : ""}`, draggable: "true", on: {
    dragstart: (e) => { view.dragged = { label, index }; e.dataTransfer.effectAllowed = "move"; e.dataTransfer.setData("text/plain", word); },
    dragend: () => { view.dragged = null; },
    dragover: (e) => { if (view.dragged) { e.preventDefault(); e.stopPropagation(); } },
    drop: (e) => { e.preventDefault(); e.stopPropagation(); drop(label, index); },
  } },
    h("button", { class: "word", tabindex: index === 0 ? "0" : "-1", data: { key }, "aria-expanded": String(view.opened === key), "aria-label": t("chip", { word, n: report ? report.length : "?" }), title: report ? facts(label, report) : null,
      on: { click: () => { view.opened = view.opened === key ? null : key; refresh(); }, keydown: (e) => chipKey(label, index, e) } }, word, report && report.length > 1 && h("sup", {}, report.length)),
    h("button", { class: "remove", tabindex: "-1", "aria-label": t("remove", { word }), on: { click: () => remove(label, index) } }, "×"));
}

// Places of this task that the label must be told from: level by level only those below the same name.
function beside(label, places) {
  const above = (of) => (state.task.levels === "by_level" ? of.slice(0, Math.max(0, of.lastIndexOf(state.task.level_separator))) : "");
  return places.filter((place) => place.task === state.task.task && above(place.label) === above(label));
}

function facts(label, report) {
  const places = (all) => all.map((place) => (place.task === state.task.task ? `${place.label}: ${place.word}` : `${place.task} ${place.label}: ${place.word}`)).join(", ");
  const own = (all) => beside(label, all);
  const known = [`${t("pieces")}: ${report.pieces.join(" ")}`];
  if (report.prior !== null) known.push(`${t("prior")} ${report.prior.toPrecision(2)}`);
  if (report.unknown.length) known.push(t("unknown", { what: report.unknown.join(" ") }));
  if (own(report.shared).length) known.push(t("shared", { what: places(own(report.shared)) }));
  if (own(report.nested).length) known.push(t("nested", { what: places(own(report.nested)) }));
  if (report.cuts.length) known.push(t("cuts", { what: report.cuts.join(" ") }));
  return known.join(" · ");
}

function opened(label, reports) {
  if (!view.opened) return null;
  const [of, index] = JSON.parse(view.opened);
  const word = of === label ? state.words[label][index] : undefined;
  if (word === undefined) return null;
  const others = state.task.names.filter((each) => each !== label);
  return h("div", { class: "details" },
    h("span", {}, reports.get(word) ? facts(label, reports.get(word)) : word),
    h("button", { data: { key: "left" }, disabled: index === 0, on: { click: () => order(label, index, -1) } }, t("left")),
    h("button", { data: { key: "right" }, disabled: index === state.words[label].length - 1, on: { click: () => order(label, index, 1) } }, t("right")),
    h("select", { data: { key: "move" }, "aria-label": t("move_to"), on: { change: (e) => moveTo(label, index, e.target.value) } }, h("option", { value: "" }, t("move_to")), others.map((each) => h("option", { value: each }, each))),
    h("button", { data: { key: "close" }, on: { click: () => { view.opened = null; afterDraw = keyOf(label, index); refresh(); } } }, t("close")));
}

function suggestionsOf(label) {
  const found = state.suggestions && state.suggestions !== "running" && state.suggestions.labels[label];
  if (!found) return null;
  const open = found.suggestions.filter((each) => !state.words[label].includes(each.word));
  return h("div", { class: "suggestions" }, open.map((each) =>
    h("button", { class: "suggestion", data: { key: `suggestion-${label}-${each.word}` }, title: each.change === "add" ? t("adds") : t("replaces"),
      on: { click: () => edited(label, each.change === "add" ? [...state.words[label], each.word] : [each.word]) } },
    each.change === "add" ? "+ " : "= ", each.word,
    h("small", { class: each.gain_ci95[0] > 0 ? "up" : each.gain_ci95[1] < 0 ? "down" : "flat" }, ` ${signed(each.gain, 3)} [${signed(each.gain_ci95[0], 3)}, ${signed(each.gain_ci95[1], 3)}]`))));
}

function typed(label, event) {
  view.drafts.set(label, event.target.value);
  const word = event.target.value.trim();
  if (word && !event.isComposing) recheckDraft({ label, word });
}

function commit(label, text) {
  const quoted = text.trim();
  view.drafts.delete(label);
  if (!quoted) return;
  const words = state.words[label];
  if (!words.includes(quoted)) edited(label, [...words, quoted], keyOf(label, "add"));
  else refresh();
}

function addKey(label, event) {
  if (event.isComposing) return; // an input method's Enter takes its own text
  const words = state.words[label];
  const start = event.target.selectionStart === 0 && event.target.selectionEnd === 0;
  if (event.key === "Enter") {
    event.preventDefault();
    commit(label, event.target.value);
  } else if ((event.key === "ArrowLeft" || event.key === "Backspace") && start && words.length) {
    event.preventDefault();
    focusKey(document, keyOf(label, words.length - 1));
  } else if (event.key === "Escape") {
    event.target.value = "";
    view.drafts.delete(label);
  }
}

function chipKey(label, index, event) {
  const words = state.words[label];
  const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const upward = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (event.key === "Delete" || event.key === "Backspace") {
    event.preventDefault();
    remove(label, index);
  } else if (event.altKey && sideways) {
    event.preventDefault();
    order(label, index, sideways);
  } else if (event.altKey && upward) {
    event.preventDefault();
    const names = state.task.names;
    moveTo(label, index, names[names.indexOf(label) + upward]);
  } else if (sideways) {
    event.preventDefault();
    const next = index + sideways;
    focusKey(document, next < words.length ? keyOf(label, Math.max(0, next)) : keyOf(label, "add"));
  }
}

function remove(label, index) {
  const words = state.words[label].filter((_, at) => at !== index);
  view.opened = null;
  edited(label, words, words.length ? keyOf(label, Math.min(index, words.length - 1)) : keyOf(label, "add"));
}

function order(label, index, step) {
  const words = [...state.words[label]];
  const to = index + step;
  if (to < 0 || to >= words.length) return;
  [words[index], words[to]] = [words[to], words[index]];
  if (view.opened) view.opened = keyOf(label, to);
  edited(label, words, view.opened ? null : keyOf(label, to));
}

function moveTo(label, index, target, at) {
  if (!target || target === label) return;
  const word = state.words[label][index];
  if (state.words[target].includes(word)) return;
  view.opened = null;
  change(() => {
    put(label, state.words[label].filter((_, each) => each !== index));
    const words = [...state.words[target]];
    words.splice(at ?? words.length, 0, word);
    put(target, words);
  });
  afterDraw = keyOf(target, at ?? state.words[target].length - 1);
  refresh();
}

function drop(label, at) {
  const from = view.dragged;
  view.dragged = null;
  if (!from) return;
  if (from.label !== label) {
    moveTo(from.label, from.index, label, at);
    return;
  }
  const words = [...state.words[label]];
  const [word] = words.splice(from.index, 1);
  words.splice(at > from.index ? at - 1 : at, 0, word);
  edited(label, words);
}

export const forgetDrafts = () => Object.assign(view, { drafts: new Map(), opened: null, filter: "" });
