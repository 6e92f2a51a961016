// Payments one by one: what a card answers, what is charged, given back and disputed.
import { assert, check, eventually, refusal, Stripe, stripe } from '../harness.js';
import { idOf, newCustomer } from '../shop.js';

const pay = (card: string, amount = 5000, more: Partial<Stripe.PaymentIntentCreateParams> = {}) => stripe.paymentIntents.create({
  amount, currency: 'usd', payment_method: card, confirm: true, automatic_payment_methods: { enabled: true, allow_redirects: 'never' }, ...more,
});

await check('a payment succeeds with one charge', 'sandbox-only', async () => {
  const intent = await pay('pm_card_visa', 5000, { metadata: { kind: 'credits' }, expand: ['latest_charge'] });
  assert.deepEqual([intent.status, intent.amount_received], ['succeeded', 5000]);
  const charge = intent.latest_charge as Stripe.Charge;
  assert.deepEqual([charge.status, charge.paid, charge.amount, charge.payment_method_details?.card?.last4], ['succeeded', true, 5000, '4242']);
  assert.deepEqual((await stripe.charges.list({ payment_intent: intent.id })).data.map((c) => c.id), [charge.id]);
});

await check('a decline is a card error with the bank\'s reason, and a failed charge', 'sandbox-only', async () => {
  for (const [card, code, reason] of [['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'], ['pm_card_chargeDeclinedExpiredCard', 'expired_card', undefined]] as const) {
    const error = await refusal(pay(card));
    assert.ok(error instanceof Stripe.errors.StripeCardError);
    assert.equal(error.code, code);
    if (reason) assert.equal(error.decline_code, reason);
    assert.equal(error.payment_intent?.status, 'requires_payment_method');
    assert.equal((await stripe.charges.list({ payment_intent: error.payment_intent?.id ?? '' })).data[0]?.status, 'failed');
  }
});

await check('another card finishes what a decline left open, and nothing finishes it twice', 'sandbox-only', async () => {
  const error = await refusal(pay('pm_card_visa_chargeDeclined'));
  const id = error.payment_intent?.id ?? '';
  assert.equal((await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' })).status, 'succeeded');
  assert.equal((await refusal(stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' }))).code, 'payment_intent_unexpected_state');
  assert.equal((await refusal(stripe.paymentIntents.cancel(id))).code, 'payment_intent_unexpected_state');
});

await check('less than the least charge is refused', 'sandbox-only', async () => {
  assert.equal((await refusal(pay('pm_card_visa', 49))).code, 'amount_too_small');
});

await check('refunds never exceed the charge', 'sandbox-only', async () => {
  const intent = await pay('pm_card_visa', 10_000);
  const first = await stripe.refunds.create({ payment_intent: intent.id, amount: 3000, reason: 'requested_by_customer', metadata: { request: '1' } });
  assert.deepEqual([first.status, first.amount], ['succeeded', 3000]);
  await stripe.refunds.create({ payment_intent: intent.id, amount: 2000 });
  const charge = await stripe.charges.retrieve(idOf(intent.latest_charge));
  assert.deepEqual([charge.amount_refunded, charge.refunded], [5000, false]);
  assert.equal((await refusal(stripe.refunds.create({ payment_intent: intent.id, amount: 5001 }))).statusCode, 400);
  await stripe.refunds.create({ payment_intent: intent.id });
  assert.equal((await stripe.charges.retrieve(charge.id)).refunded, true);
  assert.equal((await refusal(stripe.refunds.create({ payment_intent: intent.id }))).code, 'charge_already_refunded');
  assert.deepEqual((await stripe.refunds.list({ payment_intent: intent.id })).data.map((r) => r.amount), [5000, 2000, 3000]);
  const told = (await stripe.events.list({ types: ['refund.created', 'charge.refunded'], limit: 6 })).data.map((e) => e.type);
  assert.deepEqual([told.filter((t) => t === 'refund.created').length, told.filter((t) => t === 'charge.refunded').length], [3, 3]);
});

await check('a refund can be decided later, for better or worse', 'sandbox-only', async () => {
  const slow = await stripe.refunds.create({ payment_intent: (await pay('pm_card_pendingRefund')).id });
  assert.equal(slow.status, 'pending');
  const failing = await stripe.refunds.create({ payment_intent: (await pay('pm_card_refundFail')).id });
  assert.equal(failing.status, 'succeeded');
  await eventually('the bank\'s answers', async () => {
    const now = await Promise.all([slow, failing].map(async (r) => (await stripe.refunds.retrieve(r.id)).status));
    return now[0] === 'succeeded' && now[1] === 'failed' ? true : undefined;
  }, 120_000);
  assert.equal((await stripe.charges.retrieve(idOf(failing.charge))).amount_refunded, 0);
});

await check('a dispute is told and stands in the way of a refund', 'sandbox-only', async () => {
  const intent = await pay('pm_card_createDispute');
  const dispute = await eventually('the dispute', async () => (await stripe.disputes.list({ payment_intent: intent.id })).data[0], 60_000);
  assert.deepEqual([dispute.reason, dispute.status, dispute.amount], ['fraudulent', 'needs_response', 5000]);
  assert.equal((await stripe.disputes.retrieve(dispute.id)).id, dispute.id);
  assert.equal((await refusal(stripe.refunds.create({ payment_intent: intent.id }))).code, 'charge_disputed');
});

await check('a card kept for later pays without its owner', 'sandbox-only', async () => {
  const customer = await newCustomer();
  const first = await pay('pm_card_visa', 2000, { customer: customer.id, setup_future_usage: 'off_session' });
  const later = await pay(idOf(first.payment_method), 3000, { customer: customer.id, off_session: true });
  assert.equal(later.status, 'succeeded');
});
