// Turbo marks a form as busy while it is on its way. Forms that leave the site go without Turbo: they get the same mark here.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.dataset["turbo"] !== "false" || form.method === "dialog" || event.defaultPrevented) return;
  form.setAttribute("aria-busy", "true");
  const { submitter } = event;
  // One turn later, because a disabled button would not be sent with the form.
  if (submitter instanceof HTMLButtonElement) setTimeout(() => (submitter.disabled = true));
});

addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll<HTMLFormElement>("form[aria-busy=true]")) {
    form.removeAttribute("aria-busy");
    for (const button of form.querySelectorAll<HTMLButtonElement>("[type=submit]:disabled")) button.disabled = false;
  }
});
