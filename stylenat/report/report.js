// Sorts and filters the tables marked data-table. Without it the page reads the same, in the order of the plan.
//
// table    data-table="rows"         what its items are called; data-items: a selector, where an item is no plain row
//          data-within="protocol"    items stay in their group, because numbers of two groups need not be comparable
//          data-choice="Status"      a select offers what the items have as data-state, under this name
//          data-numbers="published measured"    a select offers two keys: data-sort and data-measured
// th       data-as="number" or "text"    its column sorts
// td, th   data-sort="2.046"         the key of a cell, where that is not its text; each number has one; empty: missing
"use strict";
(() => {
  const FEW = 6; // items: below it a table needs no filter
  const ALONE = 2; // rows: below or at it a table needs no order either
  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
  const SIGNS = { none: "↕", ascending: "▲", descending: "▼" };
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  function make(tag, properties, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  function select(options) {
    return make("select", { autocomplete: "off" }, ...options.map(([text, value]) => new Option(text, value)));
  }

  /** The text of a row or a group of rows, without what is folded away. */
  function seen(item) {
    const copy = item.cloneNode(true);
    for (const folded of copy.querySelectorAll("details > :not(summary)")) folded.remove();
    return Array.from(copy.querySelectorAll("th, td"), (cell) => cell.textContent).join(" ");
  }

  /** The text of the row that stands over an item's group. */
  function headOf(item) {
    return item.parentNode.querySelector(":scope > .head")?.textContent ?? "";
  }

  /** The key of an item in a column; a cell over several columns holds a reason and no value. */
  function keyOf(item, column, numeric, which) {
    let end = 0;
    for (const cell of (item.rows ? item.rows[0] : item).cells) {
      end += cell.colSpan;
      if (column >= end) continue;
      if (cell.colSpan > 1) return "";
      return numeric ? (cell.dataset[which] ?? "") : (cell.dataset.sort ?? cell.textContent.trim());
    }
    return "";
  }

  class Sortable {
    constructor(table) {
      this.table = table;
      this.about = table.dataset;
      this.items = [...table.querySelectorAll(`:scope > ${this.about.items ?? "tbody > tr:not(.head)"}`)];
      this.order = [...this.items];
      this.texts = this.items.map((item) => `${headOf(item)} ${seen(item)}`.toLowerCase());
      this.heads = [...table.querySelectorAll("thead th[data-as]")];
      this.sorted = null;
      this.controls();
      for (const head of this.heads) this.button(head);
      this.tell();
    }

    controls() {
      const states = [...new Set(this.items.map((item) => item.dataset.state ?? ""))].filter(Boolean);
      const [first, second] = (this.about.numbers ?? "").split(" ");
      this.filter = make("input", { type: "search", autocomplete: "off", spellcheck: false, dir: "auto" });
      this.state = select([["all", ""], ...states.map((state) => [state, state])]);
      this.which = select([[first, "sort"], [second, second]]);
      this.status = make("p", { className: "shown" });
      this.status.setAttribute("role", "status");
      const group = make("div", { className: "controls" });
      group.setAttribute("role", "group");
      group.setAttribute("aria-label", `Order and filter of: ${this.table.caption.textContent}`);
      const add = (name, field) => group.append(make("label", {}, `${name} `, field));
      if (this.items.length >= FEW) add("Filter", this.filter);
      if (this.items.length >= FEW && this.about.choice && states.length > 1) add(this.about.choice, this.state);
      if (second) add("Sort by", this.which);
      group.append(this.status);
      this.table.parentNode.before(group);
      this.filter.addEventListener("input", () => this.choose());
      this.state.addEventListener("change", () => this.choose());
      this.which.addEventListener("change", () => this.arrange());
    }

    button(head) {
      const sign = make("span", { className: "sign", textContent: SIGNS.none });
      sign.setAttribute("aria-hidden", "true");
      const button = make("button", { type: "button" }, ...head.childNodes, sign);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const turned = NEXT[head.getAttribute("aria-sort")];
        this.sorted = turned === "none" ? null : { head, turned, name: button.firstChild.textContent };
        this.arrange();
      });
    }

    /** Put the items in order; equal keys keep the order that they had, so one can sort by two columns. */
    arrange() {
      const { head, turned } = this.sorted ?? {};
      for (const other of this.heads) {
        other.setAttribute("aria-sort", other === head ? turned : "none");
        other.querySelector(".sign").textContent = SIGNS[other.getAttribute("aria-sort")];
      }
      const numeric = head?.dataset.as === "number";
      const key = (item) => keyOf(item, head.cellIndex, numeric, this.which.value);
      const keys = new Map(head && this.items.map((item) => [item, key(item)]));
      const compare = (one, other) => {
        const [a, b] = [keys.get(one), keys.get(other)];
        if (a === "" || b === "") return (a === "") - (b === ""); // what is missing comes last in both directions
        return (turned === "descending" ? -1 : 1) * (numeric ? a - b : words.compare(a, b));
      };
      this.order = head ? this.order.sort(compare) : [...this.items];
      for (const item of this.order) item.parentNode.append(item);
      this.tell();
    }

    /** Show the items that have every word of the filter, and the chosen state. */
    choose() {
      const wanted = this.filter.value.toLowerCase().split(/\s+/);
      this.items.forEach((item, index) => {
        const fits = wanted.every((word) => this.texts[index].includes(word));
        item.hidden = !fits || (this.state.value !== "" && item.dataset.state !== this.state.value);
      });
      for (const head of this.table.querySelectorAll(":scope > tbody > .head")) {
        head.parentNode.hidden = ![...head.parentNode.rows].some((row) => row !== head && !row.hidden);
      }
      this.tell();
    }

    tell() {
      const count = this.items.filter((item) => !item.hidden).length;
      const { name, turned } = this.sorted ?? {};
      const kind = this.about.numbers ? ` (${this.which.selectedOptions[0].text})` : "";
      const within = this.about.within ? `, within each ${this.about.within}` : "";
      const order = name ? `, sorted by ${name}${kind}, ${turned}${within}` : "";
      this.status.textContent = `${count} of ${this.items.length} ${this.about.table} shown${order}`;
    }

    /** Show everything again, so that a link to a row that was filtered out leads there. */
    clear() {
      this.filter.value = this.state.value = "";
      this.choose();
    }
  }

  const tables = new Map();
  for (const table of document.querySelectorAll("table[data-table]")) {
    if (table.querySelectorAll("tbody > tr:not(.head)").length > ALONE) tables.set(table, new Sortable(table));
  }
  const reveal = (hash) => {
    const target = document.getElementById(hash.slice(1));
    if (target?.closest("[hidden]")) tables.get(target.closest("table"))?.clear();
    for (let one = target?.closest("details"); one; one = one.parentNode.closest("details")) one.open = true;
  };
  document.addEventListener("click", (event) => reveal(event.target.closest?.('a[href^="#"]')?.hash ?? ""));
  window.addEventListener("hashchange", () => reveal(location.hash));
  reveal(location.hash);
})();
