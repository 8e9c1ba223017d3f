"use strict";
// The page is whole without this: it sorts tables, orders matrices, shows a cell's rows, and marks
// what can be scrolled. All text is already in the page: nothing here ever parses markup.
(() => {
  const CELL = ".matrix .hit, .matrix .miss, tr.cell";
  const make = (name, css, text) => {
    const made = document.createElement(name);
    if (css) made.className = css;
    if (text) made.textContent = text;
    return made;
  };

  // --- tables sorted by a column ---------------------------------------------------------------
  const keyOf = (cell) => {
    const label = cell.tagName === "TH" && cell.querySelector("small"); // beside its main word
    const text = (cell.dataset.v ?? (label || cell).textContent).trim();
    if (text === "" || text === "–") return null;
    const number = Number(text.replaceAll(",", ""));
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), undefined, { numeric: true });
  const sortTable = (table, column, up) => {
    const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row.cells[column]), row]);
    rows.sort(([a], [b]) =>
      a === null || b === null ? (a === null) - (b === null) : compare(a, b) * (up ? 1 : -1));
    table.tBodies[0].append(...rows.map(([, row]) => row));
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[column].setAttribute("aria-sort", up ? "ascending" : "descending");
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = make("button", "sort");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = table.tBodies[0].rows[0];
        const text = first && typeof keyOf(first.cells[column]) === "string";
        sortTable(table, column, now ? now === "descending" : text);
      });
    });
  }

  // --- matrices in another order ---------------------------------------------------------------
  const orders = [
    ["in their own order", (a, b) => a.r - b.r],
    ["weakest F1 first", (a, b) => a.f1 - b.f1],
    ["most rows first", (a, b) => b.rows - a.rows],
    ["most rows taken for others first", (a, b) => b.missed - a.missed],
  ];
  const orderMatrix = (svg, order) => {
    const labels = [...svg.querySelectorAll("[data-f1]")].map(({ dataset }) => ({
      r: +dataset.r, f1: +dataset.f1, rows: +dataset.rows, missed: +dataset.missed,
    }));
    const place = [];
    labels.sort((a, b) => order(a, b) || a.r - b.r).forEach(({ r }, at) => { place[r] = at; });
    const cell = +svg.dataset.cell;
    const shift = (own) => (own === undefined ? 0 : (place[own] - own) * cell);
    for (const part of svg.querySelectorAll("[data-r], [data-c]"))
      part.setAttribute("transform", `translate(${shift(part.dataset.c)} ${shift(part.dataset.r)})`);
    svg.dataset.place = place.join(" ");
  };
  for (const svg of document.querySelectorAll(".matrix svg")) {
    if (svg.querySelectorAll("[data-f1]").length < 4) continue;
    const label = make("label", "order", "labels ");
    const choice = make("select");
    orders.forEach(([name], number) => choice.append(new Option(name, number)));
    choice.addEventListener("change", () => orderMatrix(svg, orders[choice.value][1]));
    label.append(choice);
    svg.closest(".matrix").before(label);
  }

  // --- the rows of a cell ----------------------------------------------------------------------
  const peek = make("div", "peek");
  peek.hidden = true;
  peek.setAttribute("role", "status");
  document.body.append(peek);
  let shown = null, timer = 0;
  const hide = () => {
    clearTimeout(timer);
    peek.hidden = true;
    shown = null;
  };
  const show = (cell) => {
    clearTimeout(timer);
    if (cell === shown) return;
    shown = cell;
    const rows = cell.dataset.peek && document.getElementById(cell.dataset.peek);
    peek.replaceChildren(make("p", "said", cell.getAttribute("aria-label") ?? ""));
    if (rows) for (const child of rows.children) peek.append(child.cloneNode(true));
    peek.hidden = false;
    const at = cell.getBoundingClientRect(), size = peek.getBoundingClientRect();
    const below = at.bottom + 8 + size.height <= innerHeight;
    peek.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
    peek.style.top = `${below ? at.bottom + 8 : Math.max(8, at.top - size.height - 8)}px`;
  };
  const later = (what, wait) => {
    clearTimeout(timer);
    timer = setTimeout(what, wait);
  };
  const cellAt = (target) => (target instanceof Element ? target.closest(CELL) : null);
  document.addEventListener("pointerover", ({ target }) => {
    const cell = cellAt(target);
    if (cell) later(() => show(cell), 60);
    else if (peek.contains(target)) clearTimeout(timer);
    else if (shown && shown !== document.activeElement) later(hide, 250);
  });
  document.addEventListener("focusin", ({ target }) => {
    const cell = cellAt(target);
    if (cell) show(cell);
    else hide();
  });
  document.addEventListener("click", ({ target }) => {
    const cell = cellAt(target);
    if (cell) show(cell);
    else if (!peek.contains(target)) hide();
  });
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  document.addEventListener("scroll", ({ target }) => target !== peek && hide(), true);

  // Of each matrix and list one cell is in the tab order; the arrow keys go to the others.
  for (const group of document.querySelectorAll(".matrix svg, .list tbody")) {
    const cells = [...group.querySelectorAll(CELL)];
    for (const cell of cells) {
      cell.tabIndex = -1;
      const title = cell.querySelector("title");
      if (title) {
        cell.setAttribute("aria-label", title.textContent);
        title.remove(); // the browser's own tip would lie over the rows
      }
    }
    if (cells.length) cells[0].tabIndex = 0;
    const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    group.addEventListener("keydown", (event) => {
      const from = cellAt(event.target), way = ways[event.key];
      if (!from || !way) return;
      event.preventDefault();
      const middle = (cell) => {
        const { left, top, width, height } = cell.getBoundingClientRect();
        return [left + width / 2, top + height / 2];
      };
      const [x, y] = middle(from);
      let best = null, least = Infinity;
      for (const cell of cells) {
        const [cx, cy] = middle(cell);
        const along = (cx - x) * way[0] + (cy - y) * way[1];
        const aside = Math.abs((cx - x) * way[1]) + Math.abs((cy - y) * way[0]);
        if (along > 1 && along + 3 * aside < least) [best, least] = [cell, along + 3 * aside];
      }
      if (best) {
        from.tabIndex = -1;
        best.tabIndex = 0;
        best.focus({ preventScroll: true });
        best.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
        requestAnimationFrame(() => requestAnimationFrame(() => { shown = null; show(best); }));
      }
    });
  }

  // --- what runs past the edge says so ---------------------------------------------------------
  for (const box of document.querySelectorAll(".scroll")) {
    const cue = make("p", "cue", "scroll sideways →");
    cue.hidden = true;
    cue.setAttribute("aria-hidden", "true");
    box.before(cue);
    const look = () => {
      const beyond = box.scrollWidth - box.clientWidth;
      cue.hidden = beyond < 2;
      box.classList.toggle("before", beyond >= 2 && box.scrollLeft > 1);
      box.classList.toggle("after", beyond >= 2 && box.scrollLeft < beyond - 1);
    };
    box.addEventListener("scroll", look, { passive: true });
    new ResizeObserver(look).observe(box);
    look();
  }
})();
