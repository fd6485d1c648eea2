// The panel: the calls behind a cell

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
  return { kernel, scenario, ran, mode: ran.find(([name]) => name === mode) || ran[0] };
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
      choice(name, name === kernel, [...new Set(of[scenario].map(([, word]) => word))],
        () => go(name, scenario, mode[0])))),
    make("nav", { "aria-label": "Attach modes" }, make("span", {}, "mode"), ...ran.map((each) =>
      choice(each[0], each === mode, [each[1]], () => go(kernel, scenario, each[0])))));
}
function differing({ scenario }) {
  const differences = data.scenarios[scenario][1];
  if (!differences.length) return null;
  return make("section", { class: "differing" }, make("h3", {}, "Differs between kernels"),
    make("ul", {}, ...differences.map(([what, numbers, values]) => make("li", {},
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
  const text = parts.map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(", ");
  return `${numbers.length > 1 ? "calls" : "call"} ${text}`;
}
function calls({ mode: [, word, note, numbers] }) {
  const alike = []; // neighbours that are the same are shown once
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
    ["observed", seen.observed, apart], ["socket", seen.protocol], ["entry path", seen.door]];
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
function parts(differences) {
  return make("table", { class: "parts" },
    make("thead", {}, make("tr", {}, ...["differs in", "predicted", "observed"].map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...differences.map((difference) => make("tr", {}, make("th", { scope: "row" }, difference.field),
      make("td", {}, difference.predicted), make("td", { class: "part" }, difference.observed)))));
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
      ...Object.entries(rest).map(([text, labels]) => make("tr", { class: "rest" },
        make("td", { colspan: 9 }, `${text}: ${labels.join(", ")}`)))));
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
