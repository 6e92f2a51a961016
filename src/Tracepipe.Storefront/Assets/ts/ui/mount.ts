/** Calls `start` once for each element that matches, now and after every navigation, frame or stream that brings new ones. */
export function mount<T extends HTMLElement>(selector: string, start: (element: T) => void): void {
  const seen = new WeakSet<T>();
  const look = () => {
    for (const element of document.querySelectorAll<T>(selector)) {
      if (seen.has(element)) continue;
      seen.add(element);
      start(element);
    }
  };
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
  look();
}

/** The element an event came from, or the nearest ancestor, that matches. */
export function from<T extends HTMLElement>(event: Event, selector: string): T | null {
  return event.target instanceof Element ? event.target.closest<T>(selector) : null;
}
