// The theme switch is a form; with script the page changes at once and the form goes out behind it, so that the server remembers.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const { submitter } = event;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-theme-form]") || !(submitter instanceof HTMLButtonElement)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const root = document.documentElement;
  root.classList.remove("light", "dark");
  root.classList.add(submitter.value);
  form.querySelector<HTMLButtonElement>(`button:not([value="${submitter.value}"])`)?.focus();
  dispatchEvent(new Event("themechange"));
  void fetch(form.action, { method: "POST", body: new FormData(form, submitter), redirect: "manual" });
}, { capture: true });
