// <button data-opens="ID"> opens a dialog; without script the same button leads to the form as a page, or (command=…) the browser opens it by itself.
import { from, mount } from "./mount";

document.addEventListener("click", (event) => {
  const opener = from<HTMLElement>(event, "[data-opens]");
  const dialog = opener && document.getElementById(opener.dataset["opens"] ?? "");
  if (dialog instanceof HTMLDialogElement) {
    event.preventDefault();
    if (opener?.closest("[popover]") instanceof HTMLElement) opener.closest<HTMLElement>("[popover]")?.hidePopover();
    dialog.showModal();
    return;
  }
  const closer = from<HTMLElement>(event, "[data-closes]");
  closer?.closest("dialog")?.close();
});

// Browsers that do not know command= yet.
if (!("command" in HTMLButtonElement.prototype)) {
  document.addEventListener("click", (event) => {
    const button = from<HTMLButtonElement>(event, "button[commandfor]");
    const dialog = button && document.getElementById(button.getAttribute("commandfor") ?? "");
    if (!(dialog instanceof HTMLDialogElement)) return;
    const command = button?.getAttribute("command");
    if (command === "show-modal") dialog.showModal();
    if (command === "close" || command === "request-close") dialog.close();
  });
}

// Browsers that do not know closedby= yet: a click beside the dialog closes it, except where something would be lost.
if (!("closedBy" in HTMLDialogElement.prototype)) {
  document.addEventListener("click", (event) => {
    const { target } = event;
    if (target instanceof HTMLDialogElement && target.getAttribute("closedby") === "any") target.close();
  });
}

// The dialog that says a secret once closes by its own button only.
mount<HTMLDialogElement>("dialog[closedby=none]", (dialog) => dialog.addEventListener("cancel", (event) => event.preventDefault()));

// A form that came back with errors stands in its dialog again. Without script such a dialog is simply open; with it, it becomes modal.
mount<HTMLDialogElement>("dialog[data-open-on-load]", (dialog) => {
  dialog.close();
  dialog.showModal();
});
