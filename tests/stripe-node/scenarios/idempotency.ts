// Idempotency keys: replayed, refused with other parameters, harmless on reads; and what the client's own retries rely on.
import { assert, check, freshEmail, refusal, Stripe, stripe } from '../harness.js';

const name = (what: string) => `contract-${what}-${Date.now()}-${Math.random().toString(36).slice(2)}`;

await check('the same key and parameters answer the same object, marked as a replay', 'sandbox-only', async () => {
  const idempotencyKey = name('replay');
  const email = freshEmail();
  const first = await stripe.customers.create({ email }, { idempotencyKey });
  const second = await stripe.customers.create({ email }, { idempotencyKey });
  assert.equal(second.id, first.id);
  assert.equal(first.lastResponse.headers['idempotent-replayed'], undefined);
  assert.equal(second.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal(second.lastResponse.headers['idempotency-key'], idempotencyKey);
  assert.equal((await stripe.customers.list({ email })).data.length, 1);
});

await check('the same key with other parameters is an idempotency error', 'sandbox-only', async () => {
  const idempotencyKey = name('other');
  await stripe.customers.create({ name: 'one' }, { idempotencyKey });
  const error = await refusal(stripe.customers.create({ name: 'two' }, { idempotencyKey }));
  assert.ok(error instanceof Stripe.errors.StripeIdempotencyError);
  assert.equal(error.statusCode, 400);
});

await check('a decline is replayed as the same decline', 'sandbox-only', async () => {
  const customer = await stripe.customers.create();
  const idempotencyKey = name('decline');
  const confirm = () => refusal(stripe.setupIntents.create({
    customer: customer.id, confirm: true, payment_method: 'pm_card_visa_chargeDeclined',
    automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
  }, { idempotencyKey }));
  const first = await confirm();
  const second = await confirm();
  assert.equal(first.code, 'card_declined');
  assert.equal(second.code, 'card_declined');
  assert.equal(second.setup_intent?.id, first.setup_intent?.id);
  assert.equal(second.headers?.['idempotent-replayed'], 'true');
});

await check('a refused parameter is not remembered', 'sandbox-only', async () => {
  const idempotencyKey = name('corrected');
  await refusal(stripe.rawRequest('POST', '/v1/customers', { colour: 'red' }, { idempotencyKey }));
  const corrected = await stripe.customers.create({ name: 'corrected' }, { idempotencyKey });
  assert.equal(corrected.name, 'corrected');
});

await check('twenty at once with one key make one object', 'sandbox-only', async () => {
  const idempotencyKey = name('race');
  const email = freshEmail();
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => stripe.customers.create({ email }, { idempotencyKey })));
  const ids = new Set(results.flatMap((r) => (r.status === 'fulfilled' ? [r.value.id] : [])));
  assert.equal(ids.size, 1);
  for (const result of results) {
    if (result.status === 'rejected') assert.equal((result.reason as Stripe.errors.StripeError).statusCode, 409);
  }
  assert.equal((await stripe.customers.list({ email })).data.length, 1);
});

await check('a key of more than 255 characters is refused', 'sandbox-only', async () => {
  const error = await refusal(stripe.customers.create({}, { idempotencyKey: 'k'.repeat(256) }));
  assert.equal(error.statusCode, 400);
});
