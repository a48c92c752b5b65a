"use strict";
// Keeps a form through a lost sign-in: before it is sent it asks whether somebody is signed in, and takes the new token along.
(() => {
  const guard = (form) => form.querySelector("[data-keep]");
  const check = async (told) => {
    const answer = await fetch(told.dataset.keep, { headers: { "HX-Request": "true" }, redirect: "manual", cache: "no-store" });
    if (answer.status !== 200) return false;
    const token = (await answer.text()).trim();
    document.querySelectorAll("input[name=csrfmiddlewaretoken]").forEach((input) => { input.value = token; });
    return true;
  };

  const complain = (told, words) => {
    told.textContent = words;
    told.hidden = !words;
    if (words) told.scrollIntoView({ block: "center" });
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const told = guard(form);
    if (!told || form.rttsChecked) return;
    event.preventDefault();
    try {
      if (!await check(told)) return complain(told, told.dataset.signedOut);
    } catch {
      return complain(told, told.dataset.away);
    }
    complain(told, "");
    form.rttsChecked = true;
    form.requestSubmit(event.submitter);
    form.rttsChecked = false;
  });

  // Back from signing in elsewhere: the page takes up the new token by itself.
  window.addEventListener("focus", async () => {
    const told = guard(document);
    if (!told) return;
    try {
      if (!await check(told)) return;
    } catch { return; }
    complain(told, "");
    document.dispatchEvent(new Event("rtts:signed-in"));
  });
})();
