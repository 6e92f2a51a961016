// After a navigation the reader stands at the page's title; after a refused form at what is wrong with it.
let first = true;
let refused = false;

document.addEventListener("turbo:submit-end", (event) => (refused = !event.detail.success));

document.addEventListener("turbo:load", () => {
  if (!first && location.hash === "") focusOn(document.querySelector("h1"));
  first = false;
});

document.addEventListener("turbo:render", () => {
  if (!refused) return;
  refused = false;
  focusOn(document.querySelector("[data-error-summary]") ?? document.querySelector("[aria-invalid=true]"));
});

function focusOn(element: HTMLElement | null): void {
  if (element === null) return;
  if (!element.matches("input, select, textarea")) element.tabIndex = -1;
  element.focus({ preventScroll: element.tagName === "H1" });
}
