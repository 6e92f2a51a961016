// Customers: made, read, changed, expanded, listed page by page, deleted.
import { assert, check, freshEmail, refusal, stripe } from '../harness.js';

const email = freshEmail();
const customer = await stripe.customers.create({ email, name: 'Ada Lovelace', metadata: { org_id: 'org_1', plan: 'free' } });

await check('a new customer has an id, the given e-mail and no default card', 'sandbox-only', () => {
  assert.match(customer.id, /^cus_/);
  assert.equal(customer.object, 'customer');
  assert.equal(customer.email, email);
  assert.equal(customer.livemode, false);
  assert.equal(customer.balance, 0);
  assert.equal(customer.invoice_settings.default_payment_method, null);
  assert.deepEqual(customer.metadata, { org_id: 'org_1', plan: 'free' });
});

await check('an empty metadata value removes its key and leaves the others', 'sandbox-only', async () => {
  const changed = await stripe.customers.update(customer.id, { metadata: { plan: '', tier: 'pro' } });
  assert.deepEqual(changed.metadata, { org_id: 'org_1', tier: 'pro' });
});

await check('an empty text clears a member', 'sandbox-only', async () => {
  assert.equal((await stripe.customers.update(customer.id, { name: '' })).name, null);
});

await check('the default card is an id, and an object when expanded', 'sandbox-only', async () => {
  const card = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  const plain = await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
  assert.equal(plain.invoice_settings.default_payment_method, card.id);
  const expanded = await stripe.customers.retrieve(customer.id, { expand: ['invoice_settings.default_payment_method'] });
  assert.ok(!expanded.deleted);
  const method = expanded.invoice_settings.default_payment_method;
  assert.ok(method !== null && typeof method === 'object');
  assert.equal(method.card?.last4, '4242');
});

await check('what cannot be expanded is refused by name', 'sandbox-only', async () => {
  const error = await refusal(stripe.customers.retrieve(customer.id, { expand: ['email'] }));
  assert.equal(error.statusCode, 400);
});

const made = [];
for (let number = 0; number < 5; number++) made.push((await stripe.customers.create({ email, metadata: { number } })).id);
const newestFirst = [...made].reverse();

await check('a page holds the newest first and says whether there is more', 'sandbox-only', async () => {
  const page = await stripe.customers.list({ email, limit: 2 });
  assert.deepEqual(page.data.map((c) => c.id), newestFirst.slice(0, 2));
  assert.equal(page.has_more, true);
  assert.equal(page.url, '/v1/customers');
});

await check('starting_after and ending_before turn the pages', 'sandbox-only', async () => {
  const next = await stripe.customers.list({ email, limit: 2, starting_after: newestFirst[1]! });
  assert.deepEqual(next.data.map((c) => c.id), newestFirst.slice(2, 4));
  const back = await stripe.customers.list({ email, limit: 2, ending_before: newestFirst[2]! });
  assert.deepEqual(back.data.map((c) => c.id), newestFirst.slice(0, 2));
});

await check('auto-pagination walks all pages once', 'sandbox-only', async () => {
  const seen: string[] = [];
  for await (const one of stripe.customers.list({ email, limit: 2 })) seen.push(one.id);
  assert.deepEqual(seen, [...newestFirst, customer.id]);
});

await check('auto-pagination in an iterable list stops at a limit', 'sandbox-only', async () => {
  const some = await stripe.customers.list({ email, limit: 2 }).autoPagingToArray({ limit: 3 });
  assert.deepEqual(some.map((c) => c.id), newestFirst.slice(0, 3));
});

await check('a limit over 100 is refused', 'sandbox-only', async () => {
  const error = await refusal(stripe.customers.list({ limit: 101 }));
  assert.equal(error.statusCode, 400);
  assert.equal(error.param, 'limit');
});

await check('a deleted customer is still there as a tombstone, but not in lists', 'sandbox-only', async () => {
  const gone = await stripe.customers.del(customer.id);
  assert.deepEqual([gone.id, gone.object, gone.deleted], [customer.id, 'customer', true]);
  const again = await stripe.customers.retrieve(customer.id);
  assert.equal(again.deleted, true);
  const listed = await stripe.customers.list({ email, limit: 100 }).autoPagingToArray({ limit: 100 });
  assert.ok(!listed.some((c) => c.id === customer.id));
});

for (const id of made) await stripe.customers.del(id);
