// Targeting in a web page, as docs/web.md says: before a yes to `rtts.consent` nothing is stored and nothing is sent.
(() => {
  "use strict";

  const script = document.currentScript;
  const { key, api, controller, method, notice, jurisdiction } = script.dataset;
  const settings = {
    key,
    api: api || new URL(script.src).origin,
    timeout: 300, // milliseconds that a decision may take
    evidence: {
      controller: controller || location.hostname,
      collection_method: method || "cookie banner",
      notice_version: notice || "1",
      jurisdiction: jurisdiction || "unknown",
      language: document.documentElement.lang || navigator.language,
    },
  };
  const STATE = "rtts"; // { id, purposes } after a yes, { refused } after a no
  const WAITING = "rtts.page."; // and a page: { queue, unsaid }, what the server has not confirmed yet
  const KEPT = 1000; // events that wait at most; then the oldest is lost
  const BYTES = 60_000; // of one request: browsers let 64 KiB outlive the page
  const SEEN_MS = 1000; // half in view for this long is an impression
  const ENGAGED_MS = 15_000;
  const LIVE_MS = 5000; // that a decision may take which nobody waits for
  const PROOF_MS = 14 * 60_000; // proofs of a user last 15 minutes

  const gpc = navigator.globalPrivacyControl === true;
  const bus = new EventTarget();
  const emit = (type, detail) => bus.dispatchEvent(new CustomEvent(type, { detail }));
  const now = () => performance.now();
  const today = () => new Date().toISOString();
  const visible = () => document.visibilityState === "visible";
  const backOff = (tries) => Math.min(30_000, 250 * 2 ** tries) * (0.5 + Math.random());
  const randomId = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");

  // 1 What is stored is a copy: a browser may refuse it.

  const home = WAITING + randomId();
  const storage = (act) => {
    try {
      return act(localStorage);
    } catch {
      return null;
    }
  };
  const load = (name) => storage((kept) => JSON.parse(kept.getItem(name)));
  const save = (name, value) =>
    storage((kept) => (value ? kept.setItem(name, JSON.stringify(value)) : kept.removeItem(name)));
  const pages = () => storage((kept) => Object.keys(kept).filter((name) => name.startsWith(WAITING))) || [];
  const keep = () => save(home, queue.length + unsaid.length && { queue, unsaid });

  let state = load(STATE) || {};
  let queue = []; // { path, message }
  let unsaid = []; // { key, body } of consents
  let user = null; // { id, proof, until } of somebody signed in, of this page only
  let running = false;

  // 2 Consent.

  /**
   * Record what the visitor says, e.g. `rtts.consent({ offers: true, email: false })`.
   * Others stay as they were; with none left at true, everything stops and is erased.
   * @returns {Promise<boolean>} whether the server has it; until then it is sent again
   */
  async function consent(purposes, evidence) {
    const id = state.id || randomId();
    const isKnown = id === state.id;
    const all = { ...state.purposes, ...purposes };
    const isYes = Object.values(all).includes(true);
    if (isYes) save(STATE, (state = { id, purposes: all }));
    else erase({ refused: today() });
    if (Object.values(purposes).includes(false)) emptyAll();
    emit("consent", { purposes: all });
    if (!isYes && !isKnown) return true; // nobody was known: there is nothing to withdraw
    // A no goes first and by itself: a yes may be refused, to who has signed in.
    for (const isNo of [true, false]) {
      const status = isNo ? "withdrawn" : "given";
      const body = {
        person: `anonymous:${id}`,
        changes: Object.keys(purposes)
          .filter((purpose) => !purposes[purpose] === isNo)
          .map((purpose) => ({ purpose, status, event_time: today() })),
        evidence: { ...settings.evidence, gpc, ...evidence },
        actor: { kind: "subject" },
      };
      if (body.changes.length) unsaid.push({ key: randomId(), body, isNo });
    }
    keep();
    if (isYes) start();
    return say();
  }

  /** Return the address of the visitor's own page, null where nobody is known. */
  async function ownPage() {
    const answer = state.id && (await post("/v1/me", { person: `anonymous:${state.id}` }));
    return answer?.ok ? (await answer.json()).url : null;
  }

  let saying = null;
  const say = (tries = 0) => (saying ||= sayAll(tries).finally(() => (saying = null)));

  async function sayAll(tries) {
    while (unsaid.length) {
      const { key, body, isNo } = unsaid[0];
      const answer = await post("/v1/consents", body, { "Idempotency-Key": key }, { keepalive: true });
      if (!answer || answer.status >= 500 || [401, isNo && 403, 409, 429].includes(answer.status)) {
        setTimeout(say, backOff(tries), tries + 1);
        return false;
      }
      if (!answer.ok) emit("problem", { status: answer.status, path: "/v1/consents" });
      unsaid.shift();
      keep();
    }
    if (running) fillSlots();
    return true;
  }

  /** Erase everything but the consents that the server does not have yet. */
  function erase(left) {
    for (const name of pages()) {
      const { unsaid = [] } = load(name) || {};
      save(name, unsaid.length && { queue: [], unsaid });
    }
    save(STATE, left.refused && left);
    stop(left);
  }

  /** Stop, and put back what the server rendered. */
  function stop(left) {
    running = false;
    queue = [];
    user = null;
    state = left;
    keep();
    clearInterval(ticking);
    listening.abort();
    emptyAll();
  }

  /** Forget who this is; the next visitor is asked again. */
  function reset() {
    erase({});
    emit("consent", { purposes: {} });
  }

  // 3 The way out: one request at a time; what is not confirmed is sent again.

  let timer = 0; // set from the first message that waits until the answer to its request
  let isSending = false;
  let tries = 0;
  let most = 100; // events in a request; 1 after a refusal, to find the wrong one

  const request = (path, options) => fetch(settings.api + path, { credentials: "omit", ...options }).catch(() => null);

  const post = (path, body, headers, options) =>
    request(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { Authorization: `Bearer ${settings.key}`, "Content-Type": "application/json", ...headers },
      ...options,
    });

  function send(path, message) {
    if (!running) return;
    queue.push({ path, message });
    if (queue.length > KEPT) emit("lost", queue.shift());
    keep();
    timer ||= setTimeout(flush, 0);
  }

  /** Return what of a path's messages fits into one request. */
  function batchOf(path) {
    let size = 0;
    const found = queue.filter((one) => one.path === path).slice(0, most);
    const end = found.findIndex((one) => (size += JSON.stringify(one).length * 1.1) > BYTES);
    return end > 0 ? found.slice(0, end) : found.slice(0, end + 1 || undefined);
  }

  // The key is in the body and the body is plain text: no preflight goes ahead, and a beacon can carry it.
  function bodyOf(batch) {
    const messages = batch.map((one) => one.message);
    const inside = batch[0].path === "/v1/batch" ? { batch: messages, sentAt: today() } : { events: messages };
    return JSON.stringify({ writeKey: settings.key, ...inside });
  }

  async function flush() {
    timer = 0;
    if (isSending || !queue.length) return;
    isSending = true;
    const { path } = queue[0];
    const batch = batchOf(path);
    const answer = await request(path, {
      method: "POST",
      body: bodyOf(batch),
      keepalive: !visible(),
      signal: AbortSignal.timeout(10_000),
    });
    isSending = false;
    const status = answer?.status;
    const isWrong = [400, 413, 422].includes(status);
    const isOver = status === 200 || (isWrong && batch.length === 1);
    if (isOver) {
      queue = queue.filter((one) => !batch.includes(one));
      keep();
      tries = 0;
      emit(isWrong ? "problem" : "sent", { status, path, messages: batch.map((one) => one.message) });
    }
    most = isWrong ? 1 : isOver ? 100 : most;
    const asked = Number(answer?.headers.get("Retry-After")) * 1000 || 0;
    if (queue.length) timer = setTimeout(flush, isOver || isWrong ? 0 : Math.max(asked, backOff(tries++)));
  }

  /** Hand what is left to the browser as the page goes; nobody hears the answer. */
  function flushForGood() {
    for (const path of new Set(queue.map((one) => one.path))) navigator.sendBeacon(settings.api + path, bodyOf(batchOf(path)));
  }

  // 4 Events.

  let view = null;
  const here = () => ({
    path: location.pathname,
    title: document.title,
    referrer: document.referrer.split(/[?#]/)[0],
  });

  function moment() {
    const utm = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("utm_"));
    const { effectiveType, saveData } = navigator.connection || {};
    return {
      locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      page: { ...here(), url: location.origin + location.pathname },
      ...(utm.length && { campaign: Object.fromEntries(utm.map(([name, value]) => [name.slice(4), value])) }),
      ...(effectiveType && { network: { effectiveType, saveData: saveData === true } }),
    };
  }

  function message(type, more) {
    if (!running) return;
    const one = {
      type,
      messageId: randomId(),
      anonymousId: state.id,
      timestamp: today(),
      ...more,
      context: {
        library: { name: "rtts.js", version: "1" },
        view: { id: view.id, sequence: ++view.sequence },
        ...moment(),
        ...more.context,
      },
    };
    emit("event", one);
    send("/v1/batch", one);
  }

  /** Note that something happened, e.g. `rtts.track("Product Viewed", { price: 2.5 })`. */
  const track = (event, properties = {}) => message("track", { event, properties });

  /** Note a view of a page or, in a single-page app, of a screen. */
  function page(name, properties) {
    if (!running) return;
    if (view) engaged();
    view = { id: randomId(), sequence: 0, told: "", shown: visible() && now(), time: 0, px: 0, percent: 0, hover: {} };
    message("page", { name, properties: { ...here(), ...properties } });
    for (const one of document.querySelectorAll("[data-rtts-view]")) track(one.dataset.rttsView, propertiesOf(one));
    measure();
  }

  /**
   * Say who this is: `traits` are attributes; a `userId` needs the `proof` that the site's server signed.
   * Later events name the anonymous id alone: the server has joined it to the user by then.
   */
  function identify(userId, traits = {}, proof) {
    if (userId) user = { id: userId, proof, until: Date.now() + PROOF_MS };
    message("identify", { ...(userId && { userId }), traits, context: proof && { proof } });
    if (userId) fillSlots();
  }

  const group = (groupId, traits = {}) => message("group", { groupId, traits });

  const alias = (userId, proof) => message("alias", { userId, previousId: state.id, context: { proof } });

  const cart = {
    added: (product) => track("Product Added", product),
    removed: (product) => track("Product Removed", product),
    viewed: (contents) => track("Cart Viewed", contents),
    checkout: (contents) => track("Checkout Started", contents),
    ordered: (order) => track("Order Completed", order),
  };

  const propertiesOf = (node) => JSON.parse(node.dataset.rttsProperties || "{}");

  // 5 What the visitor does with a page: one Page Engaged event per view, told again with larger numbers.

  function measure() {
    const { scrollHeight, clientHeight } = document.documentElement;
    const way = scrollHeight - clientHeight;
    const quarter = () => Math.floor(view.percent / 25);
    const before = quarter();
    view.px = Math.max(view.px, Math.round(scrollY));
    // Of the way that can be scrolled: 0 at the top, 100 at the end.
    if (way > 0) view.percent = Math.max(view.percent, Math.min(100, Math.round((100 * scrollY) / way)));
    if (quarter() > before) engaged();
  }

  /** Add the time since the last count to the page and to what is under the pointer. */
  function count() {
    const passed = view.shown ? now() - view.shown : 0;
    view.time += passed;
    view.shown = visible() && now();
    if (view.over && (view.over in view.hover || Object.keys(view.hover).length < 50))
      view.hover[view.over] = Math.round((view.hover[view.over] || 0) + passed);
  }

  function engaged() {
    count();
    const said = {
      path: location.pathname,
      scroll_depth_percent: view.percent,
      scroll_depth_px: view.px,
      time_on_page_s: Math.round(view.time / 100) / 10,
      hover_ms: { ...view.hover },
    };
    const told = JSON.stringify(said);
    if (told !== view.told) track("Page Engaged", { view_id: view.id, sequence: view.sequence + 1, ...said });
    view.told = told;
  }

  function watch() {
    const on = (target, type, listener) =>
      target.addEventListener(type, (event) => running && listener(event), { passive: true });
    on(window, "scroll", measure);
    on(window, "pagehide", () => (engaged(), flushForGood()));
    on(window, "pageshow", (event) => event.persisted && (page(), fillSlots()));
    on(document, "visibilitychange", () => {
      engaged();
      visible() ? fillSlots() : listening.abort();
    });
    on(document, "pointerover", (event) => {
      count();
      view.over = event.target.closest("[data-rtts-key]")?.dataset.rttsKey;
    });
    on(document, "click", ({ target }) => {
      const named = target.closest("[data-rtts-click]");
      if (named) track(named.dataset.rttsClick || "Element Clicked", { key: named.dataset.rttsKey, ...propertiesOf(named) });
      const offer = target.closest("[data-rtts-offer]");
      const isDismissal = target.closest("[data-rtts-dismiss]");
      if (offer && target.closest("a, button")) feedback(isDismissal ? "dismissal" : "click", offer.rttsToken);
      if (offer && isDismissal) offer.remove();
    });
    // Where the browser tells of it, a single-page app need not call page().
    let path = location.pathname;
    on(window.navigation || bus, "currententrychange", () => {
      if (path !== (path = location.pathname)) setTimeout(() => (page(), fillSlots()));
    });
  }

  // 6 Offers.

  const slots = new Map(); // element -> { fallback: its nodes, shown: what is in it }

  const person = () =>
    user?.until > Date.now() ? { user_id: user.id, anonymous_id: state.id, proof: user.proof } : { anonymous_id: state.id };

  /**
   * Ask what to show, e.g. `await rtts.decide(["web.hero", { key: "web.rail", count: 3 }])`.
   * @param {{ context?: object, timeout?: number }} options
   * @returns {Promise<object | null>} placement -> { status, offers }; null without consent, in time or on an error
   */
  async function decide(placements, { context, timeout = settings.timeout } = {}) {
    if (!running || !placements.length) return null;
    const asked = placements.map((one) => (one.key ? one : { key: one }));
    const body = { person: person(), placements: asked, context: { ...moment(), ...context }, consent: { gpc } };
    const answer = await post("/v1/decisions", body, {}, { signal: AbortSignal.timeout(timeout) });
    const said = answer?.ok && (await answer.json().catch(() => null));
    if (!said || !running) return null;
    emit("decision", said);
    return Object.fromEntries(said.placements.map((one) => [one.key, one]));
  }

  /** Decide for the slots of the page, or for some of them, and show what comes. */
  async function fillSlots(some, options) {
    for (const slot of document.querySelectorAll("[data-rtts-slot]"))
      if (!slots.has(slot)) slots.set(slot, { fallback: [...slot.childNodes], shown: "" });
    for (const slot of slots.keys()) if (!slot.isConnected) slots.delete(slot);
    const wanted = some || [...slots.keys()];
    const counts = new Map(wanted.map(({ dataset }) => [dataset.rttsSlot, Number(dataset.rttsCount || 1)]));
    const found = await decide([...counts].map(([key, count]) => ({ key, count })), options);
    if (found) for (const slot of wanted) show(slot, found[slot.dataset.rttsSlot]);
    if (running && visible()) listen();
  }

  const nameOf = ({ status, offers }) =>
    status === "offers" ? offers.map((one) => `${one.offer}/${one.variant}`).join() : "";

  const emptyAll = () => [...slots.keys()].forEach(empty);

  function show(slot, placement) {
    if (nameOf(placement) === slots.get(slot).shown) return;
    // What stands below must not move.
    slot.style.minHeight = `${slot.offsetHeight}px`;
    if (placement.status !== "offers") return empty(slot);
    slots.get(slot).shown = nameOf(placement);
    slot.replaceChildren(...placement.offers.map(put));
    emit("shown", { slot, placement });
  }

  function empty(slot) {
    slots.get(slot).shown = "";
    slot.replaceChildren(...slots.get(slot).fallback);
  }

  function put(offer) {
    const node = rtts.render(offer);
    node.dataset.rttsOffer = offer.offer;
    node.rttsToken = offer.tracking_token;
    sight.observe(node);
    return node;
  }

  /** Return an offer as an element; replaceable: `rtts.render = (offer) => element`. */
  function render({ content, content_type }) {
    const link = safeLink(content.link_url || content.link);
    const box = element(link ? "a" : "div", "rtts-offer", link && { href: link });
    const { src, alt = "" } = content.image || { src: content.image_url };
    if (src) box.append(element("img", "rtts-image", { src, alt }));
    for (const part of ["headline", "text", "html"]) {
      if (!content[part]) continue;
      // The server has cleaned what it calls HTML.
      const isHtml = content_type === "text/html" || part === "html";
      box.append(element(isHtml ? "div" : "p", `rtts-${part}`, { [isHtml ? "innerHTML" : "textContent"]: content[part] }));
    }
    return box;
  }

  const element = (tag, className, more) => Object.assign(document.createElement(tag), { className, ...more });

  function safeLink(link) {
    const found = link && URL.canParse(link, location.href) && new URL(link, location.href);
    return found && ["http:", "https:", "mailto:", "tel:"].includes(found.protocol) ? found.href : "";
  }

  const sight = new IntersectionObserver(
    (entries) => {
      for (const { target, intersectionRatio } of entries) {
        clearTimeout(target.rttsTimer);
        if (intersectionRatio >= 0.5) target.rttsTimer = setTimeout(impress, SEEN_MS, target);
      }
    },
    { threshold: 0.5 },
  );

  function impress(node) {
    if (!node.isConnected || !visible()) return;
    sight.unobserve(node);
    feedback("impression", node.rttsToken);
  }

  /** Report an impression, click, conversion or dismissal by its tracking token. */
  function feedback(type, token, value) {
    if (token) send("/v1/feedback", { type, tracking_token: token, timestamp: today(), value });
  }

  // 7 Live: the server says when another decision is due. EventSource can send no headers.

  let listening = new AbortController();

  async function listen() {
    const who = person();
    const keys = [...new Set([...slots.keys()].map((slot) => slot.dataset.rttsSlot))].sort().join();
    const wanted = `${keys} ${who.user_id}`;
    if (!keys || (listening.wanted === wanted && !listening.signal.aborted)) return;
    listening.abort();
    const { signal } = Object.assign((listening = new AbortController()), { wanted });
    const proven = who.proof && { "X-User-Id": encodeURIComponent(who.user_id), "X-Person-Proof": who.proof };
    const headers = { Authorization: `Bearer ${settings.key}`, "X-Anonymous-Id": state.id, ...proven };
    const path = `/v1/stream?placements=${encodeURIComponent(keys)}&gpc=${Number(gpc)}`;
    for (let turn = 0; !signal.aborted; turn++) {
      const answer = await request(path, { headers, signal, cache: "no-store" });
      if ([401, 403].includes(answer?.status)) return listening.abort();
      if (answer?.ok && (await read(answer.body, signal))) turn = 0;
      await new Promise((resolve) => setTimeout(resolve, backOff(turn)));
    }
  }

  /** Return at the end of the stream whether anything came. */
  async function read(body, signal) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    let any = false;
    try {
      for (let part; !(part = await reader.read()).done; ) {
        const events = (text + part.value).split("\n\n");
        text = events.pop();
        for (const one of events) {
          const [, type, data] = /^event: (decision|trigger)\ndata: (.*)/.exec(one) || [];
          any ||= type;
          if (type && !signal.aborted) take(type, JSON.parse(data));
        }
      }
    } catch {
      // It broke: the caller connects again.
    }
    return any;
  }

  /** Only where what would be decided differs from what is shown, a decision is made that counts. */
  function take(type, said) {
    emit(type === "trigger" ? type : "news", said);
    const { placements } = type === "trigger" ? said.decision : said;
    const differs = ([{ dataset }, { shown }]) =>
      placements.some((one) => one.key === dataset.rttsSlot && nameOf(one) !== shown);
    const wanted = [...slots].filter(differs).map(([slot]) => slot);
    if (wanted.length) fillSlots(wanted, { timeout: LIVE_MS });
  }

  // 8 Beginning.

  let ticking = 0;
  let isWatching = false;

  function start() {
    if (running) return;
    running = true;
    if (!isWatching) watch();
    isWatching = true;
    view = null;
    page();
    ticking = setInterval(() => visible() && engaged(), ENGAGED_MS);
  }

  const rtts = {
    ...{ settings, consent, ownPage, reset, page, track, identify, group, alias, cart, decide, fillSlots, feedback, render },
    /** { id, purposes } of who said yes, { refused } after a no, {} of who was not asked. */
    get state() {
      return state;
    },
    /** Be told of event, sent, lost, problem, decision, shown, news, trigger, consent. */
    on: (type, listener) => bus.addEventListener(type, listener),
  };
  window.rtts = rtts;

  // What earlier pages left; the server takes each once.
  for (const name of pages()) {
    const left = load(name);
    queue.push(...(state.id ? left.queue : []));
    unsaid.push(...left.unsaid);
    save(name);
  }
  keep();
  if (unsaid.length) say();
  if (state.id) {
    start();
    fillSlots();
  }
  // Another page of the site may be where the visitor says yes or no.
  addEventListener("storage", ({ key }) => {
    if (key !== STATE) return;
    state = load(STATE) || {};
    if (!state.id) return running && stop(state);
    start();
    fillSlots();
  });
})();
