// Cards on file: attached, listed, changed, detached for good.
import { assert, check, refusal, stripe } from '../harness.js';

const customer = await stripe.customers.create();
const other = await stripe.customers.create();

const card = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });

await check('an attached test card belongs to the customer and shows brand, last four and expiry', 'sandbox-only', () => {
  assert.match(card.id, /^pm_/);
  assert.equal(card.customer, customer.id);
  assert.equal(card.type, 'card');
  assert.equal(card.card?.last4, '4242');
  assert.equal(card.card?.funding, 'credit');
  assert.ok((card.card?.exp_year ?? 0) >= new Date().getUTCFullYear());
  assert.ok(card.card?.fingerprint);
});

await check('the same card twice has one fingerprint and two ids', 'sandbox-only', async () => {
  const twin = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  assert.notEqual(twin.id, card.id);
  assert.equal(twin.card?.fingerprint, card.card?.fingerprint);
  await stripe.paymentMethods.detach(twin.id);
});

await check('a card of one customer is not attached to another', 'sandbox-only', async () => {
  assert.equal((await refusal(stripe.paymentMethods.attach(card.id, { customer: other.id }))).statusCode, 400);
});

await check('a customer lists its own cards only', 'sandbox-only', async () => {
  const second = await stripe.paymentMethods.attach('pm_card_mastercard', { customer: customer.id });
  assert.deepEqual((await stripe.customers.listPaymentMethods(customer.id)).data.map((m) => m.id), [second.id, card.id]);
  assert.deepEqual((await stripe.paymentMethods.list({ customer: customer.id, type: 'card' })).data.map((m) => m.id), [second.id, card.id]);
  assert.deepEqual((await stripe.customers.listPaymentMethods(other.id)).data, []);
  assert.equal((await refusal(stripe.customers.retrievePaymentMethod(other.id, card.id))).statusCode, 404);
});

await check('expiry and holder can be changed, the number cannot', 'sandbox-only', async () => {
  const year = new Date().getUTCFullYear() + 3;
  const changed = await stripe.paymentMethods.update(card.id, { card: { exp_month: 5, exp_year: year }, billing_details: { name: 'Jenny Rosen' } });
  assert.deepEqual([changed.card?.exp_month, changed.card?.exp_year, changed.billing_details.name], [5, year, 'Jenny Rosen']);
  assert.equal((await refusal(stripe.rawRequest('POST', `/v1/payment_methods/${card.id}`, { card: { number: '4242424242424242' } }))).code, 'parameter_unknown');
});

await check('removing the default card leaves the customer without one', 'sandbox-only', async () => {
  await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
  const removed = await stripe.paymentMethods.detach(card.id);
  assert.equal(removed.customer, null);
  const after = await stripe.customers.retrieve(customer.id);
  assert.ok(!after.deleted);
  assert.equal(after.invoice_settings.default_payment_method, null);
});

await check('a detached card never comes back', 'sandbox-only', async () => {
  assert.equal((await refusal(stripe.paymentMethods.attach(card.id, { customer: customer.id }))).statusCode, 400);
  assert.equal((await refusal(stripe.paymentMethods.detach(card.id))).statusCode, 400);
});

await check('a foreign card is no default', 'sandbox-only', async () => {
  const foreign = await stripe.paymentMethods.attach('pm_card_visa', { customer: other.id });
  assert.equal((await refusal(stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: foreign.id } }))).statusCode, 400);
});

for (const id of [customer.id, other.id]) await stripe.customers.del(id);
