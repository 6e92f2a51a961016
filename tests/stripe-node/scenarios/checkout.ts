// Hosted purchases: sessions over the API, and the page as a buyer without script uses it (sandbox only: Stripe's own page is a browser's matter).
import { assert, check, isSandbox, refusal, Stripe, stripe } from '../harness.js';
import { idOf, newCustomer, plan, post, typed, words } from '../shop.js';

const urls = { success_url: 'https://shop.example/billing/success?session_id={CHECKOUT_SESSION_ID}', cancel_url: 'https://shop.example/billing/cancel' };
const pro = await plan('Pro', 7900);

const credits = (more: Partial<Stripe.Checkout.SessionCreateParams> = {}) => stripe.checkout.sessions.create({
  mode: 'payment', ui_mode: 'hosted_page', ...urls, invoice_creation: { enabled: true },
  line_items: [{ price_data: { currency: 'usd', unit_amount: 1999, product_data: { name: 'Credits' } }, quantity: 1 }], ...more,
});
const subscribe = (customer: string, more: Partial<Stripe.Checkout.SessionCreateParams> = {}) => stripe.checkout.sessions.create({
  mode: 'subscription', ui_mode: 'hosted_page', ...urls, customer, line_items: [{ price: pro.id, quantity: 1 }], client_reference_id: 'org_1',
  metadata: { org_id: 'org_1' }, subscription_data: { metadata: { org_id: 'org_1' }, billing_mode: { type: 'flexible' } }, ...more,
});

await check('a session has an address while it is open, and none afterwards', 'sandbox-only', async () => {
  const session = await credits({ metadata: { kind: 'credits' } });
  assert.equal(session.status, 'open');
  assert.equal(session.payment_status, 'unpaid');
  assert.equal(session.amount_total, 1999);
  assert.ok(URL.canParse(session.url ?? ''));
  const expired = await stripe.checkout.sessions.expire(session.id);
  assert.equal(expired.status, 'expired');
  assert.equal(expired.url, null);
  assert.equal((await refusal(stripe.checkout.sessions.expire(session.id))).statusCode, 400);
});

await check('what is bought can be listed', 'sandbox-only', async () => {
  const lines = await stripe.checkout.sessions.listLineItems((await credits()).id);
  assert.deepEqual(lines.data.map((l) => [l.description, l.quantity, l.amount_total]), [['Credits', 1, 1999]]);
});

await check('a life of less than half an hour, and a subscription without a recurring price are refused', 'sandbox-only', async () => {
  assert.equal((await refusal(credits({ expires_at: Math.floor(Date.now() / 1000) + 60 }))).statusCode, 400);
  assert.equal((await refusal(stripe.checkout.sessions.create({ mode: 'subscription', ...urls, line_items: [{ price_data: { currency: 'usd', unit_amount: 100, product_data: { name: 'Once' } }, quantity: 1 }] }))).statusCode, 400);
});

if (isSandbox) {
  const customer = await newCustomer();

  await check('a declined card leaves the session open and nothing else', 'sandbox-only', async () => {
    const session = await subscribe(customer.id);
    const refused = await post(session.url!, typed('4000000000009995'));
    assert.match(words(refused.text || (await (await fetch(session.url!)).text())), /not have enough funds/);
    assert.equal((await stripe.checkout.sessions.retrieve(session.id)).status, 'open');
    assert.equal((await stripe.subscriptions.list({ customer: customer.id, status: 'all' })).data.length, 0);
    assert.equal((await stripe.invoices.list({ customer: customer.id })).data.length, 0);
  });

  await check('paid, it is complete, and there is a subscription with its card and its paid invoice', 'sandbox-only', async () => {
    const session = await subscribe(customer.id);
    const paid = await post(session.url!, typed('4242424242424242'));
    assert.equal(paid.status, 303);
    assert.equal(paid.location, `https://shop.example/billing/success?session_id=${session.id}`);
    const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription', 'invoice'] });
    assert.equal(done.status, 'complete');
    assert.equal(done.payment_status, 'paid');
    assert.equal(done.client_reference_id, 'org_1');
    const subscription = done.subscription as Stripe.Subscription;
    assert.equal(subscription.status, 'active');
    assert.equal(subscription.metadata['org_id'], 'org_1');
    assert.match(idOf(subscription.default_payment_method), /^pm_/);
    assert.equal((done.invoice as Stripe.Invoice).amount_paid, 7900);
    assert.match(words(await (await fetch(session.url!)).text()), /No longer available/);
  });

  await check('the session is told last, after everything that it made', 'sandbox-only', async () => {
    const events = (await stripe.events.list({ limit: 20 })).data.map((e) => e.type).reverse();
    const bought = events.slice(events.lastIndexOf('payment_method.attached'));
    assert.equal(bought.at(-1), 'checkout.session.completed');
    for (const type of ['customer.subscription.created', 'invoice.created', 'invoice.finalized', 'payment_intent.succeeded', 'charge.succeeded', 'invoice.paid', 'invoice_payment.paid'])
      assert.ok(bought.includes(type as Stripe.Event.Type), type);
  });

  await check('a card on file pays, another customer\'s does not', 'sandbox-only', async () => {
    const stranger = await newCustomer('pm_card_visa');
    const foreign = (await stripe.customers.listPaymentMethods(stranger.id)).data[0]!;
    const own = (await stripe.customers.listPaymentMethods(customer.id)).data[0]!;
    const session = await credits({ customer: customer.id });
    assert.equal((await post(session.url!, { method: foreign.id })).status, 422);
    assert.equal((await stripe.checkout.sessions.retrieve(session.id)).status, 'open');
    assert.equal((await post(session.url!, { method: own.id })).status, 303);
    const paid = await stripe.checkout.sessions.retrieve(session.id, { expand: ['payment_intent', 'invoice'] });
    assert.equal((paid.payment_intent as Stripe.PaymentIntent).amount_received, 1999);
    assert.equal((paid.invoice as Stripe.Invoice).status, 'paid');
  });

  await check('Link pays, and is kept when asked', 'sandbox-only', async () => {
    const buyer = await newCustomer();
    const session = await credits({ customer: buyer.id, payment_intent_data: { setup_future_usage: 'off_session' } });
    assert.equal((await post(session.url!, { method: 'link', link_email: 'ada@example.com' })).status, 303);
    assert.deepEqual((await stripe.customers.listPaymentMethods(buyer.id)).data.map((m) => [m.type, m.link?.email]), [['link', 'ada@example.com']]);
  });

  await check('the bank asks first; refused, the session stays open, answered, it is paid', 'sandbox-only', async () => {
    for (const outcome of ['fail', 'complete']) {
      const session = await credits({ customer: customer.id });
      const asked = await post(session.url!, typed('4000002760003184'));
      assert.match(asked.location, /\/3ds\//);
      const answered = await post(asked.location, { outcome });
      assert.equal(answered.location.startsWith('https://shop.example/'), outcome === 'complete');
      assert.equal((await stripe.checkout.sessions.retrieve(session.id)).payment_status, outcome === 'complete' ? 'paid' : 'unpaid');
    }
  });

  await check('a code of 20 percent makes a plan of 79.00 cost 63.20, once', 'sandbox-only', async () => {
    const coupon = await stripe.coupons.create({ percent_off: 20, duration: 'once' });
    const code = await stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: coupon.id }, max_redemptions: 1 });
    const buyer = await newCustomer();
    const session = await subscribe(buyer.id, { allow_promotion_codes: true });
    assert.equal((await post(`${session.url}/code`, { code: 'NONE' })).status, 422);
    assert.equal((await post(`${session.url}/code`, { code: code.code.toLowerCase() })).status, 303);
    assert.equal((await post(session.url!, typed('4242424242424242'))).status, 303);
    const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['invoice'] });
    assert.deepEqual([done.amount_subtotal, done.total_details?.amount_discount, done.amount_total], [7900, 1580, 6320]);
    assert.equal((done.invoice as Stripe.Invoice).amount_paid, 6320);
    const next = await stripe.invoices.createPreview({ subscription: idOf(done.subscription) });
    assert.equal(next.total, 7900);
    assert.equal((await stripe.promotionCodes.retrieve(code.id)).active, false);
    const second = await subscribe(buyer.id, { allow_promotion_codes: true });
    assert.equal((await post(`${second.url}/code`, { code: code.code })).status, 422);
  });

  await check('setup mode saves a card without a payment', 'sandbox-only', async () => {
    const buyer = await newCustomer();
    const session = await stripe.checkout.sessions.create({ mode: 'setup', currency: 'usd', customer: buyer.id, ...urls });
    assert.equal((await post(session.url!, typed('5555555555554444'))).status, 303);
    const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['setup_intent'] });
    assert.equal((done.setup_intent as Stripe.SetupIntent).status, 'succeeded');
    assert.equal((await stripe.customers.listPaymentMethods(buyer.id)).data[0]?.card?.last4, '4444');
  });
}
