"use strict";
// Puts a token where somebody last wrote in the content of a variant.
(() => {
  const WRITABLE = '[name*="content_headline"], [name*="content_text"], [name*="content_html"], [name*="content_link_url"], [name*="content_image_url"], [name*="content_alt"], [name*="content_more"]';
  let last = null;

  document.addEventListener("focusin", (event) => { if (event.target.matches?.(WRITABLE)) last = event.target; });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-token]");
    if (!button) return;
    const field = last?.isConnected ? last : document.querySelector(WRITABLE);
    if (!field) return;
    const end = field.selectionEnd ?? field.value.length;
    field.setRangeText(button.dataset.token, field.selectionStart ?? end, end, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
