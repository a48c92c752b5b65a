"use strict";
// The rule builder's only script: it sends edits one after another, keeps what is typed meanwhile, and asks for the preview after a pause.
(() => {
  const PAUSE_MS = 400;
  const KEYS_MS = 500;
  const PARTS = { value: ["value", "low", "high", "amount", "km", "lat", "lon"] };
  const builderOf = (element) => element.closest?.(".rb");
  // htmx sends the whole form around the target along.
  const ask = (builder, what, target, extra) => htmx.ajax("POST", builder.dataset[what], {
    source: target, target, swap: "innerHTML", values: { rb: builder.dataset.name, ...extra },
  });

  // Edits wait for each other, so that each one is made on the tree that the one before it left.
  const queues = new WeakMap();
  const edit = (builder, extra) => {
    const before = queues.get(builder) ?? Promise.resolve();
    queues.set(builder, before.then(() => send(builder, extra)).catch(() => undefined));
  };

  const send = async (builder, extra) => {
    const tree = builder.querySelector(".rb-tree");
    builder.rbTyped = new Map();
    builder.setAttribute("aria-busy", "true");
    try {
      await ask(builder, "edit", tree, extra);
    } finally {
      builder.removeAttribute("aria-busy");
      builder.rbTyped = null;
    }
  };

  const preview = (builder) => {
    clearTimeout(builder.rbTimer);
    builder.rbTimer = setTimeout(async () => {
      await (queues.get(builder) ?? Promise.resolve());
      ask(builder, "preview", builder.querySelector(".rb-panel"), {}).catch(() => undefined);
    }, PAUSE_MS);
  };

  const say = (builder, words) => { builder.querySelector("[role=status]").textContent = words; };
  const complain = (builder, words) => {
    const place = builder.querySelector(".rb-problem");
    place.textContent = words;
    place.hidden = !words;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-rb-do]");
    if (button && !button.disabled) edit(builderOf(button), { do: button.dataset.rbDo });
  });

  const set = (select) => {
    clearTimeout(select.rbTimer);
    select.rbTimer = null;
    const earlier = [...select.options].find((option) => option.defaultSelected)?.value ?? "";
    if (select.value !== earlier) edit(builderOf(select), { do: "set", was: `${select.name}=${earlier}` });
  };

  document.addEventListener("change", (event) => {
    const select = event.target;
    const builder = builderOf(select);
    if (!builder) return;
    if (!select.matches("[data-rb-set]")) return preview(builder);
    // Letters and arrows pass over other choices on their way: wait until the keys rest.
    if (select.rbKeyed) select.rbTimer = setTimeout(() => set(select), KEYS_MS);
    else set(select);
  });

  document.addEventListener("keydown", (event) => {
    const select = event.target;
    if (!select.matches?.("[data-rb-set]")) return;
    select.rbKeyed = event.key !== "Enter";
    if (!select.rbTimer) return;
    clearTimeout(select.rbTimer);
    select.rbTimer = setTimeout(() => set(select), KEYS_MS);
  });

  document.addEventListener("pointerdown", (event) => {
    if (event.target.matches?.("[data-rb-set]")) event.target.rbKeyed = false;
  });

  document.addEventListener("input", (event) => {
    const builder = builderOf(event.target);
    if (!builder || event.target.matches("[data-rb-set]")) return;
    builder.rbTyped?.set(event.target.id, event.target.type === "checkbox" ? event.target.checked : event.target.value);
    preview(builder);
  });

  document.addEventListener("focusout", (event) => {
    if (event.target.rbTimer) set(event.target);
    const row = event.target.closest?.(".rb-leaf");
    if (!row || row.contains(event.relatedTarget)) return;
    const seen = row.querySelector("[data-rb-seen]");
    if (seen.value) return;
    seen.value = "1";
    preview(builderOf(row));
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
    if (event.target.matches("input:not([type=checkbox]), textarea")) return;
    const builder = builderOf(event.target) ?? document.querySelector(".rb");
    if (!builder) return;
    event.preventDefault();
    edit(builder, { do: "undo" });
  });

  // Text typed while the answer was on its way belongs into the new tree.
  const putBack = (builder) => {
    for (const [id, value] of builder.rbTyped ?? []) {
      const input = document.getElementById(id);
      if (!input) continue;
      if (typeof value === "boolean") input.checked = value;
      else input.value = value;
    }
  };

  const markInvalid = (builder) => {
    for (const slot of builder.querySelectorAll(".rb-error")) {
      const start = slot.id.slice(0, -"error".length);
      const parts = [...slot.querySelectorAll("[data-part]")].flatMap((one) => PARTS[one.dataset.part] ?? [one.dataset.part]);
      for (const input of builder.querySelectorAll(`[aria-describedby="${slot.id}"]`)) {
        if (parts.includes(input.id.slice(start.length))) input.setAttribute("aria-invalid", "true");
        else input.removeAttribute("aria-invalid");
      }
      slot.closest(".rb-leaf, .rb-group").classList.toggle("rb-wrong", slot.textContent.trim() !== "" || Boolean(slot.parentElement.querySelector(":scope > .rb-empty")) && slot.parentElement.parentElement.closest(".rb-group") !== null);
    }
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    const builder = builderOf(event.detail.target);
    const xhr = event.detail.xhr;
    if (!builder || !xhr) return;
    // Signed out: the answer would be the sign-in page, not a part of the rule.
    if (!xhr.responseURL.endsWith(event.detail.pathInfo.requestPath)) {
      event.detail.shouldSwap = false;
      complain(builder, "You are signed out. Sign in again in another tab, then go on here: nothing is lost.");
    } else if (event.detail.shouldSwap) complain(builder, "");
    // Who types meanwhile keeps the focus.
    if (builder.rbTyped?.size) event.detail.serverResponse = event.detail.serverResponse.replaceAll(" autofocus", "");
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const builder = builderOf(event.detail.target);
    if (!builder || !event.detail.target.matches(".rb-tree")) return;
    putBack(builder);
    say(builder, builder.querySelector("[data-rb-said]")?.textContent ?? "");
    preview(builder);
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const builder = builderOf(event.detail.elt) ?? builderOf(event.detail.target);
    if (builder) markInvalid(builder);
  });

  document.addEventListener("htmx:responseError", (event) => {
    const builder = builderOf(event.detail.elt);
    if (!builder) return;
    const { status, responseText } = event.detail.xhr;
    const words = {
      400: "This rule has grown too large for one form. Move some conditions into a segment.",
      401: "You are signed out. Sign in again in another tab, then go on here: nothing is lost.",
      403: "The page has been open for too long. Copy what you need, reload it and go on.",
      422: responseText,
    };
    complain(builder, words[status] ?? "The server could not do this. Nothing is lost: try again.");
  });

  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      const builder = builderOf(event.detail.elt);
      if (builder) complain(builder, "The server cannot be reached. Nothing is lost: try again in a moment.");
    });
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".rb").forEach((builder) => { markInvalid(builder); preview(builder); }));
})();
