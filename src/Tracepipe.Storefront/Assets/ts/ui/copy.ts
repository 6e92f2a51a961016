// <button data-copy="ID">: copies the text or value of the element with that id.
import { say } from "./live";
import { from } from "./mount";

document.addEventListener("click", async (event) => {
  const button = from<HTMLButtonElement>(event, "[data-copy]");
  const source = button && document.getElementById(button.dataset["copy"] ?? "");
  if (!button || !source) return;
  const text = source instanceof HTMLInputElement || source instanceof HTMLTextAreaElement ? source.value : shownText(source);
  if (await put(text, source)) {
    button.dataset["copied"] = "";
    say("Copied");
    setTimeout(() => delete button.dataset["copied"], 2000);
  } else {
    say("Selected. Press Ctrl+C to copy.");
  }
});

/** Of tabs, the one that is shown. */
function shownText(source: HTMLElement): string {
  return (source.querySelector("[role=tabpanel]:not([hidden])") ?? source).textContent?.trim() ?? "";
}

/** Browsers give the clipboard to secure origins only; elsewhere the text is selected and the old command tried. */
async function put(text: string, source: HTMLElement): Promise<boolean> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return true;
  }
  if (source instanceof HTMLInputElement || source instanceof HTMLTextAreaElement) source.select();
  else window.getSelection()?.selectAllChildren(source);
  return document.execCommand("copy");
}
