// The page: its parts, and which of them a change draws again.
import { get } from "./api.js";
import { h, redraw, show } from "./dom.js";
import { drawEffect, drawProgress } from "./effect.js";
import { otherLanguage, t } from "./i18n.js";
import { drawInspect, forgetInspected, loadInspect, onInspectRefresh } from "./inspect.js";
import { drawMessage, problemList } from "./messages.js";
import { drawPattern, forgetPreview, loadPreview, onPatternRefresh, patternsTyped, takePattern } from "./pattern.js";
import { drawRows, loadRows } from "./rows.js";
import { changed, lookAtFiles, openTask, patternsDiffer, redo, state, subscribe, tell, undo, wordsDiffer } from "./store.js";
import { drawWords, forgetDrafts, onRefresh } from "./words.js";

const app = document.getElementById("app");
const part = (id, tag = "div") => h(tag, { id });
const header = part("header", "header");
const message = part("message");
const tabs = part("tabs");
const editor = part("editor", "section");
const progress = part("progress");
const effect = part("effect", "section");
const rows = part("rows", "section");
const title = h("h2", { class: "effect-title" });
const VIEWS = ["words", "pattern", "inspect"];

function drawHeader() {
  title.textContent = t("effect");
  document.title = state.task ? `${state.task.task} · ${t("title")}` : t("title");
  redraw(header,
    h("h1", {}, t("title")),
    h("label", { class: "inline" }, t("task"), h("select", { data: { key: "task" }, on: { change: (e) => choose(e.target.value) } },
      state.suite.tasks.map((each) => h("option", { value: each.task, selected: state.task && each.task === state.task.task }, each.description ? `${each.task} · ${each.description}` : each.task)))),
    h("span", { class: "model" }, `${t("model")} ${state.suite.model}`, state.suite.zero_shot && h("small", {}, ` ${t("zero_shot")}`), h("small", {}, ` · ${state.suite.rows_of}`)),
    h("span", { class: "push" }),
    h("button", { data: { key: "language" }, on: { click: () => { otherLanguage(); drawAll(); } } }, t("language")),
    h("button", { data: { key: "theme" }, "aria-label": t("theme"), title: t("theme"), on: { click: turnTheme } }, "◐"));
}

function drawTabs() {
  redraw(tabs, h("div", { class: "tabs", role: "tablist", "aria-label": t("tabs") }, VIEWS.map((each) =>
    h("button", { role: "tab", id: `tab-${each}`, "aria-controls": "editor", "aria-selected": String(state.view === each), tabindex: state.view === each ? "0" : "-1", data: { key: `tab-${each}` },
      on: { click: () => go(each), keydown: (e) => { const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key]; if (step) { go(VIEWS[(VIEWS.indexOf(each) + step + 3) % 3]); tabs.querySelector("[aria-selected=true]").focus(); } } } }, t(each)))));
  editor.setAttribute("role", "tabpanel");
  editor.setAttribute("aria-labelledby", `tab-${state.view}`);
}

const drawEditor = () => ({ words: drawWords, pattern: drawPattern, inspect: drawInspect })[state.view](editor);
const drawFound = () => drawRows(rows);

function drawAll() {
  drawHeader();
  drawTabs();
  drawMessage(message);
  drawEditor();
  drawProgress(progress);
  drawEffect(effect);
  drawFound();
}

function go(view) {
  state.view = view;
  changed("view");
}

const unsaved = () => wordsDiffer() || patternsDiffer() || patternsTyped();

async function choose(name) {
  if (unsaved() && !confirm(t("leave"))) return drawHeader();
  try {
    await open(name);
  } catch (error) {
    tell(error);
    drawHeader();
  }
}

const open = (name) => openTask(name, () => {
  forgetDrafts();
  forgetInspected();
  forgetPreview();
});

function turnTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("pet-mtl-theme", document.documentElement.dataset.theme);
}

subscribe((what) => {
  const has = (...names) => names.some((name) => what.has(name));
  if (has("task")) { drawHeader(); drawTabs(); }
  if (has("pattern")) takePattern();
  if (has("view")) drawTabs();
  if (has("message", "task")) drawMessage(message);
  if (has("view", "words", "pattern") && state.view === "pattern") loadPreview();
  if (has("view", "inspect") && state.view === "inspect") loadInspect();
  if (has("view", "task") || (has("words", "check", "effect") && state.view === "words") || (has("pattern", "words") && state.view === "pattern")) drawEditor();
  if (has("effect") && state.view === "inspect") loadInspect();
  if (has("progress", "task")) drawProgress(progress);
  if (has("effect", "task", "filter")) drawEffect(effect);
  if (has("rows", "task")) loadRows(drawFound);
});
onRefresh(() => state.view === "words" && drawEditor());
onPatternRefresh(() => state.view === "pattern" && drawEditor());
onInspectRefresh(() => state.view === "inspect" && drawEditor());

document.addEventListener("keydown", (event) => {
  const inText = event.target.matches("textarea, input:not([type=checkbox])") && event.target.value !== "" && !event.target.matches(".add");
  if (!(event.ctrlKey || event.metaKey) || inText) return;
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) { event.preventDefault(); undo(); }
  if ((key === "z" && event.shiftKey) || key === "y") { event.preventDefault(); redo(); }
});
window.addEventListener("beforeunload", (event) => {
  if (state.task && unsaved()) event.preventDefault();
});
document.addEventListener("settled", () => state.task && drawAll());
window.addEventListener("focus", lookAtFiles);
const theme = localStorage.getItem("pet-mtl-theme");
if (theme) document.documentElement.dataset.theme = theme;

try {
  state.suite = await get("/api/suite");
  show(app, header, message, h("main", {}, h("div", { class: "edits" }, tabs, editor), h("div", { class: "found" }, title, progress, effect)), rows);
  drawHeader();
  await open(state.suite.tasks[0].task);
} catch (error) {
  show(app, problemList(error));
}
