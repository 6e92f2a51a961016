// Tabs by the ARIA pattern: arrows move, the chosen language is remembered and set in all samples of the page and the next ones.
import { from, mount } from "./mount";

const memory = "code-language";

mount<HTMLElement>("[role=tablist]", (list) => {
  const wanted = localStorage.getItem(memory);
  const tab = tabs(list).find((t) => t.dataset["language"] === wanted);
  if (tab) select(tab);
});

document.addEventListener("click", (event) => {
  const tab = from<HTMLElement>(event, "[role=tab]");
  if (tab) choose(tab);
});

document.addEventListener("keydown", (event) => {
  const tab = from<HTMLElement>(event, "[role=tab]");
  const list = tab?.closest<HTMLElement>("[role=tablist]");
  if (!tab || !list) return;
  const all = tabs(list);
  const at = all.indexOf(tab);
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
  const target = next === undefined ? undefined : all[next % all.length];
  if (!target) return;
  event.preventDefault();
  choose(target);
  target.focus();
});

function choose(tab: HTMLElement): void {
  const language = tab.dataset["language"];
  if (language === undefined) return select(tab);
  localStorage.setItem(memory, language);
  for (const twin of document.querySelectorAll<HTMLElement>("[role=tab][data-language]")) if (twin.dataset["language"] === language) select(twin);
}

function select(tab: HTMLElement): void {
  const list = tab.closest<HTMLElement>("[role=tablist]");
  if (!list) return;
  for (const other of tabs(list)) {
    const on = other === tab;
    other.setAttribute("aria-selected", String(on));
    other.tabIndex = on ? 0 : -1;
    const panel = document.getElementById(other.getAttribute("aria-controls") ?? "");
    if (panel) panel.hidden = !on;
  }
}

function tabs(list: HTMLElement): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>("[role=tab]")];
}
