// The calls a browser may make: with the publishable key, and the client secret of the intent in question.

/** @typedef {'setup_intent' | 'payment_intent'} IntentKind */
/** @typedef {{intent?: any, error?: any}} IntentAnswer */

const unreachable = { type: 'api_connection_error', message: 'The card sandbox cannot be reached. Try again in a moment.' };

/**
 * Form encoding with brackets: `{card: {cvc: '123'}}` is `card[cvc]=123`.
 * @param {Record<string, any>} values
 * @param {URLSearchParams} [form]
 * @param {string} [prefix]
 */
export function encode(values, form = new URLSearchParams(), prefix = '') {
  for (const [name, value] of Object.entries(values)) {
    const path = prefix ? `${prefix}[${name}]` : name;
    if (value === undefined || value === null) continue;
    if (typeof value === 'object') encode(value, form, path);
    else form.append(path, String(value));
  }
  return form;
}

/**
 * @param {string} key
 * @param {'GET' | 'POST'} method
 * @param {string} path
 * @param {Record<string, any>} values
 */
async function send(key, method, path, values) {
  const form = encode(values);
  const get = method === 'GET';
  try {
    const answer = await fetch(get ? `${path}?${form}` : path, {
      method, body: get ? undefined : form,
      headers: { Authorization: `Bearer ${key}`, 'Stripe-Version': '2026-07-29.dahlia' },
    });
    return await answer.json();
  } catch {
    return { error: unreachable };
  }
}

/** @param {IntentKind} kind @param {string} secret */
const pathOf = (kind, secret) => `/v1/${kind}s/${secret.split('_secret_')[0]}`;

/** @param {{key: string, kind: IntentKind, secret: string}} input @returns {Promise<IntentAnswer>} */
export async function retrieve({ key, kind, secret }) {
  const found = await send(key, 'GET', pathOf(kind, secret), { client_secret: secret });
  return found.error ? { error: found.error } : { intent: found };
}

/**
 * @param {{key: string, kind: IntentKind, secret: string, params: Record<string, any>}} input
 * @param {Record<string, any>} [card] number, exp_month, exp_year, cvc
 * @returns {Promise<IntentAnswer>}
 */
export async function confirm({ key, kind, secret, params }, card) {
  const { payment_method_data: given, ...rest } = params;
  const data = card ? { ...given, type: 'card', card } : given;
  const values = { ...rest, payment_method_data: data, client_secret: secret, use_stripe_sdk: true };
  const done = await send(key, 'POST', `${pathOf(kind, secret)}/confirm`, values);
  return done.error ? { error: done.error } : { intent: done };
}

/**
 * @param {{key: string, params: Record<string, any>}} input
 * @param {Record<string, any>} [card]
 */
export async function createPaymentMethod({ key, params }, card) {
  const made = await send(key, 'POST', '/v1/payment_methods', card ? { ...params, type: 'card', card } : params);
  return made.error ? { error: made.error } : { paymentMethod: made };
}
