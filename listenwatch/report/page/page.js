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
  const now = cell || cells.find((each) => each.tabIndex === 0 && visible(each)) || cells.find(visible);
  for (const each of cells) each.tabIndex = each === now ? 0 : -1;
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

// The panel

let opened = null;
function go(kernel, scenario, mode) {
  const hash = `#${[kernel, scenario, mode].filter(Boolean).map(encodeURIComponent).join("/")}`;
  if (location.hash === hash) open();
  else location.hash = hash;
}
function wanted() {
  let parts = [];
  try {
    parts = location.hash.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return null; // not an address this page made
  }
  const [kernel, scenario, mode] = parts;
  const has = (object, key) => object !== undefined && Object.hasOwn(object, key);
  if (!has(data.cells, kernel) || !has(data.cells[kernel], scenario)) return null;
  const ran = data.cells[kernel][scenario];
  return { kernel, scenario, ran, mode: ran.find((each) => each[0] === mode) || ran[0] };
}
function open() {
  const place = wanted();
  if (!place) return close();
  for (const cell of cells) {
    const here = cell.dataset.kernel === place.kernel && cell.closest("tr").dataset.name === place.scenario;
    if (here) {
      cell.setAttribute("aria-current", "true");
      opened = reachable(cell);
    } else {
      cell.removeAttribute("aria-current");
    }
  }
  panel.replaceChildren(head(place), make("div", { class: "inside" }, differing(place), ...calls(place)));
  panel.hidden = false;
  panel.querySelector("h2").focus({ preventScroll: true });
  if (opened && visible(opened)) opened.scrollIntoView({ block: "nearest", inline: "nearest" });
}
function close() {
  if (panel.hidden) return;
  panel.hidden = true;
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  if (opened) {
    opened.removeAttribute("aria-current");
    opened.focus({ preventScroll: true });
  }
}
window.addEventListener("hashchange", open);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
});

function choice(label, chosen, words, action) {
  const button = make("button", { type: "button", "aria-pressed": String(chosen) }, label, ...words.map(sign));
  button.addEventListener("click", action);
  return button;
}
function head({ kernel, scenario, ran, mode }) {
  const shut = make("button", { type: "button", class: "close", "aria-label": "Close" }, "✕");
  shut.addEventListener("click", close);
  const kernels = Object.entries(data.cells).filter(([, of]) => Object.hasOwn(of, scenario));
  return make("header", {},
    make("h2", { id: "panel-title", tabindex: "-1" }, scenario),
    shut,
    make("p", { class: "made" }, data.scenarios[scenario][0]),
    make("nav", { "aria-label": "Kernels" }, make("span", {}, "kernel"), ...kernels.map(([name, of]) =>
      choice(name, name === kernel, [...new Set(of[scenario].map((each) => each[1]))],
        () => go(name, scenario, mode[0])))),
    make("nav", { "aria-label": "Attach modes" }, make("span", {}, "mode"), ...ran.map((each) =>
      choice(each[0], each === mode, [each[1]], () => go(kernel, scenario, each[0])))));
}
function differing({ scenario }) {
  const found = data.scenarios[scenario][1];
  if (!found.length) return null;
  return make("section", { class: "differing" }, make("h3", {}, "Differs between kernels"),
    make("ul", {}, ...found.map(([what, numbers, values]) => make("li", {},
      numbers[0] ? `${spans(numbers)}, ` : "", make("b", {}, what), ": ",
      values.map(([value, kernels]) => `${value} on ${kernels.join(", ")}`).join("; ")))));
}
function spans(numbers) {
  const parts = [];
  for (const number of numbers) {
    const last = parts.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else parts.push([number, number]);
  }
  const told = parts.map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(", ");
  return `${numbers.length > 1 ? "calls" : "call"} ${told}`;
}
function calls({ mode: [, word, note, numbers] }) {
  const alike = []; // neighbours that are the same are told once
  numbers.forEach((number, place) => {
    const last = alike.at(-1);
    if (last && last.number === number) last.places.push(place + 1);
    else alike.push({ number, places: [place + 1] });
  });
  return [
    note ? make("div", { class: "note" }, word === "SKIP" ? `Skipped: ${note}` : make("pre", {}, note)) : null,
    ...alike.map(({ number, places }) => call(data.calls[number], places, alike.length < 4)),
  ];
}
function call(seen, places, unfolded) {
  const apart = seen.predicted !== seen.observed && seen.verdict !== "AGREE";
  const facts = [["asked", seen.asked], ["somaxconn", seen.somaxconn], ["predicted", seen.predicted],
    ["observed", seen.observed, apart], ["socket", seen.protocol], ["door", seen.door]];
  return make("details", { class: "call", open: unfolded || seen.verdict !== "AGREE" },
    make("summary", {}, sign(seen.verdict), make("b", {}, spans(places)),
      make("span", {}, `asked ${seen.asked ?? "?"} → ${seen.observed ?? "no record"}`),
      seen.rule && seen.rule !== "none" ? make("span", {}, seen.rule) : null),
    make("div", {},
      make("dl", { class: "facts" }, ...facts.filter(([, value]) => value !== undefined).map(([name, value, part]) =>
        make("div", {}, make("dt", {}, name), make("dd", { class: part ? "part" : null }, value)))),
      make("p", { class: "why reason" }, make("b", {}, seen.verdict), ` ${seen.reason}`),
      ...[seen.rule, seen.backlog_rule].filter((name) => name in data.rules).map((name) =>
        make("p", { class: "why" }, make("b", {}, name), " ", make("span", {}, data.rules[name]))),
      seen.differences ? parts(seen.differences) : null,
      seen.rows ? make("div", { class: "box" }, stages(seen.rows.map((number) => data.rows[number]))) : null));
}
function parts(found) {
  return make("table", { class: "parts" },
    make("thead", {}, make("tr", {}, ...["differs in", "predicted", "observed"].map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...found.map((each) => make("tr", {}, make("th", { scope: "row" }, each.field),
      make("td", {}, each.predicted), make("td", { class: "part" }, each.observed)))));
}
function stages(all) {
  const absent = (row) => typeof row[1] === "string" && typeof row[2] === "string" && !row[3].length;
  const rest = {};
  for (const row of all.filter(absent)) (rest[`predicted: ${row[1]}; observed: ${row[2]}`] ||= []).push(row[0]);
  const names = ["value", "limit", "queue", "state"];
  const heads = () => names.map((name, place) =>
    make("th", { scope: "col", class: place ? (place < 3 ? "number" : null) : "side" }, name));
  return make("table", { class: "stages" },
    make("thead", {},
      make("tr", {}, make("th", { scope: "col", rowspan: 2 }, "stage"),
        ...["predicted", "observed"].map((name) => make("th", { scope: "colgroup", colspan: 4, class: "side" }, name))),
      make("tr", {}, ...heads(), ...heads())),
    make("tbody", {},
      ...all.filter((row) => !absent(row)).map(([label, predicted, observed, parted]) =>
        make("tr", { class: label.startsWith("the call") ? "ends" : null }, make("th", { scope: "row" }, label),
          ...side(predicted, parted, "any", "expected"), ...side(observed, parted, "–", "part"))),
      ...Object.entries(rest).map(([told, labels]) => make("tr", { class: "rest" },
        make("td", { colspan: 9 }, `${told}: ${labels.join(", ")}`)))));
}
function side(values, parted, free, mark) {
  if (typeof values === "string") {
    return [make("td", { colspan: 4, class: parted.length ? `side ${mark}` : "side absent" }, values)];
  }
  return values.map((value, place) => {
    const kind = [place ? null : "side", place === 1 || place === 2 ? "number" : null, parted.includes(place) ? mark : null];
    const none = place === 2 && values[3] !== null ? free : "–"; // a queue no number is right for
    return make("td", { class: kind.filter(Boolean).join(" ") || null }, value === null || value === "" ? none : value);
  });
}

show();
open();
