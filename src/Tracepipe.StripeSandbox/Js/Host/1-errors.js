// What every part of the stand-in shares: where it was loaded from, and how it says no.

const sandboxOrigin = new URL(/** @type {HTMLScriptElement} */ (document.currentScript).src).origin;
const sandboxVersion = '2026-07-29.dahlia';

/** Thrown for a mistake in the calling code, never for a card. */
class IntegrationError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'IntegrationError';
  }
}

/** @param {string} name */
const unavailable = (name) => () => {
  throw new IntegrationError(`${name}: not available in the sandbox`);
};

/**
 * Members that exist on the real object but not here. They throw when called, so that a page finds out at once.
 * @param {string} owner
 * @param {readonly string[]} names
 * @returns {Record<string, () => never>}
 */
const unavailableMembers = (owner, names) =>
  Object.fromEntries(names.map((name) => [name, unavailable(`${owner}.${name}`)]));

/**
 * @param {string} where
 * @param {object} options
 * @param {readonly string[]} allowed
 */
function refuseOthers(where, options, allowed) {
  for (const name of Object.keys(options)) {
    if (!allowed.includes(name)) throw new IntegrationError(`${where}: the option "${name}" is not available in the sandbox`);
  }
}

/**
 * @param {string} where
 * @param {unknown} value
 * @returns {Record<string, any>}
 */
function plainObject(where, value) {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object') throw new IntegrationError(`${where}: expected an object, got ${typeof value}`);
  return /** @type {Record<string, any>} */ (value);
}

/** @typedef {'setup_intent' | 'payment_intent'} IntentKind */

/**
 * @param {string} where
 * @param {unknown} secret
 * @param {IntentKind} [expected]
 * @returns {{kind: IntentKind, secret: string}}
 */
function readSecret(where, secret, expected) {
  const match = typeof secret === 'string' ? /^(seti|pi)_[A-Za-z0-9]+_secret_[A-Za-z0-9]+$/.exec(secret) : null;
  const kind = match && (match[1] === 'seti' ? 'setup_intent' : 'payment_intent');
  if (!kind || (expected && kind !== expected)) {
    throw new IntegrationError(`${where}: expected the client secret of a ${expected ?? 'setup_intent or payment_intent'}`);
  }
  return { kind, secret: /** @type {string} */ (secret) };
}
