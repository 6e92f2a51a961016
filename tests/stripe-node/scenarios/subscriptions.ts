// Subscriptions by API: first payments, changes with their previews, what waits for a payment, and every way to end.
import { assert, check, refusal, Stripe, stripe } from '../harness.js';
import { adds, Clocked, idOf, newCustomer, plan, start, useCard } from '../shop.js';

const [starter, pro, team] = await Promise.all([plan('Starter', 2900), plan('Pro', 7900), plan('Team', 19900)]);
const flexible = { billing_mode: { type: 'flexible' as const } };
const latest = (subscription: Stripe.Subscription) => {
  const invoice = subscription.latest_invoice;
  assert.ok(invoice !== null && typeof invoice === 'object');
  return invoice;
};
const itemOf = (subscription: Stripe.Subscription) => subscription.items.data[0]!;

await check('a first payment makes it active; the period stands on its item', 'sandbox-only', async () => {
  const customer = await newCustomer('pm_card_visa');
  const made = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: pro.id }], ...flexible, expand: ['latest_invoice.payments'] });
  assert.equal(made.status, 'active');
  assert.ok(itemOf(made).current_period_end > itemOf(made).current_period_start);
  const invoice = latest(made);
  assert.deepEqual([invoice.billing_reason, invoice.status, invoice.amount_paid], ['subscription_create', 'paid', 7900]);
  assert.equal(idOf(invoice.parent?.subscription_details?.subscription), made.id);
  assert.equal(invoice.payments?.data[0]?.status, 'paid');
  adds(invoice);
  await stripe.subscriptions.cancel(made.id);
});

await check('each payment behavior does with a decline as it says', 'sandbox-only', async () => {
  const customer = await newCustomer('pm_card_chargeCustomerFail');
  const create = (payment_behavior: Stripe.SubscriptionCreateParams.PaymentBehavior) =>
    stripe.subscriptions.create({ customer: customer.id, items: [{ price: pro.id }], payment_behavior, ...flexible, expand: ['latest_invoice'] });
  assert.equal((await create('allow_incomplete')).status, 'incomplete');
  const waiting = await create('default_incomplete');
  assert.equal(waiting.status, 'incomplete');
  assert.equal(latest(waiting).attempt_count, 0);
  const error = await refusal(create('error_if_incomplete'));
  assert.ok(error instanceof Stripe.errors.StripeCardError);
  assert.equal(error.statusCode, 402);
  assert.equal((await stripe.subscriptions.list({ customer: customer.id, status: 'all' })).data.length, 2);
});

await check('an incomplete one is confirmed with the secret of its invoice', 'sandbox-only', async () => {
  const customer = await newCustomer();
  const made = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: pro.id }], payment_behavior: 'default_incomplete', ...flexible, expand: ['latest_invoice.confirmation_secret'] });
  assert.match(latest(made).confirmation_secret?.client_secret ?? '', /^pi_.*_secret_/);
  const card = await useCard(customer.id);
  await stripe.invoices.pay(latest(made).id!, { payment_method: card.id, off_session: false });
  assert.equal((await stripe.subscriptions.retrieve(made.id)).status, 'active');
});

await check('an upgrade in the middle of a period charges exactly what its preview says', 'sandbox-only', async () => {
  const world = await Clocked.create('pm_card_visa', Date.UTC(2026, 3, 1) / 1000);
  const { customer } = world;
  const made = await stripe.subscriptions.create({ customer, items: [{ price: pro.id }], ...flexible });
  await world.advance(15);
  const at = await world.now();
  const preview = await stripe.invoices.createPreview({
    customer, subscription: made.id, subscription_details: { items: [{ id: itemOf(made).id, price: team.id }], proration_behavior: 'always_invoice', proration_date: at },
  });
  assert.deepEqual(preview.lines.data.map((l) => l.amount), [-3950, 9950]);
  assert.ok(preview.lines.data.every((l) => l.parent?.subscription_item_details?.proration));
  assert.equal(preview.amount_due, 6000);
  const changed = await stripe.subscriptions.update(made.id, {
    items: [{ id: itemOf(made).id, price: team.id, quantity: 1 }], proration_behavior: 'always_invoice', proration_date: at, payment_behavior: 'pending_if_incomplete', expand: ['latest_invoice'],
  });
  assert.deepEqual([changed.status, idOf(itemOf(changed).price), latest(changed).amount_paid, latest(changed).billing_reason], ['active', team.id, 6000, 'subscription_update']);
  assert.equal(itemOf(changed).current_period_end, itemOf(made).current_period_end);
  adds(latest(changed));
  await world.remove();
});

await check('a refused upgrade waits beside the old plan until it is paid', 'sandbox-only', async () => {
  const customer = await newCustomer('pm_card_visa');
  const made = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: starter.id }], ...flexible });
  await useCard(customer.id, 'pm_card_chargeCustomerFail');
  const waiting = await stripe.subscriptions.update(made.id, {
    items: [{ id: itemOf(made).id, price: pro.id }], proration_behavior: 'always_invoice', payment_behavior: 'pending_if_incomplete', expand: ['latest_invoice'],
  });
  assert.deepEqual([waiting.status, idOf(itemOf(waiting).price), idOf(waiting.pending_update?.subscription_items?.[0]?.price)], ['active', starter.id, pro.id]);
  const card = await useCard(customer.id);
  await stripe.invoices.pay(latest(waiting).id!, { payment_method: card.id });
  const applied = await stripe.subscriptions.retrieve(made.id);
  assert.deepEqual([idOf(itemOf(applied).price), applied.pending_update], [pro.id, null]);
  const error = await refusal(stripe.subscriptions.update(made.id, { metadata: { a: 'b' }, payment_behavior: 'pending_if_incomplete' }));
  assert.equal(error.statusCode, 400);
});

await check('canceled at the period\'s end it runs on, and both signs of it are cleared to take it back', 'sandbox-only', async () => {
  const customer = await newCustomer('pm_card_visa');
  const made = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: pro.id }], ...flexible });
  const canceling = await stripe.subscriptions.update(made.id, { cancel_at_period_end: true, cancellation_details: { feedback: 'too_expensive', comment: 'later' } });
  assert.deepEqual([canceling.status, canceling.cancel_at_period_end, canceling.cancel_at], ['active', true, itemOf(made).current_period_end]);
  assert.equal((await refusal(stripe.invoices.createPreview({ subscription: made.id }))).code, 'invoice_upcoming_none');
  const kept = await stripe.subscriptions.update(made.id, { cancel_at_period_end: false, cancel_at: '' });
  assert.deepEqual([kept.cancel_at_period_end, kept.cancel_at, kept.canceled_at], [false, null, null]);
  const gone = await stripe.subscriptions.cancel(made.id, { prorate: true, invoice_now: false });
  assert.equal(gone.status, 'canceled');
  assert.ok(gone.ended_at !== null);
  assert.equal((await refusal(stripe.subscriptions.update(made.id, { cancel_at_period_end: false }))).statusCode, 400);
});

await check('a trial costs nothing, and asks for no card when none is needed', 'sandbox-only', async () => {
  const world = await Clocked.create();
  const made = await stripe.subscriptions.create({ customer: world.customer, items: [{ price: pro.id }], trial_period_days: 14, trial_settings: { end_behavior: { missing_payment_method: 'cancel' } }, ...flexible, expand: ['latest_invoice'] });
  assert.deepEqual([made.status, made.trial_end, latest(made).total], ['trialing', start + 14 * 86_400, 0]);
  await world.advance(14, 2);
  assert.equal((await stripe.subscriptions.retrieve(made.id)).status, 'canceled');
  await world.remove();
});

await check('lists find by customer, status and price', 'sandbox-only', async () => {
  const customer = await newCustomer('pm_card_visa');
  const made = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: pro.id }], ...flexible });
  assert.deepEqual((await stripe.subscriptions.list({ customer: customer.id })).data.map((s) => s.id), [made.id]);
  assert.deepEqual((await stripe.subscriptions.list({ customer: customer.id, price: team.id })).data, []);
  await stripe.subscriptions.cancel(made.id);
  assert.deepEqual((await stripe.subscriptions.list({ customer: customer.id })).data, []);
  assert.equal((await stripe.subscriptions.list({ customer: customer.id, status: 'all' })).data[0]?.status, 'canceled');
});
