"use strict";
// The rule builder's only script: it sends edits one after another, keeps what is typed meanwhile, and asks for the preview after a pause.
(() => {
  const PAUSE_MS = 400;
  const KEYS_MS = 500;
  const PARTS = { value: ["value", "low", "high", "amount", "km", "lat", "lon"] };
  const MOVES = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "out", ArrowRight: "into", KeyC: "copy", Delete: "remove" };
  const builderOf = (element) => element?.closest?.(".rb");
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
    builder.rbEdits = (builder.rbEdits ?? 0) + 1;
    builder.rbOpen = [...tree.querySelectorAll("details[open][id]")].map((one) => one.id);
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
      ask(builder, "preview", builder.querySelector(".rb-panel"), { edits: builder.rbEdits ?? 0 }).catch(() => undefined);
      builder.querySelectorAll(".rb-threshold[open]").forEach((one) => threshold(builder, one, "spread"));
    }, PAUSE_MS);
  };

  // The numbers behind one condition are asked for when they are looked at, and when its number changes.
  const PLACES = { spread: ".rb-spread", measure: ".rb-measured", compare: ".rb-compared" };
  // One after another: what comes back may replace the place that the next one is for.
  const asking = new WeakMap();
  const threshold = (builder, details, step) => {
    const before = asking.get(details) ?? Promise.resolve();
    const next = before.then(() => {
      const place = details.querySelector(PLACES[step]) ?? details.querySelector(".rb-threshold-body");
      const known = place.matches(PLACES[step] ?? "*") ? step : "";
      const what = step === "compare" ? "compare" : "threshold";
      return ask(builder, what, place, { node: details.dataset.rbNode, step: known });
    }).catch(() => undefined);
    asking.set(details, next);
    return next;
  };

  const say = (builder, words) => { builder.querySelector("[role=status]").textContent = words; };
  const complain = (builder, words) => {
    const place = builder.querySelector(".rb-problem");
    place.textContent = words;
    place.hidden = !words;
  };
  const words = (builder, key) => builder.dataset[`says${key}`];

  const type = (input, value) => {
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button");
    const builder = builderOf(button);
    if (!builder || button.disabled) return;
    if (button.dataset.rbDo) edit(builder, { do: button.dataset.rbDo });
    if (button.dataset.rbLine) {
      const area = document.getElementById(button.dataset.rbLine);
      const lines = area.value.split("\n").filter((line) => line.trim());
      if (!lines.includes(button.value)) type(area, [...lines, button.value].join("\n"));
    }
    if (button.dataset.rbUse) {
      const unit = document.getElementById(button.dataset.rbUse.replace(/amount$/, "unit"));
      if (button.dataset.rbUnit && unit) unit.value = button.dataset.rbUnit;
      type(document.getElementById(button.dataset.rbUse), button.value);
      say(builder, words(builder, "Used"));
    }
    if (button.dataset.rbThreshold) {
      const details = button.closest(".rb-threshold");
      threshold(builder, details, button.dataset.rbThreshold);
    }
  });

  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.(".rb-threshold") && event.target.open) threshold(builderOf(event.target), event.target, "spread");
  }, true);

  // A swap may have put another element in the place of the one that was changed.
  const set = (id, value, earlier) => {
    const select = document.getElementById(id);
    if (select && value !== earlier) edit(builderOf(select), { do: "set", was: `${select.name}=${earlier}` });
  };
  const earlierOf = (select) => [...select.options].find((option) => option.defaultSelected)?.value ?? "";
  const waiting = new Map(); // by the id of a choice
  const rest = (select) => {
    clearTimeout(waiting.get(select.id)?.timer);
    const go = () => { waiting.delete(select.id); set(select.id, document.getElementById(select.id)?.value ?? "", earlier); };
    const earlier = waiting.get(select.id)?.earlier ?? earlierOf(select);
    waiting.set(select.id, { earlier, go, timer: setTimeout(go, KEYS_MS) });
  };
  const goNow = (select) => {
    const kept = waiting.get(select.id);
    if (!kept) return;
    clearTimeout(kept.timer);
    kept.go();
  };

  document.addEventListener("change", (event) => {
    const select = event.target;
    const builder = builderOf(select);
    if (!builder) return;
    if (!select.matches("[data-rb-set]")) return select.closest(".rb-threshold") ? undefined : preview(builder);
    builder.rbTyped?.set(select.id, select.value);
    // Letters and arrows pass over other choices on their way: wait until the keys rest.
    if (select.rbKeyed) rest(select);
    else set(select.id, select.value, earlierOf(select));
  });

  document.addEventListener("keydown", (event) => {
    const select = event.target;
    if (!select.matches?.("[data-rb-set]")) return;
    select.rbKeyed = event.key !== "Enter";
    if (waiting.has(select.id)) rest(select);
  });

  document.addEventListener("pointerdown", (event) => {
    if (event.target.matches?.("[data-rb-set]")) event.target.rbKeyed = false;
  });

  document.addEventListener("input", (event) => {
    const builder = builderOf(event.target);
    if (!builder || event.target.matches("[data-rb-set]")) return;
    if (event.target.closest(".rb-threshold")) return void (builder.rbAside ??= new Map()).set(event.target.id, event.target.value);
    builder.rbTyped?.set(event.target.id, event.target.type === "checkbox" ? event.target.checked : event.target.value);
    preview(builder);
  });

  document.addEventListener("focusout", (event) => {
    if (event.target.matches?.("[data-rb-set]")) goNow(event.target);
    const row = event.target.closest?.(".rb-leaf");
    if (!row || row.contains(event.relatedTarget)) return;
    const seen = row.querySelector("[data-rb-seen]");
    if (seen.value) return;
    seen.value = "1";
    preview(builderOf(row));
  });

  const undo = (event) => {
    if (event.target.matches("input:not([type=checkbox]), textarea")) return;
    const builder = builderOf(event.target) ?? document.querySelector(".rb");
    if (!builder) return;
    event.preventDefault();
    edit(builder, { do: "undo" });
  };

  // Alt and Shift with an arrow move the condition or group that has the focus.
  const arrange = (event) => {
    const move = MOVES[event.code];
    const row = event.target.closest?.(".rb-leaf, .rb-group");
    const button = move && row?.querySelector(`:scope > .rb-line [data-rb-do^="${move}:"], :scope > .rb-head [data-rb-do^="${move}:"]`);
    if (!button) return;
    event.preventDefault();
    if (button.disabled) return;
    if (event.target.id) builderOf(row).rbFocus = event.target.id;
    edit(builderOf(row), { do: button.dataset.rbDo });
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) undo(event);
    if (event.altKey && event.shiftKey && !event.ctrlKey && !event.metaKey) arrange(event);
  });

  // Text typed while the answer was on its way belongs into the new tree.
  const putBack = (builder) => {
    for (const [id, value] of builder.rbTyped ?? []) {
      const input = document.getElementById(id);
      if (!input) continue;
      if (typeof value === "boolean") input.checked = value;
      else input.value = value;
    }
    for (const id of builder.rbOpen ?? []) {
      const details = document.getElementById(id);
      if (details && !details.matches(".rb-starters")) details.open = true;
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
    const path = event.detail.pathInfo.requestPath.split("?")[0];
    // Signed out: the answer would be the sign-in page, not a part of the rule.
    if (!xhr.responseURL.split("?")[0].endsWith(path)) {
      event.detail.shouldSwap = false;
      complain(builder, words(builder, "SignedOut"));
    } else if (event.detail.shouldSwap) complain(builder, "");
    // A preview of the tree before an edit would write messages into rows that are gone.
    const edits = event.detail.requestConfig?.parameters?.edits;
    if (edits !== undefined && Number(edits) !== (builder.rbEdits ?? 0)) event.detail.shouldSwap = false;
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
    if (!builder) return;
    markInvalid(builder);
    // What was chosen beside a number outlives a swap of the tree.
    if (event.detail.target?.matches?.(".rb-threshold-body")) for (const [id, value] of builder.rbAside ?? []) {
      const input = document.getElementById(id);
      if (input) input.value = value;
    }
    if (!event.detail.target?.matches?.(".rb-tree") || !builder.rbFocus) return;
    document.getElementById(builder.rbFocus)?.focus();
    builder.rbFocus = "";
  });

  document.addEventListener("htmx:responseError", (event) => {
    const builder = builderOf(event.detail.elt);
    if (!builder) return;
    const { status, responseText } = event.detail.xhr;
    const told = { 400: words(builder, "TooLarge"), 401: words(builder, "SignedOut"), 403: words(builder, "SignedOut"), 422: responseText };
    complain(builder, told[status] ?? words(builder, "Failed"));
  });

  // Signed in again, in another tab: the rule goes on where it was.
  document.addEventListener("rtts:signed-in", () => document.querySelectorAll(".rb").forEach((builder) => {
    if (builder.querySelector(".rb-problem").hidden) return;
    complain(builder, "");
    say(builder, words(builder, "SignedIn"));
    preview(builder);
  }));

  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      const builder = builderOf(event.detail.elt);
      if (builder) complain(builder, words(builder, "Away"));
    });
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".rb").forEach((builder) => { markInvalid(builder); preview(builder); }));
})();
