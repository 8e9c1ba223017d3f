// The words of the page, in English and Chinese.
const WORDS = {
  en: {
    title: "pet-mtl studio", task: "Task", model: "model", zero_shot: "zero-shot", rows: "rows", theme: "Dark or light",
    words: "Words", pattern: "Pattern", inspect: "Inspect", effect: "Effect",
    undo: "Undo", redo: "Redo", reset: "Back to the file", save: "Save", compare: "Compare with the file", suggest: "Suggest words",
    suggesting: "Looking for words on training rows…", filter_labels: "Filter labels", add_word: "add a word", upper: "stands above labels",
    saved: "Saved to {path}", unsaved: "not saved", no_changes: "as in the file",
    keys: "Enter adds · ← chips · Del removes · Alt+←→ order · Alt+↑↓ to another label · Ctrl+Z undo",
    remove: "Remove {word}", chip: "{word}, {n} pieces", chip_1: "{word}, {n} piece", pieces: "pieces", prior: "prior", unknown: "unknown characters: {what}",
    shared: "also a word of {what}", nested: "inside or around {what}", cuts: "jieba reads {what}", left: "Move left", right: "Move right",
    move_to: "Move to…", close: "Close", label_prior: "the empty pattern gives this label {p}",
    gain: "{gain} on held-out rows", replaces: "in place of all", adds: "one more",
    macro_f1: "macro-F1", accuracy: "accuracy", exact_match: "whole set right", pearson: "Pearson", near: "within a tenth of the range",
    no_label: "none", gained: "gained", lost: "lost", flipped: "flipped", wrong: "wrong", all: "all rows",
    reading: "The model reads the rows: {done} of {total}", working: "Working…", stop: "Stop", seconds: "{n} rows in {s} s", seconds_1: "{n} row in {s} s",
    luck: "A gain like this ({gained} gained, {lost} lost) comes by chance alone with probability {p} (edits tried on these rows: {tries}).",
    luck_ok: "By chance alone a gain like this has probability {p} (edits tried: {tries}).",
    few_1: "Only {n} row: it says next to nothing. Check the choice on other rows.",
    few: "Only {n} rows: differences of a few points mean little. Check the choice on other rows.",
    per_label: "F1 of each label", before: "before", after: "now", label_rows: "{n} rows", label_rows_1: "{n} row", confusion: "Confusion", gold: "true", predicted: "predicted",
    largest: "Largest confusions", cell: "{gold} read as {predicted}: {n} rows", cell_1: "{gold} read as {predicted}: {n} row", sort_change: "largest change first", sort_file: "order of the file", sort_worst: "worst first",
    rows_title: "Rows", search_text: "search texts", any_label: "any label", none: "No rows.", page: "{from}–{to} of {total}", previous: "Previous", next: "Next",
    look: "Inspect this row", cell_filter: "{gold} → {predicted}", clear: "Clear",
    prefix: "Prefix", add_pattern: "Add a pattern", remove_pattern: "Remove this pattern", score_pattern: "Score (runs the model)", scoring_one: "Pattern {n} alone…",
    row_number: "Row", another_row: "Another row", as_model: "The row as the model sees it", slot: "slot {n}", masks_1: "with {n} mask", masks: "with {n} masks",
    alone: "alone", together: "together", fields_are: "Fields: {fields}", pattern_hint: "{mask} is the place of the label word",
    text_hint: "Type a text to see what the model makes of it", important: "What matters", run_importance: "Leave each character out",
    importance_hint: "Darker: without it the label {label} loses more probability; struck out: it gains.",
    probability: "probability", share: "share", label: "label", word: "word", slots: "Likeliest at the slots", show_all: "Show all",
    changed_title: "The file was changed meanwhile", changed_text: "Someone saved {path} after this page read it. What saving would change in it now:",
    take_file: "Take the file's version", overwrite: "Save over it", cancel: "Cancel", file_moved: "{path} was changed outside the page.",
    no_save: "Cannot be saved: {why}", download: "Download", offline: "The studio does not answer. Is it still running?",
    language: "中文", leave: "There are unsaved changes.", tabs: "Views", no_difference: "No difference.",
  },
  zh: {
    title: "pet-mtl 工作台", task: "任务", model: "模型", zero_shot: "零样本", rows: "行", theme: "深色或浅色",
    words: "标签词", pattern: "模板", inspect: "单条分析", effect: "效果",
    undo: "撤销", redo: "重做", reset: "恢复文件版本", save: "保存", compare: "与文件比较", suggest: "推荐标签词",
    suggesting: "正在用训练样本寻找标签词……", filter_labels: "筛选标签", add_word: "添加词", upper: "上层名称",
    saved: "已保存到 {path}", unsaved: "未保存", no_changes: "与文件相同",
    keys: "回车添加 · ← 选词 · Del 删除 · Alt+←→ 排序 · Alt+↑↓ 移到其他标签 · Ctrl+Z 撤销",
    remove: "删除 {word}", chip: "{word}，{n} 个子词", pieces: "子词", prior: "先验", unknown: "词表外的字：{what}",
    shared: "也是 {what} 的词", nested: "与 {what} 互相包含", cuts: "jieba 切成 {what}", left: "左移", right: "右移",
    move_to: "移到……", close: "关闭", label_prior: "空模板给此标签 {p}",
    gain: "留出数据上 {gain}", replaces: "替换全部", adds: "增加一个",
    macro_f1: "宏平均 F1", accuracy: "准确率", exact_match: "标签集合全对", pearson: "Pearson 相关系数", near: "误差在范围的十分之一内",
    no_label: "无", gained: "变对", lost: "变错", flipped: "改变", wrong: "错误", all: "全部",
    reading: "模型正在读数据：{done} / {total}", working: "计算中……", stop: "停止", seconds: "{n} 行，{s} 秒",
    luck: "仅凭运气得到这样的提升（{gained} 条变对，{lost} 条变错）的概率为 {p}，已计入在这些数据上试过的 {tries} 次修改。",
    luck_ok: "仅凭运气得到这样的提升的概率为 {p}（已试 {tries} 次修改）。",
    few: "只有 {n} 行：几个百分点的差别没有意义，请在其他数据上验证。",
    per_label: "各标签 F1", before: "之前", after: "现在", label_rows: "{n} 行", confusion: "混淆矩阵", gold: "真实", predicted: "预测",
    largest: "最多的混淆", cell: "{gold} 被判为 {predicted}：{n} 行", sort_change: "变化最大优先", sort_file: "文件顺序", sort_worst: "最差优先",
    rows_title: "数据行", search_text: "搜索文本", any_label: "任意标签", none: "没有数据行。", page: "第 {from}–{to} 条，共 {total} 条", previous: "上一页", next: "下一页",
    look: "分析这一条", cell_filter: "{gold} → {predicted}", clear: "清除",
    prefix: "前缀", add_pattern: "添加模板", remove_pattern: "删除此模板", score_pattern: "打分（运行模型）", scoring_one: "单独给模板 {n} 打分……",
    row_number: "行", another_row: "换一条", as_model: "模型看到的样子", slot: "空位 {n}", masks: "{n} 个空位",
    alone: "单独", together: "合并", fields_are: "字段：{fields}", pattern_hint: "{mask} 是标签词的位置",
    text_hint: "输入文本，看模型如何判断", important: "哪些字重要", run_importance: "逐字删除",
    importance_hint: "颜色越深，删去后标签 {label} 的概率下降越多；划线表示删去后反而上升。",
    probability: "概率", share: "份额", label: "标签", word: "词", slots: "空位上最可能的子词", show_all: "显示全部",
    changed_title: "文件在此期间被修改", changed_text: "{path} 在本页读取之后被保存过。现在保存会带来的改动：",
    take_file: "采用文件版本", overwrite: "仍然覆盖", cancel: "取消", file_moved: "{path} 在页面之外被修改。",
    no_save: "不能保存：{why}", download: "下载", offline: "工作台没有响应，它还在运行吗？",
    language: "English", leave: "有未保存的修改。", tabs: "视图", no_difference: "没有差别。",
  },
};

let chosen = localStorage.getItem("pet-mtl-language") || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!WORDS[chosen]) chosen = "en";
document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";

// `NAME_1` is for one, where the language tells it from many. What is written from the right is set apart, or it would turn
// the arrow between two labels round.
export function t(key, values = {}) {
  const own = WORDS[chosen];
  const text = (String(values.n) === "1" ? own[`${key}_1`] : null) ?? own[key] ?? WORDS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? apart(String(values[name])) : whole));
}

const apart = (text) => (/[\u0590-\u08ff\u202a-\u202e\ufb1d-\ufdff\ufe70-\ufeff]/.test(text) ? `\u2068${text}\u2069` : text);

export function otherLanguage() {
  chosen = chosen === "zh" ? "en" : "zh";
  localStorage.setItem("pet-mtl-language", chosen);
  document.documentElement.lang = chosen === "zh" ? "zh-CN" : "en";
}

export const percent = (value, digits = 1) => `${(100 * value).toFixed(digits)} %`;
export const signed = (value, digits = 4) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
export const count = (value) => value.toLocaleString(chosen === "zh" ? "zh-CN" : "en-US");
export function chance(p) {
  return p < 0.001 ? "< 0.1 %" : percent(p, p < 0.1 ? 1 : 0);
}
