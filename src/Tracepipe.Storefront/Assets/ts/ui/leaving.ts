// What is shown once is gone when the page is left, also for a browser that keeps whole pages for its Back button.
addEventListener("pagehide", () => {
  for (const shown of document.querySelectorAll("[data-shown-once]")) shown.remove();
});

// What Turbo keeps of a page for the Back button: nothing open, nothing said twice, no secret.
document.addEventListener("turbo:before-cache", () => {
  for (const dialog of document.querySelectorAll<HTMLDialogElement>("dialog[open]")) dialog.close();
  for (const shown of document.querySelectorAll("[data-shown-once]")) shown.remove();
  for (const popover of document.querySelectorAll<HTMLElement>("[popover]:popover-open")) popover.hidePopover();
  for (const shown of document.querySelectorAll<HTMLInputElement>("input[data-password]")) shown.value = "";
});
