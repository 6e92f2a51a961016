// The event list: what happened, newest first, with the old values of what changed.
import { assert, check, refusal, Stripe, stripe } from '../harness.js';

const idempotencyKey = `contract-events-${Date.now()}`;
const customer = await stripe.customers.create({ name: 'before' }, { idempotencyKey });
await stripe.customers.update(customer.id, { name: 'after', metadata: { seen: 'yes' } });
const intent = await stripe.setupIntents.create({
  customer: customer.id, confirm: true, payment_method: 'pm_card_visa', automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
});

const recent = await stripe.events.list({ limit: 100 });
const about = (id: string) => recent.data.filter((e) => (e.data.object as { id?: string }).id === id).map((e) => e.type);

await check('a customer leaves created and updated', 'sandbox-only', () => {
  assert.deepEqual(about(customer.id), ['customer.updated', 'customer.created']);
});

await check('a saved card leaves attached, then succeeded', 'sandbox-only', () => {
  assert.deepEqual(about(intent.id), ['setup_intent.succeeded', 'setup_intent.created']);
  const types = recent.data.map((e) => e.type);
  assert.ok(types.indexOf('setup_intent.succeeded') < types.indexOf('payment_method.attached'));
});

await check('an event is rendered in the pinned version, with the request that caused it', 'sandbox-only', () => {
  const created = recent.data.find((e) => e.type === 'customer.created' && (e.data.object as Stripe.Customer).id === customer.id);
  assert.equal(created?.api_version, '2026-07-29.dahlia');
  assert.equal(created?.livemode, false);
  assert.equal(created?.request?.idempotency_key, idempotencyKey);
  assert.match(created?.request?.id ?? '', /^req_/);
});

await check('an update holds the old values of what changed, and nothing else', 'sandbox-only', () => {
  const updated = recent.data.find((e) => e.type === 'customer.updated');
  assert.ok(updated?.type === 'customer.updated');
  assert.equal(updated.data.previous_attributes?.name, 'before');
  assert.equal(updated.data.object.name, 'after');
  assert.ok(!('email' in (updated.data.previous_attributes ?? {})));
});

await check('the object of an event is a snapshot', 'sandbox-only', () => {
  const created = recent.data.find((e) => e.type === 'customer.created');
  assert.ok(created?.type === 'customer.created');
  assert.equal(created.data.object.name, 'before');
});

await check('types filter the list', 'sandbox-only', async () => {
  const some = await stripe.events.list({ types: ['setup_intent.succeeded', 'setup_intent.created'], limit: 2 });
  assert.deepEqual(some.data.map((e) => e.type), ['setup_intent.succeeded', 'setup_intent.created']);
  const one = await stripe.events.list({ type: 'customer.*', limit: 1 });
  assert.equal(one.data[0]?.type, 'customer.updated');
  assert.equal((await refusal(stripe.events.list({ type: 'a.b', types: ['a.b'] }))).statusCode, 400);
});

await check('an event can be fetched again', 'sandbox-only', async () => {
  const first = recent.data[0]!;
  const again = await stripe.events.retrieve(first.id);
  assert.equal(again.type, first.type);
  assert.deepEqual(again.data, first.data);
});

await stripe.customers.del(customer.id);
