// The frame's end of the conversation with the page around it. The page's origin is in the frame's address: messages go to
// that origin only, and only what comes from the parent window with that origin is heard.

const host = new URL(new URLSearchParams(location.search).get('host') ?? '').origin;

/** Says something to the page around this frame. @param {string} event @param {unknown} [data] */
export function tell(event, data) {
  window.parent.postMessage({ event, data }, host);
}

/**
 * Answers the page's calls with these functions.
 * @param {Record<string, (input: any) => unknown>} calls
 */
export function listen(calls) {
  window.addEventListener('message', async (message) => {
    if (message.source !== window.parent || message.origin !== host) return;
    const { id, call, input } = message.data;
    /** @param {object} answer */
    const reply = (answer) => window.parent.postMessage({ id, ...answer }, host);
    const run = Object.hasOwn(calls, call) ? calls[call] : undefined;
    if (!run) return reply({ wrongUse: `${call}: not available here` });
    reply({ answer: await run(input) });
  });
  tell('hello');
}

/** Tells the page the height this document needs. */
export function tellHeight() {
  tell('height', Math.ceil(document.body.getBoundingClientRect().height));
}

/** Keeps the page informed of it. */
export function reportHeight() {
  new ResizeObserver(tellHeight).observe(document.body);
}
