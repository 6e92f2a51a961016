// Saving a card: the states of a setup intent with cards that work and cards that do not, and the attempts that remain.
import { assert, check, refusal, Stripe, stripe } from '../harness.js';

const customer = await stripe.customers.create({ name: 'Grace Hopper' });
const forCard = {
  customer: customer.id, usage: 'off_session',
  automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
} satisfies Stripe.SetupIntentCreateParams;

await check('a new intent waits for a payment method and has a client secret', 'sandbox-only', async () => {
  const intent = await stripe.setupIntents.create({ ...forCard, metadata: { org_id: 'org_1' } });
  assert.equal(intent.status, 'requires_payment_method');
  assert.ok(intent.client_secret?.startsWith(`${intent.id}_secret_`));
  assert.equal(intent.usage, 'off_session');
  assert.equal(intent.customer, customer.id);
  assert.equal(intent.latest_attempt, null);
});

await check('with a payment method it waits for confirmation, and confirming attaches the card', 'sandbox-only', async () => {
  const intent = await stripe.setupIntents.create({ ...forCard, payment_method: 'pm_card_visa' });
  assert.equal(intent.status, 'requires_confirmation');
  const done = await stripe.setupIntents.confirm(intent.id, {}, { idempotencyKey: `confirm-${intent.id}` });
  assert.equal(done.status, 'succeeded');
  const method = await stripe.paymentMethods.retrieve(done.payment_method as string);
  assert.equal(method.customer, customer.id);
  assert.equal(method.card?.brand, 'visa');
});

await check('every card that works can be saved in one call', 'sandbox-only', async () => {
  const cards = { pm_card_mastercard: 'mastercard', pm_card_amex: 'amex', pm_card_visa_debit: 'visa', pm_card_discover: 'discover' };
  for (const [alias, brand] of Object.entries(cards)) {
    const intent = await stripe.setupIntents.create({ ...forCard, confirm: true, payment_method: alias, expand: ['payment_method'] });
    assert.equal(intent.status, 'succeeded', alias);
    assert.equal((intent.payment_method as Stripe.PaymentMethod).card?.brand, brand);
  }
});

const declines = [
  ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline'],
  ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
  ['pm_card_visa_chargeDeclinedLostCard', 'card_declined', 'lost_card'],
  ['pm_card_visa_chargeDeclinedStolenCard', 'card_declined', 'stolen_card'],
  ['pm_card_chargeDeclinedExpiredCard', 'expired_card', undefined],
  ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', undefined],
  ['pm_card_chargeDeclinedProcessingError', 'processing_error', undefined],
] as const;
for (const [alias, code, declineCode] of declines) {
  await check(`${alias} is declined with ${code}${declineCode ? `/${declineCode}` : ''} and the intent takes another card`, 'sandbox-only', async () => {
    const intent = await stripe.setupIntents.create(forCard);
    const error = await refusal(stripe.setupIntents.confirm(intent.id, { payment_method: alias }));
    assert.ok(error instanceof Stripe.errors.StripeCardError);
    assert.equal(error.code, code);
    if (declineCode) assert.equal(error.decline_code, declineCode);
    assert.equal(error.setup_intent?.status, 'requires_payment_method');
    const after = await stripe.setupIntents.retrieve(intent.id);
    assert.equal(after.last_setup_error?.code, code);
    assert.equal(after.payment_method, null);
    assert.equal((await stripe.setupIntents.confirm(intent.id, { payment_method: 'pm_card_visa' })).status, 'succeeded');
  });
}

await check('a declined card stays off the customer', 'sandbox-only', async () => {
  const methods = await stripe.customers.listPaymentMethods(customer.id, { limit: 100 });
  assert.ok(methods.data.every((m) => m.card?.last4 !== '0002'));
});

await check('attempts are listed newest first, with their outcome', 'sandbox-only', async () => {
  const intent = await stripe.setupIntents.create(forCard);
  await refusal(stripe.setupIntents.confirm(intent.id, { payment_method: 'pm_card_visa_chargeDeclined' }));
  await stripe.setupIntents.confirm(intent.id, { payment_method: 'pm_card_visa' });
  const attempts = await stripe.setupAttempts.list({ setup_intent: intent.id });
  assert.deepEqual(attempts.data.map((a) => a.status), ['succeeded', 'failed']);
  assert.equal(attempts.data[1]?.setup_error?.code, 'card_declined');
  const done = await stripe.setupIntents.retrieve(intent.id, { expand: ['latest_attempt'] });
  assert.equal((done.latest_attempt as Stripe.SetupAttempt).id, attempts.data[0]?.id);
});

await check('a finished intent is neither confirmed nor canceled again', 'sandbox-only', async () => {
  const intent = await stripe.setupIntents.create({ ...forCard, confirm: true, payment_method: 'pm_card_visa' });
  for (const again of [() => stripe.setupIntents.confirm(intent.id), () => stripe.setupIntents.cancel(intent.id)]) {
    const error = await refusal(again());
    assert.equal(error.statusCode, 400);
    assert.equal(error.code, 'setup_intent_unexpected_state');
  }
});

await check('an open intent can be canceled, with a reason', 'sandbox-only', async () => {
  const intent = await stripe.setupIntents.create(forCard);
  const canceled = await stripe.setupIntents.cancel(intent.id, { cancellation_reason: 'abandoned' });
  assert.equal(canceled.status, 'canceled');
  assert.equal(canceled.cancellation_reason, 'abandoned');
});

await check('a wrong client secret finds nothing', 'sandbox-only', async () => {
  const intent = await stripe.setupIntents.create(forCard);
  const error = await refusal(stripe.setupIntents.retrieve(intent.id, { client_secret: `${intent.id}_secret_wrong` }));
  assert.equal(error.code, 'resource_missing');
});

await check('an intent of a customer who does not exist is refused', 'sandbox-only', async () => {
  const error = await refusal(stripe.setupIntents.create({ ...forCard, customer: 'cus_nobody' }));
  assert.equal(error.code, 'resource_missing');
  assert.equal(error.param, 'customer');
});

await stripe.customers.del(customer.id);
