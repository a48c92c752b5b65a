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
    const isGiven = rtts.choice === "given";
    banner.hidden = rtts.choice !== "";
    privacy.textContent = isGiven ? "Withdraw my consent" : "Allow offers for me";
    $("#standing").textContent = isGiven
      ? `Visitor ${rtts.anonymousId.slice(0, 8)}… has said yes.`
      : "Nobody is known: nothing is stored and nothing was sent.";
    if (!isGiven) clearPanel();
  }

  for (const button of document.querySelectorAll("[data-consent]"))
    button.addEventListener("click", () => say(button.dataset.consent === "yes"));
  privacy.addEventListener("click", () => say(rtts.choice !== "given"));
  rtts.on("consent", () => setTimeout(tellChoice));

  // The panel.

  let known = [];

  function clearPanel() {
    known = [];
    $("#segments").replaceChildren(line("none yet", "none"));
    $("#offers").replaceChildren(line("what everybody sees", "none"));
    $("#events").replaceChildren(line("none yet", "none"));
  }

  async function readSegments() {
    if (rtts.choice !== "given") return;
    const answer = await fetch(visitor, { headers: { "X-Anonymous-Id": rtts.anonymousId } }).catch(() => null);
    if (!answer?.ok || rtts.choice !== "given") return;
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

  const waiting = new Map(); // message id -> its line

  rtts.on("event", ({ detail }) => {
    const one = line(`… ${detail.event || detail.type}${detail.properties?.department ? ` (${detail.properties.department})` : ""}`);
    waiting.set(detail.messageId, one);
    $("#events .none")?.remove();
    $("#events").prepend(one);
    while ($("#events").childElementCount > 12) $("#events").lastElementChild.remove();
  });
  rtts.on("sent", ({ detail }) => {
    for (const { messageId } of detail.messages) {
      const one = waiting.get(messageId);
      if (one) Object.assign(one, { textContent: one.textContent.replace("…", "✓"), className: "fresh" });
      waiting.delete(messageId);
    }
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
  if ($("#basket") && rtts.choice === "given") {
    const contents = { value: total(load()), quantity: load().length };
    $("#order") ? rtts.cart.checkout(contents) : rtts.cart.viewed(contents);
  }

  tellBasket();
  tellChoice();
})();
