"use strict";
(() => {
const form = document.getElementById("filters");
const rows = [...document.querySelectorAll("[data-row]")];
const status = document.getElementById("shown");
const text = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
function apply() {
  const words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const risk = form.elements.risk.value;
  const op = form.elements.op.value;
  const clause = form.elements.clause.value;
  let shown = 0;
  for (const row of rows) {
    const fits = words.every((word) => text.get(row).includes(word))
      && (!risk || !row.dataset.risk || row.dataset.risk === risk)
      && (!op || !row.dataset.op || row.dataset.op === op)
      && (!clause || !row.dataset.clause || row.dataset.clause === clause);
    row.hidden = !fits;
    shown += fits ? 1 : 0;
  }
  status.textContent = `${shown} of ${rows.length} rows shown`;
}
form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(apply));
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    form.elements.search.focus();
  }
});
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
apply();
})();
