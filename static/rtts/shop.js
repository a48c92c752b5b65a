/** The demo shop: banner, basket, and a panel that shows what the SDK does as it does it. */
(() => {
  "use strict";

  const $ = (selector) => document.querySelector(selector);
  const { purposes, visitor } = document.body.dataset;
  const answers = (yes) => Object.fromEntries(purposes.split(" ").map((purpose) => [purpose, yes]));
  const line = (text, name = "") => Object.assign(document.createElement("li"), { textContent: text, className: name });
  const dollars = (number) => `$${number.toFixed(2)}`;

  // Consent: yes and no are one click each, first and later.

  const banner = $("#banner");
  const privacy = $("#privacy");
  const say = (yes) => {
    banner.hidden = true;
    rtts.consent(answers(yes));
  };

  function tellChoice() {
    const isGiven = rtts.state.id;
    banner.hidden = Boolean(rtts.state.id || rtts.state.refused);
    privacy.textContent = isGiven ? "Withdraw my consent" : "Allow offers for me";
    $("#standing").textContent = isGiven
      ? `Visitor ${rtts.state.id.slice(0, 8)}… has said yes.`
      : "Nobody is known: nothing is stored and nothing was sent.";
    if (!isGiven) clearPanel();
  }

  for (const button of document.querySelectorAll("[data-consent]"))
    button.addEventListener("click", () => say(button.dataset.consent === "yes"));
  privacy.addEventListener("click", () => say(!rtts.state.id));
  rtts.on("consent", () => setTimeout(tellChoice));

  // The panel.

  let known = [];
  const happened = []; // { id, text, isSent } of events, the newest first

  /** Write the newest events into lines that stay where they are, so that the page does not move. */
  function tellEvents() {
    for (const [place, one] of [...$("#events").children].entries()) {
      const event = happened[place];
      one.textContent = event ? `${event.isSent ? "✓" : "…"} ${event.text}` : place ? "" : "none yet";
      one.className = event?.isSent ? "fresh" : "none";
    }
  }

  function clearPanel() {
    known = [];
    $("#segments").replaceChildren(line("none yet", "none"));
    $("#offers").replaceChildren(line("what everybody sees", "none"));
    happened.length = 0;
    tellEvents();
  }

  async function readSegments() {
    if (!rtts.state.id) return;
    const answer = await fetch(visitor, { headers: { "X-Anonymous-Id": rtts.state.id } }).catch(() => null);
    if (!answer?.ok || !rtts.state.id) return;
    const { segments } = await answer.json();
    const lines = segments.map((name) => line(name, known.includes(name) ? "" : "fresh"));
    $("#segments").replaceChildren(...(lines.length ? lines : [line("none yet", "none")]));
    known = segments;
  }

  function tellOffers() {
    const offers = [...document.querySelectorAll("[data-rtts-slot]")].flatMap((slot) =>
      [...slot.querySelectorAll("[data-rtts-offer]")].map((offer) => line(`${slot.dataset.rttsSlot}: ${offer.dataset.rttsOffer}`, "fresh")),
    );
    $("#offers").replaceChildren(...(offers.length ? offers : [line("what everybody sees", "none")]));
  }

  function note({ messageId, event, type, properties }, isSent = false) {
    const about = properties?.department ? ` (${properties.department})` : "";
    happened.unshift({ id: messageId, text: (event || type) + about, isSent });
    happened.length = Math.min(happened.length, $("#events").childElementCount);
    tellEvents();
  }

  rtts.on("event", ({ detail }) => note(detail));
  rtts.on("sent", ({ detail }) => {
    for (const message of detail.messages.filter((one) => one.messageId)) {
      const known = happened.find((one) => one.id === message.messageId);
      known ? (known.isSent = true) : note(message, true);
    }
    tellEvents();
  });
  rtts.on("shown", tellOffers);
  rtts.on("news", () => {
    readSegments();
    tellOffers();
  });

  // The basket: what the visitor asked this tab to keep, needed for the shop to work.

  const load = () => JSON.parse(sessionStorage.getItem("shop.basket") || "[]");
  const save = (basket) => sessionStorage.setItem("shop.basket", JSON.stringify(basket));
  const total = (basket) => basket.reduce((sum, one) => sum + one.price, 0);

  function tellBasket() {
    const basket = load();
    $("[data-basket-count]").textContent = basket.length;
    if ($("#basket") && basket.length)
      $("#basket").replaceChildren(
        ...basket.map((one) => {
          const row = line("");
          row.append(Object.assign(document.createElement("span"), { textContent: one.name }));
          row.append(Object.assign(document.createElement("span"), { textContent: dollars(one.price), className: "price" }));
          return row;
        }),
      );
    if ($("#sum")) $("#sum").textContent = dollars(total(basket));
  }

  for (const button of document.querySelectorAll("[data-add]"))
    button.addEventListener("click", () => {
      const product = JSON.parse(button.dataset.add);
      save([...load(), { ...product, name: button.dataset.name }]);
      rtts.cart.added(product);
      button.textContent = "In the basket";
      tellBasket();
    });
  $("#order")?.addEventListener("click", () => {
    const basket = load();
    if (!basket.length) return;
    const value = Math.round(total(basket) * 100) / 100;
    const departments = [...new Set(basket.map((one) => one.department))];
    rtts.cart.ordered({ order_id: crypto.randomUUID(), value, currency: "USD", quantity: basket.length, items: basket.length, departments });
    sessionStorage.removeItem("shop.basket");
    $("#order").disabled = true;
    $("#basket").replaceChildren(line("Nothing is in the basket any more.", "none"));
    $("#thanks").textContent = "Thank you for your order.";
    tellBasket();
  });
  if ($("#basket") && rtts.state.id) {
    const contents = { value: total(load()), quantity: load().length };
    $("#order") ? rtts.cart.checkout(contents) : rtts.cart.viewed(contents);
  }

  tellBasket();
  tellChoice();
})();
