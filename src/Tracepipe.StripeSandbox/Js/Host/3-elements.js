// stripe.elements() and the Payment Element. The fields live in the frame; this side only mounts, resizes and relays.

const elementEvents = ['ready', 'change', 'focus', 'blur', 'escape', 'loaderror', 'loaderstart'];
const elementOptions = ['layout', 'defaultValues', 'fields', 'wallets', 'terms', 'readOnly', 'business', 'paymentMethodOrder'];
const groupOptions = ['appearance', 'locale', 'loader', 'fonts'];
const deferredOptions = ['mode', 'amount', 'currency', 'setupFutureUsage', 'captureMethod', 'paymentMethodCreation'];
/** How long a frame may take to answer before the page hears of it. */
const frameLoadLimit = 15_000;

/** @typedef {import('@stripe/stripe-js').StripePaymentElement} StripePaymentElement */
/** @typedef {import('@stripe/stripe-js').StripeElements} StripeElements */
/**
 * @typedef {object} Group What `stripe.elements()` was asked for, and the element made from it.
 * @property {string} key
 * @property {Record<string, any>} options
 * @property {{kind: IntentKind, secret: string} | undefined} intent
 * @property {CardElement | undefined} element
 * @property {boolean} submitted
 */

/**
 * The colour behind an element, when it is one colour.
 * @param {HTMLElement | null | undefined} element
 * @returns {string | undefined}
 */
function backdropOf(element) {
  for (let at = element?.parentElement; at; at = at.parentElement) {
    const { backgroundColor: colour, backgroundImage: image } = getComputedStyle(at);
    if (image !== 'none') return undefined;
    if (/^rgb\(|^[a-z-]+\([^/]+\)$/.test(colour) && !colour.startsWith('rgba')) return colour;
    if (!/^rgba\(0, 0, 0, 0\)$/.test(colour)) return undefined;
  }
  return undefined;
}

/** The Payment Element as the host page holds it. */
class CardElement {
  /** @type {Map<string, Array<{handler: (event: any) => void, once: boolean}>>} */
  #handlers = new Map();
  /** @type {Frame | undefined} */
  frame;
  #destroyed = false;

  /** @param {Group} group @param {Record<string, any>} options */
  constructor(group, options) {
    this.group = group;
    this.options = options;
  }

  /** @param {string | HTMLElement} target */
  mount(target) {
    this.#alive('mount');
    const place = typeof target === 'string' ? document.querySelector(target) : target;
    if (!(place instanceof HTMLElement)) throw new IntegrationError(`mount: no element of the page matches "${target}"`);
    if (this.frame?.element.parentElement === place) return;
    this.unmount();
    const scheme = this.group.options.appearance?.theme === 'night' ? 'dark' : 'light';
    const frame = new Frame(frameAddress('/elements/payment', { scheme }), 'Card details', (name, data) => this.#heard(frame, name, data));
    // The frame is four pixels wider on each side, so that a focus outline inside it is not cut off.
    Object.assign(frame.element.style, {
      display: 'block', border: '0', margin: '-4px', padding: '0', width: 'calc(100% + 8px)', minWidth: 'calc(100% + 8px)',
      height: '188px', background: 'transparent', colorScheme: scheme,
    });
    this.frame = frame;
    place.replaceChildren(frame.element);
    this.#emit('loaderstart');
    this.#load(frame);
  }

  /** @param {Frame} frame */
  async #load(frame) {
    const limit = setTimeout(() => this.#emit('loaderror', { error: { type: 'api_connection_error', message: 'The card form could not be loaded.' } }), frameLoadLimit);
    try {
      const { error } = await frame.call('load', this.#settings());
      if (frame !== this.frame) return;
      if (error) this.#emit('loaderror', { error });
      else this.#emit('ready');
    } catch (problem) {
      if (frame === this.frame) throw problem;
    } finally {
      clearTimeout(limit);
    }
  }

  #settings() {
    const { key, intent, options } = this.group;
    return JSON.parse(JSON.stringify({ key, intent, mode: options.mode, appearance: options.appearance ?? {}, backdrop: backdropOf(this.frame?.element), element: this.options }));
  }

  unmount() {
    this.frame?.remove();
    this.frame = undefined;
  }

  destroy() {
    this.unmount();
    this.#destroyed = true;
    if (this.group.element === this) this.group.element = undefined;
  }

  /** @param {Record<string, any>} options */
  update(options) {
    this.#alive('update');
    refuseOthers('element.update', plainObject('element.update', options), elementOptions);
    Object.assign(this.options, options);
    this.refresh();
    return this;
  }

  refresh() { this.#tell('update', this.#settings()); }
  focus() { this.frame?.element.focus(); this.#tell('focus'); }
  blur() { this.#tell('blur'); }
  clear() { this.#tell('clear'); }
  collapse() { this.#tell('collapse'); return this; }

  /** @param {string} type @param {(event: any) => void} handler */
  on(type, handler) { return this.#listen('on', type, handler, false); }
  /** @param {string} type @param {(event: any) => void} handler */
  once(type, handler) { return this.#listen('once', type, handler, true); }
  /** @param {string} type @param {(event: any) => void} [handler] */
  off(type, handler) {
    this.#handlers.set(type, (this.#handlers.get(type) ?? []).filter((known) => handler && known.handler !== handler));
    return this;
  }

  /** @param {string} method @param {string} type @param {(event: any) => void} handler @param {boolean} once */
  #listen(method, type, handler, once) {
    if (!elementEvents.includes(type)) throw new IntegrationError(`element.${method}: the event "${type}" is not available in the sandbox`);
    if (typeof handler !== 'function') throw new IntegrationError(`element.${method}: the handler must be a function`);
    this.#handlers.set(type, [...(this.#handlers.get(type) ?? []), { handler, once }]);
    return this;
  }

  /** @param {string} method */
  #alive(method) {
    if (this.#destroyed) throw new IntegrationError(`${method}: this element was destroyed; create a new one`);
  }

  /** @param {string} name @param {unknown} [input] */
  #tell(name, input) {
    this.#alive(name);
    const frame = this.frame;
    frame?.call(name, input).catch((problem) => { if (frame === this.frame) throw problem; });
  }

  /** @param {Frame} frame @param {string} name @param {any} data */
  #heard(frame, name, data) {
    if (frame !== this.frame) return;
    if (name === 'height') frame.element.style.height = `${Number(data)}px`;
    else if (name === 'scheme') frame.element.style.colorScheme = data === 'dark' ? 'dark' : 'light';
    else if (elementEvents.includes(name)) this.#emit(name, data);
  }

  /** @param {string} type @param {object} [more] */
  #emit(type, more) {
    const handlers = this.#handlers.get(type) ?? [];
    this.#handlers.set(type, handlers.filter((known) => !known.once));
    for (const { handler } of handlers) handler({ elementType: 'payment', ...more });
  }
}

/** The group behind each object `stripe.elements()` returned. */
/** @type {WeakMap<object, Group>} */
const groups = new WeakMap();

/**
 * @param {string} key
 * @param {Record<string, any>} given
 * @returns {StripeElements}
 */
function makeElements(key, given) {
  const deferred = given.clientSecret === undefined;
  refuseOthers('stripe.elements', given, [...groupOptions, ...(deferred ? deferredOptions : ['clientSecret', 'currency'])]);
  if (deferred && !['setup', 'payment', 'subscription'].includes(given.mode)) {
    throw new IntegrationError('stripe.elements: give a clientSecret, or a mode: "setup", "payment" or "subscription"');
  }
  if (deferred && given.mode !== 'setup' && !(Number.isInteger(given.amount) && given.amount > 0 && typeof given.currency === 'string')) {
    throw new IntegrationError(`stripe.elements: the mode "${given.mode}" needs an amount in the smallest unit and a currency`);
  }
  checkAppearance(given.appearance);
  /** @type {Group} */
  const group = {
    key, options: { ...given }, element: undefined, submitted: false,
    intent: deferred ? undefined : readSecret('stripe.elements', given.clientSecret),
  };
  const elements = {
    /** @param {string} type @param {Record<string, any>} [options] */
    create(type, options) {
      if (type !== 'payment') throw new IntegrationError(`elements.create("${type}"): not available in the sandbox`);
      if (group.element) throw new IntegrationError('elements.create: this group already has a Payment Element; use getElement("payment")');
      refuseOthers('elements.create', plainObject('elements.create', options), elementOptions);
      group.element = new CardElement(group, { ...options });
      return group.element;
    },
    /** @param {string} type */
    getElement: (type) => (type === 'payment' ? group.element ?? null : null),
    async submit() {
      const answer = await mounted('elements.submit', group).call('submit');
      group.submitted = !answer.error;
      return answer;
    },
    /** @param {Record<string, any>} options */
    async update(options) {
      refuseOthers('elements.update', plainObject('elements.update', options), ['appearance', 'locale', 'fonts', ...(deferred ? deferredOptions : [])]);
      checkAppearance(options.appearance);
      Object.assign(group.options, options);
      group.element?.refresh();
    },
    async fetchUpdates() {
      if (!group.intent) throw new IntegrationError('elements.fetchUpdates: needs elements made with a clientSecret');
      const { error } = await controller().call('retrieve', { key, ...group.intent });
      return error ? { error: { message: error.message, status: error.code } } : {};
    },
    ...unavailableMembers('elements', ['on']),
  };
  groups.set(elements, group);
  return /** @type {StripeElements} */ (/** @type {unknown} */ (elements));
}

/** @param {string} where @param {Group} group */
function mounted(where, group) {
  if (!group.element?.frame) throw new IntegrationError(`${where}: the Payment Element is not mounted`);
  return group.element.frame;
}

/** @param {any} appearance */
function checkAppearance(appearance) {
  if (appearance === undefined) return;
  refuseOthers('appearance', plainObject('appearance', appearance), ['theme', 'variables', 'labels', 'disableAnimations']);
  if (!['above', 'auto', undefined].includes(appearance.labels)) throw new IntegrationError('appearance: the sandbox draws labels above the fields only');
  if (!['stripe', 'night', 'flat', undefined].includes(appearance.theme)) throw new IntegrationError(`appearance: unknown theme "${appearance.theme}"`);
}
