// <button data-reveal="ID">: shows what is typed into a password field.
import { from } from "./mount";

document.addEventListener("click", (event) => {
  const button = from<HTMLButtonElement>(event, "[data-reveal]");
  const field = button && document.getElementById(button.dataset["reveal"] ?? "");
  if (!button || !(field instanceof HTMLInputElement)) return;
  const shown = field.type === "text";
  field.type = shown ? "password" : "text";
  button.setAttribute("aria-pressed", String(!shown));
});

// Never leave a password as plain text for the browser to remember.
document.addEventListener("submit", (event) => {
  if (!(event.target instanceof HTMLFormElement)) return;
  for (const field of event.target.querySelectorAll<HTMLInputElement>("input[data-password]")) field.type = "password";
});
