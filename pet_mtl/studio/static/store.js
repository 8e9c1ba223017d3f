// What is edited, its history, and what is known of it. Views subscribe and draw themselves.
import { get, post, run, stopRun } from "./api.js";
import { later } from "./dom.js";

export const state = {
  suite: null, task: null, words: {}, prefix: "", patterns: [], past: [], future: [],
  effect: null, effectError: null, progress: null, check: null, suggestions: null, message: null,
  filter: { kind: "all", gold: null, predicted: null, label: null, text: "", page: 0 }, view: "words", inspected: null, moved: [],
};
const listeners = new Set();

export const subscribe = (listener) => listeners.add(listener);
export function changed(...what) {
  for (const listener of listeners) listener(new Set(what));
}

const path = (end) => `/api/tasks/${encodeURIComponent(state.task.task)}/${end}`;
export const taskPath = path;
const copy = (words) => Object.fromEntries(Object.entries(words).map(([label, each]) => [label, [...each]]));
const snapshot = () => ({ words: copy(state.words), prefix: state.prefix, patterns: [...state.patterns] });
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

export const wordsDiffer = () => !same(state.task.names.map((l) => state.words[l]), state.task.names.map((l) => state.task.words[l]));
export const patternsDiffer = () => !same([state.prefix, state.patterns], [state.task.prefix, state.task.patterns]);

export function edit(more = {}) {
  const edited = { words: state.words, ...more };
  if (patternsDiffer() && !("patterns" in more)) Object.assign(edited, { prefix: state.prefix, patterns: state.patterns });
  return edited;
}

// The files that are not what the page holds: others saved them, or the studio could not read what stands there.
const movedFiles = (now) => ["words_file", "patterns_file"].filter((file) => now[file].changed || now[file].digest !== state.task[file].digest);

let opened = 0; // the task that was chosen last counts, not the answer that comes last

export async function openTask(name, forget) {
  const mine = (opened += 1);
  const task = await get(`/api/tasks/${encodeURIComponent(name)}`);
  if (mine !== opened) return;
  forget();
  stopAll();
  state.task = task;
  Object.assign(state, {
    words: copy(state.task.words), prefix: state.task.prefix, patterns: [...state.task.patterns], past: [], future: [], effect: null,
    effectError: null, check: null, suggestions: null, message: null, inspected: null, moved: movedFiles(state.task),
    filter: { kind: "all", gold: null, predicted: null, label: null, text: "", page: 0 },
  });
  changed("task", "words", "pattern", "effect", "rows", "message");
  rescore();
  recheck();
}

function stopAll() {
  if (!state.task) return;
  for (const kind of ["effect", "suggest", "preview", "inspect"]) stopRun(path(kind));
}

// Make a change that can be undone.
export function change(make) {
  const before = snapshot();
  make(state);
  if (same(before, snapshot())) return;
  state.past.push(before);
  if (state.past.length > 200) state.past.shift();
  state.future = [];
  afterChange(before);
}

function travel(from, to) {
  if (!from.length) return;
  const before = snapshot();
  to.push(before);
  const { words, prefix, patterns } = from.pop();
  Object.assign(state, { words, prefix, patterns });
  afterChange(before);
}

export const undo = () => travel(state.past, state.future);
export const redo = () => travel(state.future, state.past);
export const reset = () => change((now) => Object.assign(now, { words: copy(now.task.words), prefix: now.task.prefix, patterns: [...now.task.patterns] }));

function afterChange(before) {
  state.message = null;
  changed("words", "message", ...(same([before.prefix, before.patterns], [state.prefix, state.patterns]) ? [] : ["pattern"]));
  rescoreSoon();
  recheckSoon();
}

let scores = 0; // the last one says what is shown

export async function rescore() {
  const task = state.task;
  const mine = (scores += 1);
  state.progress = { done: 0, total: 0 };
  changed("progress");
  try {
    const found = await run(path("effect"), edit(), (done, total) => {
      state.progress = { done, total };
      changed("progress");
    });
    if (task !== state.task || mine !== scores) return;
    state.progress = null;
    if (found !== null) { // else it was stopped, perhaps for a pattern alone
      Object.assign(state, { effect: found, effectError: null });
      state.filter.page = 0;
    }
  } catch (error) {
    if (task !== state.task || mine !== scores) return;
    Object.assign(state, { effectError: error, progress: null });
  }
  changed("progress", "effect", "rows");
}

export const stopScoring = () => {
  stopRun(path("effect"));
  state.progress = null;
  changed("progress");
};

let checks = 0; // answers may overtake one another: the last question counts

export async function recheck(draft) {
  const task = state.task;
  if (draft && state.words[draft.label].includes(draft.word)) return;
  const mine = (checks += 1);
  const words = draft ? { ...state.words, [draft.label]: [...state.words[draft.label], draft.word] } : state.words;
  try {
    const found = await post(path("check"), { words });
    if (task !== state.task || mine !== checks) return;
    state.check = found;
  } catch {
    if (draft || mine !== checks) return;
    state.check = null;
  }
  changed("check");
}

const rescoreSoon = later(30, rescore);
const recheckSoon = later(150, () => recheck());
export const recheckDraft = later(120, recheck);

export async function suggest() {
  const { task } = state.task; // its name: saving exchanges the rest
  state.suggestions = "running";
  changed("words");
  try {
    const found = await run(path("suggest"), { ...edit(), most: 5 });
    if (task !== state.task.task) return;
    state.suggestions = found;
  } catch (error) {
    if (task !== state.task.task) return;
    state.suggestions = null;
    tell(error);
  }
  changed("words");
}

export function tell(what) {
  state.message = what;
  changed("message");
}

export async function save(what, seen) {
  const file = what === "words" ? state.task.words_file : state.task.patterns_file;
  try {
    const task = await post(path("save"), { ...edit({ prefix: state.prefix, patterns: state.patterns }), what, seen: seen ?? file.digest });
    if (task.task !== state.task.task) return; // another one was opened meanwhile
    state.task = task;
    state.moved = movedFiles(task);
    tell({ saved: file.path });
    changed("task", "words");
    rescore();
  } catch (error) {
    if (error.changed) tell({ conflict: error.changed, what, path: file.path });
    else tell(error);
  }
}

// The file's version, as a change that can be undone.
export async function takeFile() {
  try {
    const task = await post(path("reload"));
    if (task.task !== state.task.task) return;
    state.task = task;
    state.moved = movedFiles(task);
    change((now) => Object.assign(now, { words: copy(task.words), prefix: task.prefix, patterns: [...task.patterns] }));
    tell(null);
    changed("task", "words", "pattern");
    rescore();
  } catch (error) {
    tell(error);
  }
}

export async function lookAtFiles() {
  if (!state.task) return;
  try {
    const now = await get(`/api/tasks/${encodeURIComponent(state.task.task)}`);
    const moved = movedFiles(now);
    if (now.task === state.task.task && !same(moved, state.moved)) {
      state.moved = moved;
      changed("message");
    }
  } catch { /* the next request will say so */ }
}
