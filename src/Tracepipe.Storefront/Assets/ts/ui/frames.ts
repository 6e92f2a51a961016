// A part of the page that could not be loaded says so in its own place, with a way to try again; the rest of the page stays.
document.addEventListener("turbo:frame-missing", (event) => {
  event.preventDefault();
  failed(event.target, event.detail.response.headers.get("X-Request-Id"));
});
document.addEventListener("turbo:fetch-request-error", (event) => failed(event.target, null));

function failed(target: EventTarget | null, request: string | null): void {
  const template = document.getElementById("frame-error");
  if (!(target instanceof HTMLElement) || target.tagName !== "TURBO-FRAME" || !(template instanceof HTMLTemplateElement)) return;
  const frame = target as FrameElement;
  const card = template.content.cloneNode(true) as DocumentFragment;
  const name = card.querySelector("[data-name]");
  if (name !== null && frame.dataset["name"]) name.textContent = frame.dataset["name"];
  const id = card.querySelector<HTMLElement>("[data-request]");
  if (id !== null) {
    id.hidden = request === null;
    const code = id.querySelector("code");
    if (code !== null) code.textContent = (request ?? "").slice(0, 8);
  }
  card.querySelector("button")?.addEventListener("click", () => void frame.reload());
  frame.replaceChildren(card);
}
