// What is sold: products, prices found by their lookup keys, coupons and the codes that customers type.
import { assert, check, refusal, stripe } from '../harness.js';

const mark = `contract_${Date.now()}`;
const product = await stripe.products.create({ name: 'Pro', metadata: { tier: 'pro' }, tax_code: 'txcd_10103000' });

await check('a product is made, changed and put away', 'sandbox-only', async () => {
  assert.match(product.id, /^prod_/);
  assert.equal((await stripe.products.update(product.id, { description: '100 workflows' })).description, '100 workflows');
  assert.equal((await stripe.products.update(product.id, { active: false })).active, false);
  assert.equal((await stripe.products.update(product.id, { active: true })).active, true);
});

await check('a price is found by its lookup key, which moves to the next one', 'sandbox-only', async () => {
  const first = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 7900, recurring: { interval: 'month' }, lookup_key: mark });
  assert.equal(first.unit_amount_decimal?.toString(), '7900');
  assert.equal((await refusal(stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 8900, recurring: { interval: 'month' }, lookup_key: mark }))).statusCode, 400);
  const second = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 8900, recurring: { interval: 'month' }, lookup_key: mark, transfer_lookup_key: true });
  const found = await stripe.prices.list({ lookup_keys: [mark], expand: ['data.product'] });
  assert.deepEqual(found.data.map((p) => p.id), [second.id]);
  const sold = found.data[0]?.product;
  assert.ok(typeof sold === 'object' && !sold.deleted);
  assert.equal(sold.metadata['tier'], 'pro');
  assert.equal((await stripe.prices.update(first.id, { active: false })).active, false);
});

await check('a price without an amount is refused', 'sandbox-only', async () => {
  assert.equal((await refusal(stripe.prices.create({ product: product.id, currency: 'usd' }))).statusCode, 400);
});

const coupon = await stripe.coupons.create({ percent_off: 20, duration: 'once', name: 'A fifth' });

await check('a code gives its coupon', 'sandbox-only', async () => {
  const code = await stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: coupon.id }, code: mark.toUpperCase(), max_redemptions: 1 });
  const found = await stripe.promotionCodes.list({ code: mark.toUpperCase(), active: true, expand: ['data.promotion.coupon'] });
  assert.deepEqual(found.data.map((c) => c.id), [code.id]);
  const given = found.data[0]?.promotion.coupon;
  assert.ok(given !== null && typeof given === 'object');
  assert.equal(given.percent_off, 20);
  assert.equal((await refusal(stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: coupon.id }, code: mark.toUpperCase() }))).statusCode, 400);
  assert.equal((await stripe.promotionCodes.update(code.id, { active: false })).active, false);
});

await check('a coupon takes off a part or an amount, not both and not nothing', 'sandbox-only', async () => {
  assert.equal((await refusal(stripe.coupons.create({ percent_off: 20, amount_off: 100, currency: 'usd' }))).statusCode, 400);
  assert.equal((await refusal(stripe.coupons.create({ percent_off: 101 }))).statusCode, 400);
  assert.equal((await stripe.coupons.del(coupon.id)).deleted, true);
});
