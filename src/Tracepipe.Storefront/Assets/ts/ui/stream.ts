// Open pages follow what happens elsewhere: <div id="…" data-live="TOPICS" data-live-from="STREAM"> (Ui/LiveRegion.razor). One stream for the page, only
// while it is visible; a topic that changed fetches the page again and gives its regions their new shape. A <turbo-frame data-live> loads itself again.
import { renderStreamMessage } from "@hotwired/turbo";

const everything = "*";
let stream: EventSource | null = null;
let from = "";
let wanted = new Set<string>();
let timer: number | undefined;
let fetching = false;
let visiting = false;
let poll: number | undefined;
let last = 0;
let leaving = new AbortController();

function regions(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-live]")];
}

function follow(): void {
  visiting = false;
  listen();
  wait();
}

/** Opens, keeps or closes the stream, as the page at hand needs it. */
function listen(): void {
  const address = regions().find((r) => r.dataset["liveFrom"])?.dataset["liveFrom"] ?? "";
  if (document.hidden || address === "" || document.documentElement.hasAttribute("data-turbo-preview")) return close();
  if (stream !== null && path(from) === path(address) && stream.readyState !== EventSource.CLOSED) return;
  close();
  from = address;
  const opened = (stream = new EventSource(address));
  let opens = 0;
  // After a break something may have been missed.
  opened.addEventListener("open", () => ++opens > 1 && changed(everything));
  opened.addEventListener("changed", (event) => changed((event as MessageEvent<string>).data));
}

/** Something is expected soon: looks again after a while, also where no stream gets through. */
function wait(): void {
  clearTimeout(poll);
  const [next] = regions().map((r) => Number(r.dataset["livePoll"])).filter((ms) => ms > 0).sort((a, b) => a - b);
  if (next !== undefined && !document.hidden) poll = window.setTimeout(() => changed(everything), next);
}

function close(): void {
  clearTimeout(poll);
  leaving.abort(); // a page that is left asks for nothing more
  leaving = new AbortController();
  stream?.close();
  stream = null;
}

function path(address: string): string {
  return address.split("?")[0] ?? "";
}

function changed(topic: string): void {
  wanted.add(topic);
  clearTimeout(timer);
  timer = window.setTimeout(() => void refresh(), Math.max(100, last + 1000 - Date.now())); // numbers that never rest are fetched once a second
}

function concerns(region: HTMLElement, topics: Set<string>): boolean {
  return topics.has(everything) || (region.dataset["live"] ?? "").split(" ").some((t) => topics.has(t));
}

function busy(): boolean {
  const typed = [...document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("[data-live] input, [data-live] textarea")].some((field) => field.value !== field.defaultValue);
  return typed || document.querySelector("dialog[open], form[aria-busy=true]") !== null;
}

async function refresh(): Promise<void> {
  // Nothing moves under a question that stands open, a form on its way, a text somebody is typing or a page that comes; it is done when they are.
  if (fetching || visiting || busy()) {
    clearTimeout(timer);
    timer = window.setTimeout(() => void refresh(), 500);
    return;
  }
  const topics = wanted;
  wanted = new Set();
  last = Date.now();
  const meant = regions().filter((r) => concerns(r, topics));
  for (const frame of meant) if (frame.tagName === "TURBO-FRAME") reload(frame as FrameElement, topics);
  const parts = meant.filter((r) => r.id !== "" && r.tagName !== "TURBO-FRAME");
  const [first] = parts;
  if (first === undefined) return;
  fetching = true;
  const here = location.href;
  try {
    // The header says that it is a part: what is said once to the person is not said to nobody.
    const response = await fetch(here, { headers: { Accept: "text/html", "Turbo-Frame": first.id }, credentials: "same-origin", redirect: "manual", signal: leaving.signal });
    if (!response.ok) return; // a redirect neither: this page is not to be had any more, by a log-out for one
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (location.href !== here) return; // left meanwhile
    for (const part of parts) {
      const now = fresh.getElementById(part.id);
      if (now !== null) renderStreamMessage(`<turbo-stream action="replace" method="morph" target="${part.id}" data-follows><template>${now.outerHTML}</template></turbo-stream>`);
    }
  } catch (failure) {
    if (failure instanceof DOMException && failure.name === "AbortError") return;
    wanted.add(everything); // offline for a moment
    timer = window.setTimeout(() => void refresh(), 3000);
  } finally {
    fetching = false;
    if (location.href === here) wait();
  }
}

// Turbo waits for the next picture before it gives a part its new shape: a question may have been opened in between.
document.addEventListener("turbo:before-stream-render", (event) => {
  const { detail, target } = event;
  if (!(target instanceof Element) || !target.hasAttribute("data-follows")) return;
  const render = detail.render;
  detail.render = async (element) => {
    if (busy()) (document.getElementById(target.getAttribute("target") ?? "")?.dataset["live"] ?? everything).split(" ").forEach(changed); // when it is closed
    else await render(element);
  };
});

// A frame within a live part has its own address and loads itself.
document.addEventListener("turbo:before-morph-element", (event) => {
  const [frame, fresh] = [event.target, event.detail.newElement];
  if (frame instanceof Element && frame.matches("turbo-frame[src]") && fresh && whole(frame) === whole(fresh)) event.preventDefault();
});

// What somebody has opened to read stays open.
document.addEventListener("turbo:before-morph-attribute", (event) => {
  if (event.detail.attributeName === "open" && event.target instanceof HTMLDetailsElement) event.preventDefault();
});

const asked = new WeakSet<EventTarget>();
const answered = new WeakSet<EventTarget>();
document.addEventListener("turbo:before-fetch-request", (event) => {
  if (event.target === null) return;
  asked.add(event.target);
  answered.delete(event.target);
});
for (const end of ["turbo:frame-load", "turbo:frame-missing", "turbo:fetch-request-error"] as const) document.addEventListener(end, (event) => event.target !== null && answered.add(event.target));

/**
 * One at a time: of two answers on their way Turbo would take the second for a new part and close what stands open in it; and a first answer that is broken off
 * between its head and its body (the frame is not busy any more) would never be asked for again.
 */
function reload(frame: FrameElement, topics: Set<string>): void {
  if (!asked.has(frame)) return; // nobody has seen it yet: it comes fresh when somebody does
  if (!answered.has(frame)) frame.addEventListener("turbo:frame-load", () => topics.forEach(changed), { once: true });
  else frame.reload().catch((failure: unknown) => {
    if (!(failure instanceof DOMException && failure.name === "AbortError")) throw failure; // the page is left, or the frame loads anew
  });
}

function whole(frame: Element): string {
  return new URL(frame.getAttribute("src") ?? "", document.baseURI).href;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return close();
  const was = from;
  follow();
  if (was !== "" && path(was) === path(from)) changed(everything); // what happened behind the curtain
});
document.addEventListener("turbo:visit", () => {
  visiting = true; // the address is the next page's already
  leaving.abort();
  leaving = new AbortController();
});
document.addEventListener("turbo:load", follow);
document.addEventListener("turbo:before-cache", close);
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => {
  if (event.persisted) {
    follow();
    changed(everything);
  }
});
