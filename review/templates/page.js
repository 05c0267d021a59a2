"use strict";
(() => {
const form = document.getElementById("filters");
const rows = [...document.querySelectorAll("[data-row]")];
const nodes = [...document.querySelectorAll("[data-node]")];
const edges = [...document.querySelectorAll("[data-from]")];
const status = document.getElementById("shown");
const text = new Map([...rows, ...nodes].map((row) => [row, row.textContent.toLowerCase()]));
const fields = ["search", "risk", "op", "clause"].map((name) => form.elements[name]);

function fits(row, words, risk, op, clause) {
  return words.every((word) => text.get(row).includes(word))
    && (!risk || !row.dataset.risk || row.dataset.risk === risk)
    && (!op || !row.dataset.op || row.dataset.op === op)
    && (!clause || !row.dataset.clause || row.dataset.clause === clause);
}
function apply() {
  const [search, risk, op, clause] = fields.map((field) => field.value);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const active = words.length > 0 || risk || op || clause;
  let shown = 0;
  for (const row of rows) {
    row.hidden = !fits(row, words, risk, op, clause);
    shown += row.hidden ? 0 : 1;
  }
  for (const node of nodes) node.classList.toggle("faded", !fits(node, words, risk, op, ""));
  for (const group of document.querySelectorAll("details[data-group]")) {
    const any = group.querySelector("[data-row]:not([hidden])") !== null;
    group.hidden = !any;
    if (active && any) group.open = true;
  }
  status.textContent = active ? `${shown} of ${rows.length} rows shown` : `${rows.length} rows`;
}
function light(number, on) {
  for (const edge of edges) {
    if (edge.dataset.from === number || edge.dataset.to === number) edge.classList.toggle("lit", on);
  }
}
form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(apply));
for (const node of nodes) {
  for (const [kind, on] of [["mouseenter", true], ["focus", true], ["mouseleave", false], ["blur", false]]) {
    node.addEventListener(kind, () => light(node.dataset.node, on));
  }
  node.addEventListener("click", () => {
    const row = document.getElementById(`change-${node.dataset.node}`);
    if (!row) return;
    if (row.hidden) { form.reset(); apply(); setTimeout(() => row.scrollIntoView()); }
    for (let up = row.parentElement; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
  });
}
addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    form.elements.search.focus();
  } else if (event.key === "Escape" && form.contains(document.activeElement)) {
    form.reset();
  }
});
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
apply();
})();
