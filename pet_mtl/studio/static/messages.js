// Errors, and what can be done about a file that changed.
import { h, redraw } from "./dom.js";
import { t } from "./i18n.js";
import { save, state, takeFile, tell } from "./store.js";

export function problemList(error) {
  const problems = error.problems || [{ message: String(error.message || error) }];
  return h("ul", { class: "problems", role: "alert" }, problems.map((each) =>
    h("li", {}, each.message === "offline" ? t("offline") : [each.where && h("code", {}, `${each.where}: `), each.message, each.hint && h("small", {}, ` ${each.hint}`)])));
}

export function drawMessage(node) {
  const { message } = state;
  const moved = state.moved.length > 0 && !(message && message.conflict) && h("div", { class: "message warning", role: "status" },
    t("file_moved", { path: [...new Set(state.moved.map((file) => state.task[file].path || t(file === "words_file" ? "words" : "pattern")))].join(", ") }), " ",
    h("button", { data: { key: "take-moved" }, on: { click: takeFile } }, t("take_file")));
  let shown = null;
  if (message && message.conflict) shown = conflict(message);
  else if (message && message.saved) shown = h("div", { class: "message good", role: "status" }, t("saved", { path: message.saved }));
  else if (message) shown = problemList(message);
  redraw(node, moved, shown);
}

function conflict({ conflict: changes, what, path }) {
  return h("div", { class: "message warning conflict", role: "alertdialog", "aria-label": t("changed_title") },
    h("b", {}, t("changed_title")), h("p", {}, t("changed_text", { path })),
    h("pre", { class: "difference" }, changes.difference.length ? changes.difference.map((line) => h("span", { class: line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : "" }, line, "\n")) : t("no_difference")),
    h("button", { data: { key: "take" }, on: { click: takeFile } }, t("take_file")),
    h("button", { data: { key: "overwrite" }, on: { click: () => save(what, changes.digest) } }, t("overwrite")),
    h("button", { data: { key: "cancel" }, on: { click: () => tell(null) } }, t("cancel")));
}
