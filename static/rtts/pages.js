"use strict";
// Keys, menus and dialogs of every page.
(() => {
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

  const save = (event) => {
    const button = document.querySelector('[name="_continue"], [data-save], [name="_save"]');
    if (!button) return;
    event.preventDefault();
    button.click();
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") return save(event);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; menu.firstElementChild.focus(); });
    if (typing(event.target)) return;
    const open = { "/": () => document.getElementById("site-search-box")?.focus(), "?": () => document.getElementById("keys")?.showModal() }[event.key];
    if (!open) return;
    event.preventDefault();
    open();
  });

  // "#field=variants[0].content.headline&node=2": the field that a finding is about.
  const focusAsked = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    let name = (asked.get("field") ?? "").replace(/\[(\d+)\]\.?/g, "-$1-").replaceAll(".", "_");
    let found = null;
    const row = document.querySelectorAll(`[name="${CSS.escape(name)}-node"]`)[Number(asked.get("node"))];
    if (row) found = row.parentElement.querySelector("select, input:not([type=hidden]), button");
    while (!found && name) {
      found = [...document.querySelectorAll("#content :is(input:not([type=hidden]), select, textarea)")].find((one) => one.name === name || one.name.startsWith(`${name}_`) || one.name.startsWith(`${name}-`));
      name = name.replace(/(^|[-_])[^-_]*[-_]?$/, "");
    }
    if (!found) return;
    for (let around = found.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
    found.scrollIntoView({ block: "center" });
    found.focus();
  };
  addEventListener("hashchange", focusAsked);
  if (location.hash.startsWith("#field=")) focusAsked();

  // The search: arrows go through what was found, on the page of its own too.
  const box = document.getElementById("site-search-box");
  const hits = document.getElementById("site-hits");
  const links = () => [...document.querySelectorAll(hits && !hits.hidden ? "#site-hits a.hit" : ".hits a.hit")];
  const show = (shown) => { if (hits) hits.hidden = !shown; };
  if (box && hits) {
    hits.addEventListener("htmx:afterSwap", () => show(box.value.trim() !== "" && document.activeElement === box));
    box.addEventListener("input", () => { if (!box.value.trim()) show(false); });
    box.form.addEventListener("focusout", (event) => { if (!box.form.contains(event.relatedTarget)) show(false); });
    document.addEventListener("keydown", (event) => {
      const all = links();
      const at = all.indexOf(document.activeElement);
      if (document.activeElement !== box && at < 0) return;
      if (event.key === "Escape" && !hits.hidden) { event.preventDefault(); show(false); return box.focus(); }
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: at < 0 ? null : 0, End: at < 0 ? null : all.length - 1 }[event.key];
      if (to == null || !all.length) return;
      event.preventDefault();
      (to < 0 ? box : all[Math.min(to, all.length - 1)]).focus();
    });
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) document.getElementById(opener.dataset.open)?.showModal();
    document.querySelectorAll("details.menu[open]").forEach((menu) => { if (opener || !menu.contains(event.target)) menu.open = false; });
    const copier = event.target.closest("[data-copy]");
    if (copier) {
      navigator.clipboard?.writeText(document.getElementById(copier.dataset.copy).textContent.trim());
      copier.textContent = "Copied";
    }
  });
})();
