// Toasts say what you just did: five seconds, longer while the pointer or the focus is on them; errors stay until they are closed.
import { from, mount } from "./mount";

mount<HTMLElement>(".toast", (toast) => {
  if (toast.dataset["tone"] === "danger") return;
  let timer = 0;
  const wait = () => (timer = window.setTimeout(() => leave(toast), 5000));
  const stay = () => clearTimeout(timer);
  for (const type of ["mouseenter", "focusin"]) toast.addEventListener(type, stay);
  for (const type of ["mouseleave", "focusout"]) toast.addEventListener(type, wait);
  wait();
});

document.addEventListener("click", (event) => {
  const toast = from<HTMLElement>(event, "[data-toast-close]")?.closest<HTMLElement>(".toast");
  if (toast) leave(toast);
});

// Other modules: document.dispatchEvent(new CustomEvent("toast", { detail: { tone, text } })).
document.addEventListener("toast", (event) => {
  const template = document.getElementById(`toast-${event.detail.tone}`);
  const toast = template instanceof HTMLTemplateElement ? (template.content.cloneNode(true) as DocumentFragment) : null;
  const text = toast?.querySelector("[data-text]");
  if (!toast || !text) return;
  text.textContent = event.detail.text;
  document.getElementById("toaster")?.append(toast);
});

function leave(toast: HTMLElement): void {
  toast.setAttribute("aria-hidden", "true");
  setTimeout(() => toast.remove(), 300);
}
