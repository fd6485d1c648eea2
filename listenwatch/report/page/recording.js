"use strict";
// Shows and hides calls; everything else is in the page without it.
const calls = [...document.querySelectorAll("#calls > details")];
const texts = calls.map((call) => call.textContent.toLowerCase());
const bars = [...document.querySelectorAll(".line g")];
const filter = document.getElementById("filter");
const whole = document.getElementById("whole");
let kind = "";
let bar = "";

function show() {
  const wanted = filter.value.trim().toLowerCase();
  let shown = 0;
  calls.forEach((call, place) => {
    call.hidden = !((!kind || call.dataset.kind === kind) && (!bar || call.dataset.bar === bar) && texts[place].includes(wanted));
    shown += !call.hidden;
  });
  document.getElementById("shown").textContent = shown === calls.length ? `${shown} calls` : `${shown} of ${calls.length} calls`;
  for (const each of bars) {
    if (each.dataset.bar === bar) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
  whole.hidden = !bar;
}
filter.addEventListener("input", show);
const buttons = [...document.querySelectorAll("button[data-kind]")];
function choose(button) {
  kind = button.dataset.kind;
  for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
  show();
}
for (const button of buttons) button.addEventListener("click", () => choose(button));
for (const each of bars) {
  each.addEventListener("click", () => {
    bar = bar === each.dataset.bar ? "" : each.dataset.bar;
    show();
  });
}
whole.addEventListener("click", () => {
  bar = "";
  show();
});
document.getElementById("print").addEventListener("click", () => window.print());
document.getElementById("tools").hidden = !calls.length;

// The address may name a call, which is opened, or a kind: page.html#call-7, page.html#disagree

function go() {
  const name = location.hash.slice(1);
  const call = calls.find((each) => each.id === name);
  if (call) {
    call.open = true;
    call.scrollIntoView();
  }
  const button = buttons.find((each) => each.dataset.kind === name);
  if (button) choose(button);
}
window.addEventListener("hashchange", go);
show();
go();
