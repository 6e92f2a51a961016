// Frames of the sandbox's origin inside the host page. A message counts only when it comes from that frame and that origin;
// the frame learns the host's origin from its address and checks the same in the other direction.

/** @param {string} path @param {Record<string, string>} [query] */
function frameAddress(path, query) {
  const address = new URL(path, sandboxOrigin);
  address.searchParams.set('host', location.origin);
  for (const [name, value] of Object.entries(query ?? {})) address.searchParams.set(name, value);
  return address.href;
}

/** An iframe one can call: every call is a message that gets one answer. */
class Frame {
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  #waiting = new Map();
  /** @type {Promise<void>} */
  #ready;
  /** @type {(value: void) => void} */
  #hello = () => {};
  #lastCall = 0;
  #gone = false;
  /** @type {(name: string, data: any) => void} */
  #onEvent;

  /**
   * @param {string} address
   * @param {string} title
   * @param {(name: string, data: any) => void} onEvent
   */
  constructor(address, title, onEvent) {
    this.element = document.createElement('iframe');
    this.element.src = address;
    this.element.title = title;
    this.#onEvent = onEvent;
    this.#ready = new Promise((resolve) => { this.#hello = resolve; });
    window.addEventListener('message', this.#receive);
  }

  /**
   * @param {string} name
   * @param {unknown} [input]
   * @returns {Promise<any>}
   */
  async call(name, input) {
    await this.#ready;
    if (this.#gone) throw new IntegrationError(`${name}: the element was unmounted before it answered`);
    const id = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.element.contentWindow?.postMessage({ id, call: name, input }, sandboxOrigin);
    });
  }

  remove() {
    this.#gone = true;
    window.removeEventListener('message', this.#receive);
    this.element.remove();
    this.#hello();
    for (const { reject } of this.#waiting.values()) reject(new IntegrationError('The element was unmounted before it answered'));
    this.#waiting.clear();
  }

  /** @param {MessageEvent} message */
  #receive = (message) => {
    if (message.origin !== sandboxOrigin || message.source !== this.element.contentWindow) return;
    const { event, data, id, answer, wrongUse } = message.data;
    if (event === 'hello') this.#hello();
    else if (event) this.#onEvent(event, data);
    else {
      const call = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (wrongUse) call?.reject(new IntegrationError(wrongUse));
      else call?.resolve(answer);
    }
  };
}

/** @type {Frame | undefined} */
let controllerFrame;

/** The hidden frame that talks to the API when no element is involved. One per page, made on first use. */
function controller() {
  if (!controllerFrame?.element.isConnected) {
    controllerFrame?.remove();
    controllerFrame = new Frame(frameAddress('/elements/controller'), 'Card sandbox connection', () => {});
    controllerFrame.element.hidden = true;
    controllerFrame.element.tabIndex = -1;
    document.body.append(controllerFrame.element);
  }
  return controllerFrame;
}
