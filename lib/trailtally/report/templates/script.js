"use strict";
// Tables that are sorted by their heads and filtered by words. Without this script they stand as they are.

function order(cell) {
  const text = cell.dataset.order ?? cell.textContent;
  const number = parseFloat(text.replaceAll(",", ""));
  return { text, number: Number.isNaN(number) ? -Infinity : number };
}

function sortRows(body, column, kind, direction) {
  const rows = Array.from(body.rows, (row) => ({ row, key: order(row.cells[column]) }));
  const by = kind === "number" ? "number" : "text";
  rows.sort((a, b) => direction * (a.key[by] < b.key[by] ? -1 : a.key[by] > b.key[by] ? 1 : 0));
  body.append(...rows.map(({ row }) => row));
}

function makeSortable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    if (!head.dataset.kind) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      // Numbers begin with the largest, texts with the first.
      const first = head.dataset.kind === "number" ? "descending" : "ascending";
      const second = first === "descending" ? "ascending" : "descending";
      const sort = head.getAttribute("aria-sort") === first ? second : first;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sort);
      sortRows(table.tBodies[0], column, head.dataset.kind, sort === "ascending" ? 1 : -1);
    });
  });
}

function makeFilterable(filter, table) {
  const input = filter.querySelector("input");
  const output = filter.querySelector("output");
  const rows = Array.from(table.tBodies[0].rows, (row) => ({ row, text: Array.from(row.cells, (cell) => cell.textContent).join(" ").toLowerCase() }));
  const count = (number) => number.toLocaleString("en");
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, text } of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    output.textContent = words.length ? `${count(shown)} of ${count(rows.length)} rows` : `${count(rows.length)} rows`;
  };
  filter.hidden = false;
  input.addEventListener("input", apply);
  apply();
}

for (const part of document.querySelectorAll("[data-sortable]")) {
  const table = part.querySelector("table");
  if (!table) continue; // it has no rows
  makeSortable(table);
  const filter = part.querySelector(".filter");
  if (filter) makeFilterable(filter, table);
}

// Where a chart of days is wider than the window, its newest bar is seen first.
const right = (element) => element.getBoundingClientRect().right;
for (const chart of document.querySelectorAll(".days")) {
  const newest = Math.max(...Array.from(chart.querySelectorAll('path[fill^="var(--"]'), right));
  chart.scrollLeft += newest - right(chart) + 8;
}

// What is folded is printed, too.
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = Array.from(document.querySelectorAll("details:not([open])"));
  for (const details of opened) details.open = true;
});
window.addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
