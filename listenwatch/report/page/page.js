"use strict";
// Text reaches the page as text nodes and attributes only: nothing here parses HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const grid = document.getElementById("grid");
const panel = document.getElementById("panel");
const rows = [...grid.querySelectorAll("tr[data-name]")];
const cells = [...grid.querySelectorAll("button[data-kernel]")];
const signs = { AGREE: "✓", DISAGREE: "✗", INCONCLUSIVE: "?", UNMODELLED: "∅", ERROR: "!", SKIP: "–" };

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined).map((child) =>
    child instanceof Node ? child : String(child)));
  return node;
}
const sign = (word) => make("i", { class: word.toLowerCase(), title: word }, signs[word]);

// Filters and folding

const quick = {
  all: () => true,
  disagree: (row) => row.dataset.words.split(" ").some((word) => word !== "AGREE" && word !== "SKIP"),
  skipped: (row) => row.dataset.words.split(" ").includes("SKIP"),
  differs: (row) => "differs" in row.dataset,
};
const filter = document.getElementById("filter");
const folders = [...grid.querySelectorAll(".group button")];
const foldAll = document.getElementById("fold");

function show() {
  const wanted = filter.value.trim().toLowerCase();
  const chosen = document.querySelector("[data-quick][aria-pressed=true]").dataset.quick;
  let shown = 0;
  for (const row of rows) {
    row.hidden = !(row.dataset.name.toLowerCase().includes(wanted) && quick[chosen](row));
    shown += !row.hidden;
  }
  for (const folder of folders) {
    const body = document.getElementById(folder.getAttribute("aria-controls"));
    const matching = [...body.rows].some((row) => !row.hidden);
    folder.closest("tbody").hidden = !matching;
    body.hidden = !matching || folder.getAttribute("aria-expanded") === "false";
  }
  document.getElementById("shown").textContent =
    shown === rows.length ? `${shown} scenarios` : `${shown} of ${rows.length} scenarios`;
  reachable();
}

function fold(folder, folded) {
  folder.setAttribute("aria-expanded", String(!folded));
}

filter.addEventListener("input", show);
for (const button of document.querySelectorAll("[data-quick]")) {
  button.addEventListener("click", () => {
    for (const other of document.querySelectorAll("[data-quick]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    show();
  });
}
for (const folder of folders) {
  folder.addEventListener("click", () => {
    fold(folder, folder.getAttribute("aria-expanded") === "true");
    show();
  });
}
foldAll.addEventListener("click", () => {
  const folded = foldAll.getAttribute("aria-pressed") !== "true";
  foldAll.setAttribute("aria-pressed", String(folded));
  for (const folder of folders) fold(folder, folded);
  show();
});

// The grid by keyboard: one stop for Tab, arrows from cell to cell

const visible = (cell) => cell.offsetParent !== null;
function reachable(cell) {
  const now = cell || cells.find((other) => other.tabIndex === 0 && visible(other)) || cells.find(visible);
  for (const other of cells) other.tabIndex = other === now ? 0 : -1;
  return now;
}
function neighbour(cell, down, right) {
  const column = cell.closest("td").cellIndex;
  if (right) {
    let td = cell.closest("td");
    do td = right > 0 ? td.nextElementSibling : td.previousElementSibling;
    while (td && !td.querySelector("button[data-kernel]"));
    return td && td.querySelector("button[data-kernel]");
  }
  const shown = rows.filter((row) => visible(row.cells[0]));
  const row = shown[shown.indexOf(cell.closest("tr")) + down];
  return row && row.cells[column].querySelector("button[data-kernel]");
}
grid.addEventListener("keydown", (event) => {
  const cell = event.target.closest("button[data-kernel]");
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (!cell || !step) return;
  event.preventDefault();
  const next = neighbour(cell, ...step);
  if (next) reachable(next).focus();
});
grid.addEventListener("click", (event) => {
  const cell = event.target.closest("button[data-kernel]");
  if (!cell) return;
  const place = [...cell.children].indexOf(event.target.closest("i"));
  const { kernel, name } = { ...cell.dataset, ...cell.closest("tr").dataset };
  const ran = data.cells[kernel][name];
  go(kernel, name, place > 0 ? ran[place][0] : ran[0][0]);
});

// Export: what the page holds, as a file; without a script there is the CSV

const save = document.getElementById("json");
save.hidden = false;
save.addEventListener("click", () => {
  const text = document.getElementById("data").textContent;
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = make("a", { href: address, download: "listenwatch-matrix.json" });
  link.click();
  URL.revokeObjectURL(address);
});
const print = document.getElementById("print");
print.hidden = false;
print.addEventListener("click", () => window.print());
