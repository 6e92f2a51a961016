// The global `Stripe`: the part of Stripe.js that this shop uses, speaking to the sandbox. Everything else throws.

/** @typedef {import('@stripe/stripe-js').Stripe} RealStripe */
/**
 * @typedef {Pick<RealStripe, 'elements' | 'confirmSetup' | 'confirmPayment' | 'handleNextAction' | 'retrieveSetupIntent' |
 *   'retrievePaymentIntent' | 'createPaymentMethod'>} StripeSurface What the stand-in offers of the real object.
 */

/** Everything else the real object has; `surface/complete.ts` holds this list against its types. */
const notHere = /** @type {const} */ ([
  'confirmAcssDebitPayment', 'confirmUsBankAccountPayment', 'confirmAlipayPayment', 'confirmAuBecsDebitPayment', 'confirmBancontactPayment',
  'confirmBilliePayment', 'confirmBlikPayment', 'confirmBoletoPayment', 'confirmCardPayment', 'confirmCashappPayment', 'confirmCustomerBalancePayment',
  'confirmEpsPayment', 'confirmFpxPayment', 'confirmGiropayPayment', 'confirmGrabPayPayment', 'confirmIdealPayment', 'confirmKlarnaPayment',
  'confirmKonbiniPayment', 'confirmMobilepayPayment', 'confirmMultibancoPayment', 'confirmOxxoPayment', 'confirmP24Payment', 'confirmPayNowPayment',
  'confirmPayPalPayment', 'confirmPixPayment', 'confirmPromptPayPayment', 'confirmSepaDebitPayment', 'confirmSofortPayment', 'confirmTwintPayment',
  'confirmWechatPayPayment', 'handleCardAction', 'verifyMicrodepositsForPayment', 'createRadarSession', 'collectBankAccountForPayment',
  'createConfirmationToken', 'confirmAcssDebitSetup', 'confirmUsBankAccountSetup', 'confirmAuBecsDebitSetup', 'confirmBacsDebitSetup',
  'confirmBancontactSetup', 'confirmCardSetup', 'confirmCashappSetup', 'confirmIdealSetup', 'confirmAmazonPaySetup', 'confirmPayPalSetup',
  'confirmSepaDebitSetup', 'confirmSofortSetup', 'confirmAffirmPayment', 'confirmAfterpayClearpayPayment', 'verifyMicrodepositsForSetup',
  'collectBankAccountForSetup', 'processOrder', 'retrieveOrder', 'paymentRequest', 'createToken', 'registerAppInfo', 'verifyIdentity',
  'collectFinancialConnectionsAccounts', 'collectBankAccountToken', 'createEphemeralKeyNonce', 'initCheckoutElementsSdk', 'initCheckoutFormSdk',
  'createEmbeddedCheckoutPage',
]);

/**
 * The shape every promise of an intent resolves to.
 * @param {IntentKind} kind
 * @param {{intent?: any, error?: any}} answer
 * @returns {any}
 */
const resultOf = (kind, { intent, error }) => (error ? { error } : { [kind === 'setup_intent' ? 'setupIntent' : 'paymentIntent']: intent });

/**
 * @param {string} where
 * @param {IntentKind} kind
 * @param {any} options
 */
function readConfirmation(where, kind, options) {
  const given = plainObject(where, options);
  refuseOthers(where, given, ['elements', 'clientSecret', 'confirmParams', 'redirect']);
  const params = plainObject(`${where}: confirmParams`, given.confirmParams);
  refuseOthers(`${where}: confirmParams`, params, ['return_url', 'payment_method', 'payment_method_data', 'receipt_email', 'expand']);
  const redirect = given.redirect ?? 'always';
  if (redirect !== 'always' && redirect !== 'if_required') throw new IntegrationError(`${where}: redirect is "always" or "if_required"`);
  if (redirect === 'always' && typeof params.return_url !== 'string') throw new IntegrationError(`${where}: confirmParams.return_url is needed unless redirect is "if_required"`);
  if (params.return_url !== undefined && !URL.canParse(params.return_url)) throw new IntegrationError(`${where}: confirmParams.return_url must be a full address`);
  const group = given.elements === undefined ? undefined : groups.get(given.elements);
  if (given.elements !== undefined && !group) throw new IntegrationError(`${where}: elements must come from stripe.elements()`);
  if (group?.intent && given.clientSecret && given.clientSecret !== group.intent.secret) {
    throw new IntegrationError(`${where}: clientSecret and elements belong to different intents`);
  }
  if (group && !group.intent && !group.submitted) throw new IntegrationError(`${where}: call elements.submit() first`);
  const intent = readSecret(where, given.clientSecret ?? group?.intent?.secret, kind);
  if (!group && !params.payment_method) throw new IntegrationError(`${where}: give elements, or confirmParams.payment_method`);
  return { intent, params, redirect, group };
}

/**
 * @param {string} key
 * @param {ReturnType<typeof readConfirmation>} plan
 * @param {string} where
 */
async function confirm(key, plan, where) {
  const { intent, params, redirect, group } = plan;
  const frame = group && !params.payment_method ? mounted(where, group) : controller();
  const first = await frame.call('confirm', { key, ...intent, params });
  const { intent: done, error } = first.error ? first : await finishAction(key, intent, first.intent, group?.options.appearance?.theme === 'night');
  if (error || redirect === 'if_required') return resultOf(intent.kind, { intent: done, error });
  const back = new URL(params.return_url);
  back.searchParams.set(intent.kind, done.id);
  back.searchParams.set(`${intent.kind}_client_secret`, intent.secret);
  back.searchParams.set('redirect_status', done.status === 'succeeded' ? 'succeeded' : 'pending');
  location.assign(back.href);
  return new Promise(() => {});
}

/** @param {string} key @param {{kind: IntentKind, secret: string}} intent */
async function retrieve(key, intent) {
  return resultOf(intent.kind, await controller().call('retrieve', { key, ...intent }));
}

/** @param {string} key @param {{kind: IntentKind, secret: string}} intent */
async function handleNextAction(key, intent) {
  const { intent: found, error } = await controller().call('retrieve', { key, ...intent });
  if (error) return { error };
  if (found.status !== 'requires_action') {
    const message = `handleNextAction needs an intent that requires_action; this one is ${found.status}.`;
    return { error: { type: 'invalid_request_error', code: `${intent.kind}_unexpected_state`, message, [intent.kind]: found } };
  }
  return resultOf(intent.kind, await finishAction(key, intent, found, matchMedia('(prefers-color-scheme: dark)').matches));
}

/** @param {string} key @param {any} options */
function createPaymentMethod(key, options) {
  const where = 'stripe.createPaymentMethod';
  const given = plainObject(where, options);
  if (given.elements !== undefined) {
    refuseOthers(where, given, ['elements', 'params']);
    const group = groups.get(given.elements);
    if (!group) throw new IntegrationError(`${where}: elements must come from stripe.elements()`);
    if (!group.submitted) throw new IntegrationError(`${where}: call elements.submit() first`);
    return mounted(where, group).call('create', { key, params: plainObject(`${where}: params`, given.params) });
  }
  if (typeof given.type !== 'string') throw new IntegrationError(`${where}: give elements, or a type`);
  if (given.type === 'card') throw new IntegrationError(`${where}: a card is read by the Payment Element only; pass elements`);
  return controller().call('create', { key, params: given });
}

/**
 * @param {string} key
 * @param {import('@stripe/stripe-js').StripeConstructorOptions} [options]
 * @returns {StripeSurface}
 */
function Stripe(key, options) {
  if (typeof key !== 'string' || !/^pk_test_\w+$/.test(key)) {
    const kind = String(key).startsWith('sk_') || String(key).startsWith('rk_') ? 'a secret key must never reach a browser' : 'the sandbox takes publishable test keys (pk_test_…) only';
    throw new IntegrationError(`Stripe(): ${kind}`);
  }
  const settings = plainObject('Stripe()', options);
  refuseOthers('Stripe()', settings, ['locale', 'apiVersion']);
  if (settings.apiVersion !== undefined && settings.apiVersion !== sandboxVersion) {
    throw new IntegrationError(`Stripe(): this sandbox speaks ${sandboxVersion} only`);
  }
  /** @type {StripeSurface} */
  const surface = {
    elements: (/** @type {unknown} */ given) => makeElements(key, plainObject('stripe.elements', given)),
    confirmSetup: (/** @type {unknown} */ given) => confirm(key, readConfirmation('stripe.confirmSetup', 'setup_intent', given), 'stripe.confirmSetup'),
    confirmPayment: (/** @type {unknown} */ given) => confirm(key, readConfirmation('stripe.confirmPayment', 'payment_intent', given), 'stripe.confirmPayment'),
    handleNextAction: (/** @type {unknown} */ given) =>
      handleNextAction(key, readSecret('stripe.handleNextAction', plainObject('stripe.handleNextAction', given).clientSecret)),
    retrieveSetupIntent: (secret) => retrieve(key, readSecret('stripe.retrieveSetupIntent', secret, 'setup_intent')),
    retrievePaymentIntent: (secret) => retrieve(key, readSecret('stripe.retrievePaymentIntent', secret, 'payment_intent')),
    createPaymentMethod: (/** @type {unknown} */ given) => createPaymentMethod(key, given),
  };
  return { ...unavailableMembers('stripe', notHere), ...surface };
}

Stripe.version = 'dahlia';
Object.assign(window, { Stripe });
