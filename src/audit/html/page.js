// Sorts and searches the targets. Everything that it works on stands in the page already.
"use strict";
(() => {
  const table = document.getElementById("targets");
  const body = table.tBodies[0];
  const headings = Array.from(table.tHead.rows[0].cells);
  const search = document.getElementById("search");
  const verdict = document.getElementById("verdict");
  const shown = document.getElementById("shown");
  // The worst first, as they stand in the page.
  const rows = Array.from(body.rows);
  const number = new Intl.NumberFormat("en");
  const leftOut = Number(shown.dataset.leftOut);
  const more = leftOut > 0 ? `; ${number.format(leftOut)} more are not on this page` : "";
  const collator = new Intl.Collator("en", { numeric: true });

  let texts = null;
  const textOf = (row) => Array.from(row.cells, (cell) => cell.textContent).join("\n").toLowerCase();

  const filter = () => {
    texts ??= new Map(rows.map((row) => [row, textOf(row)]));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const fits =
        (!verdict.value || row.classList.contains(verdict.value)) &&
        words.every((word) => texts.get(row).includes(word));
      row.hidden = !fits;
      count += fits ? 1 : 0;
    }
    shown.value = `${number.format(count)} of ${number.format(rows.length)}${more}`;
  };

  const sort = (column) => {
    const heading = headings[column];
    const descending = heading.getAttribute("aria-sort") === "ascending";
    const sorted = rows.slice();
    if (column > 0) {
      const keys = new Map(rows.map((row) => [row, row.cells[column].textContent]));
      sorted.sort((one, other) => collator.compare(keys.get(one), keys.get(other)));
    }
    if (descending) sorted.reverse();
    for (const each of headings) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    body.replaceChildren(...sorted);
  };

  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(column));
    heading.append(button);
  });

  // Whoever types is not held up by each letter.
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  verdict.addEventListener("change", filter);
  document.getElementById("controls").hidden = false;
  filter();
})();
